//! What a client has been told of its cluster: how far the store is, in which term, and whose it is; and whether an answer
//! is older than that.
//!
//! A member that lags by some milliseconds is in good health, one that is cut off from its peers is not. So what is older
//! than what was known when its request left is told apart by whether that had been known for a while.

use crate::error::Known;
use crate::protocol::answer::Head;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

/// A healthy member has caught up with all that was known for so long.
const SETTLED: Duration = Duration::from_millis(500);

/// What becomes of an answer that is older than one seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
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
pub struct Guard {
    policy: Policy,
    began: Instant,
    // what is known of a cluster goes with it, so all of it changes together
    seen: RwLock<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// hexadecimal in the head; 0 = unknown
    cluster: u64,
    now: Mark,
    /// what was known at the last turn, and at the one before
    newer: Mark,
    older: Mark,
    /// when the last turn was, in ms; a turn comes [`SETTLED`] after the other at least
    turn: AtomicU64,
}

/// How far a store has got. Both numbers are those of the last change that was applied, so that even a member that stands
/// for election in vain does not raise them.
#[derive(Debug, Default)]
struct Mark {
    index: AtomicU64,
    term: AtomicU64,
}

/// What was known when a request left.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    cluster: u64,
    index: u64,
    term: u64,
    settled_index: u64,
    settled_term: u64,
}

/// An answer that is older than what was known before it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
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

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stale::Foreign { cluster, known } => {
                write!(
                    f,
                    "the answer is of cluster {cluster:x}, others were of {known:x}"
                )
            }
            Stale::Behind {
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

impl Stale {
    /// Whether it says something of the health of its member.
    pub fn blames(&self) -> bool {
        !matches!(self, Stale::Behind { long: false, .. })
    }
}

impl Default for Guard {
    fn default() -> Guard {
        Guard::new(Policy::default())
    }
}

impl Guard {
    /// Knows nothing yet.
    pub fn new(policy: Policy) -> Guard {
        Guard {
            policy,
            began: Instant::now(),
            seen: RwLock::default(),
        }
    }

    /// What becomes of answers that are older.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Takes in the head of an answer.
    pub fn see(&self, head: &Head, now: Instant) {
        // what tells no cluster is not an answer of the key space, and perhaps not of etcd
        let Some(cluster) = cluster(head) else {
            return;
        };
        let seen = self.seen();
        if seen.cluster == cluster {
            seen.now.raise(head.etcd_index, head.raft_term);
            return seen.turn(now.saturating_duration_since(self.began));
        }
        // who refuses what is foreign stays with the first
        if seen.cluster != 0 && self.policy == Policy::Refuse {
            return;
        }
        drop(seen);
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.cluster != cluster {
            *seen = Seen {
                cluster,
                ..Seen::default()
            };
        }
        seen.now.raise(head.etcd_index, head.raft_term);
    }

    /// Which cluster it is, and how far it has got.
    pub fn known(&self) -> Known {
        self.view().known()
    }

    /// The highest term seen; 0 = none.
    pub fn term(&self) -> u64 {
        self.view().term
    }

    /// What is known now.
    pub fn view(&self) -> View {
        let seen = self.seen();
        View {
            cluster: seen.cluster,
            index: seen.now.index.load(Ordering::Relaxed),
            term: seen.now.term.load(Ordering::Relaxed),
            settled_index: seen.older.index.load(Ordering::Relaxed),
            settled_term: seen.older.term.load(Ordering::Relaxed),
        }
    }

    fn seen(&self) -> RwLockReadGuard<'_, Seen> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn turn(&self, now: Duration) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let last = self.turn.load(Ordering::Relaxed);
        if now.saturating_sub(last) < SETTLED.as_millis() as u64 {
            return;
        }
        let mine = self
            .turn
            .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() {
            self.older.follow(&self.newer);
            self.newer.follow(&self.now);
        }
    }
}

impl Mark {
    fn raise(&self, index: u64, term: u64) {
        for (to, value) in [(&self.index, index), (&self.term, term)] {
            // most answers tell nothing new, and then nobody else's copy is touched
            if value > to.load(Ordering::Relaxed) {
                to.fetch_max(value, Ordering::Relaxed);
            }
        }
    }

    fn follow(&self, other: &Mark) {
        let (index, term) = (&other.index, &other.term);
        self.raise(index.load(Ordering::Relaxed), term.load(Ordering::Relaxed));
    }
}

impl View {
    /// For [`crate::error::Detail::known`].
    pub fn known(&self) -> Known {
        Known {
            cluster: self.cluster,
            index: self.index,
        }
    }

    /// Compares an answer with it. What a head does not tell is not held against it.
    pub fn judge(&self, head: &Head) -> Option<Stale> {
        let told = cluster(head)?;
        if self.cluster == 0 {
            return None;
        }
        if told != self.cluster {
            return Some(Stale::Foreign {
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
            .map(|(what, told, known, settled)| Stale::Behind {
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
    u64::from_str_radix(&head.cluster_id, 16)
        .ok()
        .filter(|&id| id != 0)
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

    fn behind(what: &'static str, told: u64, known: u64, long: bool) -> Option<Stale> {
        Some(Stale::Behind {
            what,
            told,
            known,
            long,
        })
    }

    #[test]
    fn what_was_known_when_the_request_left_is_what_counts() {
        let (guard, now) = (Guard::default(), Instant::now());
        let before = guard.view();
        guard.see(&head("ab", 10, 2), now);
        // nothing was known then, so that nothing was older
        assert_eq!(before.judge(&head("ab", 9, 1)), None);
        let view = guard.view();
        assert_eq!(view.judge(&head("ab", 10, 2)), None);
        assert_eq!(view.judge(&head("ab", 9, 2)), behind("index", 9, 10, false));
        assert_eq!(view.judge(&head("ab", 11, 1)), behind("term", 1, 2, false));
        // what others learn meanwhile makes no answer old
        guard.see(&head("ab", 20, 3), now);
        assert_eq!(view.judge(&head("ab", 10, 2)), None);
        // errors have no term, some no index, and other pages nothing
        assert_eq!(view.judge(&head("ab", 10, 0)), None);
        assert_eq!(view.judge(&head("ab", 0, 0)), None);
        assert_eq!(view.judge(&head("", 1, 1)), None);
        assert_eq!(view.judge(&head("no number", 1, 1)), None);
        assert_eq!((view.known().cluster, view.known().index), (0xab, 10));
    }

    #[test]
    fn a_lag_blames_nobody_until_it_is_long() {
        let (guard, now) = (Guard::default(), Instant::now());
        guard.see(&head("ab", 10, 2), now);
        for (step, index) in [(1, 11), (2, 12), (3, 13)] {
            guard.see(&head("ab", index, 2), now + step * SETTLED);
        }
        let view = guard.view();
        let lag = |index| view.judge(&head("ab", index, 2)).expect("older");
        assert!(!lag(12).blames());
        assert!(lag(11).blames(), "{view:?}");
        // no turn comes before its time
        guard.see(&head("ab", 99, 9), now + 3 * SETTLED + SETTLED / 2);
        let view = guard.view();
        assert_eq!(view.judge(&head("ab", 12, 2)), behind("term", 2, 9, false));
        assert_eq!(
            view.judge(&head("ab", 11, 2)),
            behind("index", 11, 99, true)
        );
    }

    #[test]
    fn another_cluster_is_followed_unless_it_is_refused() {
        for policy in [Policy::Off, Policy::Tell, Policy::Refuse] {
            let (guard, now) = (Guard::new(policy), Instant::now());
            guard.see(&head("ab", 100, 5), now);
            let view = guard.view();
            let other = head("cd", 7, 1);
            let stale = view.judge(&other).expect("foreign");
            assert!(stale.blames());
            assert_eq!(
                stale.to_string(),
                "the answer is of cluster cd, others were of ab"
            );
            guard.see(&other, now);
            let known = guard.view().known();
            match policy {
                Policy::Refuse => assert_eq!((known.cluster, known.index), (0xab, 100)),
                _ => assert_eq!((known.cluster, known.index), (0xcd, 7)),
            }
        }
    }
}
