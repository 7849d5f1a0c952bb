//! What the watchers of a client cost a member besides their polls: the reads that prove that its store is whole. However
//! many watchers there are, they share them.

use super::fastest::repeat;
use super::support::proxy::{Mode, Proxy};
use super::support::{Etcd, Version, wait_for};
use super::{AMPLE, Clear, api, size};
use api::Verbs;
use etcd_v2::client::{Listener, Watcher};
use etcd_v2::protocol::request::Operation;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::WatchOptions;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Reads that may be made at once after a pause, those that the last of them may bring with it, and one on its way.
const AT_ONCE: u64 = 3 + 3 + 1;

/// Requests by kind, since the beginning.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    polls: u64,
    audits: u64,
    /// whether a member that is late with a head lives
    probes: u64,
    reads: u64,
}

impl Count {
    fn of(proxy: &Proxy) -> Count {
        let mut count = Count::default();
        for line in proxy.request_lines() {
            let audit = ["HEAD /v2/keys/ ", "GET /v2/stats/self ", "GET /metrics "];
            *match line.as_str() {
                line if line.contains("wait=true") => &mut count.polls,
                line if audit.iter().any(|one| line.starts_with(one)) => &mut count.audits,
                line if line.contains("/etcd_v2_barrier?") => &mut count.audits,
                line if line.starts_with("HEAD ") => &mut count.probes,
                _ => &mut count.reads,
            } += 1;
        }
        count
    }
}

/// Whatever else happens, a second has one audit read.
fn phase(name: &str, proxy: &Proxy, seconds: u64) {
    // first: what comes while it is counted has its time, too
    let began = Instant::now();
    let before = Count::of(proxy);
    while began.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let after = Count::of(proxy);
    let whole = began.elapsed().as_secs() + 1;
    let count = Count {
        polls: after.polls - before.polls,
        audits: after.audits - before.audits,
        probes: after.probes - before.probes,
        reads: after.reads - before.reads,
    };
    eprintln!("{name}, {whole} seconds: {count:?}");
    assert!(
        count.audits <= whole + AT_ONCE,
        "{name}, {whole} seconds: {count:?}"
    );
}

fn wait_until_live(watchers: &[Watcher]) {
    for watcher in watchers {
        wait_for("a watcher is live", AMPLE, || {
            (watcher.state().code() == 2).then_some(())
        });
    }
}

#[test]
fn watchers_share_the_reads_that_prove_their_store() {
    let (many, seconds) = (
        size("ETCD_V2_STORM_WATCHERS", 200),
        size("ETCD_V2_STORM_PRICE_SECONDS", 2),
    );
    let etcd = Etcd::start(Version::V3_4);
    let proxy = Proxy::to(etcd.url());
    let (writer, watching) = (
        api::client(etcd.url(), 60_000),
        api::client(proxy.url(), 60_000),
    );
    let mut options = WatchOptions::default();
    options.set_max_poll_ms(2_000).unwrap();
    let path = |number| format!("/quiet/{number}");
    for number in 0..many {
        writer.set(&path(number), "0").unwrap();
    }
    let watch = |number| watching.watch(&api::key(&path(number)), &options, Listener::default());
    let watchers: Vec<Watcher> = (0..many).map(|number| watch(number).unwrap()).collect();
    wait_until_live(&watchers);

    phase("nothing happens", &proxy, 1);
    // the first take a place in the log, and none in the store
    for (what, operation) in [("log", Operation::Update), ("store", Operation::Set)] {
        let (storm, call) = (AtomicBool::new(true), api::call(operation, "/elsewhere"));
        std::thread::scope(|scope| {
            let written = scope.spawn(|| repeat(&writer, &call, &storm));
            let clear = Clear(&storm);
            phase(&format!("the {what} grows"), &proxy, seconds);
            proxy.set(Mode::Reset);
            proxy.set(Mode::Pass);
            phase(&format!("cut while the {what} grows"), &proxy, seconds);
            drop(clear);
            let (_, written) = written.join().unwrap();
            eprintln!("{written} foreign writes");
        });
    }
    wait_until_live(&watchers);
    // a change is told as one only where the history still reaches back to what was proven before it
    let end = etcd.index();
    for watcher in &watchers {
        wait_for("the end of the storm is proven", AMPLE, || {
            (watcher.next_index() > end).then_some(())
        });
    }
    for (number, watcher) in watchers.iter().enumerate() {
        writer.set(&path(number as u64), "1").unwrap();
        let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap().unwrap();
        assert_eq!(event.kind(), EventKind::Change, "{event:?}");
        assert_eq!(event.node().unwrap().value(), Some("1"));
        let counters = watcher.counters();
        assert_eq!((counters.gaps, counters.resyncs), (0, 0), "{counters:?}");
    }
}
