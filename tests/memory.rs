//! A server that sends more than there is memory for: the call ends, and the host goes on, without a word on stderr.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use support::{CProgram, Scripted};

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

/// A page of many small things, as each of them takes the most memory: about `megabytes` of it.
fn page(what: &str, megabytes: usize) -> (u16, String) {
    let (status, begin, item, end) = match what {
        "members" => (200, r#"{"members":["#, r#"{"id":"7"},"#, r#"{"id":"8"}]}"#),
        "users" => (200, r#"{"users":["#, r#""u","#, r#""v"]}"#),
        "roles" => (200, r#"{"roles":["#, r#""u","#, r#""v"]}"#),
        "stats" => (200, "{", r#""n":7,"#, r#""state":"StateLeader"}"#),
        "refusal" => (
            400,
            r#"{"errorCode":100,"message":"no","cause":""#,
            "\\n",
            r#""}"#,
        ),
        _ => (
            200,
            r#"{"action":"get","node":{"key":"/a","dir":true,"nodes":["#,
            r#"{"key":"/a/k-of-usual-length","modifiedIndex":7,"createdIndex":7},"#,
            r#"{"key":"/a/z","value":"","modifiedIndex":7,"createdIndex":7}],"modifiedIndex":7,"createdIndex":7}}"#,
        ),
    };
    let mut text = begin.to_owned();
    for i in 0..(megabytes << 20) / item.len() {
        // keys must differ to be kept
        match what {
            "watch" => text.push_str(&item.replace("usual-length", &format!("{i:012}"))),
            _ => text.push_str(item),
        }
    }
    (status, text + end)
}

#[test]
fn lists_and_tables_that_do_not_fit_into_memory_end_as_a_limit() {
    let program = CProgram::new("memory").build();
    for (what, size, megabytes) in [
        ("members", 2, &[4, 12, 25, 40, 60, 500][..]),
        ("users", 1, &[4, 12, 25, 40, 60, 500]),
        ("roles", 1, &[4, 12, 25, 40, 60, 500]),
        ("stats", 2, &[4, 12, 25, 40, 60, 500]),
        ("refusal", 16, &[8, 24, 40, 60, 80, 500]),
        ("watch", 8, &[8, 16, 25, 30, 35, 40, 45, 50, 500]),
    ] {
        let (status, body) = page(what, size);
        let server = Scripted::tcp(move |conversation| {
            while conversation.request()?.is_some() {
                let headers = [("X-Etcd-Index", "7"), ("X-Etcd-Cluster-Id", "1")];
                conversation.answer(status, &headers, &body)?;
            }
            Ok(())
        });
        let run = |megabytes: &usize| {
            let megabytes = megabytes.to_string();
            let output = program.run(&[server.url(), &megabytes, what]).success();
            assert_eq!(output.stderr, "", "{what}, {megabytes} MiB");
            output.stdout.trim().to_owned()
        };
        let ends: Vec<String> = megabytes.iter().map(run).collect();
        eprintln!("{what}: {ends:?} with {megabytes:?} MiB");
        let (last, scarce) = ends.split_last().unwrap();
        let fits = match what {
            "refusal" => "ETCD_V2_KEY_NOT_FOUND",
            _ => "ETCD_V2_OK",
        };
        assert_eq!(last, fits, "{what}");
        assert!(
            scarce.iter().any(|end| end == "ETCD_V2_LIMIT"),
            "{what}: {ends:?}"
        );
        for end in scarce {
            // a watcher whose listing does not fit asks again
            let again = what == "watch" && end == "ETCD_V2_TIMEOUT";
            assert!(
                end == "ETCD_V2_LIMIT" || end == fits || again,
                "{what}: {ends:?}"
            );
        }
    }
}
