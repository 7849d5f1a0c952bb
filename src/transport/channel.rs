//! The way to one member: its idle connections, and exchanges over them.
use super::{
    answer::Answer,
    blocking::{self, ExchangeEnd, Heed},
    cancel::Cancel,
    config::TransportConfig,
    connect::Dialer,
    control,
    credentials::Authorization,
    exchange_context::ExchangeContext,
    exchange_limits::ExchangeLimits,
    exchange_state::ExchangeControl,
    fault::{Fault, FaultKind},
    idle_pool::IdlePool,
    metrics::ConnectionMetrics,
    tls::settings::TlsSettings,
};
use crate::{
    error::Phase,
    protocol::{endpoint::Endpoint, http_request::HttpRequest, response_head::Head},
};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Instant;

/// The end of [`Channel::exchange_heeding`].
#[derive(Debug)]
pub struct Heeded {
    /// `None`: it was aborted by [`ExchangeControl::Leave`]
    pub outcome: Option<Result<Answer, Box<Fault>>>,
    /// when our sending side was closed, because no data followed the head
    pub finished: Option<Instant>,
    /// the remote address
    pub peer: Option<SocketAddr>,
}

/// The way to one member. Any number of threads may exchange at once.
pub struct Channel {
    endpoint: Endpoint,
    dialer: Arc<Dialer>,
    idle: IdlePool,
    /// how often idle connections were forgotten
    forgotten: AtomicU64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.endpoint).finish()
    }
}

impl Channel {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &TransportConfig) -> Channel {
        Channel {
            dialer: Arc::new(Dialer::new(&endpoint, settings)),
            idle: IdlePool::default(),
            forgotten: AtomicU64::new(0),
            endpoint,
        }
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How connections to it are made.
    pub(crate) fn dialer(&self) -> &Arc<Dialer> {
        &self.dialer
    }

    /// Whether it may have several addresses.
    pub(crate) fn has_ways(&self) -> bool {
        self.dialer.has_ways()
    }

    /// What requests to it carry.
    pub(crate) fn authorization(&self) -> Option<Authorization> {
        self.dialer.settings().credentials.get()
    }

    /// How it is told from others.
    pub(crate) fn tls(&self) -> &TlsSettings {
        self.dialer.settings().tls.settings()
    }

    /// What it has moved.
    pub fn metrics(&self) -> &Arc<ConnectionMetrics> {
        self.dialer.metrics()
    }

    /// Changes whenever idle connections are to be closed, wherever they are kept.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Sends one request, reads one answer.
    pub fn exchange(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
    ) -> Result<Answer, Box<Fault>> {
        let heeded = self.carry(http_request, limits, cancel, None);
        // only `ExchangeControl::Leave` ends it without an outcome
        heeded.outcome.unwrap_or_else(|| {
            let text = "the exchange was left";
            Err(Fault::new(Phase::Connect, FaultKind::Local, text))
        })
    }

    /// The same; `heed` gets the head, and when its connection was made, before the body is read.
    pub fn exchange_heeding(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
        heed: &mut dyn FnMut(&Head, Instant) -> ExchangeControl,
    ) -> Heeded {
        self.carry(http_request, limits, cancel, Some(heed))
    }

    fn carry(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
        heed: Option<&mut Heed<'_>>,
    ) -> Heeded {
        let began = Instant::now();
        let mut context = ExchangeContext::new(http_request.method, limits, cancel, began);
        let outcome = match context.check() {
            Ok(()) => self.run(http_request, &mut context, heed, began),
            Err(stop) => {
                let fault = context.state.stopped(stop);
                Some(Err(context.state.complete(fault)))
            }
        };
        Heeded {
            outcome,
            finished: context.finished,
            peer: context.state.record.peer,
        }
    }

    fn run(
        &self,
        http_request: &HttpRequest,
        context: &mut ExchangeContext<'_>,
        heed: Option<&mut Heed<'_>>,
        began: Instant,
    ) -> Option<Result<Answer, Box<Fault>>> {
        let epoch = self.forgotten();
        self.metrics().begin();
        let authorization = self.authorization();
        let request = (http_request, authorization.as_ref());
        let outcome = match heed {
            None if control::is_read(http_request) => {
                control::exchange(&self.dialer, request, context)
                    .map(|()| (ExchangeEnd::Answered(false), None))
            }
            heed => {
                let source = (&*self.dialer, &self.idle, epoch);
                blocking::exchange(source, request, context, heed, began)
                    .map(|(ended, connection)| (ended, Some(connection)))
            }
        };
        let now = Instant::now();
        match outcome {
            Ok((ExchangeEnd::Answered(reusable), connection)) => {
                if let Some(connection) = connection.filter(|_| reusable) {
                    self.idle
                        .put(connection, &self.dialer, self.forgotten(), now);
                }
                let answer = context.state.answer(None, now);
                self.metrics().end(&answer.timings);
                Some(Ok(answer))
            }
            // a connection whose answer was not read is closed
            Ok((ExchangeEnd::Left, _)) => {
                self.metrics().end(&context.state.record.timings(now));
                None
            }
            Err(fault) => {
                let fault = context.state.complete(fault);
                self.dialer.judge(&fault);
                self.metrics().end(&fault.timings);
                Some(Err(fault))
            }
        }
    }

    /// Closes idle connections, for instance because the member failed.
    pub fn forget_idle(&self) {
        // those in use are closed when their exchanges end
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        self.idle.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn channel(url: &str) -> Channel {
        let settings = TransportConfig {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            ..TransportConfig::default()
        };
        Channel::new(Endpoint::parse("url", url).unwrap(), &settings)
    }

    #[test]
    fn a_name_look_up_that_hangs_is_shared_by_the_calls_after_it() {
        let channel = channel("http://nobody.asks.for.this:1");
        channel.dialer.hang();
        let limits = ExchangeLimits {
            deadline: Instant::now() + Duration::from_secs(20),
            connect: Duration::from_millis(20),
            send: Duration::ZERO,
            head: Duration::ZERO,
            body: Duration::ZERO,
            max_body: 0,
        };
        // a look-up of its own would find no such name
        for _ in 0..3 {
            let fault = channel
                .exchange(&HttpRequest::get("/"), &limits, None)
                .unwrap_err();
            assert_eq!(
                (fault.phase, fault.kind),
                (Phase::Resolve, FaultKind::Timeout),
                "{}",
                fault.text
            );
            channel.forget_idle();
        }
    }
}
