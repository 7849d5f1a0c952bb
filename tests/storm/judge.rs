//! Holds what each spectator was told against what was written.

use super::crowd::{Crowd, Log, Spectator};
use super::ledger::{self, Change, Ledger};
use super::{AMPLE, support};
use etcd_v2::client::Client;
use etcd_v2::watch::event::{EventKind, Loss};
use etcd_v2::watch::options::OnLost;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Waits until everybody has come to `last` and those with RESYNC know what the store holds. Then judges what was told
/// since `begin`, where all were live; gaps may have these reasons. Returns how many were told everything, without a gap and
/// without a resync.
pub(crate) fn judge(
    crowd: Crowd,
    ledger: &Ledger,
    client: &Client,
    range: RangeInclusive<u64>,
    losses: &[Loss],
) -> usize {
    for one in &crowd.spectators {
        support::wait_for(&format!("the end of {}", one.name), AMPLE, || {
            let log = one.log.lock().unwrap();
            let arrived = log.end() >= *range.end();
            let same = || one.on_lost != OnLost::Resync || log.table == expected(client, one.key);
            (arrived && same()).then_some(())
        });
    }
    let known = ledger.known();
    let spectators = crowd.disperse();
    let whole = spectators.iter().filter(|one| {
        let log = one.log.lock().unwrap();
        let heard = hear(one, &log, &known, ledger, losses);
        heard.check(one, &known, &range)
    });
    whole.count()
}

fn expected(client: &Client, key: Option<u64>) -> BTreeMap<u64, u64> {
    let mut table = ledger::table(client);
    table.retain(|one, _| key.is_none_or(|key| key == *one));
    table
}

#[derive(Default)]
struct Heard {
    changes: BTreeSet<u64>,
    gaps: Vec<RangeInclusive<u64>>,
}

/// Every event by itself: in order, never twice, as it was written.
fn hear(
    one: &Spectator,
    log: &Log,
    known: &BTreeMap<u64, Change>,
    ledger: &Ledger,
    losses: &[Loss],
) -> Heard {
    let mut heard = Heard::default();
    let mut last = 0;
    let mut table = BTreeMap::new();
    for told in &log.told {
        let name = &one.name;
        if let (Some(change), OnLost::Resync) = (told.change, one.on_lost) {
            // values are never the same twice, and neither are keys deleted that are not there
            let before = table.insert(change.key, change.value).flatten();
            assert_ne!(before, change.value, "{name}: {told:?} is no news");
        }
        match told.kind {
            EventKind::Change => {
                assert!(told.index > last, "{name}: {told:?} after {last}");
                let change = told.change.expect("a key that was written");
                match known.get(&told.index) {
                    Some(written) => assert_eq!(change, *written, "{name}: {told:?}"),
                    None => assert!(ledger.may_be(change), "{name}: {told:?} was never written"),
                }
                assert!(
                    one.key.is_none_or(|key| key == change.key),
                    "{name}: {told:?}"
                );
                heard.changes.insert(told.index);
            }
            EventKind::Gap => {
                assert_eq!(one.on_lost, OnLost::Gap, "{name}");
                let reason = told.loss.filter(|loss| losses.contains(loss));
                assert!(reason.is_some(), "{name}: {told:?}");
                assert!(
                    told.from > last && told.index >= told.from,
                    "{name}: {told:?}"
                );
                heard.gaps.push(told.from..=told.index);
            }
            EventKind::Synthetic => {
                assert_eq!(one.on_lost, OnLost::Resync, "{name}");
                assert!(told.index >= last, "{name}: {told:?} after {last}");
            }
            EventKind::Snapshot => assert!(heard.changes.is_empty(), "{name}: {told:?}"),
            EventKind::Progress => assert!(told.index >= last, "{name}: {told:?} after {last}"),
        }
        last = told.index;
    }
    heard
}

impl Heard {
    /// All together: what is missing was said to be. Whether nothing is.
    fn check(
        &self,
        one: &Spectator,
        known: &BTreeMap<u64, Change>,
        range: &RangeInclusive<u64>,
    ) -> bool {
        let mut missing = Vec::new();
        // so often in a row something is missing
        let mut holes = 0;
        let mut before = true;
        for (index, change) in known.range(range.clone()) {
            if one.key.is_some_and(|key| key != change.key) {
                continue;
            }
            let there = self.changes.contains(index);
            holes += u64::from(before && !there);
            before = there;
            if !there {
                missing.push(*index);
            }
        }
        let counters = one.watcher.counters();
        eprintln!(
            "{:32} {:6} changes, {:5} missing in {holes} holes, {} gaps, {} resyncs, {} polls, {} reconnects",
            one.name,
            self.changes.len(),
            missing.len(),
            self.gaps.len(),
            counters.resyncs,
            counters.polls,
            counters.reconnects
        );
        match one.on_lost {
            OnLost::Resync => assert!(holes <= counters.resyncs, "{}: {missing:?}", one.name),
            _ => {
                let in_gap = |index: &u64| self.gaps.iter().any(|gap| gap.contains(index));
                missing.retain(|index| !in_gap(index));
                assert!(missing.is_empty(), "{}: {missing:?}", one.name);
            }
        }
        holes == 0
    }
}
