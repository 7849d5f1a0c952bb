//! What callers were told, to be held against the store.

use crate::support::{Etcd, http};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a caller was told of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was acknowledged.
    Applied,
    /// Its outcome is unknown.
    Unknown,
    /// It was not applied.
    NotApplied,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// From whatever member.
    Read,
    /// Through consensus.
    QuorumRead,
    /// A plain set.
    Set,
    /// Compare and swap by index.
    Swap,
    /// In-order creation.
    Create,
}

impl Kind {
    /// In the order of reports.
    pub const ALL: [Kind; 5] = [
        Kind::Read,
        Kind::QuorumRead,
        Kind::Set,
        Kind::Swap,
        Kind::Create,
    ];
}

/// All calls of one kind.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// How long each took, in microseconds.
    pub times: Vec<u32>,
    /// Those that etcd answered, refusals of a comparison among them.
    pub answered: usize,
    /// Comparisons that were refused.
    pub lost: usize,
    /// Writes with unknown outcome.
    pub unknown: usize,
    /// All others.
    pub failed: usize,
}

/// A key that one thread sets again and again, until an outcome is unknown: that write may still come, and after any other.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Last acknowledged value.
    pub applied: Option<u64>,
    /// The last value of all, if its outcome is unknown.
    pub unknown: Option<u64>,
}

/// What one thread, or all of them, were told.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By kind.
    pub calls: BTreeMap<Kind, Calls>,
    /// Keys of plain sets.
    pub cells: BTreeMap<String, Cell>,
    /// Acknowledged and unknown increments.
    pub counters: BTreeMap<String, (u64, u64)>,
    /// Values of in-order creations.
    pub created: BTreeMap<String, Fate>,
    /// Names of the statuses of calls that did not succeed.
    pub statuses: BTreeMap<String, usize>,
    /// The call that was longest beyond its deadline.
    pub late: Duration,
    /// What should never happen.
    pub wrong: Vec<String>,
}

impl Ledger {
    /// One for all threads, which share nothing but the counters.
    pub fn merged(ledgers: Vec<Ledger>) -> Ledger {
        let mut all = Ledger::default();
        for one in ledgers {
            for (kind, calls) in one.calls {
                let sum = all.calls.entry(kind).or_default();
                sum.times.extend(calls.times);
                sum.answered += calls.answered;
                sum.lost += calls.lost;
                sum.unknown += calls.unknown;
                sum.failed += calls.failed;
            }
            all.cells.extend(one.cells);
            all.created.extend(one.created);
            for (name, (applied, unknown)) in one.counters {
                let sum = all.counters.entry(name).or_default();
                *sum = (sum.0 + applied, sum.1 + unknown);
            }
            for (name, count) in one.statuses {
                *all.statuses.entry(name).or_default() += count;
            }
            all.late = all.late.max(one.late);
            all.wrong.extend(one.wrong);
        }
        all
    }

    /// Of a thread of another program, as it tells it.
    pub fn read(told: &Value) -> Ledger {
        let each = |name: &str| told[name].as_object().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_u64().expect("a number");
        let calls = Kind::ALL.into_iter().filter_map(|kind| {
            let told = told["calls"].get(format!("{kind:?}"))?;
            let count = |name: &str| number(&told[name]) as usize;
            let times = told["times"].as_array().expect("times");
            let calls = Calls {
                times: times.iter().map(|t| number(t) as u32).collect(),
                answered: count("answered"),
                lost: count("lost"),
                unknown: count("unknown"),
                failed: count("failed"),
            };
            Some((kind, calls))
        });
        let cell = |told: &Value| Cell {
            applied: told["applied"].as_u64(),
            unknown: told["unknown"].as_u64(),
        };
        let fate = |told: &Value| match told.as_str() {
            Some("Applied") => Fate::Applied,
            Some("Unknown") => Fate::Unknown,
            _ => Fate::NotApplied,
        };
        let wrong = told["wrong"].as_array().cloned().unwrap_or_default();
        Ledger {
            calls: calls.collect(),
            cells: each("cells")
                .iter()
                .map(|(k, v)| (k.clone(), cell(v)))
                .collect(),
            counters: each("counters")
                .iter()
                .map(|(k, v)| (k.clone(), (number(&v[0]), number(&v[1]))))
                .collect(),
            created: each("created")
                .iter()
                .map(|(k, v)| (k.clone(), fate(v)))
                .collect(),
            statuses: each("statuses")
                .iter()
                .map(|(k, v)| (k.clone(), number(v) as usize))
                .collect(),
            late: Duration::from_micros(number(&told["late_us"])),
            wrong: wrong
                .iter()
                .map(|w| w.as_str().unwrap_or_default().to_owned())
                .collect(),
        }
    }

    /// Holds it against the store; returns how many of the unknown writes are there. What does not agree is added to
    /// [`Ledger::wrong`].
    pub fn compare(&mut self, member: &Etcd) -> u64 {
        let mut came = 0;
        let stored: BTreeMap<String, String> = listing(member, "/cells").into_iter().collect();
        for (key, cell) in &self.cells {
            let value = stored.get(key).map(|v| v.parse::<u64>().expect("a number"));
            came += u64::from(value.is_some() && value == cell.unknown);
            if value != cell.applied && (value.is_none() || value != cell.unknown) {
                self.wrong.push(format!("{key} is {value:?}: {cell:?}"));
            }
        }
        let strangers = stored.keys().filter(|key| !self.cells.contains_key(*key));
        self.wrong
            .extend(strangers.map(|key| format!("nobody wrote {key}")));

        for (key, value) in listing(member, "/counters") {
            let value: u64 = value.parse().expect("a number");
            let (applied, unknown) = self.counters.get(&key).copied().unwrap_or_default();
            match value.checked_sub(applied) {
                Some(more) if more <= unknown => came += more,
                _ => self.wrong.push(format!(
                    "{key} is {value}: {applied} increments and {unknown} unknown"
                )),
            }
        }

        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (_, value) in listing(member, "/in-order") {
            *times.entry(value).or_default() += 1;
        }
        for (value, fate) in &self.created {
            let times = times.remove(value).unwrap_or(0);
            match (fate, times) {
                (Fate::Applied, 1) | (Fate::NotApplied | Fate::Unknown, 0) => {}
                (Fate::Unknown, 1) => came += 1,
                _ => self
                    .wrong
                    .push(format!("in-order {value} is there {times} times: {fate:?}")),
            }
        }
        self.wrong
            .extend(times.keys().map(|value| format!("nobody created {value}")));
        came
    }
}

/// Keys and values below a directory, as all members agree.
fn listing(member: &Etcd, directory: &str) -> Vec<(String, String)> {
    let url = format!(
        "{}?quorum=true&recursive=true",
        member.key_url(&format!("/chaos{directory}"))
    );
    let reply = http::get(&url).expect("a listing");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let mut found = Vec::new();
    let mut directories = vec![reply.json()["node"].take()];
    while let Some(directory) = directories.pop() {
        for node in directory["nodes"].as_array().into_iter().flatten() {
            let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
            match node["dir"].as_bool() {
                Some(true) => directories.push(node.clone()),
                _ => found.push((text("key"), text("value"))),
            }
        }
    }
    found
}
