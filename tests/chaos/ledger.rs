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
    /// Its outcome is unknown; what was found when it was looked for at once.
    Unknown(Verdict),
    /// It was not applied.
    NotApplied,
}

/// What was found when a write with unknown outcome was looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing is told.
    #[default]
    Unsure,
    /// It was applied.
    Applied,
    /// It was not, and may still be.
    NotYet,
    /// It was not and never will be.
    Never,
}

impl Verdict {
    /// Whether it may be said of a write that is there in the end, or is not.
    fn allows(self, there: bool) -> bool {
        match self {
            Verdict::Unsure | Verdict::NotYet => true,
            Verdict::Applied => there,
            Verdict::Never => !there,
        }
    }
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
    pub unknown: Option<(u64, Verdict)>,
}

/// Increments of one counter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter {
    /// Acknowledged.
    pub applied: u64,
    /// With unknown outcome.
    pub unknown: u64,
    /// Of them, those that were found to be applied.
    pub found: u64,
    /// Of them, those that were found never to be.
    pub never: u64,
}

/// What one thread, or all of them, were told.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By kind.
    pub calls: BTreeMap<Kind, Calls>,
    /// Keys of plain sets.
    pub cells: BTreeMap<String, Cell>,
    /// Counters that all threads increment.
    pub counters: BTreeMap<String, Counter>,
    /// Values of in-order creations.
    pub created: BTreeMap<String, Fate>,
    /// Names of the statuses of calls that did not succeed.
    pub statuses: BTreeMap<String, usize>,
    /// What was found of writes with unknown outcome.
    pub verdicts: BTreeMap<Verdict, usize>,
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
            for (name, counter) in one.counters {
                let sum = all.counters.entry(name).or_default();
                sum.applied += counter.applied;
                sum.unknown += counter.unknown;
                sum.found += counter.found;
                sum.never += counter.never;
            }
            for (verdict, count) in one.verdicts {
                *all.verdicts.entry(verdict).or_default() += count;
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
            unknown: told["unknown"].as_u64().map(|v| (v, Verdict::Unsure)),
        };
        let counter = |told: &Value| Counter {
            applied: number(&told[0]),
            unknown: number(&told[1]),
            ..Counter::default()
        };
        let fate = |told: &Value| match told.as_str() {
            Some("Applied") => Fate::Applied,
            Some("Unknown") => Fate::Unknown(Verdict::Unsure),
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
                .map(|(k, v)| (k.clone(), counter(v)))
                .collect(),
            created: each("created")
                .iter()
                .map(|(k, v)| (k.clone(), fate(v)))
                .collect(),
            statuses: each("statuses")
                .iter()
                .map(|(k, v)| (k.clone(), number(v) as usize))
                .collect(),
            verdicts: BTreeMap::new(),
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
            let (unknown, verdict) = cell.unknown.unzip();
            let there = value.is_some() && value == unknown;
            came += u64::from(there);
            if !there && value != cell.applied || !verdict.unwrap_or_default().allows(there) {
                self.wrong.push(format!("{key} is {value:?}: {cell:?}"));
            }
        }
        let strangers = stored.keys().filter(|key| !self.cells.contains_key(*key));
        self.wrong
            .extend(strangers.map(|key| format!("nobody wrote {key}")));

        for (key, value) in listing(member, "/counters") {
            let value = first_number(&value);
            let counter = self.counters.get(&key).copied().unwrap_or_default();
            let more = value.saturating_sub(counter.applied);
            came += more;
            let possible = counter.found..=counter.unknown - counter.never;
            if value < counter.applied || !possible.contains(&more) {
                self.wrong.push(format!("{key} is {value}: {counter:?}"));
            }
        }

        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (_, value) in listing(member, "/in-order") {
            *times.entry(value).or_default() += 1;
        }
        for (value, fate) in &self.created {
            let times = times.remove(value).unwrap_or(0);
            let right = match (fate, times) {
                (Fate::Applied, _) => times == 1,
                (Fate::NotApplied, _) => times == 0,
                (Fate::Unknown(verdict), 0 | 1) => {
                    came += times as u64;
                    verdict.allows(times == 1)
                }
                (Fate::Unknown(_), _) => false,
            };
            if !right {
                let wrong = format!("in-order {value} is there {times} times: {fate:?}");
                self.wrong.push(wrong);
            }
        }
        self.wrong
            .extend(times.keys().map(|value| format!("nobody created {value}")));
        came
    }
}

/// A counter is followed by who has written it, so that each write can be told from the others.
pub fn first_number(value: &str) -> u64 {
    let number = value.split(' ').next().unwrap_or_default();
    number.parse().expect("a number")
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
