//! Single exchanges with one member in few words, below all that retries.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]
use crate::support::{Scripted, Step};
use etcd_v2::protocol::method::Method;
use etcd_v2::{
    protocol::endpoint::Endpoint,
    protocol::http_request::{HttpRequest, Idempotency, ResponseKind},
    transport::{
        answer::Answer, cancel::Cancel, channel::Channel, config::TransportConfig,
        exchange_limits::ExchangeLimits, fault::Fault,
    },
};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longest time that anything may take that is not expected to take any.
pub const LONG: Duration = Duration::from_secs(60);

pub fn settings() -> TransportConfig {
    TransportConfig {
        max_idle: 16,
        idle_age: Duration::from_secs(60),
        keepalive: Some((Duration::from_secs(30), Duration::from_secs(10), 3)),
        user_timeout: Some(Duration::from_secs(20)),
        ..TransportConfig::default()
    }
}

pub fn limits() -> ExchangeLimits {
    ExchangeLimits {
        deadline: Instant::now() + LONG,
        connect: LONG,
        send: LONG,
        head: LONG,
        body: LONG,
        max_body: 64 << 20,
    }
}

pub fn channel(url: &str) -> Channel {
    Channel::new(Endpoint::parse("endpoints", url).unwrap(), &settings())
}

pub fn put(target: &str, body: &[u8]) -> HttpRequest {
    HttpRequest {
        method: Method::Put,
        target: target.into(),
        body: Some(body.into()),
        content_type: Some("application/x-www-form-urlencoded".into()),
        repeat: Idempotency::Never,
        expect: ResponseKind::Anything,
        action: None,
    }
}

pub fn with_method(method: Method, target: &str) -> HttpRequest {
    HttpRequest {
        method,
        ..HttpRequest::get(target)
    }
}

pub fn get(channel: &Channel, target: &str) -> Result<Answer, Box<Fault>> {
    channel.exchange(&HttpRequest::get(target), &limits(), None)
}

/// A server that answers everything with the request's first line.
pub fn echo() -> Scripted {
    Scripted::tcp(|peer| {
        while let Some((head, _)) = peer.request()? {
            peer.ok(head.lines().next().unwrap())?;
        }
        Ok(())
    })
}

/// A server that reads one request, sends `bytes`, closes.
pub fn canned(bytes: impl Into<Vec<u8>>) -> Scripted {
    Scripted::steps(vec![Step::Read, Step::Write(bytes.into())])
}

/// Runs `call` with a fresh token, fires it when `begun` says so, and returns what came of it and how long that took.
pub fn cancelled<T: Send>(
    begun: &mpsc::Receiver<()>,
    call: impl FnOnce(&Cancel) -> T + Send,
) -> (T, Duration) {
    let token = Cancel::new().unwrap();
    thread::scope(|scope| {
        let running = scope.spawn(|| call(&token));
        begun.recv_timeout(LONG).unwrap();
        // the call is on its way into its wait: fired before or in it, it has to return
        let fired = Instant::now();
        token.fire();
        let outcome = running.join().unwrap();
        (outcome, fired.elapsed())
    })
}
