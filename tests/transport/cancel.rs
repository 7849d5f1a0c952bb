//! Tokens and signals, in every phase.
use super::exchange::*;
use super::support::{BlackHole, Scripted, TempDir};
use etcd_v2::error::Phase;
use etcd_v2::outcome::transmission::Sent;
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::transport::exchange_limits::ExchangeLimits;
use etcd_v2::transport::fault::FaultKind;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_token_fired_before_ends_the_call_at_once() {
    let server = echo();
    let token = Cancel::new().unwrap();
    token.fire();
    let fault = channel(server.url()).exchange(&HttpRequest::get("/"), &limits(), Some(&token));
    let fault = fault.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Cancelled, Sent::None));
    assert_eq!(server.connections(), 0);
}

#[test]
fn cancelled_while_waiting_for_the_head() {
    let (asked, begun) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        peer.request()?;
        asked.send(()).unwrap();
        peer.stay_silent();
        Ok(())
    });
    let channel = channel(server.url());
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&HttpRequest::get("/"), &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Head, FaultKind::Cancelled)
    );
    assert_eq!(
        (fault.sent, fault.text.as_str()),
        (Sent::Fully, "cancelled")
    );
    assert!(took < LONG / 2, "{took:?}");
}

#[test]
fn cancelled_inside_the_body() {
    let (asked, begun) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        peer.request()?;
        peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")?;
        asked.send(()).unwrap();
        peer.stay_silent();
        Ok(())
    });
    let channel = channel(server.url());
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&HttpRequest::get("/"), &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Cancelled);
    assert!(fault.phase >= Phase::Head, "{fault:?}");
    assert!(took < LONG / 2, "{took:?}");
}

#[test]
fn cancelled_while_sending() {
    let (asked, begun) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        peer.read_bytes(100)?;
        asked.send(()).unwrap();
        peer.wait(LONG);
        Ok(())
    });
    let channel = channel(server.url());
    let http_request = put("/", &vec![b'x'; 64 << 20]);
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&http_request, &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Send, FaultKind::Cancelled)
    );
    assert_eq!(fault.sent, Sent::Partly);
    assert!(took < LONG / 2, "{took:?}");
}

#[test]
fn cancelled_while_connecting() {
    let hole = BlackHole::new();
    let channel = channel(hole.url());
    let (now, begun) = mpsc::channel();
    now.send(()).unwrap();
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&HttpRequest::get("/"), &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Cancelled)
    );
    assert_eq!(fault.sent, Sent::None);
    assert!(took < LONG / 2, "{took:?}");

    let limits = ExchangeLimits {
        connect: Duration::from_millis(50),
        ..limits()
    };
    let began = Instant::now();
    let fault = channel
        .exchange(&HttpRequest::get("/"), &limits, None)
        .unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Timeout)
    );
    assert!(
        fault.text.starts_with("no connection within "),
        "{}",
        fault.text
    );
    assert!(began.elapsed() < LONG / 2);
}

#[test]
fn a_full_unix_socket_is_waited_for_within_limits() {
    let folder = TempDir::new("full");
    let path = folder.join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // listening again makes the queue shorter
    rustix::net::listen(&listener, 0).unwrap();
    let channel = channel(&format!("unix://{}", path.display()));
    let short = ExchangeLimits {
        connect: Duration::from_millis(40),
        head: Duration::from_millis(40),
        ..limits()
    };
    let exchange = |limits: &ExchangeLimits| channel.exchange(&HttpRequest::get("/"), limits, None);
    // the first ones get into the queue and no answer; then it is full
    let mut kept = Vec::new();
    let mut full = None;
    for _ in 0..8 {
        let fault = exchange(&short).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Timeout, "{fault:?}");
        if fault.phase == Phase::Connect {
            full = Some(fault);
            break;
        }
        kept.push(fault);
    }
    let full = full.unwrap();
    assert_eq!(full.sent, Sent::None);

    let (now, begun) = mpsc::channel();
    now.send(()).unwrap();
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&HttpRequest::get("/"), &limits(), Some(token))
    });
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Cancelled);
    assert!(took < LONG / 2, "{took:?}");

    // room again: the waiting call gets in
    let waiting = thread::scope(|scope| {
        let call = scope.spawn(|| exchange(&limits()));
        while !call.is_finished() {
            let (mut stream, _) = listener.accept().unwrap();
            use std::io::{Read, Write};
            // those that were given up send their request and an end, or an end only
            let mut part = [0; 1000];
            if matches!(stream.read(&mut part), Ok(n) if n > 0) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                if stream.write_all(answer).is_ok() && call_done(&stream) {
                    break;
                }
            }
        }
        call.join().unwrap()
    });
    assert_eq!(waiting.unwrap().head.status, 200);
}

/// Whether the other side has read the answer and closed.
fn call_done(mut stream: &std::os::unix::net::UnixStream) -> bool {
    use std::io::Read;
    matches!(stream.read(&mut [0; 10]), Ok(0))
}

#[test]
fn one_token_ends_many_calls() {
    let (asked, begun) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        peer.request()?;
        asked.send(()).unwrap();
        peer.stay_silent();
        Ok(())
    });
    let channel = channel(server.url());
    let token = Cancel::new().unwrap();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| channel.exchange(&HttpRequest::get("/"), &limits(), Some(&token)))
            })
            .collect();
        for _ in 0..8 {
            begun.recv_timeout(LONG).unwrap();
        }
        let fired = Instant::now();
        token.fire();
        for call in calls {
            let fault = call.join().unwrap().unwrap_err();
            assert_eq!(fault.kind, FaultKind::Cancelled);
        }
        assert!(fired.elapsed() < LONG / 2);
    });
    // the channel is none the worse for it, and a fired token stays fired
    let fault = channel.exchange(&HttpRequest::get("/"), &limits(), Some(&token));
    assert_eq!(fault.unwrap_err().sent, Sent::None);
}

#[test]
fn signals_interrupt_nothing() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a handler that does nothing, for a signal that nobody else uses, installed without SA_RESTART.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        libc::sigemptyset(&raw mut action.sa_mask);
        assert_eq!(
            libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()),
            0
        );
    }
    let (asked, begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Scripted::tcp(move |peer| {
        peer.request()?;
        asked.send(()).unwrap();
        wait.lock().unwrap().recv_timeout(LONG).unwrap();
        peer.ok("done")?;
        Ok(())
    });
    let channel = Arc::new(channel(server.url()));
    let (me, who) = mpsc::channel();
    let call = thread::spawn(move || {
        // SAFETY: asks for the own thread.
        me.send(unsafe { libc::pthread_self() } as usize).unwrap();
        get(&channel, "/")
    });
    let target = who.recv_timeout(LONG).unwrap() as libc::pthread_t;
    begun.recv_timeout(LONG).unwrap();
    for _ in 0..100 {
        // SAFETY: the thread lives: it waits for an answer that comes after this loop.
        assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGUSR2) }, 0);
        thread::yield_now();
    }
    go.send(()).unwrap();
    assert_eq!(call.join().unwrap().unwrap().body, b"done");
}
