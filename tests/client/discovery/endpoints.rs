//! Members that the caller names anew while calls and watchers run.

use super::*;
use api::{Verbs, key, value};
use etcd_v2::cluster::members::member_set::Source;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Etcd, Version, wait_for};

fn healthy() -> Scripted {
    Scripted::json(&node_json("1"))
}

#[test]
fn the_next_call_goes_to_the_members_that_were_named_last() {
    let (first, second) = (healthy(), healthy());
    let client = client(first.url());
    value(client.get("/a"));
    client.set_endpoints("urls", second.url()).unwrap();
    value(client.get("/a"));
    assert_eq!((first.requests().len(), second.requests().len()), (1, 1));
    // and its idle connections are closed
    first.wait_until_idle();
    assert_eq!(urls(&client), [second.url()]);
    let error = client
        .set_endpoints("urls", "127.0.0.1:1,gopher://b")
        .unwrap_err();
    assert_eq!(error.status(), Status::INVALID_ARGUMENT);
    assert_eq!(urls(&client), [second.url()]);
}

#[test]
fn the_member_that_is_asked_stays_with_its_connection() {
    let (other, asked) = (healthy(), healthy());
    let client = client(asked.url());
    value(client.get("/a"));
    let both = format!("{},{}", other.url(), asked.url());
    client.set_endpoints("urls", &both).unwrap();
    for _ in 0..10 {
        value(client.get("/a"));
    }
    assert_eq!((asked.connections(), other.connections()), (1, 0));
}

#[test]
fn submitted_calls_leave_no_connection_behind() {
    let (first, second) = (healthy(), healthy());
    let client = client(first.url());
    let (tell, told) = std::sync::mpsc::channel();
    let call = api::call(etcd_v2::protocol::request::Operation::Get, "/a");
    client
        .submit(&call, move |result| tell.send(result).unwrap())
        .unwrap();
    value(told.recv_timeout(LONG).unwrap());
    assert_eq!(first.open_connections(), 1);
    client.set_endpoints("urls", second.url()).unwrap();
    first.wait_until_idle();
}

#[test]
fn what_failed_is_told() {
    let (dead, alive) = (api::dead_endpoint(), healthy());
    let client = client(&format!("{dead},{}", alive.url()));
    value(client.get("/a"));
    let known = client.endpoints().unwrap();
    assert_eq!((&*known[0].url, known[0].source), (&*dead, Source::Seed));
    assert!(!known[0].penalty.is_zero() && known[0].penalty <= Duration::from_millis(500));
    assert_eq!(
        (&*known[1].url, known[1].penalty),
        (alive.url(), Duration::ZERO)
    );
}

/// A watcher sees every change while the list is changed under it.
#[test]
fn a_watcher_survives_a_change_of_all_members() {
    let etcd = Etcd::start(Version::V3_4);
    let by_name = etcd.url().replace("127.0.0.1", "localhost");
    let client = client(etcd.url());
    let watcher = client
        .watch(&key("/w"), &WatchOptions::default(), Default::default())
        .unwrap();
    wait_for("a place to start from", LONG, || {
        (watcher.next_index() != 0).then_some(())
    });
    for round in 0..20 {
        let url = if round % 2 == 0 { &by_name } else { etcd.url() };
        client.set_endpoints("urls", url).unwrap();
        client.set("/w", &round.to_string()).unwrap();
        let event = watcher
            .next(Some(std::time::Instant::now() + LONG))
            .unwrap()
            .expect("an event");
        let node = event.node().expect("a node");
        assert_eq!(node.value(), Some(round.to_string().as_str()));
    }
}

/// Sixteen threads read while the list is changed under them, and none of them hears of it.
#[test]
fn calls_do_not_notice_a_change() {
    let servers: Vec<Scripted> = (0..3).map(|_| healthy()).collect();
    let client = client(servers[0].url());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while !done.load(Ordering::SeqCst) {
                        assert_eq!(value(client.get("/a")), "1");
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for round in 0..30 {
            let [now, next] = [0, 1].map(|i| &servers[(round + i) % 3]);
            let before = now.requests().len();
            // alone, so that it is asked, and then with another that is not
            client.set_endpoints("urls", now.url()).unwrap();
            wait_for("requests to it", LONG, || {
                (now.requests().len() > before).then_some(())
            });
            let both = format!("{},{}", next.url(), now.url());
            client.set_endpoints("urls", &both).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}
