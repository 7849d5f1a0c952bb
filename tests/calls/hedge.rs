//! Reads that are sent to a second member when the first one keeps them waiting.

use crate::api;
use crate::support;

use api::{Client, Verbs, call_with, node_json, options, quorum_get, refused, value};
use etcd_v2::client::{Ask, Call, Options};
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Cluster, Scripted, Step, Version, wait_for};

fn hedged(members: &[&Scripted], ms: i64, deadline_ms: i64) -> Options {
    let urls: Vec<&str> = members.iter().map(|m| m.url()).collect();
    let mut options = options(&urls.join(","), deadline_ms);
    options.set_hedge_ms(ms).unwrap();
    options
}

fn client(members: &[&Scripted], ms: i64) -> Client {
    Client::new(&hedged(members, ms, 60_000)).unwrap()
}

fn mute() -> Scripted {
    Scripted::steps(vec![Step::Read, Step::Silent])
}

fn count(client: &Client, name: &str) -> u64 {
    let counters = client.counters().unwrap();
    let mut names = etcd_v2::client::ClientCounters::names();
    counters.whole[names.position(|n| n == name).unwrap()]
}

/// Answers each request when another member has got `n` more.
fn answers_after(other: &Arc<Scripted>, n: usize, value: &str) -> Scripted {
    let (other, answer, count) = (other.clone(), node_json(value), AtomicUsize::new(0));
    Scripted::tcp(move |c| {
        while c.read_request()?.is_some() {
            let asked = count.fetch_add(n, Ordering::SeqCst) + n;
            while other.requests().len() < asked && !c.stopping() {
                c.wait(Duration::from_millis(5));
            }
            c.answer_json(&answer)?;
        }
        Ok(())
    })
}

#[test]
fn a_second_member_answers_what_the_first_does_not() {
    let missing = Step::Answer(
        404,
        vec![("X-Etcd-Index".into(), "7".into())],
        br#"{"errorCode":100,"message":"Key not found","cause":"/a","index":7}"#.to_vec(),
    );
    for (answer, status) in [
        (Step::json(&node_json("2")), None),
        // a refusal is an answer, too
        (missing, Some(Status::KEY_NOT_FOUND)),
    ] {
        let first = mute();
        let second = Scripted::steps(vec![Step::Read, answer, Step::Again]);
        let client = client(&[&first, &second], 1_000);
        let began = Instant::now();
        match status {
            None => assert_eq!(value(client.get("/a")), "2"),
            Some(status) => drop(refused(client.get("/a"), status)),
        }
        // the share of the first would have been half a minute
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
        first.wait_for_requests(1);
        assert_eq!(count(&client, "hedges"), 1);
        // the loser's connection is closed
        first.wait_until_idle();
        assert_eq!(first.requests().len(), 1);
        // and the one that answers is asked first from now on
        for _ in 0..5 {
            let _ = client.get("/a");
        }
        // on a busy machine it may be late, too, but not each time
        assert!(first.requests().len() <= 3 && count(&client, "hedges") <= 3);
        assert_eq!(second.requests().len(), 6);
    }
}

#[test]
fn who_answers_in_time_is_not_helped() {
    let (first, second) = (
        Scripted::json(&node_json("1")),
        Scripted::json(&node_json("2")),
    );
    let client = client(&[&first, &second], 30_000);
    for _ in 0..20 {
        assert_eq!(value(client.get("/a")), "1");
    }
    assert!(second.requests().is_empty());
    assert_eq!(count(&client, "hedges"), 0);
}

#[test]
fn the_first_may_still_win() {
    // it answers after the second has been asked, which never does
    let second = Arc::new(mute());
    let first = answers_after(&second, 1, "1");
    let client = client(&[&first, &second], 20);
    assert_eq!(value(client.get("/a")), "1");
    assert_eq!((second.requests().len(), count(&client, "hedges")), (1, 1));
    second.wait_until_idle();
    assert_eq!(value(client.execute(&quorum_get("/a"))), "1");
    let raw = Call::new(Ask::Raw(
        HttpRequest::raw("GET", "/version", None, None).unwrap(),
    ));
    assert_eq!(client.execute(&raw).unwrap().head().status, 200);
    assert_eq!(count(&client, "hedges"), 3);
}

#[test]
fn writes_are_sent_once() {
    let (first, second) = (mute(), Scripted::json(&node_json("2")));
    // time for the first to be reached on a busy machine
    let client = Client::new(&hedged(&[&first, &second], 10, 5_000)).unwrap();
    let all = || first.requests().len() + second.requests().len();
    for operation in [Operation::Set, Operation::CreateInOrder, Operation::Delete] {
        let before = all();
        let _ = client.run(operation, "/a");
        assert_eq!(all(), before + 1);
    }
    assert_eq!(count(&client, "hedges"), 0);
}

#[test]
fn when_nobody_answers_it_ends_once_and_as_it_would_have() {
    let (first, second) = (mute(), mute());
    let client = Client::new(&hedged(&[&first, &second], 20, 5_000)).unwrap();
    let error = refused(client.get("/a"), Status::TIMEOUT);
    assert!(error.detail().attempts.len() >= 2, "{error:?}");
    assert!(error.detail().retriable);
    first.wait_until_idle();
    second.wait_until_idle();

    // the token ends both
    let client = Client::new(&hedged(&[&first, &second], 20, 60_000)).unwrap();
    let token = Cancel::new().unwrap();
    let asked = [first.requests().len(), second.requests().len()];
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| client.execute(&call_with(Operation::Get, "/a", &token)));
        wait_for("both are asked", Duration::from_secs(20), || {
            let now = [first.requests().len(), second.requests().len()];
            (now == asked.map(|n| n + 1)).then_some(())
        });
        token.fire();
        refused(reading.join().unwrap(), Status::CANCELLED);
    });
    first.wait_until_idle();
    second.wait_until_idle();

    // one that fails leaves it to the other
    let closes = Scripted::steps(vec![
        Step::Read,
        Step::Wait(Duration::from_millis(300)),
        Step::Close,
    ]);
    let slow = Scripted::steps(vec![
        Step::Read,
        Step::Wait(Duration::from_millis(900)),
        Step::json(&node_json("slow")),
        Step::Again,
    ]);
    let client = Client::new(&hedged(&[&closes, &slow], 20, 60_000)).unwrap();
    assert_eq!(value(client.get("/a")), "slow");
}

#[test]
fn a_second_member_that_is_not_etcd_does_not_win() {
    let page = Step::Answer(404, Vec::new(), b"404 page not found".to_vec());
    let portal = Arc::new(Scripted::steps(vec![Step::Read, page, Step::Again]));
    // it is asked, and who it is
    let slow = answers_after(&portal, 2, "slow");
    let client = client(&[&slow, &portal], 20);
    assert_eq!(value(client.get("/a")), "slow");
    // it is not etcd
    let asked = portal.request_lines();
    assert_eq!(asked[1..], ["GET /version HTTP/1.1"]);
    assert_eq!((asked.len(), count(&client, "hedges")), (2, 1));
}

#[test]
fn one_member_alone_has_no_thread() {
    let only = Scripted::json(&node_json("1"));
    let client = client(&[&only], 1);
    assert_eq!(value(client.get("/a")), "1");
    assert_eq!(count(&client, "hedges"), 0);
}

#[test]
fn a_callback_may_read_and_wait() {
    let (first, second) = (
        Scripted::json(&node_json("1")),
        Scripted::json(&node_json("2")),
    );
    let client = Arc::new(
        etcd_v2::client::Client::new(&hedged(&[&first, &second], 20_000, 60_000)).unwrap(),
    );
    let (tell, told) = std::sync::mpsc::channel();
    let theirs = client.clone();
    let write = api::call(Operation::Set, "/a");
    client
        .submit(&write, move |_| {
            // on the thread that would have to serve it
            tell.send(theirs.execute(&api::call(Operation::Get, "/a")))
                .unwrap();
        })
        .unwrap();
    let answer = told
        .recv_timeout(Duration::from_secs(100))
        .expect("no lock");
    assert_eq!(value(answer), "1");
}

#[test]
fn a_paused_member_of_a_cluster_costs_no_more_than_the_delay() {
    let cluster = Cluster::start(Version::V3_5, 3);
    let paused = cluster.followers()[0];
    cluster.member(paused).set_in_the_end("/a", "value=1");
    wait_for("all have it", Duration::from_secs(20), || {
        let mut all = cluster.members().iter();
        all.all(|m| m.value("/a").as_deref() == Some("1"))
            .then_some(())
    });
    let endpoints = format!("{},{}", cluster.member(paused).url(), cluster.endpoints());
    let mut options = options(&endpoints, 60_000);
    options.set_hedge_ms(2_000).unwrap();
    let client = Client::new(&options).unwrap();
    assert_eq!(value(client.get("/a")), "1");
    cluster.member(paused).pause();
    let began = Instant::now();
    assert_eq!(value(client.get("/a")), "1");
    let took = began.elapsed();
    // without it, a share of 20 s
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(count(&client, "hedges"), 1);
    cluster.member(paused).resume();
}
