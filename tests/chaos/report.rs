//! What came of it, in a table.

use super::ledger::{Calls, Kind, Ledger};
use super::strikes::Strike;
use super::{Chaos, DEADLINE};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    chaos: Chaos,
    client: &'static str,
    strikes: BTreeMap<Strike, usize>,
    took: Duration,
    longest_gap: Duration,
    /// unknown writes that are there
    came: u64,
    /// What callers were told, and what is wrong with it.
    pub ledger: Ledger,
}

impl Report {
    /// Of what was found.
    pub fn new(
        chaos: Chaos,
        client: &'static str,
        strikes: BTreeMap<Strike, usize>,
        took: Duration,
        longest_gap: Duration,
        came: u64,
        mut ledger: Ledger,
    ) -> Report {
        for calls in ledger.calls.values_mut() {
            calls.times.sort_unstable();
        }
        Report {
            chaos,
            client,
            strikes,
            took,
            longest_gap,
            came,
            ledger,
        }
    }

    /// How often the cluster was hurt.
    pub fn strikes(&self) -> usize {
        self.strikes.values().sum()
    }

    /// All calls of one kind.
    pub fn calls(&self, kind: Kind) -> Calls {
        self.ledger.calls.get(&kind).cloned().unwrap_or_default()
    }

    /// Part of the calls that did not succeed, unknown ones among them.
    pub fn failed_share(&self) -> f64 {
        let sum = |count: fn(&Calls) -> usize| self.ledger.calls.values().map(count).sum::<usize>();
        let failed = sum(|c| c.failed + c.unknown);
        failed as f64 / sum(|c| c.times.len()).max(1) as f64
    }
}

/// The time that so many parts of a hundred do not exceed, of sorted times.
fn percentile(times: &[u32], parts: usize) -> f64 {
    let at = (times.len() * parts / 100).min(times.len().saturating_sub(1));
    f64::from(times.get(at).copied().unwrap_or(0)) / 1000.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Chaos {
            version,
            threads,
            seed,
            ..
        } = self.chaos;
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "chaos: {}, etcd {version}, 3 members, {seconds:.0} s, {threads} threads, deadline {} s, seed {seed}",
            self.client,
            DEADLINE.as_secs()
        )?;
        let strikes: Vec<String> = self
            .strikes
            .iter()
            .map(|(strike, times)| format!("{strike:?} {times}"))
            .collect();
        writeln!(f, "strikes: {} ({})", self.strikes(), strikes.join(", "))?;
        writeln!(
            f,
            "{:<11}{:>8}{:>9}{:>9}{:>9}{:>8}{:>11}{:>11}{:>11}",
            "", "calls", "answered", "(lost)", "unknown", "failed", "p50 ms", "p99 ms", "worst ms"
        )?;
        for kind in Kind::ALL {
            let calls = self.calls(kind);
            let name = format!("{kind:?}");
            writeln!(
                f,
                "{name:<11}{:>8}{:>9}{:>9}{:>9}{:>8}{:>11.1}{:>11.1}{:>11.1}",
                calls.times.len(),
                calls.answered,
                calls.lost,
                calls.unknown,
                calls.failed,
                percentile(&calls.times, 50),
                percentile(&calls.times, 99),
                percentile(&calls.times, 100),
            )?;
        }
        let all: usize = self.ledger.calls.values().map(|c| c.times.len()).sum();
        writeln!(
            f,
            "{:.0} calls a second; {:.3} % did not succeed: {:?}",
            all as f64 / seconds,
            100.0 * self.failed_share(),
            self.ledger.statuses
        )?;
        writeln!(
            f,
            "unknown writes that are in the store: {}, found at once: {:?}; longest time without an acknowledged write: {:.1} s; \
             worst call beyond its deadline: {:.1} ms",
            self.came,
            self.ledger.verdicts,
            self.longest_gap.as_secs_f64(),
            self.ledger.late.as_secs_f64() * 1000.0
        )?;
        write!(f, "wrong: {}", self.ledger.wrong.len())?;
        for wrong in self.ledger.wrong.iter().take(20) {
            write!(f, "\n  {wrong}")?;
        }
        Ok(())
    }
}
