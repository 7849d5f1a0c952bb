//! Time and size.
use super::scripted::*;
use etcd_v2::error::Phase;
use etcd_v2::protocol::wire::Wire;
use etcd_v2::transport::channel::Limits;
use etcd_v2::transport::fault::{FaultKind, Sent};
use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn silence_has_limits() {
    let short = Duration::from_millis(60);
    let mute = Server::new(|peer| peer.until_closed());
    let half = Server::new(|peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
        peer.until_closed();
    });
    let half_head = Server::new(|peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nConte");
        peer.until_closed();
    });
    let head = Limits {
        head: short,
        ..limits()
    };
    let body = Limits {
        body: short,
        ..limits()
    };
    let soon = || Limits {
        deadline: Instant::now() + short,
        ..limits()
    };
    for (server, limits, phase, received) in [
        (&mute, soon(), Phase::Head, 0),
        (&mute, head, Phase::Head, 0),
        (&half, body, Phase::Body, 40),
        (&half_head, body, Phase::Head, 22),
    ] {
        let began = Instant::now();
        let wire = Wire::get("/");
        let fault = server.channel().exchange(&wire, &limits, None).unwrap_err();
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
    let past = Limits {
        deadline: Instant::now(),
        ..limits()
    };
    let fault = mute.channel().exchange(&Wire::get("/"), &past, None);
    let fault = fault.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Timeout, Sent::None));
    assert_eq!(fault.text, "deadline passed");
}

#[test]
fn slow_but_steady_is_fine() {
    let server = Server::new(|peer| {
        peer.request();
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789" {
            peer.send([*byte]);
            thread::sleep(Duration::from_millis(2));
        }
    });
    let limits = Limits {
        head: LONG,
        body: Duration::from_secs(5),
        ..limits()
    };
    let answer = server.channel().exchange(&Wire::get("/"), &limits, None);
    assert_eq!(answer.unwrap().body, b"0123456789");
}

#[test]
fn endless_patience_is_no_overflow() {
    let server = Server::echo();
    let limits = Limits {
        connect: Duration::MAX,
        send: Duration::MAX,
        head: Duration::MAX,
        body: Duration::MAX,
        max_body: u64::MAX,
        ..limits()
    };
    let answer = server.channel().exchange(&Wire::get("/"), &limits, None);
    assert_eq!(answer.unwrap().body, b"GET / HTTP/1.1");
}

/// Reads a head and little more, answers and closes: the rest of the request is refused with a reset.
fn refusing(answer: &'static str) -> Server {
    Server::new(move |peer| {
        let mut part = [0; 4096];
        let _ = peer.stream.read(&mut part);
        peer.send(answer);
    })
}

#[test]
fn an_answer_given_before_the_request_has_left_is_read() {
    let wire = put("/", &vec![b'x'; 32 << 20]);
    let early = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
    let server = refusing(early);
    let channel = server.channel();
    for _ in 0..3 {
        let answer = channel.exchange(&wire, &limits(), None).unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (413, &b"no!"[..]));
        assert!(!answer.whole);
    }
    assert_eq!(server.count(), 3);

    // without a word it is what it was: not sent
    let server = refusing("");
    let fault = server
        .channel()
        .exchange(&wire, &limits(), None)
        .unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind, fault.sent),
        (Phase::Send, FaultKind::Connection, Sent::Partly)
    );
    // half a word is none either
    let server = refusing("HTTP/1.1 413 Too La");
    let fault = server
        .channel()
        .exchange(&wire, &limits(), None)
        .unwrap_err();
    assert_eq!(fault.sent, Sent::Partly);
}

#[test]
fn large_bodies_both_ways() {
    let body: Vec<u8> = (0..16u32 << 20).map(|i| ((i * 31) >> 3) as u8).collect();
    let server = Server::new(|peer| {
        while let Some((head, body)) = peer.request() {
            if head.starts_with("PUT /chunked") {
                peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for part in body.chunks(70_001) {
                    peer.send(format!("{:x}\r\n", part.len()));
                    peer.send(part);
                    peer.send("\r\n");
                }
                peer.send("0\r\n\r\n");
            } else {
                peer.answer(body);
            }
        }
    });
    let channel = server.channel();
    for target in ["/length", "/chunked", "/length"] {
        let answer = channel
            .exchange(&put(target, &body), &limits(), None)
            .unwrap();
        assert!(answer.body == body, "{target}");
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn bodies_have_a_limit() {
    let server = Server::new(|peer| {
        while let Some((head, _)) = peer.request() {
            if head.starts_with("GET /chunked") {
                peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                peer.send(format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(0x65)));
            } else if head.starts_with("GET /lie") {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx");
            } else {
                peer.answer("x".repeat(0x65));
            }
        }
    });
    let channel = server.channel();
    for (target, max_body, fits) in [
        ("/length", 101, true),
        ("/length", 100, false),
        ("/chunked", 101, true),
        ("/chunked", 100, false),
        ("/lie", u64::MAX - 1, false),
    ] {
        let limits = Limits {
            max_body,
            ..limits()
        };
        let outcome = channel.exchange(&Wire::get(target), &limits, None);
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
    let server = Server::canned("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nx");
    let limits = Limits {
        max_body: u64::MAX,
        ..limits()
    };
    let fault = server.channel().exchange(&Wire::get("/"), &limits, None);
    assert_eq!(fault.unwrap_err().kind, FaultKind::Protocol);
}

#[test]
fn a_server_that_takes_nothing_has_a_limit() {
    let (end, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let server = Server::new(move |_| {
        let _ = ended.lock().unwrap().recv_timeout(LONG);
    });
    let limits = Limits {
        send: Duration::from_millis(60),
        ..limits()
    };
    let wire = put("/", &vec![b'x'; 64 << 20]);
    let fault = server.channel().exchange(&wire, &limits, None).unwrap_err();
    assert_eq!((fault.phase, fault.kind), (Phase::Send, FaultKind::Timeout));
    assert_eq!(fault.sent, Sent::Partly);
    drop(end);
}
