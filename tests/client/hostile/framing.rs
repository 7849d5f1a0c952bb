//! Answers that are no HTTP, or whose head and body do not fit together, or that never end.

use super::play::*;
use std::time::Duration;

/// `body` in one chunk, then `end`.
fn chunked(body: &str, end: &str) -> Vec<u8> {
    let body = format!("{:x}\r\n{body}\r\n{end}", body.len());
    with_headers(200, "Transfer-Encoding: chunked\r\n", &body)
}

fn framed(headers: &str) -> Vec<u8> {
    let headers = format!("Content-Length: {}\r\n{headers}", NODE.len());
    with_headers(200, &headers, NODE)
}

/// Odd, but an answer.
pub(crate) fn odd() -> Vec<Case> {
    let ok = String::from_utf8(good(false)).unwrap();
    let mut not_utf8 = b"HTTP/1.1 200 OK\r\nX-Etcd-Cluster-Id: \xff\xfe\r\n".to_vec();
    not_utf8.extend_from_slice(&framed("")[b"HTTP/1.1 200 Hostile\r\n".len()..]);
    let fine = |name: &str, bytes: Vec<u8>| raw(name, bytes, "OK", DONE);
    vec![
        fine("as it should be", good(false)),
        fine("chunked", good(true)),
        fine("until close", with_headers(200, "", NODE)),
        fine("HTTP/1.0", format!("HTTP/1.0 200 OK\r\n\r\n{NODE}").into()),
        fine("no reason", format!("HTTP/1.1 200\r\n\r\n{NODE}").into()),
        fine(
            "100 before",
            format!("HTTP/1.1 100 Continue\r\n\r\n{ok}").into(),
        ),
        fine(
            "100 thrice",
            format!("{}{ok}", "HTTP/1.1 100 Continue\r\n\r\n".repeat(3)).into(),
        ),
        fine(
            "103 before",
            format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{ok}").into(),
        ),
        fine("lower case", framed("x-etcd-index: 7\r\n")),
        fine(
            "no index",
            framed(
                "X-Etcd-Index: seven\r\nX-Raft-Index: -1\r\nX-Raft-Term: 99999999999999999999\r\n",
            ),
        ),
        fine(
            "index twice",
            framed("X-Etcd-Index: 7\r\nX-Etcd-Index: 8\r\n"),
        ),
        fine("cluster id that is no text", not_utf8),
        fine(
            "more than the body",
            format!("{ok}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain").into(),
        ),
        fine("trailers", chunked(NODE, "0\r\nX-After: y\r\n\r\n")),
        fine(
            "chunk extensions",
            with_headers(
                200,
                "Transfer-Encoding: chunked\r\n",
                &format!("{:x};a=b\r\n{NODE}\r\n0\r\n\r\n", NODE.len()),
            ),
        ),
        fine(
            "100 with a header",
            [b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", &good(false)[..]].concat(),
        ),
        fine("fifty headers", framed(&"X-More: of them\r\n".repeat(50))),
    ]
}

/// What no client may take for an answer.
pub(crate) fn broken() -> Vec<Case> {
    let bad = |name: &str, bytes: Vec<u8>| raw(name, bytes, "PROTOCOL", UNKNOWN);
    let length = |text: &str| {
        bad(
            &format!("Content-Length: {text}"),
            with_headers(200, &format!("Content-Length: {text}\r\n"), NODE),
        )
    };
    let coding = |text: &str| {
        bad(
            &format!("Transfer-Encoding: {text}"),
            with_headers(200, &format!("Transfer-Encoding: {text}\r\n"), NODE),
        )
    };
    let chunks = |text: &str| {
        bad(
            &format!("chunks {text:?}"),
            with_headers(200, "Transfer-Encoding: chunked\r\n", text),
        )
    };
    let cut = |name: &str, bytes: Vec<u8>| raw(name, bytes, "UNREACHABLE", UNKNOWN);
    let mut cases = vec![
        bad(
            "10^4 headers",
            framed(&"X-More: of them\r\n".repeat(10_000)),
        ),
        bad(
            "a header line of 1 MiB",
            framed(&format!("X-Long: {}\r\n", "x".repeat(1 << 20))),
        ),
        bad(
            "a status line of 1 MiB",
            format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(1 << 20)).into(),
        ),
        bad(
            "a header name of 1 MiB",
            framed(&format!("{}: x\r\n", "x".repeat(1 << 20))),
        ),
        bad("a header without a colon", framed("nonsense\r\n")),
        bad("a header without a name", framed(": nonsense\r\n")),
        bad("a header name with a space", framed("X Y: z\r\n")),
        bad("NUL in a header", framed("X-Etcd-Index: 1\x002\r\n")),
        bad(
            "two lengths",
            framed(&format!("Content-Length: {}\r\n", NODE.len() - 1)),
        ),
        length("-5"),
        length("+5"),
        length("abc"),
        length("0x59"),
        length("5.0"),
        length("18446744073709551616"),
        length("99999999999999999999999999"),
        length(""),
        coding("gzip"),
        coding("rubbish"),
        coding("chunked, gzip"),
        chunks(""),
        chunks("zz\r\n"),
        chunks("-1\r\n"),
        chunks("\r\n\r\n"),
        raw(
            "a chunk of 2^64-1 bytes",
            with_headers(
                200,
                "Transfer-Encoding: chunked\r\n",
                "ffffffffffffffff\r\nx",
            ),
            "TOO_LARGE",
            UNKNOWN,
        ),
        chunks("fffffffffffffffff\r\nx"),
        chunks(&format!("{:x}\r\n{NODE}x\r\n0\r\n\r\n", NODE.len())),
        chunks(&format!("{:x}\r\n{NODE}0\r\n\r\n", NODE.len())),
        chunks(NODE),
        bad("HTTP/0.9", HTML.into()),
        bad("HTTP/0.9 of JSON", NODE.into()),
        bad("no status", b"HTTP/1.1 \r\n\r\n".to_vec()),
        bad("status of letters", b"HTTP/1.1 abc OK\r\n\r\n".to_vec()),
        bad("status 99", b"HTTP/1.1 99 OK\r\n\r\n".to_vec()),
        bad("status 1000", b"HTTP/1.1 1000 OK\r\n\r\n".to_vec()),
        bad("status -200", b"HTTP/1.1 -200 OK\r\n\r\n".to_vec()),
        bad(
            "HTTP/3",
            format!(
                "HTTP/3.0 200 OK\r\nContent-Length: {}\r\n\r\n{NODE}",
                NODE.len()
            )
            .into(),
        ),
        bad(
            "ICY",
            format!("ICY 200 OK\r\nContent-Length: {}\r\n\r\n{NODE}", NODE.len()).into(),
        ),
        bad("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        bad("SMTP", b"220 mail.example.com ESMTP\r\n".to_vec()),
        bad(
            "HTTP/2",
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00"
                .to_vec(),
        ),
        bad("NULs", vec![0; 4096]),
        bad(
            "longer than it is",
            with_headers(200, "Content-Length: 500\r\n", NODE),
        ),
    ];
    cases.push(bad("newlines", b"\r\n".repeat(4096)));
    // the connection ended before there was an answer
    cases.push(cut("half a status line", b"HTTP/1.1 2".to_vec()));
    cases.push(cut(
        "half a header",
        b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(),
    ));
    cases.push(cut(
        "100 and nothing",
        b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
    ));
    // who speaks TLS has hardly read a request in clear, but that is no proof
    cases.push(raw(
        "TLS alert",
        b"\x15\x03\x01\x00\x02\x02\x46".to_vec(),
        "TLS",
        UNKNOWN,
    ));
    // the framing is all right, what is inside is not all there
    cases.push(raw(
        "101",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        "PROTOCOL",
        UNKNOWN,
    ));
    for (name, headers) in [
        ("shorter than it is", "Content-Length: 20\r\n"),
        ("0 long", "Content-Length: 0\r\n"),
    ] {
        cases.push(raw(
            name,
            with_headers(200, headers, NODE),
            "PROTOCOL",
            UNKNOWN,
        ));
    }
    let tail = &NODE[..NODE.len() - 1];
    cases.push(raw(
        "half a body until close",
        with_headers(200, "", tail),
        "PROTOCOL",
        UNKNOWN,
    ));
    cases
}

/// Goes on for ever; only the deadline or a limit can end it.
pub(crate) fn endless_ones() -> Vec<Case> {
    const HEAD: &str = "HTTP/1.1 200 OK\r\n";
    const LONG: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    const FIELD: &str = "X-More: of them\r\n";
    const LETTERS: &str = "xxxxxxxxxxxxxxxx";
    const ZEROS: &str = "0000000000000000";
    let half = with_headers(200, "Content-Length: 500\r\n", NODE);
    let chunk = format!("{CHUNKED}{:x}\r\n{NODE}\r\n", NODE.len());
    let header = format!("{HEAD}X-Long: ");
    let trailers = format!("{CHUNKED}0\r\n");
    // what comes first and is followed by silence
    let silent: [(&str, &[u8]); 4] = [
        ("silence", b""),
        ("half a head, then silence", b"HTTP/1.1 200 OK\r\nContent-"),
        ("half a body, then silence", &half),
        ("a chunk, then silence", chunk.as_bytes()),
    ];
    let silent = silent.map(|(name, first)| {
        let first = first.to_vec();
        endless(name, "TIMEOUT", UNKNOWN, move |c| {
            c.write(&first)?;
            c.stay_silent();
            Ok(())
        })
    });
    // what comes first, then again and again, with so many milliseconds between
    let flowing: [(&str, &str, &str, &str, u64); 9] = [
        ("a head by drops", "TIMEOUT", &header, "x", 10),
        ("a body by drops", "TIMEOUT", LONG, " ", 10),
        ("chunks by drops", "TIMEOUT", CHUNKED, "1\r\n \r\n", 10),
        ("100 by drops", "TIMEOUT", "", INTERIM, 10),
        ("headers without end", "PROTOCOL", HEAD, FIELD, 0),
        ("a header without end", "PROTOCOL", HEAD, LETTERS, 0),
        ("a chunk line without end", "PROTOCOL", CHUNKED, ZEROS, 0),
        ("100 without end", "PROTOCOL", "", INTERIM, 0),
        ("trailers without end", "PROTOCOL", &trailers, FIELD, 0),
    ];
    let flowing = flowing.map(|(name, get, first, again, pause)| {
        let first = first.to_owned();
        endless(name, get, UNKNOWN, move |c| {
            c.write(&first)?;
            while !c.stopping() {
                c.write(again)?;
                if pause > 0 {
                    c.wait(Duration::from_millis(pause));
                }
            }
            Ok(())
        })
    });
    silent.into_iter().chain(flowing).collect()
}
