//! Answers that are large, and too large.

use super::play::*;
use super::support::{Conversation, Program, Scripted};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    let cases = [
        endless("announced", "TOO_LARGE", UNKNOWN, move |c| {
            c.write(&announced)?;
            c.stay_silent();
            Ok(())
        }),
        play("streamed", "TOO_LARGE", UNKNOWN, Arc::new(flood)),
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
            match n % 2 {
                0 => ("TOO_LARGE", false),
                _ => UNKNOWN,
            },
            "{told:?}"
        );
    }
    // two answers up to the limit, and what lay in the sockets
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 2 * (8 << 20) + (32 << 20), "{sent}");
    assert!((1..64 << 10).contains(&run.kib), "{} KiB", run.kib);
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
