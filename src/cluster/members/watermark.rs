//! The highest number that the members of a cluster have told, without believing a single one of them for ever.
//!
//! A number that two members have told is believed. One that only a single member has told is believed, too, as long as
//! nobody contradicts: a client may know no other member. When others tell less, it is given up after [`DOUBT`] if
//!
//! - it was told in one answer only, or
//! - the member that told it tells less by now, or
//! - two other members tell less: then this member raises nothing any more, until another one has got that far.
//!
//! A member whose numbers are given up again raises nothing any more, either. So one answer that lies makes honest ones old for [`DOUBT`] at most, and one member that is cut off from its peers never
//! outvotes one that told more than once. Time is an argument, and members are numbers.

use std::time::Duration;

/// How long a number is believed that one member tells and others contradict: longer than an election takes, and the lag
/// that comes with it.
pub const DOUBT: Duration = Duration::from_secs(10);
/// No store gets this far: at a billion changes a second it takes 36 years.
const FARTHEST: u64 = 1 << 60;
/// How often the numbers of one member are given up before it raises nothing any more.
const STRIKES: u8 = 1;
/// Members that are remembered.
const MOST: usize = 16;

/// What one member has told.
#[derive(Clone, Copy, Debug)]
struct MemberClaim {
    member: u64,
    highest: u64,
    /// by another answer than the highest
    second: u64,
    /// how often it was given up
    strikes: u8,
    /// it raises nothing any more, until another one tells this much
    denied: Option<u64>,
}

/// Others tell less than one member does.
#[derive(Clone, Copy, Debug)]
struct Dispute {
    owner: u64,
    value: u64,
    since: Duration,
    /// by more than one answer
    repeated: bool,
    /// its member reports less by now
    withdrawn: bool,
    /// who told less, after the time of doubt
    against: Option<u64>,
}

/// The highest number told, and by whom.
#[derive(Clone, Debug, Default)]
pub struct Watermark {
    value: u64,
    claims: Vec<MemberClaim>,
    dispute: Option<Dispute>,
}

impl Watermark {
    /// What is believed; 0: nothing.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Takes in what `member` tells `now`, on any clock that does not go back.
    pub fn see(&mut self, member: u64, told: u64, now: Duration) {
        if told == 0 || told >= FARTHEST {
            return;
        }
        let claim = self.claim(member);
        let settled = told == claim.highest && claim.second == told && claim.denied.is_none();
        if told > claim.highest {
            claim.second = claim.highest;
            claim.highest = told;
        } else {
            claim.second = claim.second.max(told);
        }
        if settled && told == self.value && self.dispute.is_none() {
            return;
        }
        // who was outvoted was right, if another one gets as far
        for other in self.claims.iter_mut().filter(|c| c.member != member) {
            other.denied = other.denied.filter(|denied| told < *denied);
        }
        self.argue(member, told, now);
        self.value = self.believed().map_or(0, |claim| claim.highest);
        if self.dispute.is_none() && told < self.value {
            self.dispute = self.open(told, member, now);
        }
    }

    /// An answer through consensus tells less than what was believed when it was asked for: that was never true.
    pub fn refute(&mut self, believed: u64, told: u64) {
        for claim in self.claims.iter_mut().filter(|c| c.highest >= believed) {
            claim.highest = told;
            claim.second = told;
        }
        self.dispute = None;
        self.value = self.believed().map_or(0, |claim| claim.highest);
    }

    fn claim(&mut self, member: u64) -> &mut MemberClaim {
        let known = self.claims.iter().position(|c| c.member == member);
        let place = known.unwrap_or_else(|| {
            if self.claims.len() == MOST {
                let claims = self.claims.iter().enumerate();
                let least = claims.min_by_key(|(_, claim)| claim.highest);
                self.claims.swap_remove(least.map_or(0, |(place, _)| place));
            }
            self.claims.push(MemberClaim {
                member,
                highest: 0,
                second: 0,
                strikes: 0,
                denied: None,
            });
            self.claims.len() - 1
        });
        &mut self.claims[place]
    }

    fn believed(&self) -> Option<&MemberClaim> {
        let trusted = self.claims.iter().filter(|c| c.denied.is_none());
        trusted.max_by_key(|claim| claim.highest)
    }

    /// Goes on with a dispute, and ends it.
    fn argue(&mut self, member: u64, told: u64, now: Duration) {
        let Some(dispute) = &mut self.dispute else {
            return;
        };
        match (member == dispute.owner, told >= dispute.value) {
            (false, true) => {
                self.dispute = None;
                return;
            }
            (true, true) => {
                dispute.repeated = true;
                dispute.withdrawn = false;
            }
            (true, false) => dispute.withdrawn = true,
            (false, false) => {}
        }
        if told >= dispute.value || now < dispute.since + DOUBT {
            return;
        }
        let outvoted = member != dispute.owner && *dispute.against.get_or_insert(member) != member;
        if outvoted || !dispute.repeated || dispute.withdrawn {
            let (owner, value, given_up) = (dispute.owner, dispute.value, !dispute.repeated);
            self.dispute = None;
            let claim = self.claim(owner);
            claim.strikes = claim.strikes.saturating_add(1);
            if outvoted || claim.strikes > STRIKES {
                claim.denied = Some(value);
            } else if given_up {
                claim.highest = claim.second;
            } else {
                claim.highest = told;
                claim.second = told;
            }
        }
    }

    /// A dispute, if a single member stands against one that is not behind all others.
    fn open(&self, told: u64, member: u64, now: Duration) -> Option<Dispute> {
        let leader = self.believed()?;
        let others = self.claims.iter().filter(|c| c.member != leader.member);
        let confirmed = others.map(|c| c.highest).max().unwrap_or(0);
        (confirmed < leader.highest && told >= confirmed.min(leader.highest)).then_some(Dispute {
            owner: leader.member,
            value: leader.highest,
            since: now,
            repeated: leader.second == leader.highest,
            withdrawn: member == leader.member,
            against: None,
        })
    }
}

#[cfg(test)]
#[path = "watermark_tests.rs"]
mod tests;
