//! Cancel tokens and deadlines end a call wherever it waits. The figures are printed; what is asserted excludes a hang and
//! a wait that every round has, but not what a busy machine does to one of them.

use crate::api;
use crate::support;

use api::{
    Client, Verbs, big_set, call, call_with, client, key, node_json, options, quorum_get, refused,
};
use etcd_v2::client::{Ask, Call, Patience};
use etcd_v2::error::{Phase, Result};
use etcd_v2::protocol::admin::members;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use support::{BlackHole, CProgram, Etcd, Scripted, Step, Version, wait_for};

const ROUNDS: usize = 20;
/// What the quickest of many rounds may take: the aim is 5 ms after a token is fired, 50 ms after a deadline.
const QUICKEST: Duration = Duration::from_secs(1);
/// What any round may take; the clients' own deadline is a minute.
const SLOWEST: Duration = Duration::from_secs(30);
const DEADLINE: Duration = Duration::from_millis(300);
const LONG_MS: i64 = 60_000;

fn silent() -> Scripted {
    Scripted::steps(vec![Step::Read, Step::Silent])
}

fn half_an_answer() -> Scripted {
    let half = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 100\r\n\r\n{\"action\"";
    Scripted::steps(vec![Step::Read, Step::Write(half.to_vec()), Step::Silent])
}

fn deaf() -> Scripted {
    Scripted::steps(vec![Step::Wait(Duration::from_secs(120))])
}

/// A poll that was accepted and stays without an event.
fn quiet_watch() -> Scripted {
    let head = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    Scripted::steps(vec![Step::Read, Step::Write(head.to_vec()), Step::Silent])
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    eprintln!("{what}: median {median:?}, max {max:?}");
    assert!(max < SLOWEST, "{what}: {max:?}");
    assert!(
        times.len() < ROUNDS / 4 || min < QUICKEST,
        "{what}: {min:?}"
    );
}

/// Whether this thread of ours sleeps in the kernel.
fn sleeps(thread: libc::pid_t) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.trim_start().starts_with('S'))
}

/// Runs `blocked` on a thread, fires the token when the thread waits, and says how long it took to come back.
#[track_caller]
fn cancel_while_blocked(
    ready: impl Fn(),
    blocked: impl FnOnce(&Cancel) -> Result<Response> + Send,
    statuses: &[Status],
) -> Duration {
    let token = Cancel::new().unwrap();
    let theirs = token.clone();
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let caller = scope.spawn(move || {
            // SAFETY: no arguments
            tell.send(unsafe { libc::gettid() }).unwrap();
            let answer = blocked(&theirs);
            (Instant::now(), answer)
        });
        let thread = told.recv().unwrap();
        ready();
        wait_for("the call waits", Duration::from_secs(10), || {
            sleeps(thread).then_some(())
        });
        let fired = Instant::now();
        token.fire();
        let (returned, answer) = caller.join().unwrap();
        let error = answer.expect_err("cancelled");
        assert!(statuses.contains(&error.status()), "{error:?}");
        returned.saturating_duration_since(fired)
    })
}

#[test]
fn a_token_ends_a_call_in_every_phase() {
    let hole = BlackHole::new();
    let times = (0..ROUNDS).map(|_| {
        let client = client(hole.url(), LONG_MS);
        let run = |token: &Cancel| client.execute(&call_with(Operation::Get, "/a", token));
        cancel_while_blocked(|| {}, run, &[Status::CANCELLED])
    });
    report("cancel in connect", times.collect());

    let cases = [
        ("head", silent(), Operation::Get, &[Status::CANCELLED][..]),
        (
            "body",
            half_an_answer(),
            Operation::Get,
            &[Status::CANCELLED],
        ),
        (
            "head of a write",
            silent(),
            Operation::Set,
            &[Status::OUTCOME_UNKNOWN],
        ),
    ];
    for (what, server, operation, statuses) in cases {
        let client = client(server.url(), LONG_MS);
        let times = (1..=ROUNDS).map(|round| {
            let run = |token: &Cancel| client.execute(&call_with(operation, "/a", token));
            cancel_while_blocked(|| server.wait_for_requests(round), run, statuses)
        });
        report(&format!("cancel in {what}"), times.collect());
        assert_eq!(
            server.requests().len(),
            ROUNDS,
            "{what}: nothing is sent again"
        );
    }

    let server = deaf();
    let client = client(server.url(), LONG_MS);
    let big = big_set("/a", 10_000_000);
    // fewer rounds: escaping ten megabytes takes its time in a debug build
    let times = (1..=ROUNDS / 2).map(|round| {
        let run = |token: &Cancel| {
            let mut call = big.clone();
            call.cancel = Some(token.clone());
            client.execute(&call)
        };
        // no byte of the body's end was sent, so it cannot have been applied
        cancel_while_blocked(
            || server.wait_for_connections(round),
            run,
            &[Status::CANCELLED],
        )
    });
    report("cancel in send", times.collect());
}

#[test]
fn a_token_ends_a_watch() {
    let server = quiet_watch();
    let client = client(server.url(), LONG_MS);
    let times = (1..=ROUNDS).map(|round| {
        let run =
            |token: &Cancel| client.watch_once(&key("/a"), true, 0, Patience::Forever, Some(token));
        cancel_while_blocked(
            || server.wait_for_requests(round),
            run,
            &[Status::CANCELLED],
        )
    });
    report("cancel of a watch", times.collect());

    // also in the pauses between tries
    let dead = api::dead_endpoint();
    let client = api::client(&dead, LONG_MS);
    let times = (0..ROUNDS).map(|_| {
        let run = |token: &Cancel| {
            client.watch_once(&key("/a"), false, 5, Patience::Forever, Some(token))
        };
        cancel_while_blocked(|| {}, run, &[Status::CANCELLED])
    });
    report("cancel of a watch without members", times.collect());
}

#[test]
fn a_cancelled_write_says_that_its_outcome_is_unknown() {
    let server = silent();
    let client = client(server.url(), LONG_MS);
    let token = Cancel::new().unwrap();
    let firing = token.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            server.wait_for_requests(1);
            firing.fire();
        });
        let error = refused(
            client.execute(&call_with(Operation::CreateInOrder, "/a", &token)),
            Status::OUTCOME_UNKNOWN,
        );
        assert!(error.detail().outcome_unknown, "{error:?}");
        assert_eq!(error.detail().endpoint.as_deref(), Some(server.url()));
        assert_eq!(error.detail().phase, Some(Phase::Head));
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_token_fired_before_sends_nothing() {
    let server = Scripted::json(&node_json("1"));
    let client = client(server.url(), LONG_MS);
    let token = Cancel::new().unwrap();
    token.fire();
    token.fire();
    assert!(token.is_fired());
    let started = Instant::now();
    for operation in [Operation::Get, Operation::Set, Operation::CreateInOrder] {
        let error = refused(
            client.execute(&call_with(operation, "/a", &token)),
            Status::CANCELLED,
        );
        assert!(!error.detail().outcome_unknown, "{error:?}");
    }
    refused(
        client.watch_once(&key("/a"), false, 0, Patience::Forever, Some(&token)),
        Status::CANCELLED,
    );
    assert!(started.elapsed() < SLOWEST);
    assert_eq!(server.requests().len(), 0);

    // nor on a connection that is there already
    client.get("/a").unwrap();
    refused(
        client.execute(&call_with(Operation::Set, "/a", &token)),
        Status::CANCELLED,
    );
    client.get("/a").unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn one_token_ends_the_calls_of_many_threads() {
    const THREADS: usize = 8;
    let server = silent();
    let client = client(server.url(), LONG_MS);
    let token = Cancel::new().unwrap();
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let answer = client.execute(&call_with(Operation::Get, "/a", &token));
                    (Instant::now(), answer)
                })
            })
            .collect();
        server.wait_for_requests(THREADS);
        let fired = Instant::now();
        token.fire();
        let times = callers.into_iter().map(|caller| {
            let (returned, answer) = caller.join().unwrap();
            refused(answer, Status::CANCELLED);
            returned - fired
        });
        report("cancel of 8 threads", times.collect());
    });
    server.wait_until_idle();
}

/// Runs a call that nobody answers and says how far beyond its deadline it came back.
#[track_caller]
fn overshoot(status: Status, blocked: impl FnOnce() -> Result<Response>) -> Duration {
    let started = Instant::now();
    let answer = blocked();
    let took = started.elapsed();
    let error = answer.expect_err("nobody answers");
    // on a busy machine it may be over before anything was sent
    let sent = error.detail().phase >= Some(Phase::Head);
    let status = if sent { status } else { Status::TIMEOUT };
    assert_eq!(error.status(), status, "{error:?}");
    assert!(took >= DEADLINE, "{took:?}");
    took - DEADLINE
}

#[test]
fn a_deadline_ends_a_call_in_every_phase() {
    let ms = DEADLINE.as_millis() as i64;
    let hole = BlackHole::new();
    let (mute, half, deaf, quiet) = (silent(), half_an_answer(), deaf(), quiet_watch());
    let run = |server: &str, call| client(server, ms).execute(&call);
    let get = || call(Operation::Get, "/a");
    let big = big_set("/a", 10_000_000);
    type Blocked<'a> = &'a dyn Fn() -> Result<Response>;
    let cases: [(&str, Status, Blocked<'_>); 7] = [
        ("connect", Status::TIMEOUT, &|| run(hole.url(), get())),
        ("head", Status::TIMEOUT, &|| run(mute.url(), get())),
        ("body", Status::TIMEOUT, &|| run(half.url(), get())),
        ("head of a write", Status::OUTCOME_UNKNOWN, &|| {
            run(mute.url(), call(Operation::Set, "/a"))
        }),
        ("send", Status::TIMEOUT, &|| {
            client(deaf.url(), ms).execute(&big)
        }),
        ("watch", Status::TIMEOUT, &|| {
            client(quiet.url(), LONG_MS).watch_once(
                &key("/a"),
                false,
                0,
                Patience::For(DEADLINE),
                None,
            )
        }),
        ("watch by default", Status::TIMEOUT, &|| {
            client(quiet.url(), ms).watch_once(&key("/a"), false, 0, Patience::Default, None)
        }),
    ];
    for (what, status, blocked) in cases {
        let times = (0..3).map(|_| overshoot(status, blocked));
        report(&format!("beyond the deadline in {what}"), times.collect());
    }
}

#[test]
fn a_deadline_of_the_call_wins_over_the_clients() {
    let server = silent();
    let client = client(server.url(), LONG_MS);
    let mut short = call(Operation::Get, "/a");
    short.deadline = Some(DEADLINE);
    let beyond = overshoot(Status::TIMEOUT, || client.execute(&short));
    assert!(beyond < SLOWEST, "{beyond:?}");

    // and the other way round
    let late = Scripted::steps(vec![
        Step::Read,
        Step::Wait(Duration::from_secs(2)),
        Step::json(&node_json("late")),
        Step::Again,
    ]);
    let client = api::client(late.url(), 50);
    refused(client.get("/a"), Status::TIMEOUT);
    let mut long = call(Operation::Get, "/a");
    long.deadline = Some(Duration::from_secs(30));
    assert_eq!(api::value(client.execute(&long)), "late");
}

/// What a member without a quorum says, after so long.
fn without_quorum(after: Duration) -> Scripted {
    let lines = |kind: &str, body: &str| {
        format!(
            "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let cluster = "X-Etcd-Cluster-Id: cdf818194e3a8c32\r\n";
    let of_keys = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
    let of_members = r#"{"message":"Internal Server Error"}"#;
    let (of_keys, of_members) = (lines(cluster, of_keys), lines(cluster, of_members));
    Scripted::tcp(move |conversation| {
        while let Some(request) = conversation.read_request()? {
            let members = request.starts_with(b"DELETE /v2/members");
            conversation.wait(after);
            conversation.write(if members { &of_members } else { &of_keys })?;
        }
        Ok(())
    })
}

/// Requests that fail without a quorum: name, call, status, etcd's code, whether it may be sent twice.
fn hopeless() -> [(&'static str, Call, Status, u32, bool); 4] {
    let allowed = |mut call: Call| {
        call.allow_repeat = true;
        call
    };
    let remove = Call::new(Ask::Raw(members::remove("8e9e05c52164694d").unwrap()));
    let unknown = Status::OUTCOME_UNKNOWN;
    [
        ("read", quorum_get("/a"), Status(300), 300, true),
        (
            "set",
            allowed(call(Operation::Set, "/a")),
            unknown,
            300,
            true,
        ),
        (
            "in order",
            call(Operation::CreateInOrder, "/a"),
            unknown,
            300,
            false,
        ),
        ("remove", allowed(remove), unknown, 0, true),
    ]
}

/// What was said stands, whatever the deadline does: the same status, code and outcome for every deadline.
#[track_caller]
fn said(what: &str, client: &Client, (_, call, status, code, _): &(&str, Call, Status, u32, bool)) {
    let error = client.execute(call).expect_err(what);
    let detail = error.detail();
    let told = (detail.status, detail.etcd_code, detail.http_status);
    assert_eq!(told, (*status, *code, 500), "{what}: {error:?}");
    assert!(detail.retriable, "{what}: {error:?}");
    let unknown = *status == Status::OUTCOME_UNKNOWN;
    assert_eq!(detail.outcome_unknown, unknown, "{what}: {error:?}");
}

#[test]
fn a_second_round_is_begun_only_if_there_is_time_for_another_answer() {
    const ANSWER: Duration = Duration::from_secs(4);
    std::thread::scope(|scope| {
        for (deadline, rounds) in [(7_800, 1), (24_000, 2)] {
            for stopped in [false, true] {
                for case in hopeless() {
                    scope.spawn(move || {
                        let what = format!("{} in {deadline} ms, {stopped}", case.0);
                        let server = without_quorum(ANSWER);
                        let mut endpoints = server.url().to_owned();
                        if stopped {
                            endpoints = format!("{},{endpoints}", api::dead_endpoint());
                        }
                        let client = client(&endpoints, deadline);
                        said(&what, &client, &case);
                        let rounds = if case.4 { rounds } else { 1 };
                        assert_eq!(server.requests().len(), rounds, "{what}");
                    });
                }
            }
        }
    });
}

#[test]
fn a_timeout_keeps_what_was_said_before() {
    std::thread::scope(|scope| {
        for case in hopeless() {
            scope.spawn(move || {
                let (first, mute) = (without_quorum(Duration::ZERO), silent());
                let endpoints = format!("{},{}", first.url(), mute.url());
                said(case.0, &client(&endpoints, 6_000), &case);
                assert_eq!(mute.requests().len(), usize::from(case.4), "{}", case.0);
            });
        }
    });
}

#[test]
fn a_slow_trickle_does_not_outlive_the_deadline() {
    // every byte is progress, the whole is not
    let answer = format!(
        "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 5000\r\n\r\n{}",
        " ".repeat(5000)
    );
    let server = Scripted::steps(vec![
        Step::Read,
        Step::WriteSlowly(answer.into_bytes(), 1, Duration::from_millis(10)),
    ]);
    let client = client(server.url(), DEADLINE.as_millis() as i64);
    let beyond = overshoot(Status::TIMEOUT, || client.get("/a"));
    report("beyond the deadline in a trickle", vec![beyond]);
}

fn paused_member(version: Version) {
    let etcd = Etcd::start(version);
    etcd.set("/a", "value=1");
    let client = Client::new(&options(etcd.url(), DEADLINE.as_millis() as i64)).unwrap();
    // its connection is there already, so every phase but the head is out of the way
    let mut first = call(Operation::Get, "/a");
    first.deadline = Some(Duration::from_millis(LONG_MS as u64));
    assert_eq!(api::value(client.execute(&first)), "1");
    etcd.pause();
    let mut times = Vec::new();
    for _ in 0..2 {
        times.push(overshoot(Status::TIMEOUT, || client.get("/a")));
        times.push(overshoot(Status::OUTCOME_UNKNOWN, || client.set("/a", "2")));
        times.push(overshoot(Status::TIMEOUT, || {
            client.watch_once(&key("/a"), false, 0, Patience::For(DEADLINE), None)
        }));
    }
    report(&format!("beyond the deadline, {version} paused"), times);

    let client = api::client(etcd.url(), LONG_MS);
    let times = (0..ROUNDS).map(|round| {
        let run = |token: &Cancel| match round % 3 {
            0 => client.execute(&call_with(Operation::Get, "/a", token)),
            1 => client.execute(&call_with(Operation::CreateInOrder, "/q", token)),
            _ => client.watch_once(&key("/a"), false, 0, Patience::Forever, Some(token)),
        };
        let either = [Status::CANCELLED, Status::OUTCOME_UNKNOWN];
        cancel_while_blocked(|| {}, run, &either)
    });
    report(&format!("cancel, {version} paused"), times.collect());

    etcd.resume();
    assert!(["1", "2"].contains(&api::value(client.get("/a")).as_str()));
}

#[test]
fn a_paused_member_of_3_4_holds_nobody_up() {
    paused_member(Version::V3_4);
}

#[test]
fn a_paused_member_of_3_5_holds_nobody_up() {
    paused_member(Version::V3_5);
}

#[test]
fn a_paused_member_of_the_newest_3_5_holds_nobody_up() {
    paused_member(Version::V3_5Newest);
}

#[test]
fn tokens_and_deadlines_from_c() {
    let (mute, quiet) = (silent(), quiet_watch());
    let healthy = Scripted::json(&node_json("1"));
    CProgram::new("deadline")
        .build()
        .run(&[mute.url(), quiet.url(), healthy.url()])
        .success();
}
