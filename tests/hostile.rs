//! Servers that mean no good, or are none of etcd's: a clear status for each, never a success that was none, never a crash,
//! never a word beyond the deadline. All calls go through the C functions, the large tables under valgrind, too.

mod support;

#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/framing.rs"]
mod framing;
#[path = "hostile/play.rs"]
mod play;

use play::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Conversation, Program, Scripted};

#[test]
fn answers_that_are_not_etcds() {
    judge(&program(), &bodies::foreign());
}

#[test]
fn errors_of_etcd_in_every_shape() {
    judge(&program(), &bodies::errors_of_etcd());
}

#[test]
fn what_etcd_says_is_told() {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":9}"#;
    let bytes = answer(404, "application/json", body);
    let server = Scripted::tcp(move |c| {
        while c.read_request()?.is_some() {
            c.write(&bytes)?;
        }
        Ok(())
    });
    for verb in ["get", "delete"] {
        let told = one(&program(), verb, server.url(), "/k");
        assert_eq!(
            (told.http_status, told.etcd_code, told.index),
            (404, 100, 9)
        );
        assert_eq!(told.text, "key not found: /k");
    }
    // once each: another member would say the same
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn json_of_other_shapes() {
    judge(&program(), &bodies::shapes());
}

#[test]
fn odd_answers() {
    judge(&program(), &framing::odd());
}

#[test]
fn broken_answers() {
    judge(&program(), &framing::broken());
}

#[test]
fn answers_without_end() {
    judge(&program(), &framing::endless_ones());
}

#[test]
fn everything_under_valgrind() {
    let Some(program) = program().under_valgrind() else {
        return;
    };
    let mut cases = bodies::foreign();
    cases.extend(bodies::errors_of_etcd());
    cases.extend(bodies::shapes());
    cases.extend(framing::odd());
    cases.extend(framing::broken());
    judge(&program, &cases);
}

/// An answer that was cut is none, wherever it was cut.
#[test]
fn every_prefix_of_an_answer() {
    for chunked in [false, true] {
        let whole = good(chunked);
        let head = whole.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let mut cases: Vec<Case> = (1..whole.len())
            .map(|n| {
                let name = format!(
                    "{n} bytes, {:?}",
                    String::from_utf8_lossy(&whole[n.saturating_sub(20)..n])
                );
                let get = if n < head { "UNREACHABLE" } else { "PROTOCOL" };
                raw(name, &whole[..n], get, UNKNOWN)
            })
            .collect();
        cases.push(raw("all", &whole[..], "OK", DONE));
        judge(&program(), &cases);
    }
}

/// A pseudo-random sequence that is the same in every run.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[test]
fn noise() {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut answers: Vec<Vec<u8>> = Vec::new();
    for _ in 0..150 {
        let length = 1 + random.below(3000);
        answers.push((0..length).map(|_| random.next() as u8).collect());
    }
    // noise inside what looks like an answer
    for round in 0..150 {
        let mut bytes = good(round % 2 == 0);
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len());
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, random.next() as u8),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        answers.push(bytes);
    }
    let cases: Vec<Case> = answers
        .iter()
        .map(|bytes| raw("noise", &bytes[..], "", UNKNOWN))
        .collect();
    for program in [Some(program()), program().under_valgrind()]
        .into_iter()
        .flatten()
    {
        let server = serve(&cases);
        let jobs: Vec<Job> = (0..2 * cases.len())
            .map(|n| Job {
                verb: if n < cases.len() { "get" } else { "post" },
                deadline_ms: 5000,
                max_response_bytes: 1 << 20,
                endpoints: server.url().into(),
                key: format!("/c{}", n % cases.len()),
            })
            .collect();
        for (n, told) in run(&program, 24, &jobs).told.iter().enumerate() {
            let noise = n % cases.len() < 150;
            let known = match told.status.as_str() {
                "OK" => !noise,
                // a mutation of the length may leave us waiting for the rest until the server closes: that is no success either
                "PROTOCOL" | "UNREACHABLE" | "SERVER_ERROR" | "REDIRECT" | "TOO_LARGE"
                | "OUTCOME_UNKNOWN" => true,
                _ => false,
            };
            let case = String::from_utf8_lossy(&answers[n % cases.len()]);
            assert!(known, "{told:?}: {case:?}");
            // what was sent and not refused by a status of 3xx or 4xx may have been applied
            let refused = (300..500).contains(&told.http_status);
            if jobs[n].verb == "post" && told.status != "OK" && !refused {
                assert!(told.unknown, "{told:?}: {case:?}");
            }
        }
    }
}

/// A gigabyte that is announced is refused at once; one that is not is cut off at the limit.
#[test]
fn a_gigabyte() {
    let gib: u64 = 1 << 30;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let flood = move |c: &mut Conversation| {
        let piece = vec![b' '; 1 << 16];
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(&piece);
        chunk.extend_from_slice(b"\r\n");
        c.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        for _ in 0..gib >> 16 {
            c.write(&chunk)?;
            count.fetch_add(piece.len(), Ordering::Relaxed);
        }
        c.write("0\r\n\r\n")
    };
    let announced = with_headers(200, &format!("Content-Length: {gib}\r\n"), "{");
    let too_large = ("TOO_LARGE", true);
    let cases = [
        endless("announced", "TOO_LARGE", too_large, move |c| {
            c.write(&announced)?;
            c.stay_silent();
            Ok(())
        }),
        play("streamed", "TOO_LARGE", too_large, Arc::new(flood)),
    ];
    let server = serve(&cases);
    let job = |verb, key: &str, max_response_bytes| Job {
        verb,
        deadline_ms: AMPLE_MS,
        max_response_bytes,
        endpoints: server.url().into(),
        key: key.into(),
    };
    // by default half a gigabyte would be read
    let jobs = [
        job("get", "/c0", 0),
        job("set", "/c0", 0),
        job("get", "/c1", 8 << 20),
        job("set", "/c1", 8 << 20),
    ];
    let run = run(&program(), 1, &jobs);
    for (n, told) in run.told.iter().enumerate() {
        assert_eq!(
            (told.status.as_str(), told.unknown),
            ("TOO_LARGE", n % 2 == 1),
            "{told:?}"
        );
        assert!(told.ms < 5000, "{told:?}");
    }
    // two answers up to the limit, and what lay in the sockets
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 2 * (8 << 20) + (32 << 20), "{sent}");
    assert!(run.kib < 64 << 10, "{} KiB", run.kib);
}

fn one(program: &Program, verb: &'static str, endpoints: &str, key: &str) -> Told {
    let job = Job {
        verb,
        deadline_ms: AMPLE_MS,
        max_response_bytes: 0,
        endpoints: endpoints.into(),
        key: key.into(),
    };
    run(program, 1, &[job]).told.remove(0)
}

#[test]
fn redirects_keep_method_and_body() {
    let leader = Scripted::json(NODE);
    let program = program();
    for status in [307, 308] {
        for absolute in [true, false] {
            let before = leader.requests().len();
            let url = leader.url().to_owned();
            // relative: to the same server, elsewhere
            let follower = Scripted::tcp(move |c| {
                while let Some(request) = c.read_request()? {
                    if request.windows(7).any(|w| w == b"/moved?") {
                        c.answer_json(NODE)?;
                        continue;
                    }
                    let to = if absolute {
                        format!("{url}/v2/keys/moved?x=y")
                    } else {
                        "/v2/keys/moved?x=y".to_owned()
                    };
                    c.answer(status, &[("Location", &to)], "")?;
                }
                Ok(())
            });
            for verb in ["get", "set", "post", "delete"] {
                let told = one(&program, verb, follower.url(), "/here");
                assert_eq!(told.status, "OK", "{status} {verb}: {told:?}");
            }
            let mut requests = follower.requests();
            if absolute {
                assert_eq!(requests.len(), 4);
                requests.extend(leader.requests().into_iter().skip(before));
            } else {
                requests.sort_by_key(|r| r.windows(7).any(|w| w == b"/moved?"));
            }
            assert_eq!(requests.len(), 8);
            let method = |r: &[u8]| {
                String::from_utf8_lossy(r)
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let body = |r: &[u8]| {
                String::from_utf8_lossy(r)
                    .split("\r\n\r\n")
                    .nth(1)
                    .unwrap_or_default()
                    .to_owned()
            };
            let (asked, followed) = requests.split_at(4);
            for (a, f) in asked.iter().zip(followed) {
                assert_eq!((method(a), body(a)), (method(f), body(f)));
                assert!(String::from_utf8_lossy(f).contains(" /v2/keys/moved?x=y HTTP/1.1"));
            }
            assert!(
                body(&followed[1]).contains("value=a"),
                "{:?}",
                body(&followed[1])
            );
        }
    }
}

#[test]
fn redirects_that_lead_nowhere() {
    let to = |status: u16, location: &str| {
        with_headers(
            status,
            &format!("Location: {location}\r\nConnection: close\r\nContent-Length: 0\r\n"),
            "",
        )
    };
    let refused = ("REDIRECT", false);
    let mut cases = Vec::new();
    for status in [301, 302, 303] {
        cases.push(raw(
            format!("{status}"),
            to(status, "/v2/keys/c0"),
            "REDIRECT",
            refused,
        ));
        cases.push(raw(
            format!("{status} to nowhere"),
            with_headers(status, "Content-Length: 0\r\n", ""),
            "REDIRECT",
            refused,
        ));
    }
    for status in [307, 308] {
        let own = format!("/v2/keys/c{}", cases.len());
        cases.push(raw(
            format!("{status} to itself"),
            to(status, &own),
            "REDIRECT",
            refused,
        ));
        for location in [
            "https://127.0.0.1:1/v2/keys/k",
            "ftp://127.0.0.1/v2/keys/k",
            "http://",
            "http://127.0.0.1:99999/v2/keys/k",
            "http://secret:hunter2@127.0.0.1:1/v2/keys/k",
            "javascript:alert(1)",
            "relative",
            "/a b",
            "/a#b",
            "\u{e4}",
            "http://127.0.0.1:0/",
            "file:///etc/passwd",
            "unix:///tmp/none/v2/keys/k",
        ] {
            cases.push(raw(
                format!("{status} to {location}"),
                to(status, location),
                "REDIRECT",
                refused,
            ));
        }
        cases.push(raw(
            format!("{status} to nowhere"),
            with_headers(status, "Content-Length: 0\r\n", ""),
            "PROTOCOL",
            FOREIGN_NO,
        ));
        cases.push(raw(
            format!("{status} to nothing"),
            to(status, ""),
            "PROTOCOL",
            FOREIGN_NO,
        ));
    }
    judge(&program(), &cases);

    let loops = Scripted::tcp(|c| {
        while let Some(_) = c.read_request()? {
            c.answer(307, &[("Location", "/v2/keys/again")], "")?;
        }
        Ok(())
    });
    let told = one(&program(), "set", loops.url(), "/again");
    assert_eq!(
        (told.status.as_str(), told.unknown),
        ("REDIRECT", false),
        "{told:?}"
    );
    assert!(loops.requests().len() <= 12, "{}", loops.requests().len());

    // the password of a location is not repeated
    let secret = Scripted::tcp(|c| {
        while let Some(_) = c.read_request()? {
            c.answer(307, &[("Location", "http://a:hunter2@127.0.0.1:1/")], "")?;
        }
        Ok(())
    });
    let told = one(&program(), "get", secret.url(), "/secret");
    assert!(!told.text.contains("hunter2"), "{told:?}");
}

/// Polls that a watch of `ms` may make: between two that end at once lies a pause that doubles from 50 ms to 3 s, each at
/// least half as long; a connection that had gone stale is replaced without one.
fn polls(ms: u64) -> usize {
    let (mut pause, mut waited, mut polls) = (50, 0, 1);
    while waited < ms {
        waited += pause / 2;
        pause = (pause * 2).min(3000);
        polls += 1;
    }
    2 * polls
}

#[test]
fn a_watch_on_a_mad_server_neither_ends_early_nor_runs_hot() {
    const PATIENCE_MS: u64 = 2500;
    let event = |key: &str, index: u64| {
        format!(
            r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":{index},"createdIndex":1}}}}"#
        )
    };
    let page = |status: u16, kind: &str, body: &str| answer(status, kind, body);
    let answers: Vec<(&str, Vec<u8>, bool)> = vec![
        (
            "empty",
            with_headers(200, "X-Etcd-Index: 5\r\nContent-Length: 0\r\n", ""),
            true,
        ),
        (
            "empty, then closed",
            with_headers(200, "X-Etcd-Index: 5\r\nContent-Length: 0\r\n", ""),
            false,
        ),
        (
            "empty chunked",
            with_headers(200, "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            true,
        ),
        ("500", page(500, "text/html", HTML), true),
        (
            "500/300",
            page(
                500,
                "application/json",
                r#"{"errorCode":300,"message":"Raft Internal Error","cause":"x","index":0}"#,
            ),
            true,
        ),
        (
            "503",
            page(503, "application/json", r#"{"message":"During election"}"#),
            false,
        ),
        ("HTML", page(200, "text/html", HTML), true),
        (
            "404 page",
            page(404, "text/plain", "404 page not found\n"),
            true,
        ),
        ("null", page(200, "application/json", "null"), true),
        (
            "half an event",
            with_headers(
                200,
                "X-Etcd-Index: 5\r\nContent-Length: 500\r\n",
                &event("/w", 20),
            ),
            false,
        ),
        (
            "backwards",
            page(200, "application/json", &event("/w", 3)),
            true,
        ),
        (
            "index 0",
            page(200, "application/json", &event("/w", 0)),
            true,
        ),
        (
            "no index",
            page(
                200,
                "application/json",
                r#"{"action":"set","node":{"key":"/w","value":"v"}}"#,
            ),
            true,
        ),
        (
            "somebody else's",
            page(200, "application/json", &event("/other", 12)),
            true,
        ),
        (
            "somebody else's last",
            page(200, "application/json", &event("/other", u64::MAX)),
            true,
        ),
        ("closed at once", Vec::new(), false),
        ("noise", b"\0\x01\x02\r\n\r\n".to_vec(), false),
        (
            "index at the end",
            with_headers(
                200,
                "X-Etcd-Index: 18446744073709551615\r\nContent-Length: 0\r\n",
                "",
            ),
            true,
        ),
        (
            "itself",
            with_headers(307, "Location: /v2/keys/w\r\nContent-Length: 0\r\n", ""),
            true,
        ),
    ];
    let servers: Vec<(&str, Scripted)> = answers
        .into_iter()
        .map(|(name, bytes, again)| {
            let server = Scripted::tcp(move |c| {
                while c.read_request()?.is_some() {
                    c.write(&bytes)?;
                    if !again {
                        break;
                    }
                }
                Ok(())
            });
            (name, server)
        })
        .collect();
    let jobs: Vec<Job> = servers
        .iter()
        .map(|(_, s)| Job {
            verb: "watch",
            deadline_ms: PATIENCE_MS,
            max_response_bytes: 0,
            endpoints: s.url().into(),
            key: "/w".into(),
        })
        .collect();
    let run = run(&program(), jobs.len(), &jobs);
    let mut wrong = String::new();
    for ((name, server), told) in servers.iter().zip(&run.told) {
        // a redirect is followed five times in each try
        let bound = polls(PATIENCE_MS) * if *name == "itself" { 6 } else { 1 };
        let asked = server.requests().len();
        if told.status != "TIMEOUT" || told.unknown || told.ms + 5 < PATIENCE_MS || asked > bound {
            wrong.push_str(&format!("{name}: {asked} requests of {bound}, {told:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Always another event that is not the watch's: each brings it forward, yet a server that makes them up must not keep it busy.
#[test]
fn a_watch_is_not_kept_busy_by_made_up_events() {
    let server = Scripted::tcp(|c| {
        let mut index = 10;
        while c.read_request()?.is_some() {
            index += 1;
            c.answer_json(&format!(r#"{{"action":"set","node":{{"key":"/other","value":"v","modifiedIndex":{index},"createdIndex":1}}}}"#))?;
        }
        Ok(())
    });
    let job = Job {
        verb: "watch",
        deadline_ms: 2000,
        max_response_bytes: 0,
        endpoints: server.url().into(),
        key: "/w".into(),
    };
    let told = run(&program(), 1, &[job]).told.remove(0);
    assert_eq!(told.status, "TIMEOUT", "{told:?}");
    // no history is longer than 1000 events
    let asked = server.requests().len();
    assert!(asked <= 1000 + polls(2000), "{asked}");
}

/// A listing as a large directory makes it: 200 folders of files.
fn listing(files: usize) -> Vec<u8> {
    let mut body = r#"{"action":"get","node":{"key":"/l","dir":true,"nodes":["#.to_owned();
    for folder in 0..200 {
        let comma = if folder == 0 { "" } else { "," };
        body.push_str(&format!(
            r#"{comma}{{"key":"/l/{folder}","dir":true,"nodes":["#
        ));
        for file in 0..files {
            let comma = if file == 0 { "" } else { "," };
            body.push_str(&format!(r#"{comma}{{"key":"/l/{folder}/{file}","value":"value \u003c {file}","modifiedIndex":{file},"createdIndex":7}}"#));
        }
        body.push_str(r#"],"modifiedIndex":5,"createdIndex":5}"#);
    }
    body.push_str("]}}\n");
    answer(200, "application/json", body)
}

fn list(program: &Program, files: usize) -> Told {
    let whole = listing(files);
    let server = Scripted::tcp(move |c| {
        if c.read_request()?.is_some() {
            c.write(&whole)?;
        }
        Ok(())
    });
    let told = one(program, "get", server.url(), "/l");
    assert_eq!(
        (told.status.as_str(), told.text.as_str()),
        ("OK", "/l"),
        "{told:?}"
    );
    assert_eq!(told.nodes, 1 + 200 + 200 * files);
    told
}

#[test]
fn a_large_listing() {
    let told = list(&program(), 1000);
    // one arena, not 200,000 frees
    assert!(told.free_us < 100_000, "{told:?}");
    if let Some(program) = program().under_valgrind() {
        list(&program, 50);
    }
}

#[test]
fn a_listing_of_too_many_bytes() {
    let whole = listing(100);
    let length = whole.len() as u64;
    let server = Scripted::tcp(move |c| {
        while c.read_request()?.is_some() {
            c.write(&whole)?;
        }
        Ok(())
    });
    let head = length - 30;
    for (limit, status) in [(head / 2, "TOO_LARGE"), (length, "OK")] {
        let job = Job {
            verb: "get",
            deadline_ms: AMPLE_MS,
            max_response_bytes: limit,
            endpoints: server.url().into(),
            key: "/l".into(),
        };
        let told = run(&program(), 1, &[job]).told.remove(0);
        assert_eq!(told.status, status, "{told:?}");
    }
}
