//! A process without descriptors. One test alone in its process, since the limit is that of the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]
mod exchange;
mod support;

use etcd_v2::{
    error::Phase,
    outcome::transmission::Sent,
    protocol::http_request::HttpRequest,
    status::Status,
    transport::{cancel::Cancel, fault::FaultKind},
};
use exchange::*;
use std::time::Duration;

fn set_limit(soft: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live local value of the right type.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let before = std::mem::replace(&mut limit.rlim_cur, soft);
    // SAFETY: as above.
    let written = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!((read, written), (0, 0));
    before
}

fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn no_descriptor_is_lost_and_none_left_is_told() {
    // a server that needs no further descriptors: its connections wait in the queue of the listener
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let by_address = channel(&url);
    let by_name = channel(&url.replace("127.0.0.1", "localhost"));
    let short = || etcd_v2::transport::exchange_limits::ExchangeLimits {
        head: Duration::from_millis(20),
        ..limits()
    };
    let http_request = HttpRequest::get("/");

    let before = open();
    for channel in [&by_address, &by_name] {
        let fault = channel.exchange(&http_request, &short(), None).unwrap_err();
        assert_eq!((fault.phase, fault.kind), (Phase::Head, FaultKind::Timeout));
    }
    let token = Cancel::new().unwrap();
    token.fire();
    by_address
        .exchange(&http_request, &limits(), Some(&token))
        .unwrap_err();
    drop(token);
    // the thread of the look-up may still be on its way out with its share of a descriptor; only the last one is kept
    let end = std::time::Instant::now() + LONG;
    while open() > before + 1 {
        assert!(
            std::time::Instant::now() < end,
            "{before} before, {} now",
            open()
        );
        std::thread::yield_now();
    }

    let limit = set_limit(0);
    let told = by_address
        .exchange(&http_request, &limits(), None)
        .unwrap_err();
    let told_by_name = by_name
        .exchange(&http_request, &limits(), None)
        .unwrap_err();
    let no_token = Cancel::new().unwrap_err();
    set_limit(limit);

    assert_eq!((told.phase, told.kind), (Phase::Connect, FaultKind::Local));
    assert_eq!(
        (told.sent, told.text.as_str()),
        (Sent::None, "no descriptor left")
    );
    assert_eq!(
        (told_by_name.phase, told_by_name.kind),
        (Phase::Resolve, FaultKind::Local)
    );
    assert_eq!(no_token.status(), Status::LIMIT);

    let fault = by_address
        .exchange(&http_request, &short(), None)
        .unwrap_err();
    assert_eq!((fault.phase, fault.kind), (Phase::Head, FaultKind::Timeout));
}
