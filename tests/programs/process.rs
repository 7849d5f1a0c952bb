//! The host process: it survives what servers do, forks, unloads, ends, and runs out of descriptors, and nothing of the
//! library stays behind or shows.

use crate::api;
use crate::support;

use api::{Verbs, client, node_json};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{CProgram, Conversation, Etcd, Output, Scripted, Step, Version, tools};

/// Where a server leaves.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// after so many bytes of the request
    Reading(usize),
    /// after so many bytes of its answer
    Writing(usize),
}

fn full_answer() -> Vec<u8> {
    let body = node_json("1");
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Index: 7\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Bytes of the requests that the program sends: a GET and a PUT.
fn request_lengths(value_bytes: usize) -> [usize; 2] {
    let server = Scripted::json(&node_json("1"));
    let client = client(server.url(), 10_000);
    client.get("/a").unwrap();
    client.set("/a", &"x".repeat(value_bytes)).unwrap();
    let requests = server.requests();
    [requests[0].len(), requests[1].len()]
}

/// The places where a server leaves a GET and a PUT; how often each was left.
struct Script {
    places: [Vec<Leaves>; 2],
    left: [AtomicUsize; 2],
    complete: AtomicUsize,
}

impl Script {
    /// Every place comes twice: the connection is closed in good order, and reset.
    fn ways(&self, kind: usize) -> usize {
        self.places[kind].len() * 2
    }

    fn play(&self, c: &mut Conversation) -> io::Result<()> {
        if c.number() % 40 == 39 {
            // before a byte was read
            return if c.number() % 80 == 79 {
                c.reset()
            } else {
                c.close()
            };
        }
        let kind = match c.read_bytes(1)?.as_slice() {
            b"G" => 0,
            _ => 1,
        };
        let way = self.left[kind].fetch_add(1, Ordering::SeqCst) % self.ways(kind);
        match self.places[kind][way / 2] {
            Leaves::Reading(n) => drop(c.read_bytes(n - 1)?),
            Leaves::Writing(n) => {
                c.read_request()?;
                let answer = full_answer();
                // counted before it is sent: the client may be faster than we are
                let complete = usize::from(n == answer.len());
                self.complete.fetch_add(complete, Ordering::SeqCst);
                c.write(&answer[..n])?;
            }
        }
        if way % 2 == 0 { c.close() } else { c.reset() }
    }
}

/// Runs the program until the server has left in every way.
fn survives(places: [Vec<Leaves>; 2], value_bytes: usize, deadline_ms: usize, threads: usize) {
    let script = Arc::new(Script {
        places,
        left: Default::default(),
        complete: AtomicUsize::new(0),
    });
    let server = Scripted::tcp({
        let script = Arc::clone(&script);
        move |c| script.play(c)
    });
    let program = CProgram::new("process_sigpipe").build();
    let missing = |kind: usize| {
        let left = script.left[kind].load(Ordering::SeqCst);
        script.ways(kind).saturating_sub(left)
    };
    let mut successes = 0;
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        // a call on a busy machine may end before it has begun, another one connects twice
        let calls = missing(0).max(missing(1));
        if calls == 0 {
            break;
        }
        assert!(Instant::now() < end, "{calls} ways are still missing");
        let numbers = [calls + 16, value_bytes, deadline_ms, threads].map(|n| n.to_string());
        let mut arguments = vec![server.url()];
        arguments.extend(numbers.iter().map(String::as_str));
        let output = program.run(&arguments).success();
        assert_eq!(output.stderr, "");
        successes += output.stdout.trim().parse::<usize>().unwrap();
    }
    let complete = script.complete.load(Ordering::SeqCst);
    eprintln!(
        "{} connections, {} and {} ways to leave, {successes} successes, {complete} complete answers",
        server.connections(),
        script.ways(0),
        script.ways(1),
    );
    // half an answer is never a success
    assert!(successes <= complete);
}

#[test]
fn survives_a_server_that_leaves_at_every_byte() {
    let value_bytes = 20;
    let places = request_lengths(value_bytes).map(|length| {
        (1..=length)
            .map(Leaves::Reading)
            .chain((0..=full_answer().len()).map(Leaves::Writing))
            .collect()
    });
    survives(places, value_bytes, 60, 32);
}

#[test]
fn survives_a_server_that_leaves_in_a_large_body() {
    let size = 1_000_000;
    let get = vec![Leaves::Reading(10)];
    let put = (0..40)
        .map(|i| Leaves::Reading(1 + i * size / 40))
        .collect();
    // few threads and much time: escaping a large value is work
    survives([get, put], size, 5_000, 8);
}

#[test]
fn forks_with_a_client_in_use() {
    let etcd = Etcd::start(Version::V3_4);
    CProgram::new("process_fork")
        .build()
        .run(&[etcd.url()])
        .success();
}

#[test]
fn loads_and_unloads_with_a_thread_that_ends_afterwards() {
    let server = Scripted::json(&node_json("1"));
    let library = tools::library().join("libetcd_v2.so");
    let output = CProgram::new("process_dlopen")
        .without_library()
        .build()
        .run(&[library.to_str().unwrap(), server.url()])
        .success();
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        ("fine\n", "")
    );
}

#[test]
fn ends_while_threads_wait_inside() {
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let head = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    let quiet = Scripted::steps(vec![Step::Read, Step::Write(head.to_vec()), Step::Silent]);
    let output = CProgram::new("process_exit")
        .build()
        .run(&[mute.url(), quiet.url()])
        .success();
    assert_eq!(output.stderr, "");
    // a server may still be about to accept the last
    mute.wait_for_connections(100);
    quiet.wait_for_connections(100);
}

#[test]
fn lives_with_many_descriptors_and_with_none_left() {
    let etcd = Etcd::start(Version::V3_5);
    let output = CProgram::new("process_descriptors")
        .build()
        .run(&[etcd.url()])
        .success();
    if let Some(line) = output.stdout.lines().find(|l| l.starts_with("skipped")) {
        eprintln!("NOT TESTED: {line}");
    }
}

/// Nothing but the line that the program itself prints.
fn silent(output: &Output) {
    assert_eq!(output.stderr, "");
    let mut words = output.stdout.split_whitespace();
    assert!(words.next().is_some_and(|n| n.parse::<u64>().is_ok()));
    assert_eq!((words.next(), words.next()), (Some("checks"), None));
}

#[test]
fn a_thousand_calls_leave_nothing_behind_whatever_the_environment() {
    let etcd = Etcd::start(Version::V3_4);
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let program = CProgram::new("process_calls").build();
    let dead = api::dead_endpoint();
    let arguments = [etcd.url(), dead.as_str(), mute.url()];
    silent(&program.run(&arguments).success());

    // a client that looked at any of these would ask nobody, or write something
    let proxy = Scripted::json("{}");
    let mut program = program;
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        program = program.env(name, proxy.url());
    }
    let garbage = [
        ("no_proxy", "\u{1}"),
        ("NO_PROXY", "*"),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("SSL_CERT_FILE", "/none"),
        ("ETCD_V2_LOG", "trace"),
    ];
    for (name, value) in &garbage[2..] {
        program = program.env(name, value);
    }
    silent(&program.run(&arguments).success());
    for (name, value) in &garbage {
        program = program.env(name, value);
    }
    silent(
        &program
            .env("http_proxy", "::garbage::")
            .run(&arguments)
            .success(),
    );
    assert_eq!(proxy.connections(), 0);
}
