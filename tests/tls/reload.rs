//! Certificates that are renewed under a client that goes on.

use super::api;
use super::server::{Manner, TlsServer};
use super::support::etcd::Setup;
use super::support::{Authority, Pair, Version, Wish, wait_for};
use super::ways::{LONG, client, set, show, trust};
use etcd_v2::client::{Client, Listener, Watcher};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const ANSWER: &str =
    r#"{"action":"set","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#;

/// Another certificate in the same files.
fn renew(authority: &Authority, pair: &Pair, wish: &Wish) -> Pair {
    let new = authority.issue(wish);
    std::fs::write(&pair.cert_file, &new.cert).unwrap();
    std::fs::write(&pair.key_file, &new.key).unwrap();
    new
}

fn submitted(client: &Client) {
    let (tell, told) = channel();
    client
        .submit(&api::call(Operation::Set, "/a"), move |result| {
            tell.send(result.map(drop)).unwrap();
        })
        .unwrap();
    told.recv_timeout(LONG).expect("a completion").unwrap();
}

#[test]
fn new_connections_show_the_new_certificate_and_idle_ones_are_closed() {
    let authority = Authority::new("ours");
    let own = authority.issue(&Wish::client("me"));
    let pair = authority.issue(&Wish::server());
    let server = TlsServer::start(&pair, Some(&authority), Manner::Answer(ANSWER));
    let client = client(&server.url, |options| {
        trust(&authority, options);
        show(&own, options);
    });
    let shown = || {
        let visits = server.visits().into_iter();
        visits.map(|visit| visit.shown.unwrap()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        set(&client, "/a", "v").unwrap();
        submitted(&client);
    }
    // one connection for each driver
    assert_eq!(shown(), [own.der.clone(), own.der.clone()]);
    client.reload_tls().unwrap();
    set(&client, "/a", "v").unwrap();
    submitted(&client);
    assert_eq!(shown().len(), 4);

    let new = renew(&authority, &own, &Wish::client("me"));
    // nobody looks at files by himself
    set(&client, "/a", "v").unwrap();
    assert_eq!(shown().len(), 4);
    client.reload_tls().unwrap();
    set(&client, "/a", "v").unwrap();
    submitted(&client);
    assert_eq!(shown()[4..], [new.der.clone(), new.der.clone()]);

    // what is wrong with the files changes nothing
    let old = authority.issue(&Wish::client("me").years(2000, 2001));
    std::fs::write(&own.cert_file, &old.cert).unwrap();
    let error = client.reload_tls().unwrap_err();
    assert_eq!(error.status(), Status::TLS);
    assert!(
        error.to_string().contains("expired on 2001-01-01"),
        "{error}"
    );
    std::fs::remove_file(&own.cert_file).unwrap();
    let error = client.reload_tls().unwrap_err();
    assert!(error.to_string().contains("no such file"), "{error}");
    set(&client, "/a", "v").unwrap();
    submitted(&client);
    assert_eq!(shown().len(), 6);
    server.hang_up();
    set(&client, "/a", "v").unwrap();
    assert_eq!(shown()[6], new.der);
}

#[test]
fn who_is_under_way_is_not_disturbed_and_not_followed() {
    let authority = Authority::new("ours");
    let own = authority.issue(&Wish::client("me"));
    let pair = authority.issue(&Wish::server());
    let (go, gone) = channel();
    let manner = Manner::Hold(ANSWER, Arc::new(Mutex::new(gone)));
    let server = TlsServer::start(&pair, Some(&authority), manner);
    let client = client(&server.url, |options| {
        trust(&authority, options);
        show(&own, options);
    });
    let asked = |n: usize| {
        wait_for(&format!("{n} requests"), LONG, || {
            let requests = server
                .visits()
                .iter()
                .map(|visit| visit.requests)
                .sum::<usize>();
            (requests >= n).then_some(())
        });
    };
    std::thread::scope(|scope| {
        let calls = [
            scope.spawn(|| set(&client, "/a", "v").unwrap()),
            scope.spawn(|| submitted(&client)),
        ];
        asked(2);
        let new = renew(&authority, &own, &Wish::client("me"));
        client.reload_tls().unwrap();
        (0..2).for_each(|_| go.send(()).unwrap());
        calls.into_iter().for_each(|call| call.join().unwrap());
        // what they went over is not used again
        let calls = [
            scope.spawn(|| set(&client, "/a", "v").unwrap()),
            scope.spawn(|| submitted(&client)),
        ];
        (0..2).for_each(|_| go.send(()).unwrap());
        calls.into_iter().for_each(|call| call.join().unwrap());
        let shown: Vec<_> = server
            .visits()
            .into_iter()
            .map(|visit| visit.shown.unwrap())
            .collect();
        assert_eq!(
            shown,
            [own.der.clone(), own.der.clone(), new.der.clone(), new.der]
        );
    });
    drop(go);
}

fn watch(client: &Client, key: &str) -> Watcher {
    let key = Key::parse("key", key).unwrap();
    let mut options = WatchOptions::default();
    options.set_recursive(true);
    client.watch(&key, &options, Listener::default()).unwrap()
}

/// Both sides get new certificates again and again, while calls and watchers go on.
#[test]
fn no_call_fails_and_no_event_is_lost_when_certificates_are_renewed() {
    for version in Version::ALL {
        let authority = Authority::new("ours");
        let own = authority.issue(&Wish::client("me"));
        let server = authority.issue(&Wish::server());
        let etcd = Setup::new(version).secure(&server);
        let etcd = etcd.client_authority(&authority).start();
        let client = client(etcd.secure_url(), |options| {
            trust(&authority, options);
            show(&own, options);
        });
        let watchers: Vec<Watcher> = (0..5).map(|_| watch(&client, "/renewed")).collect();
        for watcher in &watchers {
            wait_for("the watcher is live", LONG, || {
                (watcher.state().code() == 2).then_some(())
            });
        }
        let (done, written) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (client, done, written) = (&client, &done, &written);
                scope.spawn(move || {
                    while !done.load(Ordering::SeqCst) {
                        set(client, &format!("/renewed/{writer}"), "v").unwrap();
                        submitted(client);
                        written.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            for round in 0..10 {
                renew(&authority, &own, &Wish::client("me"));
                renew(&authority, &server, &Wish::server());
                client.reload_tls().unwrap();
                let before = written.load(Ordering::SeqCst);
                wait_for(&format!("writes after round {round}"), LONG, || {
                    (written.load(Ordering::SeqCst) >= before + 10).then_some(())
                });
            }
            done.store(true, Ordering::SeqCst);
        });
        let written = written.load(Ordering::SeqCst);
        for watcher in &watchers {
            let mut last = 0;
            for _ in 0..written {
                let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
                let event = event.expect("an event in time");
                assert!(event.index() > last);
                last = event.index();
            }
            assert!(watcher.next(Some(Instant::now())).unwrap().is_none());
            let counters = watcher.counters();
            assert_eq!(counters.reconnects, 0, "{version}: {counters:?}");
        }
    }
}
