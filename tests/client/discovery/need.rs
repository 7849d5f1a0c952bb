//! Members that are looked for because all that are known have failed.

use super::*;
use api::{Verbs, key, value};
use etcd_v2::client::Patience;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use support::{Etcd, Version, wait_for};

/// A member that serves until it is ill; its list has `others` from then on.
fn failing(ill: &Arc<AtomicBool>, cluster: &str, others: &[&str]) -> Scripted {
    let (ill, cluster, others) = (ill.clone(), cluster.to_owned(), list(others));
    Scripted::tcp(move |conversation: &mut Conversation| -> io::Result<()> {
        while let Some((head, _)) = conversation.request()? {
            let headers = [("X-Etcd-Cluster-Id", cluster.as_str())];
            let ill = ill.load(Ordering::SeqCst);
            match (ill, head.contains(" /v2/members ")) {
                (true, true) => conversation.answer(200, &headers, &others)?,
                (true, false) => conversation.answer(500, &headers, "no")?,
                (false, true) => conversation.answer(200, &headers, list(&["http://0.0.0.0:1"]))?,
                (false, false) => conversation.answer(200, &headers, node_json("1"))?,
            }
        }
        Ok(())
    })
}

/// Wants members to be found, and has found none so far.
fn wanting(server: &Scripted) -> Client {
    let client = client(server.url());
    client.sync(None, None).unwrap_err();
    assert_eq!(urls(&client), [server.url()]);
    client
}

/// A member that has failed, whose list names a real one, and a client that knows only the first.
fn failed_beside(etcd: &Etcd) -> (Scripted, Client) {
    let id = support::http::get(&format!("{}/v2/members", etcd.url())).unwrap();
    let id = id.header("X-Etcd-Cluster-Id").unwrap().to_owned();
    let ill = Arc::new(AtomicBool::new(false));
    let server = failing(&ill, &id, &[etcd.url()]);
    let client = wanting(&server);
    ill.store(true, Ordering::SeqCst);
    (server, client)
}

/// P37: the caller notices nothing.
#[test]
fn a_call_that_failed_everywhere_finds_the_others() {
    let good = listing(200, "c1", &list(&[]));
    let ill = Arc::new(AtomicBool::new(false));
    let server = failing(&ill, "c1", &[good.url()]);
    let client = wanting(&server);
    assert_eq!(value(client.get("/a")), "1");
    ill.store(true, Ordering::SeqCst);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(value(client.get("/a")), "1"));
        }
    });
    assert_eq!(urls(&client), [server.url(), good.url()]);
    // one of them has looked for all
    let looks = server
        .request_lines()
        .iter()
        .filter(|l| l.contains("/v2/members"))
        .count();
    assert_eq!(looks, 2);
}

#[test]
fn one_change_is_waited_for_at_those_that_were_found() {
    let etcd = Etcd::start(Version::V3_4);
    let (_server, client) = failed_beside(&etcd);
    let watch = || client.watch_once(&key("/w"), false, 0, Patience::For(LONG), None);
    std::thread::scope(|scope| {
        let watching = scope.spawn(watch);
        wait_for("a change", LONG, || {
            support::http::put(&format!("{}/v2/keys/w", etcd.url()), "value=x").unwrap();
            std::thread::sleep(Duration::from_millis(20));
            watching.is_finished().then_some(())
        });
        let event = watching.join().unwrap().unwrap();
        assert_eq!(event.node().unwrap().value(), Some("x"));
    });
}

#[test]
fn watchers_go_on_at_those_that_were_found() {
    let etcd = Etcd::start(Version::V3_5);
    let (_server, client) = failed_beside(&etcd);
    let watcher = client
        .watch(&key("/w"), &WatchOptions::default(), Default::default())
        .unwrap();
    wait_for("a place to start from", LONG, || {
        (watcher.next_index() != 0).then_some(())
    });
    support::http::put(&format!("{}/v2/keys/w", etcd.url()), "value=x").unwrap();
    let event = watcher
        .next(Some(Instant::now() + LONG))
        .unwrap()
        .expect("an event");
    assert_eq!(event.node().unwrap().value(), Some("x"));
}

/// Endless trouble costs a bounded number of requests, and ends by itself.
#[test]
fn all_members_dead_and_then_back() {
    let ill = Arc::new(AtomicBool::new(false));
    let server = failing(&ill, "c1", &["http://0.0.0.0:1"]);
    let client = wanting(&server);
    ill.store(true, Ordering::SeqCst);
    let before = server.requests().len();
    let began = Instant::now();
    let calls = 20;
    for _ in 0..calls {
        let error = client.get("/a").unwrap_err();
        assert_eq!(error.status(), etcd_v2::status::Status::SERVER_ERROR);
    }
    let took = began.elapsed().as_secs_f64();
    let lines = server.request_lines()[before..].to_vec();
    let (looks, gets): (Vec<_>, Vec<_>) = lines.iter().partition(|l| l.contains("/v2/members"));
    // two rounds each; a look for members at most every half second
    assert_eq!(gets.len(), 2 * calls);
    assert!(
        looks.len() <= 1 + (took / 0.5) as usize,
        "{} in {took} s",
        looks.len()
    );
    assert!(!looks.is_empty());
    ill.store(false, Ordering::SeqCst);
    assert_eq!(value(client.get("/a")), "1");
}
