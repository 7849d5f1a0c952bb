//! Watchers on real servers: every event once and in order, and an end that leaves nothing behind.

use crate::support;

use etcd_v2::client::{Client, Listener, Options, Watcher};
use etcd_v2::protocol::key::Key;
use etcd_v2::status::Status;
use etcd_v2::watch::event::{Event, EventKind};
use etcd_v2::watch::options::{OnFull, OnLost, WatchOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::api::dead_endpoint;
use support::{Etcd, Version, wait_for};

const AMPLE: Duration = Duration::from_secs(30);

fn client(url: &str) -> Client {
    let mut options = Options::default();
    options.add_endpoints("endpoints", url).unwrap();
    Client::new(&options).unwrap()
}

fn watch(client: &Client, key: &str, set: impl FnOnce(&mut WatchOptions)) -> Watcher {
    let mut options = WatchOptions::default();
    set(&mut options);
    let key = Key::parse("key", key).unwrap();
    client.watch(&key, &options, Listener::default()).unwrap()
}

fn next(watcher: &Watcher) -> Event {
    let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap();
    event.expect("an event in time")
}

fn wait_until_live(watcher: &Watcher) {
    wait_for("the watcher is live", AMPLE, || {
        (watcher.state().code() == 2).then_some(())
    });
}

fn value(event: &Event) -> &str {
    event
        .node()
        .and_then(|node| node.value())
        .unwrap_or_default()
}

#[test]
fn from_now_nothing_is_lost_and_nothing_repeated() {
    Version::ALL.into_iter().for_each(from_now);
}

fn from_now(version: Version) {
    let etcd = Etcd::shared(version);
    let client = client(etcd.url());
    let watchers: Vec<Watcher> = (0..3)
        .map(|_| watch(&client, "/now", |o| o.set_recursive(true)))
        .collect();
    watchers.iter().for_each(wait_until_live);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for i in 0..200 {
                    etcd.set(&format!("/now/{writer}"), &format!("value={i}"));
                }
            });
        }
    });
    for watcher in &watchers {
        let mut last = 0;
        let mut seen = [0; 4];
        for _ in 0..800 {
            let event = next(watcher);
            assert_eq!(event.kind(), EventKind::Change);
            assert!(event.index() > last);
            last = event.index();
            let node = event.node().unwrap();
            let writer: usize = node.key().strip_prefix("/now/").unwrap().parse().unwrap();
            assert_eq!(value(&event), seen[writer].to_string());
            seen[writer] += 1;
        }
        assert_eq!(seen, [200; 4]);
        assert!(watcher.next(Some(Instant::now())).unwrap().is_none());
        // it goes on with what others write to the server
        let next_index = watcher.next_index();
        assert!(last < next_index && next_index <= etcd.index() + 1);
        assert_eq!(watcher.counters().delivered, 800);
    }
}

#[test]
fn a_snapshot_first_and_then_what_follows() {
    let etcd = Etcd::shared(Version::V3_5);
    let client = client(etcd.url());
    for name in ["a", "b", "c"] {
        etcd.set(&format!("/table/{name}"), &format!("value={name}"));
    }
    let watcher = watch(&client, "/table", |o| {
        o.set_recursive(true);
        o.set_on_lost(OnLost::Resync);
    });
    let mut table = std::collections::BTreeMap::new();
    while table.len() < 3 {
        let event = next(&watcher);
        assert_eq!(event.kind(), EventKind::Snapshot);
        if let Some(text) = event.node().and_then(|node| node.value()) {
            table.insert(event.node().unwrap().key().to_owned(), text.to_owned());
        }
    }
    assert_eq!(table["/table/b"], "b");
    etcd.set("/table/b", "value=new");
    let event = next(&watcher);
    assert_eq!((event.kind(), value(&event)), (EventKind::Change, "new"));
}

#[test]
fn lost_history_is_told_or_ends_the_watch() {
    let etcd = Etcd::start(Version::V3_4);
    let client = client(etcd.url());
    let first = etcd.set("/lost", "value=0");
    etcd.change("/other", 1100);
    let missed = watch(&client, "/lost", |o| {
        o.set_recursive(true);
        o.set_start_index(first).unwrap();
    });
    assert_eq!(next(&missed).kind(), EventKind::Gap);
    etcd.set("/lost", "value=1");
    assert_eq!(value(&next(&missed)), "1");

    let strict = watch(&client, "/lost", |o| {
        o.set_start_index(first).unwrap();
        o.set_on_lost(OnLost::Fail);
    });
    let error = strict.next(Some(Instant::now() + AMPLE)).unwrap_err();
    assert_eq!(error.status(), Status::HISTORY_CLEARED);
    // and it stays so
    assert_eq!(
        strict.next(None).unwrap_err().status(),
        Status::HISTORY_CLEARED
    );
    assert_eq!(strict.state().code(), 5);
}

#[test]
fn a_slow_consumer_holds_the_server_back_or_is_told_of_a_gap() {
    let etcd = Etcd::shared(Version::V3_4);
    let client = client(etcd.url());
    let limited = |policy| {
        let watcher = watch(&client, "/slow", |o| {
            o.set_recursive(true);
            o.set_queue_limit(4).unwrap();
            o.set_on_full(policy);
        });
        wait_until_live(&watcher);
        watcher
    };
    let (patient, hasty) = (limited(OnFull::Block), limited(OnFull::Gap));
    for i in 0..100 {
        etcd.set(&format!("/slow/{i}"), "value=x");
    }
    let mut last = 0;
    for i in 0..100 {
        let event = next(&patient);
        assert_eq!(event.kind(), EventKind::Change, "{i}");
        assert!(event.index() > last);
        last = event.index();
    }
    // whoever reads before they have come leaves room for them
    wait_for("more than fits", AMPLE, || {
        (hasty.counters().dropped > 0).then_some(())
    });
    let mut told = 0;
    let mut gaps = 0;
    loop {
        let event = next(&hasty);
        match event.kind() {
            EventKind::Gap => gaps += 1,
            _ => told += 1,
        }
        if event.index() >= last {
            break;
        }
    }
    assert!(gaps > 0 && told < 100, "{told} events, {gaps} gaps");
    let counters = hasty.counters();
    assert_eq!(counters.dropped + told, 100);
}

#[test]
fn a_callback_is_told_and_may_end_its_own_watcher() {
    let etcd = Etcd::shared(Version::V3_4);
    let client = client(etcd.url());
    let slot: Arc<Mutex<Option<Watcher>>> = Arc::default();
    let told = Arc::new(AtomicUsize::new(0));
    let freed = Arc::new(AtomicUsize::new(0));
    struct OnDrop(Arc<AtomicUsize>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let listener = Listener {
        on_event: Some(Box::new({
            let (slot, told, guard) = (slot.clone(), told.clone(), OnDrop(freed.clone()));
            move |_| {
                let _guard = &guard;
                if told.fetch_add(1, Ordering::SeqCst) == 2 {
                    drop(slot.lock().unwrap().take());
                }
            }
        })),
        on_state: None,
    };
    let key = Key::parse("key", "/called").unwrap();
    let watcher = client
        .watch(&key, &WatchOptions::default(), listener)
        .unwrap();
    wait_until_live(&watcher);
    *slot.lock().unwrap() = Some(watcher);
    for i in 0..6 {
        etcd.set("/called", &format!("value={i}"));
    }
    wait_for("what the callback holds is freed", AMPLE, || {
        (freed.load(Ordering::SeqCst) == 1).then_some(())
    });
    assert_eq!(told.load(Ordering::SeqCst), 3);
}

#[test]
fn cancel_and_the_end_of_the_client_wake_who_waits() {
    let etcd = Etcd::shared(Version::V3_5);
    let client = client(etcd.url());
    let (cancelled, orphan) = (
        watch(&client, "/quiet", |_| ()),
        watch(&client, "/quiet", |_| ()),
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| cancelled.next(None));
        wait_until_live(&cancelled);
        cancelled.cancel();
        cancelled.cancel();
        assert_eq!(
            waiting.join().unwrap().unwrap_err().status(),
            Status::CANCELLED
        );
        let waiting = scope.spawn(|| orphan.next(None));
        wait_until_live(&orphan);
        drop(client);
        assert_eq!(
            waiting.join().unwrap().unwrap_err().status(),
            Status::CLOSED
        );
    });
    assert_eq!(orphan.state().code(), 5);
}

#[test]
fn its_descriptor_is_readable_while_there_is_something_to_take() {
    let etcd = Etcd::shared(Version::V3_4);
    let client = client(etcd.url());
    let watcher = watch(&client, "/fd", |_| ());
    let fd = watcher.fd().unwrap();
    assert_eq!(watcher.fd().unwrap(), fd);
    let readable = || {
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, as said
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    };
    wait_until_live(&watcher);
    assert!(!readable());
    etcd.set("/fd", "value=1");
    etcd.set("/fd", "value=2");
    wait_for("it is readable", AMPLE, || readable().then_some(()));
    next(&watcher);
    next(&watcher);
    assert!(!readable());
    watcher.cancel();
    assert!(readable());
}

#[test]
fn identical_watchers_share_one_poll() {
    let etcd = Etcd::start(Version::V3_4);
    let client = client(etcd.url());
    let watchers: Vec<Watcher> = (0..500)
        .map(|_| watch(&client, "/shared", |_| ()))
        .collect();
    watchers.iter().for_each(wait_until_live);
    let stats = support::http::get(&format!("{}/v2/stats/store", etcd.url())).unwrap();
    assert_eq!(stats.json()["watchers"], 1);
    etcd.set("/shared", "value=1");
    for watcher in &watchers {
        assert_eq!(value(&next(watcher)), "1");
    }
}

/// Penalties end, also of those that come first.
#[test]
fn a_round_asks_every_member_once() {
    const DEAD: usize = 8;
    let etcd = Etcd::start(Version::V3_5);
    let dead: Vec<String> = (0..DEAD).map(|_| dead_endpoint()).collect();
    let client = client(&format!("{},{}", dead.join(","), etcd.url()));
    let watcher = watch(&client, "/round", |_| {});
    wait_for("the watcher is live", 4 * AMPLE, || {
        (watcher.state().code() == 2).then_some(())
    });
    // one round is enough, and a second one allowed for
    let tries = watcher.counters().reconnects as usize;
    assert!((DEAD..=2 * DEAD + 1).contains(&tries), "{tries}");
}
