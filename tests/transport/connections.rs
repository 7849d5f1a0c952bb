//! Which connection a request goes on.
use super::exchange::*;
use super::support::{Scripted, TempDir, api::dead_endpoint};
use etcd_v2::error::Phase;
use etcd_v2::outcome::transmission::Sent;
use etcd_v2::protocol::admin::page::Page;
use etcd_v2::protocol::http_request::{HttpRequest, Idempotency, ResponseKind};
use etcd_v2::protocol::method::Method;
use etcd_v2::transport::exchange_limits::ExchangeLimits;
use etcd_v2::transport::fault::FaultKind;
use std::net::TcpListener;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

#[test]
fn surplus_bytes_end_the_connection_not_the_call() {
    let server = Scripted::tcp(|peer| {
        while peer.request()?.is_some() {
            peer.write(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 666 Surplus\r\n\r\n",
            )?;
        }
        Ok(())
    });
    let channel = channel(server.url());
    for round in 1..=3 {
        let answer = get(&channel, "/").unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (200, &b"ok"[..]));
        assert_eq!(server.connections(), round);
    }
}

#[test]
fn late_surplus_bytes_end_the_connection_too() {
    for (method, sent_before) in [(Method::Get, true), (Method::Put, false)] {
        let (done, surplus) = mpsc::channel::<()>();
        let surplus = std::sync::Mutex::new(surplus);
        let (sent, was_sent) = mpsc::channel();
        let (said, requests) = mpsc::channel();
        let server = Scripted::tcp(move |peer| {
            let number = peer.number();
            let mut first = number == 0;
            while peer.request()?.is_some() {
                said.send(number).unwrap();
                peer.ok(format!("{number}"))?;
                if std::mem::take(&mut first) {
                    surplus.lock().unwrap().recv_timeout(LONG).unwrap();
                    peer.write("HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n")?;
                    sent.send(()).unwrap();
                }
            }
            Ok(())
        });
        let channel = channel(server.url());
        assert_eq!(get(&channel, "/").unwrap().body, b"0");
        done.send(()).unwrap();
        was_sent.recv_timeout(LONG).unwrap();
        let mut http_request = with_method(method, "/");
        if !sent_before {
            http_request.repeat = Idempotency::Never;
        }
        let answer = channel.exchange(&http_request, &limits(), None).unwrap();
        assert_eq!((answer.head.status, &answer.body[..]), (200, &b"1"[..]));
        // only what may be repeated is sent without a look at the connection
        let seen: Vec<_> = requests.try_iter().collect();
        assert!(seen.contains(&1), "{seen:?}");
        assert!(sent_before || seen == [0, 1], "{seen:?}");
    }
}

#[test]
fn a_connection_closed_while_idle_is_replaced_silently() {
    let (closed, was_closed) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        peer.request()?;
        peer.ok(format!("{}", peer.number()))?;
        peer.close()?;
        closed.send(()).unwrap();
        Ok(())
    });
    let channel = channel(server.url());
    for round in 0..3 {
        let answer = get(&channel, "/").unwrap();
        assert_eq!(answer.body, format!("{round}").as_bytes());
        was_closed.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn a_request_eaten_by_a_dying_connection_is_told_as_such() {
    let server = Scripted::tcp(|peer| {
        peer.request()?;
        peer.ok("first")?;
        // the second one is read and never answered
        peer.request()?;
        Ok(())
    });
    let channel = channel(server.url());
    get(&channel, "/").unwrap();
    let http_request = put("/", b"x");
    let fault = channel
        .exchange(&http_request, &limits(), None)
        .unwrap_err();
    assert_eq!(fault.phase, Phase::Head);
    assert_eq!(fault.kind, FaultKind::Connection);
    assert_eq!(fault.sent, Sent::Fully);
    assert_eq!(fault.received, 0);
    assert!(fault.reused);
    assert_eq!(fault.text, "connection closed before an answer");
}

#[test]
fn nobody_there() {
    let fault = get(&channel(&dead_endpoint()), "/").unwrap_err();
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
    let server = echo();
    let url = server.url().replace("127.0.0.1", "localhost");
    let by_name = channel(&url);
    assert_eq!(get(&by_name, "/x").unwrap().body, b"GET /x HTTP/1.1");
    assert_eq!(get(&by_name, "/y").unwrap().body, b"GET /y HTTP/1.1");
    assert_eq!(server.connections(), 1);
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
fn few_threads_need_few_connections() {
    let server = echo();
    let channel = channel(server.url());
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
    assert!(server.connections() <= 16, "{}", server.connections());
}

#[test]
fn forgotten_connections_are_closed() {
    let (closed, was_closed) = mpsc::channel();
    let server = Scripted::tcp(move |peer| {
        while peer.request()?.is_some() {
            peer.ok("")?;
        }
        closed.send(peer.number()).unwrap();
        Ok(())
    });
    let channel = channel(server.url());
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
    let server = Scripted::tcp(move |peer| {
        while let Some((head, _)) = peer.request()? {
            let line = head.lines().next().unwrap().to_owned();
            peer.ok(format!("{}", line.len()))?;
            said.send((peer.number(), line)).unwrap();
        }
        Ok(())
    });
    let long = |n: usize| format!("/{}", "k".repeat(n - "GET / HTTP/1.1".len()));
    let next = || lines.recv_timeout(LONG).unwrap();
    let version = "GET /version HTTP/1.1".to_owned();

    let first = channel(server.url());
    assert_eq!(get(&first, &long(4000)).unwrap().body, b"4000");
    assert_eq!(next().1.len(), 4000);
    // used before: nothing to be primed
    assert_eq!(get(&first, &long(65_000)).unwrap().body, b"65000");
    assert_eq!(next().1.len(), 65_000);

    let second = channel(server.url());
    for length in [4001, 30_000, 65_000] {
        assert_eq!(get(&second, &long(length)).unwrap().head.status, 200);
        if length == 4001 {
            assert_eq!(next(), (1, version.clone()));
        }
        let (number, line) = next();
        assert_eq!((number, line.len()), (1, length));
    }

    // a page of the control plane, too
    let third = channel(server.url());
    let page = HttpRequest {
        expect: ResponseKind::Page(Page::User),
        ..HttpRequest::get(&long(30_000))
    };
    let answer = third.exchange(&page, &limits(), None).unwrap();
    assert_eq!(answer.body, b"30000");
    assert_eq!(next(), (2, version.clone()));
    let (number, line) = next();
    assert_eq!((number, line.len()), (2, 30_000));

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
        let server = canned(answer);
        let target = format!("/{}", "k".repeat(5000));
        let fault = get(&channel(server.url()), &target).unwrap_err();
        assert_eq!(
            (fault.phase, fault.kind),
            (Phase::Connect, kind),
            "{fault:?}"
        );
        assert_eq!((fault.sent, fault.received), (Sent::None, 0));
        assert!(fault.text.starts_with("GET /version"), "{}", fault.text);
    }
    let mute = Scripted::tcp(|peer| {
        peer.stay_silent();
        Ok(())
    });
    let limits = ExchangeLimits {
        connect: Duration::from_millis(30),
        ..limits()
    };
    let http_request = HttpRequest::get(&format!("/{}", "k".repeat(5000)));
    let fault = channel(mute.url())
        .exchange(&http_request, &limits, None)
        .unwrap_err();
    assert_eq!(
        (fault.phase, fault.kind),
        (Phase::Connect, FaultKind::Timeout)
    );
    assert_eq!(fault.sent, Sent::None);
}

#[test]
fn unix_sockets() {
    let folder = TempDir::new("unix");
    let path = folder.join("socket");
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
    let expected = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assert_eq!(heads, [expected, expected]);
    // nobody accepts any more: the socket is still there, its listener is not
    let fault = get(&channel, "/").unwrap_err();
    assert_eq!(fault.text, "connection refused");
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
        let http_request = put("/x", b"value=1");
        channel.exchange(&http_request, &limits(), None).unwrap();
    }
    for first in server.join().unwrap() {
        assert!(first.ends_with("\r\n\r\nvalue=1"), "{first}");
    }
}
