//! Time and size.
use super::exchange::*;
use super::support::Scripted;
use etcd_v2::error::Phase;
use etcd_v2::outcome::transmission::Sent;
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::transport::exchange_limits::ExchangeLimits;
use etcd_v2::transport::fault::FaultKind;
use std::time::{Duration, Instant};

#[test]
fn silence_has_limits() {
    let short = Duration::from_millis(60);
    let mute = Scripted::tcp(|peer| {
        peer.stay_silent();
        Ok(())
    });
    let half = Scripted::tcp(|peer| {
        peer.request()?;
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")?;
        peer.stay_silent();
        Ok(())
    });
    let half_head = Scripted::tcp(|peer| {
        peer.request()?;
        peer.write("HTTP/1.1 200 OK\r\nConte")?;
        peer.stay_silent();
        Ok(())
    });
    let head = ExchangeLimits {
        head: short,
        ..limits()
    };
    let body = ExchangeLimits {
        body: short,
        ..limits()
    };
    let soon = || ExchangeLimits {
        // the whole of it, in which the request has to be sent on a busy machine, too
        deadline: Instant::now() + Duration::from_secs(3),
        ..limits()
    };
    for (server, limits, phase, received) in [
        (&mute, soon(), Phase::Head, 0),
        (&mute, head, Phase::Head, 0),
        (&half, body, Phase::Body, 40),
        (&half_head, body, Phase::Head, 22),
    ] {
        let began = Instant::now();
        let http_request = HttpRequest::get("/");
        let fault = channel(server.url())
            .exchange(&http_request, &limits, None)
            .unwrap_err();
        assert!(began.elapsed() < LONG / 2);
        assert_eq!(
            (fault.phase, fault.kind),
            (phase, FaultKind::Timeout),
            "{fault:?}"
        );
        assert_eq!(
            (fault.sent, fault.received),
            (Sent::Fully, received),
            "{fault:?}"
        );
        assert!(
            fault.text.ends_with(" ms") || fault.text.ends_with(" s"),
            "{fault:?}"
        );
    }
    let past = ExchangeLimits {
        deadline: Instant::now(),
        ..limits()
    };
    let fault = channel(mute.url()).exchange(&HttpRequest::get("/"), &past, None);
    let fault = fault.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Timeout, Sent::None));
    assert_eq!(fault.text, "deadline passed");
}

#[test]
fn slow_but_steady_is_fine() {
    let server = Scripted::tcp(|peer| {
        peer.request()?;
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789" {
            peer.write([*byte])?;
            peer.wait(Duration::from_millis(2));
        }
        Ok(())
    });
    let limits = ExchangeLimits {
        head: LONG,
        body: LONG / 2,
        ..limits()
    };
    let answer = channel(server.url()).exchange(&HttpRequest::get("/"), &limits, None);
    assert_eq!(answer.unwrap().body, b"0123456789");
}

#[test]
fn endless_patience_is_no_overflow() {
    let server = echo();
    let limits = ExchangeLimits {
        connect: Duration::MAX,
        send: Duration::MAX,
        head: Duration::MAX,
        body: Duration::MAX,
        max_body: u64::MAX,
        ..limits()
    };
    let answer = channel(server.url()).exchange(&HttpRequest::get("/"), &limits, None);
    assert_eq!(answer.unwrap().body, b"GET / HTTP/1.1");
}

/// Reads a head and little more, answers and closes: the rest of the request is refused with a reset.
fn refusing(answer: &'static str) -> Scripted {
    Scripted::tcp(move |peer| {
        peer.read_bytes(1)?;
        peer.write(answer)?;
        peer.reset()
    })
}

#[test]
fn an_answer_given_before_the_request_has_left_is_read() {
    let http_request = put("/", &vec![b'x'; 32 << 20]);
    let early = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
    let server = refusing(early);
    let same = channel(server.url());
    for _ in 0..3 {
        let answer = same.exchange(&http_request, &limits(), None).unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (413, &b"no!"[..]));
        assert!(answer.partial.is_some());
    }
    assert_eq!(server.connections(), 3);

    // without a word it is what it was: not sent
    let server = refusing("");
    let fault = channel(server.url())
        .exchange(&http_request, &limits(), None)
        .unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind, fault.sent),
        (Phase::Send, FaultKind::Connection, Sent::Partly)
    );
    // half a word is none either
    let server = refusing("HTTP/1.1 413 Too La");
    let fault = channel(server.url())
        .exchange(&http_request, &limits(), None)
        .unwrap_err();
    assert_eq!(fault.sent, Sent::Partly);
}

#[test]
fn large_bodies_both_ways() {
    let body: Vec<u8> = (0..16u32 << 20).map(|i| ((i * 31) >> 3) as u8).collect();
    let server = Scripted::tcp(|peer| {
        while let Some((head, body)) = peer.request()? {
            if head.starts_with("PUT /chunked") {
                peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                for part in body.chunks(70_001) {
                    peer.write(format!("{:x}\r\n", part.len()))?;
                    peer.write(part)?;
                    peer.write("\r\n")?;
                }
                peer.write("0\r\n\r\n")?;
            } else {
                peer.ok(body)?;
            }
        }
        Ok(())
    });
    let channel = channel(server.url());
    for target in ["/length", "/chunked", "/length"] {
        let answer = channel
            .exchange(&put(target, &body), &limits(), None)
            .unwrap();
        assert!(answer.body == body, "{target}");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn bodies_have_a_limit() {
    let server = Scripted::tcp(|peer| {
        while let Some((head, _)) = peer.request()? {
            if head.starts_with("GET /chunked") {
                peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                peer.write(format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(0x65)))?;
            } else if head.starts_with("GET /lie") {
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx")?;
            } else {
                peer.ok("x".repeat(0x65))?;
            }
        }
        Ok(())
    });
    let channel = channel(server.url());
    for (target, max_body, fits) in [
        ("/length", 101, true),
        ("/length", 100, false),
        ("/chunked", 101, true),
        ("/chunked", 100, false),
        ("/lie", u64::MAX - 1, false),
    ] {
        let limits = ExchangeLimits {
            max_body,
            ..limits()
        };
        let outcome = channel.exchange(&HttpRequest::get(target), &limits, None);
        match outcome {
            Ok(answer) => assert!(fits && answer.body.len() == 101, "{target} {max_body}"),
            Err(fault) => {
                assert!(!fits, "{target} {max_body}");
                assert_eq!(
                    (fault.phase, fault.kind),
                    (Phase::Body, FaultKind::TooLarge)
                );
                assert_eq!(fault.head.unwrap().status, 200);
            }
        }
    }
}

#[test]
fn a_promise_of_terabytes_takes_no_memory() {
    let server = canned("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx");
    let limits = ExchangeLimits {
        max_body: u64::MAX,
        ..limits()
    };
    let fault = channel(server.url()).exchange(&HttpRequest::get("/"), &limits, None);
    assert_eq!(fault.unwrap_err().kind, FaultKind::Protocol);
}

#[test]
fn a_server_that_takes_nothing_has_a_limit() {
    let server = Scripted::tcp(|peer| {
        peer.wait(LONG);
        Ok(())
    });
    let limits = ExchangeLimits {
        send: Duration::from_millis(60),
        ..limits()
    };
    let http_request = put("/", &vec![b'x'; 64 << 20]);
    let fault = channel(server.url())
        .exchange(&http_request, &limits, None)
        .unwrap_err();
    assert_eq!((fault.phase, fault.kind), (Phase::Send, FaultKind::Timeout));
    assert_eq!(fault.sent, Sent::Partly);
}
