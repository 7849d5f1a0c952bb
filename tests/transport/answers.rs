//! What an answer is, and what is none.
use super::exchange::*;
use super::support::Scripted;
use etcd_v2::error::Phase;
use etcd_v2::outcome::transmission::Sent;
use etcd_v2::protocol::admin::page::Page;
use etcd_v2::protocol::http_request::{HttpRequest, ResponseKind};
use etcd_v2::protocol::method::Method;
use etcd_v2::transport::fault::FaultKind;
use std::time::Duration;

#[test]
fn a_request_and_its_answer() {
    let server = Scripted::tcp(|peer| {
        while let Some((head, body)) = peer.request()? {
            let text = format!("{head}|{}", String::from_utf8(body).unwrap());
            let length = text.len();
            peer.write(format!(
                "HTTP/1.1 201 Created\r\nX-Etcd-Index: 18446744073709551615\r\nx-raft-index: 7\r\n\
                 X-Raft-Term: 3\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\nLocation: /x\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}"
            ))?;
        }
        Ok(())
    });
    let channel = channel(server.url());
    let host = server.url().strip_prefix("http://").unwrap();
    let http_request = put("/v2/keys/a%20b?x=1", b"value=1");
    let answer = channel.exchange(&http_request, &limits(), None).unwrap();
    assert_eq!(answer.head.status, 201);
    assert_eq!(answer.head.etcd_index, u64::MAX);
    assert_eq!(answer.head.raft_index, 7);
    assert_eq!(answer.head.raft_term, 3);
    assert_eq!(answer.head.cluster_id.to_string(), "cdf818194e3a8c32");
    assert_eq!(answer.head.content_type, "application/json");
    assert_eq!(answer.head.location.as_deref(), Some("/x"));
    assert!(answer.body.capacity() > answer.body.len());
    let text = String::from_utf8(answer.body).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let expected = [
        "Content-Length: 7",
        "Content-Type: application/x-www-form-urlencoded",
        &format!("Host: {host}"),
        "PUT /v2/keys/a%20b?x=1 HTTP/1.1",
        "|value=1",
    ];
    assert_eq!(lines, expected);

    // nothing that nobody asked for
    let plain = get(&channel, "/v2/keys/").unwrap();
    let text = String::from_utf8(plain.body).unwrap();
    assert_eq!(text, format!("GET /v2/keys/ HTTP/1.1\r\nHost: {host}\r\n|"));
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_post_without_a_body_says_so() {
    let server = Scripted::tcp(|peer| {
        while let Some((head, _)) = peer.request()? {
            peer.ok(head)?;
        }
        Ok(())
    });
    let channel = channel(server.url());
    for method in [Method::Post, Method::Put] {
        let http_request = with_method(method, "/x");
        let answer = channel.exchange(&http_request, &limits(), None).unwrap();
        let head = String::from_utf8(answer.body).unwrap();
        assert!(head.contains("Content-Length: 0\r\n"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
    }
    let http_request = with_method(Method::Delete, "/x");
    let answer = channel.exchange(&http_request, &limits(), None).unwrap();
    let head = String::from_utf8(answer.body).unwrap();
    assert!(!head.contains("content-length"), "{head}");
    assert_eq!(server.connections(), 1);
}

#[test]
fn answers_without_a_body_end_at_once() {
    let server = Scripted::tcp(|peer| {
        while let Some((head, _)) = peer.request()? {
            let status = match head.split(' ').nth(1) {
                Some("/304") => "304 Not Modified\r\nContent-Length: 77",
                Some("/204") => "204 No Content",
                _ => "200 OK\r\nContent-Length: 99999999999",
            };
            peer.write(format!("HTTP/1.1 {status}\r\nX-Etcd-Index: 5\r\n\r\n"))?;
        }
        Ok(())
    });
    let channel = channel(server.url());
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
    assert_eq!(server.connections(), 1);
}

#[test]
fn errors_and_redirects_are_answers() {
    let server = Scripted::tcp(|peer| {
        while let Some((head, _)) = peer.request()? {
            let status = &head.split(' ').nth(1).unwrap()[1..];
            peer.write(format!(
                "HTTP/1.1 {status} X\r\nLocation: /other\r\nContent-Length: 4\r\n\r\nbody"
            ))?;
        }
        Ok(())
    });
    let channel = channel(server.url());
    for status in [301, 302, 303, 307, 308, 400, 401, 404, 412, 500, 503] {
        for method in [Method::Get, Method::Delete, Method::Put] {
            let http_request = with_method(method, &format!("/{status}"));
            let answer = channel.exchange(&http_request, &limits(), None).unwrap();
            assert_eq!(answer.head.status, status);
            assert_eq!(answer.head.location.as_deref(), Some("/other"));
            assert_eq!(answer.body, b"body");
        }
    }
    assert_eq!(server.connections(), 1);
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
        let server = canned(answer);
        let got = get(&channel(server.url()), "/").unwrap();
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
            let server = canned(&whole.as_bytes()[..cut]);
            let outcome = get(&channel(server.url()), "/");
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
        let server = Scripted::tcp({
            let bytes = bytes.to_owned();
            move |peer| {
                if peer.request()?.is_some() {
                    peer.write(&bytes)?;
                    peer.stay_silent();
                }
                Ok(())
            }
        });
        let fault = get(&channel(server.url()), "/").unwrap_err();
        let start: String = bytes.chars().take(80).collect();
        assert_eq!(fault.kind, FaultKind::Protocol, "{start}: {fault:?}");
        assert_eq!(fault.phase, phase, "{start}: {fault:?}");
        assert_eq!(fault.sent, Sent::Fully);
        assert!(!fault.text.contains(['\n', '\r']), "{}", fault.text);
    }
}

#[test]
fn a_reset_inside_a_body_without_length_is_no_end() {
    let server = Scripted::tcp(|peer| {
        peer.request()?;
        peer.write("HTTP/1.0 200 OK\r\n\r\npart")?;
        peer.reset()
    });
    let fault = get(&channel(server.url()), "/").unwrap_err();
    // the reset may also overtake the head
    assert_eq!(fault.kind, FaultKind::Connection, "{fault:?}");
    assert_eq!(fault.text, "connection reset");
}

/// A page of the control plane is carried by a library, anything else by our own driver: they say the same.
#[test]
fn pages_are_read_as_everything_else() {
    type Told = Result<&'static str, FaultKind>;
    let cases: [(&[&str], Told); 12] = [
        (
            &["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "{}"],
            Ok("{}"),
        ),
        (
            &["HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost"],
            Ok("lost"),
        ),
        (&["HTTP/1.1 200 OK\r\n\r\n{}"], Ok("{}")),
        (&["HTTP/1.0 200 OK\r\n\r\n{}"], Ok("{}")),
        (
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
                "\r\n",
            ],
            Ok("{}"),
        ),
        (
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0",
                "\r\n\r\n",
            ],
            Ok("{}"),
        ),
        (
            &[
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            ],
            Ok("{}"),
        ),
        (
            &["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"],
            Err(FaultKind::Protocol),
        ),
        (
            &["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}"],
            Err(FaultKind::Protocol),
        ),
        (
            &[
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            ],
            Err(FaultKind::Protocol),
        ),
        (&["SSH-2.0-OpenSSH\r\n"], Err(FaultKind::Protocol)),
        (&[], Err(FaultKind::Connection)),
    ];
    for (parts, told) in cases {
        let server = Scripted::tcp(move |peer| {
            peer.request()?;
            for part in parts {
                peer.write(part)?;
                // in a segment of its own, most of the time
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        });
        for expect in [ResponseKind::Page(Page::Members), ResponseKind::Anything] {
            let http_request = HttpRequest {
                expect,
                ..HttpRequest::get("/v2/members")
            };
            let channel = channel(server.url());
            let outcome = channel.exchange(&http_request, &limits(), None);
            let outcome = outcome.map_err(|fault| fault.kind);
            let body = outcome.map(|answer| String::from_utf8(answer.body).unwrap());
            assert_eq!(
                body.as_deref(),
                told.as_ref().copied(),
                "{expect:?}: {parts:?}"
            );
        }
    }
}
