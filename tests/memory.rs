//! A server that sends more than there is memory for: the call ends, and the host goes on, without a word on stderr.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use support::CProgram;

/// Answers every request with a listing of 60 MiB, or with a body without end.
fn serve(endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let node = r#"{"key":"/a/k","value":"0123456789","modifiedIndex":7,"createdIndex":7},"#;
    let piece = node.repeat(1000);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, piece) = (stream.unwrap(), piece.clone());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    let begin = r#"{"action":"get","node":{"key":"/a","dir":true,"nodes":["#;
                    let end = r#"{"key":"/a/z","value":"","modifiedIndex":7,"createdIndex":7}]}}"#;
                    let pieces = (60 << 20) / piece.len();
                    let length = begin.len() + pieces * piece.len() + end.len();
                    let framing = match endless {
                        true => String::new(),
                        false => format!("Content-Length: {length}\r\n"),
                    };
                    let head =
                        format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\n{framing}\r\n{begin}");
                    let mut sent = stream.write_all(head.as_bytes());
                    let mut count = 0;
                    while sent.is_ok() && (endless || count < pieces) {
                        sent = stream.write_all(piece.as_bytes());
                        count += 1;
                    }
                    if sent
                        .and_then(|()| stream.write_all(end.as_bytes()))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn what_does_not_fit_into_memory_ends_as_a_limit() {
    let program = CProgram::new("memory").build();
    for endless in [false, true] {
        let url = serve(endless);
        for megabytes in ["16", "48", "70", "110", "150"] {
            let output = program.run(&[&url, megabytes]).success();
            assert_eq!(output.stderr, "", "{megabytes} MiB");
            let ends: Vec<&str> = output.stdout.split_whitespace().collect();
            assert_eq!(ends.len(), 2, "{ends:?}");
            for end in ends {
                let fits = !endless && megabytes != "16" && end == "ETCD_V2_OK";
                assert!(fits || end == "ETCD_V2_LIMIT", "{megabytes} MiB: {end}");
            }
        }
    }
}
