//! A watch of something that nobody touches, beside others that are written a lot.

use super::support::proxy::{Mode, Proxy};
use super::support::{Etcd, Version, wait_for};
use super::{AMPLE, api, size};
use api::Verbs;
use etcd_v2::client::Listener;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::time::{Duration, Instant};

/// So far behind the watch may be: the servers keep 1000 events.
const NEAR: u64 = 800;

/// It renews its place by itself: the writers wait for that, and for nothing else.
#[test]
fn a_quiet_watch_stays_inside_the_history() {
    let writes = size("ETCD_V2_STORM_FOREIGN", 3_000);
    let etcd = Etcd::start(Version::V3_4);
    let proxy = Proxy::to(etcd.url());
    let (writer, watching) = (
        api::client(etcd.url(), 30_000),
        api::client(proxy.url(), 30_000),
    );
    let mut options = WatchOptions::default();
    options.set_recursive(true);
    options.set_on_lost(OnLost::Fail);
    options.set_max_poll_ms(1_000).unwrap();
    let watcher = watching.watch(&api::key("/quiet"), &options, Listener::default());
    let watcher = watcher.unwrap();
    wait_for("its place", AMPLE, || {
        (watcher.next_index() != 0).then_some(())
    });
    let began = Instant::now();
    let mut cuts = 0;
    for number in 0..writes {
        let store = writer.set(&format!("/loud/{}", number % 100), "x").unwrap();
        let store = store.node().unwrap().modified_index();
        wait_for("the watch to renew its place", AMPLE, || {
            assert_ne!(watcher.state().code(), 5, "{:?}", watcher.state());
            (watcher.next_index() + NEAR > store).then_some(())
        });
        if number % 1_000 == 999 {
            proxy.set(Mode::Reset);
            proxy.set(Mode::Pass);
            cuts += 1;
        }
    }
    let counters = watcher.counters();
    eprintln!(
        "{writes} foreign writes in {:?}, {cuts} cuts, {} polls, {} reconnects",
        began.elapsed(),
        counters.polls,
        counters.reconnects
    );
    assert!(
        counters.reconnects > 0 && counters.polls > cuts,
        "{counters:?}"
    );
    writer.set("/quiet/now", "heard").unwrap();
    let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap().unwrap();
    assert_eq!(event.kind(), EventKind::Change);
    assert_eq!(event.node().unwrap().value(), Some("heard"));
    assert!(
        watcher
            .next(Some(Instant::now() + Duration::from_millis(50)))
            .unwrap()
            .is_none()
    );
}
