//! A network path that drops large segments, as one with a wrong MTU does: silence after a response head proves nothing,
//! and the dropped events are delivered when the path works again.

use crate::api::{self, client, wait_until_live};
use crate::support::gateway::Answer;
use crate::support::{Etcd, Gateway, Version, wait_for};
use etcd_v2::client::{Listener, Patience, Watcher};
use etcd_v2::status::Status;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);
/// Payload of a segment that still passes.
const SEGMENT: usize = 1400;

/// The path; of polls what is large is dropped while the flag is set.
fn path(etcd: &Etcd) -> (Gateway, Arc<AtomicBool>) {
    let narrow = Arc::new(AtomicBool::new(false));
    let its = Arc::clone(&narrow);
    let gateway = Gateway::to(etcd.url(), move |line, head| {
        match its.load(Ordering::SeqCst) && line.contains("wait=true") {
            true => Answer::UpTo(SEGMENT, head),
            false => Answer::Head(head),
        }
    });
    (gateway, narrow)
}

fn polls(gateway: &Gateway) -> usize {
    let lines = gateway.request_lines();
    lines
        .iter()
        .filter(|line| line.contains("wait=true"))
        .count()
}

/// Two changes of 6 kB, and the index of the first.
fn write(etcd: &Etcd, key: &str) -> u64 {
    let first = etcd.set(key, &format!("value={}", "a".repeat(6000)));
    etcd.set(key, &format!("value={}", "b".repeat(6000)));
    first
}

/// The changes come, or a gap of their indices, and no progress that covers them comes before.
fn follow(watcher: &Watcher, first: u64) {
    let (mut seen, end) = (Vec::new(), Instant::now() + LONG);
    while !seen.contains(&"b") {
        let event = watcher.next(Some(end)).unwrap();
        let event = event.unwrap_or_else(|| panic!("{seen:?}"));
        match event.kind() {
            EventKind::Progress => assert!(event.index() < first, "{event:?}"),
            EventKind::Gap => return assert!(event.from() <= first && event.index() > first),
            _ => {
                let value = event.node().and_then(|node| node.value()).unwrap_or("");
                seen.extend(
                    ["a", "b"]
                        .iter()
                        .filter(|letter| value.starts_with(**letter)),
                );
            }
        }
    }
    // a comparison has only the last
    assert!(seen == ["a", "b"] || seen == ["b"], "{seen:?}");
}

fn watcher_misses_nothing(on_lost: OnLost, key: &'static str) {
    let etcd = Etcd::start(Version::V3_5);
    let (gateway, narrow) = path(&etcd);
    let client = client(gateway.url(), 10_000);
    etcd.set(key, "value=small");
    let mut options = WatchOptions::default();
    options.set_on_lost(on_lost);
    options.set_progress(true);
    options.set_max_poll_ms(1000).unwrap();
    let watcher = client.watch(&api::key(key), &options, Listener::default());
    let watcher = watcher.unwrap();
    wait_until_live(&watcher);
    narrow.store(true, Ordering::SeqCst);
    let before = polls(&gateway);
    let first = write(&etcd, key);
    wait_for("two more polls", LONG, || {
        (polls(&gateway) >= before + 2).then_some(())
    });
    narrow.store(false, Ordering::SeqCst);
    follow(&watcher, first);
}

#[test]
fn a_watcher_with_gap_misses_nothing_large() {
    watcher_misses_nothing(OnLost::Gap, "/large/gap");
}

#[test]
fn a_watcher_with_resync_misses_nothing_large() {
    watcher_misses_nothing(OnLost::Resync, "/large/resync");
}

#[test]
fn calls_that_wait_once_miss_nothing_large() {
    let etcd = Etcd::start(Version::V3_4);
    let (gateway, narrow) = path(&etcd);
    let client = client(gateway.url(), 10_000);
    let key = api::key("/large/once");
    let call = |index, ms| {
        let patience = Patience::For(Duration::from_millis(ms));
        client.watch_once(&key, false, index, patience, None)
    };
    let index = etcd.set("/large/once", "value=small");
    call(index, 60_000).unwrap();
    narrow.store(true, Ordering::SeqCst);
    let first = write(&etcd, "/large/once");
    for ms in [3, 300, 1300, 2500] {
        let error = call(index + 1, ms).unwrap_err();
        assert_eq!(error.status(), Status::TIMEOUT, "{error}");
        assert!(
            error.detail().index < first,
            "{ms} ms: {}",
            error.detail().index
        );
    }
    narrow.store(false, Ordering::SeqCst);
    for (from, letter) in [(index + 1, "a"), (first + 1, "b")] {
        let event = call(from, 60_000).unwrap();
        assert!(event.node().unwrap().value().unwrap().starts_with(letter));
    }
}
