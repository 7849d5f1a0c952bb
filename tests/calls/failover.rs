//! Members that fail, one way or another: what may go elsewhere does, what may not is sent once and said to be unknown.

use crate::api;
use crate::support;

use api::{
    Client, Verbs, call, client, dead_endpoint, key, node_json, options, quorum_get, refused, value,
};
use etcd_v2::client::Patience;
use etcd_v2::error::Phase;
use etcd_v2::protocol::action::Action;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::etcd::Setup;
use support::{BlackHole, Cluster, Etcd, Scripted, Step, Version, http, wait_for};

/// All operations whose repetition could change the outcome, those of a plain set and delete included.
const WRITES: [Operation; 7] = [
    Operation::Set,
    Operation::Delete,
    Operation::Create,
    Operation::Update,
    Operation::CreateInOrder,
    Operation::CompareAndSwap,
    Operation::CompareAndDelete,
];

fn answer(status: u16, content_type: &str, body: &str) -> Step {
    Step::Answer(
        status,
        vec![("Content-Type".into(), content_type.into())],
        body.into(),
    )
}

fn etcd_error(status: u16, code: u32, message: &str, cause: &str) -> Step {
    let body =
        format!(r#"{{"errorCode":{code},"message":"{message}","cause":"{cause}","index":0}}"#);
    answer(status, "application/json", &body)
}

fn healthy() -> Scripted {
    Scripted::json(&node_json("1"))
}

fn two(first: &str, second: &str) -> String {
    format!("{first},{second}")
}

/// Time enough on a busy machine; half of it for one of two that is silent.
fn enough(what: &str) -> i64 {
    match what {
        "is silent" => 8_000,
        _ => 60_000,
    }
}

fn answering(step: Step) -> Scripted {
    Scripted::steps(vec![Step::Read, step, Step::Again])
}

#[test]
fn a_dead_member_is_left_for_good() {
    let (dead, alive) = (dead_endpoint(), healthy());
    let client = client(&two(&dead, alive.url()), 60_000);
    assert_eq!(value(client.get("/a")), "1");
    assert_eq!(value(client.set("/a", "1")), "1");
    // it comes back, but nobody changes a member that answers
    let back = TcpListener::bind(dead.strip_prefix("http://").unwrap()).unwrap();
    back.set_nonblocking(true).unwrap();
    for _ in 0..20 {
        assert_eq!(value(client.get("/a")), "1");
    }
    assert!(back.accept().is_err());
    assert_eq!(alive.requests().len(), 22);
    assert_eq!(alive.connections(), 1);
}

#[test]
fn a_write_goes_on_from_a_dead_member_too() {
    for operation in WRITES {
        let alive = healthy();
        let client = client(&two(&dead_endpoint(), alive.url()), 60_000);
        let response = client.run(operation, "/a").unwrap();
        assert_eq!(&**response.endpoint(), alive.url());
        assert_eq!(alive.requests().len(), 1);
    }
}

#[test]
fn a_black_hole_costs_its_share_once() {
    let (hole, alive) = (BlackHole::new(), healthy());
    let share = Duration::from_secs(2);
    for operation in [Operation::Get, Operation::CreateInOrder] {
        let mut options = options(&two(hole.url(), alive.url()), 60_000);
        options.set_connect_timeout_ms(2_000).unwrap();
        let client = Client::new(&options).unwrap();
        let started = Instant::now();
        client.run(operation, "/a").unwrap();
        let first = started.elapsed();
        assert!((share..10 * share).contains(&first), "{first:?}");
        let failed = || {
            let mut names = etcd_v2::client::ClientCounters::names();
            let place = names.position(|n| n == "failed_attempts").unwrap();
            client.counters().unwrap().whole[place]
        };
        let before = failed();
        client.run(operation, "/a").unwrap();
        assert_eq!(failed(), before, "the hole is not tried again");
    }
    assert_eq!(alive.requests().len(), 4);

    // without that setting the first call still ends within its deadline
    let client = client(&two(hole.url(), alive.url()), 8_000);
    assert_eq!(value(client.set("/a", "1")), "1");
}

#[test]
fn a_silent_member_leaves_time_for_the_next() {
    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let alive = healthy();
    let client = client(&two(mute.url(), alive.url()), 10_000);
    assert_eq!(value(client.get("/a")), "1");
    for _ in 0..5 {
        assert_eq!(value(client.get("/a")), "1");
    }
    assert_eq!(mute.requests().len(), 1, "asked once, then avoided");
}

#[test]
fn a_read_goes_on_from_a_member_that_fails() {
    let json = "application/json";
    let troubles = [
        vec![answer(503, json, r#"{"message":"etcdserver: no leader"}"#)],
        vec![etcd_error(503, 301, "During Leader Election", "")],
        vec![etcd_error(
            500,
            300,
            "Raft Internal Error",
            "etcdserver: request timed out",
        )],
        vec![answer(500, json, r#"{"message":"Internal Server Error"}"#)],
        vec![answer(
            502,
            "text/html",
            "<html><h1>502 Bad Gateway</h1></html>",
        )],
        vec![answer(503, "text/html", "<html>maintenance</html>")],
        vec![answer(504, "text/plain", "upstream timed out")],
        vec![answer(200, "text/html", "<html>a captive portal</html>")],
        vec![answer(200, json, "")],
        vec![answer(200, json, "{}")],
        vec![
            Step::Write(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"act".to_vec()),
            Step::Close,
        ],
        vec![
            Step::Write(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            Step::Close,
        ],
        vec![Step::Close],
        vec![Step::Reset],
    ];
    for trouble in troubles {
        let mut steps = vec![Step::Read];
        steps.extend(trouble.clone());
        let (bad, alive) = (Scripted::steps(steps), healthy());
        let client = client(&two(bad.url(), alive.url()), 60_000);
        let response = client
            .get("/a")
            .unwrap_or_else(|e| panic!("{trouble:?}: {e:?}"));
        assert_eq!(&**response.endpoint(), alive.url(), "{trouble:?}");
        assert_eq!(value(client.execute(&quorum_get("/a"))), "1");
        assert_eq!(bad.requests().len(), 1, "{trouble:?}");
        assert_eq!(alive.requests().len(), 2, "{trouble:?}");
    }
}

#[test]
fn an_error_of_the_store_is_everybodys() {
    let missing = answering(etcd_error(404, 100, "Key not found", "/a"));
    let alive = healthy();
    let client = client(&two(missing.url(), alive.url()), 60_000);
    for _ in 0..3 {
        refused(client.get("/a"), Status::KEY_NOT_FOUND);
    }
    assert_eq!((missing.requests().len(), alive.requests().len()), (3, 0));
}

/// How a member that has read a write behaves, and what is then to be said about it.
fn after_reading() -> Vec<(&'static str, Vec<Step>)> {
    let json = "application/json";
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"act".to_vec();
    let status = b"HTTP/1.1 200".to_vec();
    vec![
        ("closes", vec![Step::Close]),
        ("resets", vec![Step::Reset]),
        ("is silent", vec![Step::Silent]),
        ("closes in the head", vec![Step::Write(status), Step::Close]),
        (
            "closes in the body",
            vec![Step::Write(half.clone()), Step::Close],
        ),
        ("resets in the body", vec![Step::Write(half), Step::Reset]),
        (
            "500 without code",
            vec![answer(500, json, r#"{"message":"Internal Server Error"}"#)],
        ),
        (
            "500/300",
            vec![etcd_error(
                500,
                300,
                "Raft Internal Error",
                "etcdserver: request timed out",
            )],
        ),
        ("502", vec![answer(502, "text/html", "<html>502</html>")]),
        ("504", vec![answer(504, "text/html", "<html>504</html>")]),
    ]
}

#[test]
fn a_write_that_was_read_is_never_sent_twice() {
    std::thread::scope(|scope| {
        for (what, behaviour) in after_reading() {
            for operation in WRITES {
                let mut steps = vec![Step::Read];
                steps.extend(behaviour.clone());
                scope.spawn(move || {
                    let members = [Scripted::steps(steps.clone()), Scripted::steps(steps)];
                    let both = two(members[0].url(), members[1].url());
                    let client = client(&both, enough(what));
                    let error = refused(client.run(operation, "/a"), Status::OUTCOME_UNKNOWN);
                    let detail = error.detail();
                    assert!(detail.outcome_unknown, "{what}: {error:?}");
                    assert_eq!(detail.endpoint.as_deref(), Some(members[0].url()), "{what}");
                    assert!(detail.message.contains(members[0].url()), "{what}: {error}");
                    if what == "500/300" {
                        assert_eq!((detail.etcd_code, detail.http_status), (300, 500));
                    }
                    let copies = [members[0].requests().len(), members[1].requests().len()];
                    assert_eq!(copies, [1, 0], "{operation:?} to a member that {what}");
                });
            }
        }
    });
}

#[test]
fn a_write_on_a_kept_connection_is_never_sent_twice() {
    // what is cut before an answer may have been read: on a connection that answered before, too
    std::thread::scope(|scope| {
        for (what, behaviour) in after_reading() {
            for operation in WRITES {
                let mut steps = vec![Step::Read, Step::json(&node_json("1")), Step::Read];
                steps.extend(behaviour.clone());
                scope.spawn(move || {
                    let members = [Scripted::steps(steps.clone()), Scripted::steps(steps)];
                    let both = two(members[0].url(), members[1].url());
                    let client = client(&both, enough(what));
                    client.get("/a").unwrap();
                    let error = refused(client.run(operation, "/a"), Status::OUTCOME_UNKNOWN);
                    assert!(error.detail().outcome_unknown, "{what}: {error:?}");
                    let copies = [members[0].requests().len() - 1, members[1].requests().len()];
                    assert_eq!(copies, [1, 0], "{operation:?} to a member that {what}");
                });
            }
        }
    });
}

#[test]
fn a_foreign_answer_to_a_write_is_no_success_and_not_repeated() {
    for operation in WRITES {
        let page = answering(answer(200, "text/html", "<html>a portal</html>"));
        let alive = healthy();
        let client = client(&two(page.url(), alive.url()), 60_000);
        let error = refused(client.run(operation, "/a"), Status::OUTCOME_UNKNOWN);
        assert!(error.detail().outcome_unknown, "{error:?}");
        assert!(error.detail().body.starts_with(b"<html>"), "{error:?}");
        assert_eq!((page.requests().len(), alive.requests().len()), (1, 0));
    }
}

#[test]
fn a_write_that_was_surely_not_applied_goes_on() {
    let json = "application/json";
    for trouble in [
        answer(
            503,
            json,
            r#"{"message":"httpproxy: zero endpoints currently available"}"#,
        ),
        answer(
            503,
            json,
            r#"{"message":"proxy: zero endpoints currently available"}"#,
        ),
    ] {
        for operation in WRITES {
            let (bad, alive) = (answering(trouble.clone()), healthy());
            let client = client(&two(bad.url(), alive.url()), 60_000);
            let response = client
                .run(operation, "/a")
                .unwrap_or_else(|e| panic!("{trouble:?}: {e:?}"));
            assert_eq!(&**response.endpoint(), alive.url());
            assert_eq!((bad.requests().len(), alive.requests().len()), (1, 1));
        }
    }
}

#[test]
fn consent_to_repeat_takes_a_plain_write_to_the_next_member() {
    for (what, behaviour) in after_reading() {
        for operation in [Operation::Set, Operation::Delete] {
            let mut steps = vec![Step::Read];
            steps.extend(behaviour.clone());
            let (bad, alive) = (Scripted::steps(steps), healthy());
            let client = client(&two(bad.url(), alive.url()), enough(what));
            let mut call = call(operation, "/a");
            call.allow_repeat = true;
            let response = client
                .execute(&call)
                .unwrap_or_else(|e| panic!("{what}: {e:?}"));
            assert_eq!(&**response.endpoint(), alive.url(), "{what}");
            assert_eq!(
                (bad.requests().len(), alive.requests().len()),
                (1, 1),
                "{what}"
            );
        }
    }
    // nothing else is repeated, whatever is allowed
    for operation in [Operation::CreateInOrder, Operation::CompareAndSwap] {
        let (bad, alive) = (Scripted::steps(vec![Step::Read, Step::Close]), healthy());
        let client = client(&two(bad.url(), alive.url()), 60_000);
        let mut call = call(operation, "/a");
        call.allow_repeat = true;
        refused(client.execute(&call), Status::OUTCOME_UNKNOWN);
        assert_eq!((bad.requests().len(), alive.requests().len()), (1, 0));
    }
}

#[test]
fn a_repeated_write_stays_unknown_when_the_next_member_fails_too() {
    let closes = Scripted::steps(vec![Step::Read, Step::Close]);
    let busy = answering(answer(
        503,
        "application/json",
        r#"{"message":"During election"}"#,
    ));
    let client = client(&two(closes.url(), busy.url()), 60_000);
    let mut call = call(Operation::Set, "/a");
    call.allow_repeat = true;
    let error = refused(client.execute(&call), Status::OUTCOME_UNKNOWN);
    assert!(error.detail().outcome_unknown);
}

#[test]
fn a_connection_closed_between_calls_is_replaced_without_a_word() {
    for end in [
        vec![Step::Close],
        // not at once, since a reset overtakes an answer that was not read yet
        vec![Step::Wait(Duration::from_millis(50)), Step::Reset],
    ] {
        let mut steps = vec![Step::Read, Step::json(&node_json("1"))];
        steps.extend(end.clone());
        let server = Scripted::steps(steps);
        let client = client(server.url(), 60_000);
        for (i, operation) in [Operation::Get].into_iter().chain(WRITES).enumerate() {
            client
                .run(operation, "/a")
                .unwrap_or_else(|e| panic!("{i} {operation:?} {end:?}: {e:?}"));
            assert_eq!(server.requests().len(), i + 1);
            server.wait_until_idle();
        }
    }
}

#[test]
fn all_dead_is_told_at_once_with_every_attempt() {
    let etcd = Etcd::start(Version::V3_5);
    etcd.set("/a", "value=1");
    let dead = dead_endpoint();
    let client = client(&two(&dead, etcd.url()), 60_000);
    assert_eq!(value(client.get("/a")), "1");
    etcd.kill();
    for operation in [Operation::Get, Operation::CreateInOrder] {
        let started = Instant::now();
        let error = refused(client.run(operation, "/a"), Status::UNREACHABLE);
        assert!(started.elapsed() < Duration::from_secs(30));
        let detail = error.detail();
        assert!(detail.retriable && !detail.outcome_unknown);
        for endpoint in [dead.as_str(), etcd.url()] {
            assert!(detail.message.contains(endpoint), "{error}");
            let attempt = detail
                .attempts
                .iter()
                .rfind(|a| &*a.endpoint == endpoint)
                .unwrap_or_else(|| panic!("{error:?}"));
            assert_eq!(attempt.phase, Phase::Connect);
            assert!(!attempt.text.is_empty());
            assert!(attempt.took < Duration::from_secs(20));
        }
        assert_eq!(detail.phase, Some(Phase::Connect));
        let last = detail.attempts.last().unwrap();
        assert_eq!(detail.endpoint, Some(last.endpoint.clone()));
    }
    // penalties never keep a client from a member that is back
    etcd.restart();
    assert_eq!(value(client.get("/a")), "1");
    client.set("/a", "2").unwrap();
    assert_eq!(etcd.value("/a").as_deref(), Some("2"));
}

#[test]
fn a_redirect_is_followed_with_method_and_body() {
    let leader = healthy();
    let location = format!("{}/v2/keys/a?", leader.url());
    let redirect = Step::Answer(307, vec![("Location".into(), location)], Vec::new());
    let follower = answering(redirect);
    let client = client(follower.url(), 60_000);
    assert_eq!(value(client.set("/a", "some value")), "1");
    client.run(Operation::CreateInOrder, "/a").unwrap();
    client.run(Operation::Delete, "/a").unwrap();
    assert_eq!(
        leader.request_lines(),
        ["PUT", "POST", "DELETE"].map(|m| format!("{m} /v2/keys/a? HTTP/1.1"))
    );
    assert_eq!(follower.requests().len(), 3);
    let sent = leader.requests();
    assert!(
        sent[0].ends_with(b"\r\n\r\nvalue=some+value")
            || sent[0].ends_with(b"\r\n\r\nvalue=some%20value")
    );
    let body = |request: &[u8]| {
        let at = http::find(request, b"\r\n\r\n").unwrap();
        request[at..].to_vec()
    };
    assert_eq!(body(&sent[0]), body(&follower.requests()[0]));
}

#[test]
fn a_watch_of_a_long_key_that_ends_in_vain_says_so_in_one_line() {
    let silent = Scripted::steps(vec![Step::Read, Step::Silent]);
    let client = client(silent.url(), 10_000);
    let long = key(&format!("/a\nb{}", "x".repeat(50_000)));
    let patience = Patience::For(Duration::from_millis(100));
    let error = refused(
        client.watch_once(&long, false, 1, patience, None),
        Status::TIMEOUT,
    );
    let message = &error.detail().message;
    assert!(message.len() < 1000, "{} bytes", message.len());
    assert!(message.starts_with("no change of /a bxxx"), "{message}");
    assert!(message.contains("… within 1"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}

#[test]
fn a_deadline_that_passes_while_the_request_is_written_is_kept() {
    let server = healthy();
    let client = client(server.url(), 1);
    let mut request = api::request(Operation::Set, "/a");
    // every byte takes three
    request.set_value(&vec![b'%'; 3_000_000]).unwrap();
    let call = etcd_v2::client::Call::new(etcd_v2::client::Ask::Keys(request));
    let error = refused(client.execute(&call), Status::TIMEOUT);
    assert!(!error.detail().outcome_unknown);
    assert!(server.requests().is_empty());
}

#[test]
fn a_redirect_in_circles_ends() {
    let circle = Step::Answer(
        307,
        vec![("Location".into(), "/v2/keys/a".into())],
        Vec::new(),
    );
    let server = answering(circle);
    let client = client(server.url(), 60_000);
    refused(client.get("/a"), Status::REDIRECT);
    assert!(server.requests().len() < 30, "{}", server.requests().len());

    // another member is asked instead
    let alive = healthy();
    let client = api::client(&two(server.url(), alive.url()), 60_000);
    assert_eq!(value(client.get("/a")), "1");
    assert_eq!(alive.requests().len(), 1);

    // a write is not: whoever sends it elsewhere may have handed it on before
    let client = api::client(&two(server.url(), alive.url()), 60_000);
    let before = server.requests().len();
    refused(client.set("/a", "1"), Status::OUTCOME_UNKNOWN);
    assert_eq!(
        (server.requests().len(), alive.requests().len()),
        (before + 1, 1)
    );
}

#[test]
fn a_paused_member_of_a_cluster_is_left_within_the_deadline() {
    let cluster = Cluster::start(Version::V3_4, 3);
    let follower = cluster.followers()[0];
    let first = cluster.member(follower);
    let others: Vec<&str> = (0..3)
        .filter(|i| *i != follower)
        .map(|i| cluster.member(i).url())
        .collect();
    let endpoints = format!("{},{}", first.url(), others.join(","));
    let client = client(&endpoints, 20_000);
    first.set_in_the_end("/a", "value=1");
    let response = client.get("/a").unwrap();
    assert_eq!(&**response.endpoint(), first.url());
    first.pause();
    assert_eq!(value(client.execute(&quorum_get("/a"))), "1");
    // the others are asked from now on, writes included, which could not have gone on by themselves
    for i in 0..10 {
        // an election loses what is written meanwhile, whomever it was sent to
        let asked = wait_for("a write", Duration::ZERO, || {
            match client.set("/a", &i.to_string()) {
                Ok(response) => Some(response.endpoint().clone()),
                Err(error) => {
                    assert_ne!(error.detail().endpoint.as_deref(), Some(first.url()));
                    None
                }
            }
        });
        assert_ne!(&*asked, first.url());
        assert_eq!(value(client.execute(&quorum_get("/a"))), i.to_string());
    }
    // so is it by a client that never saw it alive
    let fresh = api::client(&endpoints, 20_000);
    assert_eq!(value(fresh.execute(&quorum_get("/a"))), "9");
    first.resume();
}

#[test]
fn the_leader_dies_under_writes() {
    let cluster = Cluster::start(Version::V3_5, 3);
    let leader = cluster.leader();
    let endpoints = format!("{},{}", cluster.member(leader).url(), cluster.endpoints());
    // longer than etcd takes to say that a write waited for the election in vain
    let client = client(&endpoints, 60_000);
    let mut acknowledged = Vec::new();
    let mut unknown = Vec::new();
    let mut failures = 0;
    for i in 0..60 {
        if i == 20 {
            cluster.member(leader).kill();
        }
        match client.set(&format!("/w/{i}"), &i.to_string()) {
            Ok(_) => acknowledged.push(i),
            Err(error) => {
                // not what a member says: an election loses what is written meanwhile, and there may be several
                failures += u32::from(error.detail().http_status == 0);
                assert!(
                    error.detail().retriable || error.detail().outcome_unknown,
                    "{error:?}"
                );
                if error.detail().outcome_unknown {
                    unknown.push(i);
                }
            }
        }
    }
    // the connection dies with its leader, one write may have been on it
    assert!(failures <= 1, "{failures} failures");
    assert!(acknowledged.last() > Some(&20), "{acknowledged:?}");
    let survivor = cluster.member((leader + 1) % 3);
    // from now on it has all that was acknowledged before
    survivor.set_in_the_end("/w/last", "value=x");
    for i in 0..60 {
        let stored = survivor.value(&format!("/w/{i}"));
        if acknowledged.contains(&i) {
            assert_eq!(stored, Some(i.to_string()), "an acknowledged write is lost");
        } else if !unknown.contains(&i) {
            assert_eq!(stored, None, "said not to be applied");
        }
    }
}

#[test]
fn a_write_without_quorum_is_unknown_and_a_read_still_answers() {
    // the server gives up after 5 s and twice the election timeout
    let cluster = Setup::new(Version::V3_4).timing(20, 200).cluster(3);
    let follower = cluster.followers()[0];
    cluster.member(follower).set_in_the_end("/a", "value=1");
    for i in (0..3).filter(|i| *i != follower) {
        cluster.member(i).kill();
    }
    let client = client(cluster.member(follower).url(), 60_000);
    let started = Instant::now();
    let error = client.set("/a", "2").expect_err("no quorum");
    assert!(started.elapsed() < Duration::from_secs(50), "{error:?}");
    eprintln!("a write without quorum: {:?}, {error}", started.elapsed());
    if error.detail().outcome_unknown {
        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN);
    } else {
        assert_eq!(error.status(), Status::LEADER_ELECTION, "{error:?}");
    }
    assert_eq!(value(client.get("/a")), "1");
}

#[test]
fn a_watch_goes_on_where_the_last_member_left() {
    let head = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event =
        r#"{"action":"set","node":{"key":"/a","value":"x","modifiedIndex":9,"createdIndex":9}}"#;
    for end in [Step::Close, Step::Reset] {
        let first = Scripted::scripts(vec![
            vec![
                Step::Read,
                Step::Write(head.into()),
                Step::Wait(Duration::from_millis(50)),
                end,
            ],
            vec![Step::Close],
        ]);
        let second = Scripted::json(event);
        let client = client(&two(first.url(), second.url()), 20_000);
        let response = client
            .watch_once(&key("/a"), false, 0, Patience::Default, None)
            .unwrap();
        assert_eq!(response.node().unwrap().modified_index(), 9);
        // from now was from 7: what happened while nobody was connected is asked for
        let line = second.request_lines()[0].clone();
        assert!(
            line.contains("wait=true") && line.contains("waitIndex=8"),
            "{line}"
        );
    }
}

fn watch_while_its_member_dies(version: Version, from_now: bool) {
    let cluster = Cluster::start(version, 3);
    let leader = cluster.leader();
    let dying = cluster.all_but(leader)[0];
    let other = cluster.member(leader);
    let index = other.set_in_the_end("/w", "value=before");
    wait_for("all have the key", Duration::from_secs(5), || {
        cluster
            .members()
            .iter()
            .all(|m| m.value("/w").is_some())
            .then_some(())
    });
    let first = cluster.member(dying);
    let endpoints = format!("{},{}", first.url(), cluster.endpoints());
    let client = client(&endpoints, 30_000);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let from = if from_now { 0 } else { index + 1 };
            client.watch_once(&key("/w"), false, from, Patience::Default, None)
        });
        let stats = format!("{}/v2/stats/store", first.url());
        wait_for("it watches", Duration::from_secs(10), || {
            let stats = http::get(&stats).ok()?.json();
            (stats["watchers"].as_u64() == Some(1)).then_some(())
        });
        first.kill();
        // while it looks for another member
        let written = other.set_in_the_end("/w", "value=after");
        let response = watching.join().unwrap().unwrap();
        assert_eq!(response.action(), Action::Set);
        let node = response.node().unwrap();
        assert_eq!(node.value(), Some("after"));
        // an election may lose the answer to a write, which is then written again
        assert!((index + 1..=written).contains(&node.modified_index()));
        assert_ne!(&**response.endpoint(), first.url());
    });
}

#[test]
fn a_watch_survives_its_member_on_3_4() {
    watch_while_its_member_dies(Version::V3_4, true);
}

#[test]
fn a_watch_survives_its_member_on_3_5() {
    watch_while_its_member_dies(Version::V3_5, false);
}

#[test]
fn a_watch_survives_its_member_on_the_newest_3_5() {
    watch_while_its_member_dies(Version::V3_5Newest, false);
}
