//! One server, behind a wire that is cut at any byte, twenty times a second.

use super::crowd::Crowd;
use super::ledger::{KEYS, Ledger};
use super::support::proxy::{Mode, Proxy};
use super::support::{Etcd, Version, wait_for};
use super::{AMPLE, Clear, Dice, api, judge, size};
use etcd_v2::watch::event::Loss;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// So far behind nobody may fall while writers wait: half of the history of a server.
const NEAR: u64 = 500;

fn cuts(version: Version) {
    let writes = size("ETCD_V2_STORM_WRITES", 4_000);
    let etcd = Etcd::start(version);
    let proxy = Proxy::to(etcd.url());
    let (writer, watching) = (
        api::client(etcd.url(), 30_000),
        api::client(proxy.url(), 30_000),
    );
    let ledger = Ledger::default();
    ledger.fill(&writer, KEYS, |number| number < 50);
    let crowd = Crowd::gather(&watching);
    let begin = etcd.index() + 1;
    let storm = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let weather = scope.spawn(|| {
            let mut dice = Dice::new();
            let mut cuts = 0;
            while storm.load(Ordering::SeqCst) {
                proxy.set(match dice.below(10) {
                    0 => Mode::Reset,
                    1 => Mode::CutRequest(dice.below(200)),
                    _ => Mode::CutAnswer(dice.below(2_000)),
                });
                if dice.below(2) == 0 {
                    proxy.set(Mode::Pass);
                }
                cuts += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            proxy.set(Mode::Pass);
            cuts
        });
        // a test that fails has no weather for ever
        let clear = Clear(&storm);
        // a part in which nobody leaves the history, since the writers wait for the last watcher
        ledger.fill(&writer, KEYS, |number| {
            wait_for("the last watcher", AMPLE, || {
                (crowd.next_index() + NEAR > ledger.last()).then_some(())
            });
            number < writes / 4
        });
        for one in crowd.spectators.iter().filter(|one| !one.slow) {
            let gaps = one.log.lock().unwrap().gaps();
            let resyncs = one.watcher.counters().resyncs;
            assert!(
                gaps == 0 && resyncs == 0,
                "{}: {gaps} gaps, {resyncs} resyncs",
                one.name
            );
        }
        // some keys are left in peace, and a resync has nothing to tell of them
        ledger.fill(&writer, KEYS - 20, |number| number < writes - writes / 4);
        drop(clear);
        eprintln!(
            "{version}: {}, {} changes of the weather, {} connections",
            ledger.summary(),
            weather.join().unwrap(),
            proxy.connections()
        );
    });
    let end = ledger.close(&writer);
    let connections = proxy.connections() as u64;
    assert!(connections > 50, "{connections} connections were made");
    for one in crowd.spectators.iter().filter(|one| !one.slow) {
        assert!(one.watcher.counters().reconnects > 0, "{}", one.name);
    }
    let whole = judge::judge(crowd, &ledger, &writer, begin..=end, &[Loss::Cleared]);
    eprintln!("{whole} of 20 were told everything");
}

#[test]
fn nothing_is_lost_behind_cut_connections_of_3_4() {
    cuts(Version::V3_4);
}

#[test]
fn nothing_is_lost_behind_cut_connections_of_3_5() {
    cuts(Version::V3_5);
}
