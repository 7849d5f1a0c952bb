//! A watch of a key that nobody touches, beside the fastest writes that one server takes, through both of its APIs.

use super::support::etcd::Setup;
use super::support::proxy::Proxy;
use super::support::{Version, wait_for};
use super::{AMPLE, Clear, api, size};
use api::Verbs;
use etcd_v2::client::{Ask, Call, Client, Listener, Watcher};
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::request::Operation;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Calls on their way at once.
const WINDOW: u64 = 256;

/// Makes the call as often as it goes until it is over; how often it succeeded, and how often it was made.
pub(crate) fn repeat(client: &Client, call: &Call, storm: &AtomicBool) -> (u64, u64) {
    let (tell, told) = channel();
    let (mut done, mut made) = (0, 0);
    for number in 0.. {
        if number >= WINDOW {
            done += told.recv().unwrap();
        }
        if !storm.load(Ordering::SeqCst) {
            break;
        }
        let tell = tell.clone();
        let begun = client.submit(call, move |result| {
            tell.send(u64::from(result.is_ok())).unwrap();
        });
        begun.unwrap();
        made = number + 1;
    }
    drop(tell);
    (done + told.iter().sum::<u64>(), made)
}

fn beside(version: Version) {
    let seconds = size("ETCD_V2_STORM_FASTEST", 4);
    // or its disk fills up
    let etcd = Setup::new(version)
        .argument("--auto-compaction-mode=revision")
        .argument("--auto-compaction-retention=1000")
        .start();
    let proxy = Proxy::to(etcd.url());
    let writer = api::client(etcd.url(), 60_000);
    let watching = api::client(proxy.url(), 60_000);
    writer.set("/quiet/key", "0").unwrap();
    let watchers = [OnLost::Gap, OnLost::Resync, OnLost::Fail].map(|policy| {
        let mut options = WatchOptions::default();
        options.set_on_lost(policy);
        // in the quiet after the storm a poll would last much longer
        options.set_max_poll_ms(2_000).unwrap();
        let key = api::key("/quiet/key");
        let watcher = watching.watch(&key, &options, Listener::default());
        (policy, watcher.unwrap())
    });
    let live = |watcher: &Watcher| {
        assert_ne!(watcher.state().code(), 5, "{:?}", watcher.state());
        (watcher.state().code() == 2).then_some(())
    };
    for (policy, watcher) in &watchers {
        wait_for(&format!("{policy:?} is live"), AMPLE, || live(watcher));
    }
    // that with which RESYNC begins: its place counts as not handed out as long as this is not taken
    let snapshot = watchers[1].1.next(Some(Instant::now() + AMPLE));
    assert_eq!(snapshot.unwrap().unwrap().kind(), EventKind::Snapshot);
    let v2 = api::call(Operation::Set, "/loud");
    // the key `loud` and the value `x`
    let body = br#"{"key":"bG91ZA==","value":"eA=="}"#;
    let v3 = HttpRequest::raw("POST", "/v3/kv/put", Some(body), Some("application/json"));
    let v3 = Call::new(Ask::Raw(v3.unwrap()));
    let storm = AtomicBool::new(true);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let writes = [&v2, &v3].map(|call| {
            let (writer, storm) = (&writer, &storm);
            scope.spawn(move || repeat(writer, call, storm))
        });
        let clear = Clear(&storm);
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(clear);
        let took = began.elapsed().as_secs_f64();
        let [v2, v3] = writes.map(|thread| thread.join().unwrap().0);
        assert!(v2 > 0 && v3 > 0, "{v2} {v3}");
        eprintln!(
            "{version}, {took:.0} s: {:.0} writes of v2 and {:.0} of v3 a second",
            v2 as f64 / took,
            v3 as f64 / took
        );
    });
    let lines = proxy.request_lines();
    let polls = lines.iter().filter(|line| line.contains("wait=true"));
    eprintln!("{} polls, {} requests", polls.count(), lines.len());
    // a change is told as one only where the history still reaches back to what was proven before it
    let end = etcd.index();
    for (policy, watcher) in &watchers {
        wait_for(&format!("{policy:?} has proven the end"), AMPLE, || {
            (watcher.next_index() > end).then_some(())
        });
    }
    writer.set("/quiet/key", "1").unwrap();
    for (policy, watcher) in &watchers {
        let counters = watcher.counters();
        eprintln!("{policy:?}: {counters:?}");
        let event = watcher.next(Some(Instant::now() + AMPLE));
        let event = event.unwrap().expect("an event");
        assert_eq!(event.kind(), EventKind::Change, "{policy:?}: {event:?}");
        assert_eq!(event.node().unwrap().value(), Some("1"), "{policy:?}");
        let counters = watcher.counters();
        let lost = (counters.gaps, counters.resyncs);
        assert_eq!(lost, (0, 0), "{policy:?}: {counters:?}");
    }
}

#[test]
fn a_quiet_key_is_not_lost_beside_the_fastest_writes_on_3_4() {
    beside(Version::V3_4);
}

#[test]
fn a_quiet_key_is_not_lost_beside_the_fastest_writes_on_the_newest_3_5() {
    beside(Version::V3_5Newest);
}
