//! Which member is asked first, as long as nothing speaks against it.

use crate::cluster::members::member::Member;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who leads is not asked for more often.
const AGAIN: Duration = Duration::from_millis(250);
/// How long nobody asks after the answer was that nobody leads, or somebody who is not on the list.
const LATER: Duration = Duration::from_secs(5);

/// The rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// One member until it fails, then the next.
    #[default]
    Sticky,
    /// Each call another.
    RoundRobin,
    /// The one that leads; without it as with [`Selection::Sticky`].
    Leader,
}

/// The rule with what it has to remember.
#[derive(Debug, Default)]
pub struct Balancer {
    rule: Selection,
    turn: AtomicUsize,
    leader: Mutex<Leader>,
}

#[derive(Debug, Default)]
struct Leader {
    member: Option<Arc<Member>>,
    /// the highest that was known when it was asked for
    term: u64,
    asked: Option<Instant>,
}

impl Balancer {
    /// That has chosen nobody yet.
    pub fn new(rule: Selection, random_start: bool) -> Balancer {
        let turn = match random_start {
            true => RandomState::new().hash_one(0u8) as usize >> 1,
            false => 0,
        };
        Balancer {
            rule,
            turn: AtomicUsize::new(turn),
            leader: Mutex::default(),
        }
    }

    /// Where on the list to begin; `pinned` is the member that answered last, `fresh` a call that has asked nobody.
    pub fn start(&self, pinned: usize, members: usize, fresh: bool) -> usize {
        if self.rule != Selection::RoundRobin {
            return pinned;
        }
        // relaxed: that every member gets its share is all that matters
        let turn = match fresh {
            true => self.turn.fetch_add(1, Ordering::Relaxed),
            false => self.turn.load(Ordering::Relaxed),
        };
        turn % members.max(1)
    }

    /// Where a client without a history begins.
    pub fn first(&self, members: usize) -> usize {
        self.turn.load(Ordering::Relaxed) % members.max(1)
    }

    /// The member that goes before all others.
    pub fn favourite(&self) -> Option<Arc<Member>> {
        match self.rule {
            Selection::Leader => self.leader().member.clone(),
            Selection::Sticky | Selection::RoundRobin => None,
        }
    }

    /// Whether who asks this has to find out who leads, `term` being the highest that is known; only one is told so.
    pub fn wants_leader(&self, now: Instant, term: impl FnOnce() -> u64) -> bool {
        if self.rule != Selection::Leader {
            return false;
        }
        let term = term();
        let mut leader = self.leader();
        let since = |asked| now.saturating_duration_since(asked);
        let wanted = match (leader.asked.map(since), &leader.member) {
            (None, _) => true,
            (Some(time), _) if time < AGAIN => false,
            (Some(_), _) if term > leader.term => true,
            (Some(time), None) => time >= LATER,
            (Some(_), Some(member)) => member.is_gone() || member.penalised_until(now).is_some(),
        };
        if wanted {
            leader.asked = Some(now);
            leader.term = term;
        }
        wanted
    }

    /// Who leads; `None` when nobody does, or nobody that is known.
    pub fn learn(&self, member: Option<Arc<Member>>) {
        self.leader().member = member;
    }

    fn leader(&self) -> MutexGuard<'_, Leader> {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::endpoint::Endpoint;
    use crate::transport::config::TransportConfig;

    fn member() -> Arc<Member> {
        let endpoint = Endpoint::parse("url", "http://a:1").unwrap();
        Arc::new(Member::new(endpoint, &TransportConfig::default()))
    }

    #[test]
    fn everybody_gets_a_turn_and_a_second_try_takes_none() {
        let balancer = Balancer::new(Selection::RoundRobin, false);
        let starts: Vec<_> = (0..6).map(|_| balancer.start(2, 3, true)).collect();
        assert_eq!(starts, [0, 1, 2, 0, 1, 2]);
        assert_eq!(balancer.start(2, 3, false), balancer.start(2, 3, false));
        assert_eq!(balancer.start(0, 0, true), 0);
        let sticky = Balancer::new(Selection::Sticky, false);
        assert_eq!([sticky.start(2, 3, true), sticky.start(1, 3, true)], [2, 1]);
        assert_eq!(sticky.first(3), 0);
        let random: Vec<_> = (0..64)
            .map(|_| Balancer::new(Selection::Sticky, true).first(3))
            .collect();
        assert!((0..3).all(|place| random.contains(&place)), "{random:?}");
    }

    #[test]
    fn who_leads_is_asked_once_and_again_on_a_sign() {
        let balancer = Balancer::new(Selection::Leader, false);
        let mut now = Instant::now();
        assert!(balancer.favourite().is_none());
        assert!(balancer.wants_leader(now, || 0));
        assert!(!balancer.wants_leader(now, || 9), "one asks for all");
        let leader = member();
        balancer.learn(Some(leader.clone()));
        now += LATER * 2;
        assert!(!balancer.wants_leader(now, || 0), "no sign of a change");
        assert!(balancer.wants_leader(now, || 2), "a new term");
        now += AGAIN;
        assert!(!balancer.wants_leader(now, || 2));
        leader.fail(now, None);
        assert!(balancer.wants_leader(now, || 2), "it failed");
        assert!(balancer.favourite().is_some());
        balancer.learn(None);
        now += AGAIN;
        assert!(!balancer.wants_leader(now, || 2), "nobody led just now");
        now += LATER;
        assert!(balancer.wants_leader(now, || 2));
        assert!(!Balancer::default().wants_leader(now, || 0));
    }
}
