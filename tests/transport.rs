//! Exchanges with a server that misbehaves as told.
#![allow(clippy::unwrap_used)]
mod scripted;

use etcd_v2::{
    error::Phase,
    protocol::wire::{Method, Wire},
    transport::{
        cancel::Cancel,
        channel::Limits,
        fault::{FaultKind, Sent},
    },
};
use scripted::*;
use std::net::TcpListener;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_request_and_its_answer() {
    let server = Server::new(|peer| {
        while let Some((head, body)) = peer.request() {
            let text = format!("{head}|{}", String::from_utf8(body).unwrap());
            let length = text.len();
            peer.send(format!(
                "HTTP/1.1 201 Created\r\nX-Etcd-Index: 18446744073709551615\r\nx-raft-index: 7\r\n\
                 X-Raft-Term: 3\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\nLocation: /x\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
            ));
        }
    });
    let channel = server.channel();
    let host = server.url.strip_prefix("http://").unwrap();
    let wire = put("/v2/keys/a%20b?x=1", b"value=1");
    let answer = channel.exchange(&wire, &limits(), None).unwrap();
    assert_eq!(answer.head.status, 201);
    assert_eq!(answer.head.etcd_index, u64::MAX);
    assert_eq!(answer.head.raft_index, 7);
    assert_eq!(answer.head.raft_term, 3);
    assert_eq!(answer.head.cluster_id, "cdf818194e3a8c32");
    assert_eq!(answer.head.content_type, "application/json");
    assert_eq!(answer.head.location.as_deref(), Some("/x"));
    assert!(answer.body.capacity() > answer.body.len());
    let text = String::from_utf8(answer.body).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        "PUT /v2/keys/a%20b?x=1 HTTP/1.1",
        "content-length: 7",
        "content-type: application/x-www-form-urlencoded",
        &format!("host: {host}"),
        "|value=1",
    ];
    assert_eq!(lines, expected);

    // nothing that nobody asked for
    let plain = get(&channel, "/v2/keys/").unwrap();
    let text = String::from_utf8(plain.body).unwrap();
    assert_eq!(text, format!("GET /v2/keys/ HTTP/1.1\r\nhost: {host}\r\n|"));
    assert_eq!(server.count(), 1);
}

#[test]
fn a_post_without_a_body_says_so() {
    let server = Server::new(|peer| {
        while let Some((head, _)) = peer.request() {
            peer.answer(head);
        }
    });
    let channel = server.channel();
    for method in [Method::Post, Method::Put] {
        let wire = with_method(method, "/x");
        let answer = channel.exchange(&wire, &limits(), None).unwrap();
        let head = String::from_utf8(answer.body).unwrap();
        assert!(head.contains("content-length: 0\r\n"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
    }
    let wire = with_method(Method::Delete, "/x");
    let answer = channel.exchange(&wire, &limits(), None).unwrap();
    let head = String::from_utf8(answer.body).unwrap();
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(server.count(), 1);
}

#[test]
fn answers_without_a_body_end_at_once() {
    let server = Server::new(|peer| {
        while let Some((head, _)) = peer.request() {
            let status = match head.split(' ').nth(1) {
                Some("/304") => "304 Not Modified\r\nContent-Length: 77",
                Some("/204") => "204 No Content",
                _ => "200 OK\r\nContent-Length: 99999999999",
            };
            peer.send(format!("HTTP/1.1 {status}\r\nX-Etcd-Index: 5\r\n\r\n"));
        }
    });
    let channel = server.channel();
    for (method, target) in [
        (Method::Head, "/"),
        (Method::Get, "/204"),
        (Method::Get, "/304"),
    ] {
        let answer = channel.exchange(&with_method(method, target), &limits(), None);
        let answer = answer.unwrap();
        assert_eq!(answer.head.etcd_index, 5);
        assert!(answer.body.is_empty() && answer.body.capacity() > 0);
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn errors_and_redirects_are_answers() {
    let server = Server::new(|peer| {
        while let Some((head, _)) = peer.request() {
            let status = &head.split(' ').nth(1).unwrap()[1..];
            peer.send(format!(
                "HTTP/1.1 {status} X\r\nLocation: /other\r\nContent-Length: 4\r\n\r\nbody"
            ));
        }
    });
    let channel = server.channel();
    for status in [301, 302, 303, 307, 308, 400, 401, 404, 412, 500, 503] {
        for method in [Method::Get, Method::Delete, Method::Put] {
            let wire = with_method(method, &format!("/{status}"));
            let answer = channel.exchange(&wire, &limits(), None).unwrap();
            assert_eq!(answer.head.status, status);
            assert_eq!(answer.head.location.as_deref(), Some("/other"));
            assert_eq!(answer.body, b"body");
        }
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn framings_that_work() {
    for (answer, body) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            "abcde",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
            "a",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
        (
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
            "until the end",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            "a",
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            "a",
        ),
        ("HTTP/1.1 200 \r\ncontent-length:1\r\n\r\na", "a"),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""),
    ] {
        let server = Server::canned(answer);
        let got = get(&server.channel(), "/").unwrap();
        assert_eq!(got.body, body.as_bytes(), "{answer}");
        assert_eq!(got.head.status, 200);
    }
}

#[test]
fn an_answer_cut_anywhere_is_a_fault() {
    let whole = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ];
    for whole in whole {
        for cut in 0..=whole.len() {
            let server = Server::canned(&whole.as_bytes()[..cut]);
            let outcome = get(&server.channel(), "/");
            if cut == whole.len() {
                assert_eq!(outcome.unwrap().body, b"abcde", "{cut}");
                continue;
            }
            let fault = outcome.unwrap_err();
            let head = whole.find("\r\n\r\n").unwrap() + 4;
            if cut < head {
                assert_eq!(fault.phase, Phase::Head, "{cut}: {fault:?}");
                assert_eq!(fault.kind, FaultKind::Connection, "{cut}: {fault:?}");
                assert_eq!(fault.head, None);
            } else {
                assert_eq!(fault.phase, Phase::Body, "{cut}: {fault:?}");
                assert_eq!(fault.kind, FaultKind::Protocol, "{cut}: {fault:?}");
                assert_eq!(fault.head.as_ref().map(|h| h.status), Some(200));
                assert!(b"abcde".starts_with(&fault.body));
            }
            assert_eq!(fault.sent, Sent::Fully);
            assert_eq!(fault.received, cut as u64);
            assert!(!fault.reused);
        }
    }
}

#[test]
fn what_is_not_http_is_a_fault() {
    let head = "HTTP/1.1 200 OK\r\n";
    let many = format!("{head}{}\r\n", "a: b\r\n".repeat(10_000));
    let long = format!("{head}a: {}\r\n\r\n", "b".repeat(200_000));
    let longest_line = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}",
        "1".repeat(200_000)
    );
    let trailer = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n0\r\n{}",
        "t".repeat(200_000)
    );
    for (bytes, phase) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", Phase::Head),
        ("HTTP/2.0 200 OK\r\n\r\n", Phase::Head),
        ("HTTP/1.1 abc OK\r\n\r\n", Phase::Head),
        ("HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", Phase::Head),
        ("HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n", Phase::Head),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Phase::Head),
        ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Phase::Head),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            Phase::Head,
        ),
        ("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n", Phase::Head),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n",
            Phase::Body,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nabc\r\n",
            Phase::Body,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
            Phase::Body,
        ),
        (&many, Phase::Head),
        (&long, Phase::Head),
        (&longest_line, Phase::Body),
        (&trailer, Phase::Body),
    ] {
        let server = Server::new({
            let bytes = bytes.to_owned();
            move |peer| {
                if peer.request().is_some() {
                    peer.send(&bytes);
                    peer.until_closed();
                }
            }
        });
        let fault = get(&server.channel(), "/").unwrap_err();
        let start: String = bytes.chars().take(80).collect();
        assert_eq!(fault.kind, FaultKind::Protocol, "{start}: {fault:?}");
        assert_eq!(fault.phase, phase, "{start}: {fault:?}");
        assert_eq!(fault.sent, Sent::Fully);
        assert!(!fault.text.contains(['\n', '\r']), "{}", fault.text);
    }
}

#[test]
fn a_reset_inside_a_body_without_length_is_no_end() {
    let (reset, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let server = Server::new(move |peer| {
        peer.request();
        peer.send("HTTP/1.0 200 OK\r\n\r\npart");
        wait.lock().unwrap().recv_timeout(LONG).unwrap();
        // closing at once with a reset instead of an end of stream
        rustix::net::sockopt::set_socket_linger(&peer.stream, Some(Duration::ZERO)).unwrap();
    });
    let channel = server.channel();
    reset.send(()).unwrap();
    let fault = get(&channel, "/").unwrap_err();
    // the reset may also overtake the head
    assert_eq!(fault.kind, FaultKind::Connection, "{fault:?}");
    assert_eq!(fault.text, "connection reset");
}

#[test]
fn surplus_bytes_end_the_connection_not_the_call() {
    let server = Server::new(|peer| {
        while peer.request().is_some() {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 666 Surplus\r\n\r\n");
        }
    });
    let channel = server.channel();
    for round in 1..=3 {
        let answer = get(&channel, "/").unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (200, &b"ok"[..]));
        assert_eq!(server.count(), round);
    }
}

#[test]
fn late_surplus_bytes_end_the_connection_too() {
    let (done, surplus) = mpsc::channel::<()>();
    let surplus = std::sync::Mutex::new(surplus);
    let (sent, was_sent) = mpsc::channel();
    let server = Server::new(move |peer| {
        let number = peer.number;
        while peer.request().is_some() {
            peer.answer(format!("{number}"));
            if number == 0 {
                surplus.lock().unwrap().recv_timeout(LONG).unwrap();
                peer.send("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n");
                sent.send(()).unwrap();
            }
        }
    });
    let channel = server.channel();
    assert_eq!(get(&channel, "/").unwrap().body, b"0");
    done.send(()).unwrap();
    was_sent.recv_timeout(LONG).unwrap();
    let answer = get(&channel, "/").unwrap();
    assert_eq!((answer.head.status, &answer.body[..]), (200, &b"1"[..]));
}

#[test]
fn a_connection_closed_while_idle_is_replaced_silently() {
    let (closed, was_closed) = mpsc::channel();
    let server = Server::new(move |peer| {
        peer.request();
        peer.answer(format!("{}", peer.number));
        peer.stream.shutdown(std::net::Shutdown::Both).unwrap();
        closed.send(()).unwrap();
    });
    let channel = server.channel();
    for round in 0..3 {
        let answer = get(&channel, "/").unwrap();
        assert_eq!(answer.body, format!("{round}").as_bytes());
        was_closed.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn a_request_eaten_by_a_dying_connection_is_told_as_such() {
    let server = Server::new(|peer| {
        peer.request();
        peer.answer("first");
        // the second one is read and never answered
        peer.request();
    });
    let channel = server.channel();
    get(&channel, "/").unwrap();
    let wire = put("/", b"x");
    let fault = channel.exchange(&wire, &limits(), None).unwrap_err();
    assert_eq!(fault.phase, Phase::Head);
    assert_eq!(fault.kind, FaultKind::Connection);
    assert_eq!(fault.sent, Sent::Fully);
    assert_eq!(fault.received, 0);
    assert!(fault.reused);
    assert_eq!(fault.text, "connection closed before an answer");
}

#[test]
fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fault = get(&channel(&url), "/").unwrap_err();
    assert_eq!(fault.phase, Phase::Connect);
    assert_eq!(fault.kind, FaultKind::Connection);
    assert_eq!(fault.sent, Sent::None);
    assert_eq!(fault.text, "connection refused");
    let fault = get(&channel("unix:///nowhere/at/all"), "/").unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Connection)
    );
    assert_eq!(fault.text, "no such socket");
}

#[test]
fn names_are_looked_up() {
    let server = Server::echo();
    let url = server.url.replace("127.0.0.1", "localhost");
    let by_name = channel(&url);
    assert_eq!(get(&by_name, "/x").unwrap().body, b"GET /x HTTP/1.1");
    assert_eq!(get(&by_name, "/y").unwrap().body, b"GET /y HTTP/1.1");
    assert_eq!(server.count(), 1);
    // no name server answers for this one, and none is asked: it is no name that DNS can carry
    let label = "x".repeat(80);
    let fault = get(&channel(&format!("http://{label}:1")), "/").unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Resolve, FaultKind::Connection)
    );
    assert_eq!(
        (fault.sent, fault.text.as_str()),
        (Sent::None, "name not found")
    );
}

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
        head: Duration::MAX,
        body: Duration::MAX,
        max_body: u64::MAX,
        ..limits()
    };
    let answer = server.channel().exchange(&Wire::get("/"), &limits, None);
    assert_eq!(answer.unwrap().body, b"GET / HTTP/1.1");
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
fn few_threads_need_few_connections() {
    let server = Server::echo();
    let channel = server.channel();
    let start = Barrier::new(16);
    thread::scope(|scope| {
        for thread in 0..16 {
            let (channel, start) = (&channel, &start);
            scope.spawn(move || {
                start.wait();
                for i in 0..200 {
                    let target = format!("/{thread}/{i}");
                    let answer = get(channel, &target).unwrap();
                    assert_eq!(answer.body, format!("GET {target} HTTP/1.1").as_bytes());
                }
            });
        }
    });
    assert!(server.count() <= 16, "{}", server.count());
}

#[test]
fn forgotten_connections_are_closed() {
    let (closed, was_closed) = mpsc::channel();
    let server = Server::new(move |peer| {
        while peer.request().is_some() {
            peer.answer("");
        }
        closed.send(peer.number).unwrap();
    });
    let channel = server.channel();
    get(&channel, "/").unwrap();
    channel.forget_idle();
    assert_eq!(was_closed.recv_timeout(LONG), Ok(0));
    get(&channel, "/").unwrap();
    drop(channel);
    assert_eq!(was_closed.recv_timeout(LONG), Ok(1));
}

#[test]
fn long_lines_go_on_connections_that_have_answered() {
    let (said, lines) = mpsc::channel();
    let server = Server::new(move |peer| {
        while let Some((head, _)) = peer.request() {
            let line = head.lines().next().unwrap().to_owned();
            peer.answer(format!("{}", line.len()));
            said.send((peer.number, line)).unwrap();
        }
    });
    let long = |n: usize| format!("/{}", "k".repeat(n - "GET / HTTP/1.1".len()));
    let next = || lines.recv_timeout(LONG).unwrap();
    let version = "GET /version HTTP/1.1".to_owned();

    let first = server.channel();
    assert_eq!(get(&first, &long(4000)).unwrap().body, b"4000");
    assert_eq!(next().1.len(), 4000);
    // used before: nothing to be primed
    assert_eq!(get(&first, &long(65_000)).unwrap().body, b"65000");
    assert_eq!(next().1.len(), 65_000);

    let second = server.channel();
    for length in [4001, 30_000, 65_000] {
        assert_eq!(get(&second, &long(length)).unwrap().head.status, 200);
        if length == 4001 {
            assert_eq!(next(), (1, version.clone()));
        }
        let (number, line) = next();
        assert_eq!((number, line.len()), (1, length));
    }

    let fault = get(&first, &long(70_000)).unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Local, Sent::None));
    let fault = get(&first, "/half#key").unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Local, Sent::None));
}

#[test]
fn a_connection_that_cannot_be_primed_is_a_fault_before_the_request() {
    for (answer, kind) in [
        ("", FaultKind::Protocol),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            FaultKind::Protocol,
        ),
        ("SSH-2.0\r\n", FaultKind::Protocol),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
            FaultKind::Protocol,
        ),
    ] {
        let server = Server::canned(answer);
        let target = format!("/{}", "k".repeat(5000));
        let fault = get(&server.channel(), &target).unwrap_err();
        assert_eq!(
            (fault.phase, fault.kind),
            (Phase::Connect, kind),
            "{fault:?}"
        );
        assert_eq!((fault.sent, fault.received), (Sent::None, 0));
        assert!(fault.text.starts_with("GET /version"), "{}", fault.text);
    }
    let mute = Server::new(|peer| peer.until_closed());
    let limits = Limits {
        head: Duration::from_millis(30),
        ..limits()
    };
    let wire = Wire::get(&format!("/{}", "k".repeat(5000)));
    let fault = mute.channel().exchange(&wire, &limits, None).unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Timeout)
    );
    assert_eq!(fault.sent, Sent::None);
}

#[test]
fn unix_sockets() {
    let directory = std::env::temp_dir().join(format!("etcd_v2-unix-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let server = thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut heads = Vec::new();
        for _ in 0..2 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer).unwrap();
            heads.push(String::from_utf8(head).unwrap());
        }
        heads
    });
    let channel = channel(&format!("unix://{}", path.display()));
    for _ in 0..2 {
        assert_eq!(get(&channel, "/a").unwrap().body, b"ok");
    }
    let heads = server.join().unwrap();
    let expected = "GET /a HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert_eq!(heads, [expected, expected]);
    // nobody accepts any more: the socket is still there, its listener is not
    let fault = get(&channel, "/").unwrap_err();
    assert_eq!(fault.text, "connection refused");
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn head_and_body_leave_together() {
    use std::io::Read;
    // one read sees what one segment brought: the server reads as soon as anything is there
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut firsts = Vec::new();
        for _ in 0..50 {
            let mut part = [0; 4096];
            let n = stream.read(&mut part).unwrap();
            firsts.push(String::from_utf8(part[..n].into()).unwrap());
            use std::io::Write;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
        firsts
    });
    let channel = channel(&url);
    for _ in 0..50 {
        let wire = put("/x", b"value=1");
        channel.exchange(&wire, &limits(), None).unwrap();
    }
    for first in server.join().unwrap() {
        assert!(first.ends_with("\r\n\r\nvalue=1"), "{first}");
    }
}

#[test]
fn a_token_fired_before_ends_the_call_at_once() {
    let server = Server::echo();
    let token = Cancel::new().unwrap();
    token.fire();
    let fault = server
        .channel()
        .exchange(&Wire::get("/"), &limits(), Some(&token));
    let fault = fault.unwrap_err();
    assert_eq!((fault.kind, fault.sent), (FaultKind::Cancelled, Sent::None));
    assert_eq!(server.count(), 0);
}

#[test]
fn cancelled_while_waiting_for_the_head() {
    let (asked, begun) = mpsc::channel();
    let server = Server::new(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        peer.until_closed();
    });
    let channel = server.channel();
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&Wire::get("/"), &limits(), Some(token))
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
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn cancelled_inside_the_body() {
    let (asked, begun) = mpsc::channel();
    let server = Server::new(move |peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        asked.send(()).unwrap();
        peer.until_closed();
    });
    let channel = server.channel();
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&Wire::get("/"), &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Cancelled);
    assert!(fault.phase >= Phase::Head, "{fault:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn cancelled_while_sending() {
    let (asked, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let server = Server::new(move |peer| {
        use std::io::Read;
        let mut part = [0; 100];
        assert!(peer.stream.read(&mut part).unwrap() > 0);
        asked.send(()).unwrap();
        let _ = ended.lock().unwrap().recv_timeout(LONG);
    });
    let channel = server.channel();
    let wire = put("/", &vec![b'x'; 64 << 20]);
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&wire, &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Send, FaultKind::Cancelled)
    );
    assert_eq!(fault.sent, Sent::Partly);
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop(end);
}

#[test]
fn a_server_that_takes_nothing_has_a_limit() {
    let (end, ended) = mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let server = Server::new(move |_| {
        let _ = ended.lock().unwrap().recv_timeout(LONG);
    });
    let limits = Limits {
        head: Duration::from_millis(60),
        ..limits()
    };
    let wire = put("/", &vec![b'x'; 64 << 20]);
    let fault = server.channel().exchange(&wire, &limits, None).unwrap_err();
    assert_eq!((fault.phase, fault.kind), (Phase::Send, FaultKind::Timeout));
    assert_eq!(fault.sent, Sent::Partly);
    drop(end);
}

/// A listener whose queue of connections is full, so that the next connect gets no answer.
fn full_queue() -> (TcpListener, Vec<std::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // listening again makes the queue shorter
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut inside = Vec::new();
    // the kernel takes one or two more than it says
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200))
    {
        inside.push(stream);
    }
    (listener, inside)
}

#[test]
fn cancelled_while_connecting() {
    let (listener, _inside) = full_queue();
    let channel = channel(&format!("http://{}", listener.local_addr().unwrap()));
    let (now, begun) = mpsc::channel();
    now.send(()).unwrap();
    let (outcome, took) = cancelled(&begun, |token| {
        channel.exchange(&Wire::get("/"), &limits(), Some(token))
    });
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Cancelled)
    );
    assert_eq!(fault.sent, Sent::None);
    assert!(took < Duration::from_secs(2), "{took:?}");

    let limits = Limits {
        connect: Duration::from_millis(50),
        ..limits()
    };
    let began = Instant::now();
    let fault = channel
        .exchange(&Wire::get("/"), &limits, None)
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
    let directory = std::env::temp_dir().join(format!("etcd_v2-full-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    // listening again makes the queue shorter
    rustix::net::listen(&listener, 0).unwrap();
    let channel = channel(&format!("unix://{}", path.display()));
    let short = Limits {
        connect: Duration::from_millis(40),
        head: Duration::from_millis(40),
        ..limits()
    };
    let exchange = |limits: &Limits| channel.exchange(&Wire::get("/"), limits, None);
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
        channel.exchange(&Wire::get("/"), &limits(), Some(token))
    });
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Cancelled);
    assert!(took < Duration::from_secs(2), "{took:?}");

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
    std::fs::remove_dir_all(&directory).unwrap();
}

/// Whether the other side has read the answer and closed.
fn call_done(mut stream: &std::os::unix::net::UnixStream) -> bool {
    use std::io::Read;
    matches!(stream.read(&mut [0; 10]), Ok(0))
}

#[test]
fn one_token_ends_many_calls() {
    let (asked, begun) = mpsc::channel();
    let server = Server::new(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        peer.until_closed();
    });
    let channel = server.channel();
    let token = Cancel::new().unwrap();
    thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| channel.exchange(&Wire::get("/"), &limits(), Some(&token))))
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
        assert!(fired.elapsed() < Duration::from_secs(2));
    });
    // the channel is none the worse for it, and a fired token stays fired
    let fault = channel.exchange(&Wire::get("/"), &limits(), Some(&token));
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
    let server = Server::new(move |peer| {
        peer.request();
        asked.send(()).unwrap();
        wait.lock().unwrap().recv_timeout(LONG).unwrap();
        peer.answer("done");
    });
    let channel = Arc::new(server.channel());
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
