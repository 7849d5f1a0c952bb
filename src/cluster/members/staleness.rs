//! What a client has been told of its cluster: how far the store is, in which term, and whose it is; and whether an answer
//! is older than that.
//!
//! A member that lags by some milliseconds is in good health, one that is cut off from its peers is not. So what is older
//! than what was known when its request left is told apart by whether that had been known for a while. What a single answer
//! or a single member tells is not believed for ever: [`super::watermark`].

use crate::cluster::members::identity::Identity;
use crate::cluster::members::watermark::Watermark;
use crate::error::Known;
use crate::protocol::response_head::Head;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A healthy member has caught up with all that was known for so long.
const SETTLED: Duration = Duration::from_millis(500);

/// What becomes of an answer that is older than one seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StalenessPolicy {
    /// Nobody looks.
    Off,
    /// It says so.
    #[default]
    Tell,
    /// It counts as none, and another member is asked.
    Refuse,
}

/// The highest numbers seen, of one cluster.
#[derive(Debug)]
pub struct StalenessTracker {
    policy: StalenessPolicy,
    began: Instant,
    // what is known of a cluster goes with it, so all of it changes together
    seen: Mutex<Seen>,
}

/// How far a store has got. Both numbers are those of the last change that was applied, so that even a member that stands
/// for election in vain does not raise them.
#[derive(Debug, Default)]
struct Seen {
    cluster: Identity,
    index: Watermark,
    term: Watermark,
    /// what was known at the last turn, and at the one before
    newer: Sample,
    older: Sample,
    /// when the last turn was; a turn comes [`SETTLED`] after the other at least
    turn: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    index: u64,
    term: u64,
}

/// What was known when a request left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Baseline {
    cluster: u64,
    index: u64,
    term: u64,
    settled_index: u64,
    settled_term: u64,
}

/// An answer that is older than what was known before it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// Of another cluster.
    Foreign {
        /// that of the answer
        cluster: u64,
        /// that of the others
        known: u64,
    },
    /// Of an earlier store.
    Behind {
        /// the two numbers that say so; which they are
        what: &'static str,
        /// that of the answer
        told: u64,
        /// the one seen before
        known: u64,
        /// for longer than a healthy member lags
        long: bool,
    },
}

impl fmt::Display for Staleness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Staleness::Foreign { cluster, known } => {
                write!(
                    f,
                    "the answer is of cluster {cluster:x}, others were of {known:x}"
                )
            }
            Staleness::Behind {
                what, told, known, ..
            } => {
                write!(
                    f,
                    "the answer is older than one already seen: {what} {told} after {known}"
                )
            }
        }
    }
}

impl Staleness {
    /// Whether it says something of the health of its member.
    pub fn blames(&self) -> bool {
        !matches!(self, Staleness::Behind { long: false, .. })
    }
}

impl Default for StalenessTracker {
    fn default() -> StalenessTracker {
        StalenessTracker::new(StalenessPolicy::default())
    }
}

impl StalenessTracker {
    /// Knows nothing yet.
    pub fn new(policy: StalenessPolicy) -> StalenessTracker {
        StalenessTracker {
            policy,
            began: Instant::now(),
            seen: Mutex::default(),
        }
    }

    /// What becomes of answers that are older.
    pub fn policy(&self) -> StalenessPolicy {
        self.policy
    }

    /// Takes in the head of an answer of `member`, which is [`super::member::Member::number`].
    pub fn see(&self, member: u64, head: &Head, now: Instant) {
        // what tells no cluster is not an answer of the key space, and perhaps not of etcd
        let Some(cluster) = cluster(head) else {
            return;
        };
        let now = now.saturating_duration_since(self.began);
        let mut seen = self.seen();
        if seen.cluster.id() == cluster {
            seen.cluster.repeat(member);
        } else {
            // who refuses what is foreign stays with the first
            let yields = seen.cluster.yields_to(cluster, member, now);
            if self.policy == StalenessPolicy::Refuse && !yields {
                return;
            }
            *seen = Seen {
                cluster: Identity::new(cluster, member),
                turn: now,
                ..Seen::default()
            };
        }
        seen.index.see(member, head.etcd_index, now);
        seen.term.see(member, head.raft_term, now);
        seen.turn(now);
    }

    /// Takes in the head of an answer through consensus to a request that left at `baseline`: what was known then and is above
    /// it was never true.
    pub fn refute(&self, baseline: &Baseline, head: &Head) {
        let mut seen = self.seen();
        if baseline.cluster != seen.cluster.id() || cluster(head) != Some(baseline.cluster) {
            return;
        }
        if head.etcd_index != 0 && head.etcd_index < baseline.index {
            seen.index.refute(baseline.index, head.etcd_index);
        }
        if head.raft_term != 0 && head.raft_term < baseline.term {
            seen.term.refute(baseline.term, head.raft_term);
        }
        seen.settle();
    }

    /// Which cluster it is, and how far it has got.
    pub fn known(&self) -> Known {
        self.baseline().known()
    }

    /// The highest term seen; 0 = none.
    pub fn term(&self) -> u64 {
        self.baseline().term
    }

    /// What is known now.
    pub fn baseline(&self) -> Baseline {
        let seen = self.seen();
        Baseline {
            cluster: seen.cluster.id(),
            index: seen.index.value(),
            term: seen.term.value(),
            settled_index: seen.older.index,
            settled_term: seen.older.term,
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn turn(&mut self, now: Duration) {
        if now.saturating_sub(self.turn) >= SETTLED {
            self.turn = now;
            self.older = self.newer;
            self.newer = Sample {
                index: self.index.value(),
                term: self.term.value(),
            };
        }
        self.settle();
    }

    /// What is no longer believed had never settled.
    fn settle(&mut self) {
        let (index, term) = (self.index.value(), self.term.value());
        for mark in [&mut self.newer, &mut self.older] {
            mark.index = mark.index.min(index);
            mark.term = mark.term.min(term);
        }
    }
}

impl Baseline {
    /// For [`crate::error::Facts::known`].
    pub fn known(&self) -> Known {
        Known {
            cluster: self.cluster,
            index: self.index,
        }
    }

    /// Compares an answer with it. What a head does not tell is not held against it.
    pub fn judge(&self, head: &Head) -> Option<Staleness> {
        let told = cluster(head)?;
        if self.cluster == 0 {
            return None;
        }
        if told != self.cluster {
            return Some(Staleness::Foreign {
                cluster: told,
                known: self.cluster,
            });
        }
        let numbers = [
            ("term", head.raft_term, self.term, self.settled_term),
            ("index", head.etcd_index, self.index, self.settled_index),
        ];
        let mut behind = numbers
            .into_iter()
            .filter(|(_, told, known, _)| *told != 0 && told < known)
            .map(|(what, told, known, settled)| Staleness::Behind {
                what,
                told,
                known,
                long: told < settled,
            });
        let first = behind.next()?;
        // what says more goes first
        let other = behind
            .next()
            .filter(|other| !first.blames() && other.blames());
        Some(other.unwrap_or(first))
    }
}

/// The cluster of an answer; `None` when it does not tell.
pub fn cluster(head: &Head) -> Option<u64> {
    head.cluster_id.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(cluster: &str, index: u64, term: u64) -> Head {
        Head {
            status: 200,
            etcd_index: index,
            raft_term: term,
            cluster_id: cluster.into(),
            ..Head::default()
        }
    }

    fn behind(what: &'static str, told: u64, known: u64, long: bool) -> Option<Staleness> {
        Some(Staleness::Behind {
            what,
            told,
            known,
            long,
        })
    }

    #[test]
    fn what_was_known_when_the_request_left_is_what_counts() {
        let (staleness, now) = (StalenessTracker::default(), Instant::now());
        let before = staleness.baseline();
        staleness.see(1, &head("ab", 10, 2), now);
        // nothing was known then, so that nothing was older
        assert_eq!(before.judge(&head("ab", 9, 1)), None);
        let baseline = staleness.baseline();
        assert_eq!(baseline.judge(&head("ab", 10, 2)), None);
        assert_eq!(
            baseline.judge(&head("ab", 9, 2)),
            behind("index", 9, 10, false)
        );
        assert_eq!(
            baseline.judge(&head("ab", 11, 1)),
            behind("term", 1, 2, false)
        );
        // what others learn meanwhile makes no answer old
        staleness.see(1, &head("ab", 20, 3), now);
        assert_eq!(baseline.judge(&head("ab", 10, 2)), None);
        // errors have no term, some no index, and other pages nothing
        assert_eq!(baseline.judge(&head("ab", 10, 0)), None);
        assert_eq!(baseline.judge(&head("ab", 0, 0)), None);
        assert_eq!(baseline.judge(&head("", 1, 1)), None);
        assert_eq!(baseline.judge(&head("no number", 1, 1)), None);
        assert_eq!(
            (baseline.known().cluster, baseline.known().index),
            (0xab, 10)
        );
    }

    #[test]
    fn a_lag_blames_nobody_until_it_is_long() {
        let (staleness, now) = (StalenessTracker::default(), Instant::now());
        staleness.see(1, &head("ab", 10, 2), now);
        for (step, index) in [(1, 11), (2, 12), (3, 13)] {
            staleness.see(1, &head("ab", index, 2), now + step * SETTLED);
        }
        let baseline = staleness.baseline();
        let lag = |index| baseline.judge(&head("ab", index, 2)).expect("older");
        assert!(!lag(12).blames());
        assert!(lag(11).blames(), "{baseline:?}");
        // no turn comes before its time
        staleness.see(1, &head("ab", 99, 9), now + 3 * SETTLED + SETTLED / 2);
        let baseline = staleness.baseline();
        assert_eq!(
            baseline.judge(&head("ab", 12, 2)),
            behind("term", 2, 9, false)
        );
        assert_eq!(
            baseline.judge(&head("ab", 11, 2)),
            behind("index", 11, 99, true)
        );
    }

    #[test]
    fn another_cluster_is_followed_unless_it_is_refused() {
        for policy in [
            StalenessPolicy::Off,
            StalenessPolicy::Tell,
            StalenessPolicy::Refuse,
        ] {
            let (staleness, now) = (StalenessTracker::new(policy), Instant::now());
            staleness.see(1, &head("ab", 100, 5), now);
            let baseline = staleness.baseline();
            let other = head("cd", 7, 1);
            let stale = baseline.judge(&other).expect("foreign");
            assert!(stale.blames());
            assert_eq!(
                stale.to_string(),
                "the answer is of cluster cd, others were of ab"
            );
            staleness.see(1, &other, now);
            let known = staleness.baseline().known();
            match policy {
                StalenessPolicy::Refuse => assert_eq!((known.cluster, known.index), (0xab, 100)),
                _ => assert_eq!((known.cluster, known.index), (0xcd, 7)),
            }
        }
    }
}
