//! Whether what a member says of its history is the whole of it.
//!
//! A follower that lagged takes a snapshot: its store is replaced, its waiting watchers are not woken, and its history may
//! be wrong for what came with the snapshot. A process that started anew may have another store. Neither can be seen in
//! one answer, so each member of a client has one record of the heads that it sent, however many watchers there are:
//! [`Continuity::observe`] takes in heads, [`Continuity::standing`] says between which instants the store was one and the
//! same, and where heads alone do not tell, an [`Audit`] asks. Rules only: no socket, and the time is an argument.

use crate::cluster::members::rule::Rule;
use crate::cluster::members::staleness;
use crate::protocol::response_head::Head;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

mod audit;

pub use audit::{Audit, AuditStep};

/// A snapshot is taken by a follower that lags 5,000 entries behind: less growth between two heads is none.
const GROWTH: u64 = 1000;
/// Audits for the sake of places that move on cost a member at most one read in so long a time, and so many at once after
/// a pause; also those that brought nothing before. An event does not wait for that, and its reads count, too.
const EACH: Duration = Duration::from_secs(1);
const BURST: i32 = 3;
/// So many reads may be owed: events in a row do not stop the places for longer.
const DEBT: i32 = 3;
/// How soon to look again whether something more urgent has come up.
const GLANCE: Duration = Duration::from_millis(25);

/// What a head said, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// the request was not sent before
    pub asked: Instant,
    /// the head had come
    pub came: Instant,
    /// its connection was made
    pub connected: Instant,
    /// hexadecimal in the head; 0 = unknown
    pub cluster: u64,
    /// of the store; 0 = not told
    pub index: u64,
    /// of the log; 0 = not told
    pub raft: u64,
    /// of the log
    pub term: u64,
}

/// What may be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// of the store as far as this client can tell; no two have the same number
    pub life: u64,
    /// whether this life began when a process took the place of another
    pub restarted: bool,
    /// whether it had less than the one before: no restart loses what was there
    pub lower: bool,
    /// the store was continuous from here
    pub since: Instant,
    /// when its process was identified, if its store was never replaced: an exchange that ended after this is covered from
    /// its beginning
    pub met: Option<Instant>,
    /// to here
    pub proven: Instant,
    /// and no head that had come until here shows a break
    pub seen: Instant,
    /// the history up to this index came with a snapshot, and may be wrong
    pub floor: u64,
}

impl Sight {
    /// Of a head that was asked for and came at these times, over a connection made then; `None`: it says nothing of the
    /// store and its log.
    pub fn of(head: &Head, (asked, came): (Instant, Instant), connected: Instant) -> Option<Sight> {
        // a key that is not there has no raft numbers, but it is a word of this process
        matches!(head.status, 200 | 201 | 404).then(|| Sight {
            asked,
            came,
            connected,
            cluster: staleness::cluster(head).unwrap_or(0),
            index: head.etcd_index,
            raft: head.raft_index,
            term: head.raft_term,
        })
    }
}

impl Standing {
    /// Since when the store was continuous, for an exchange that was sent and completed at these times.
    pub fn since(&self, asked: Instant, came: Instant) -> Instant {
        match self.met {
            Some(met) if met <= came => self.since.min(asked),
            _ => self.since,
        }
    }

    /// Whether the store was one and the same from one instant on, until a head came, and if need be to a later instant.
    pub fn covers(&self, from: Instant, head: Instant, later: Option<Instant>) -> bool {
        let later = later.is_none_or(|later| later <= self.proven);
        self.since <= from && head <= self.seen && later
    }
}

/// What somebody needs to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// everything up to here
    pub until: Instant,
    /// an event waits for it; otherwise it is only a place that moves on
    pub urgent: bool,
}

impl Need {
    fn and(self, other: Option<Need>) -> Need {
        Need {
            until: other.map_or(self.until, |other| self.until.max(other.until)),
            urgent: self.urgent || other.is_some_and(|other| other.urgent),
        }
    }
}

/// Called when an audit has ended.
pub type Wake = Box<dyn FnOnce() + Send>;

/// The record of one member.
#[derive(Default)]
pub struct Continuity {
    state: Mutex<ContinuityState>,
}

#[derive(Default)]
struct ContinuityState {
    known: Option<MemberRecord>,
    /// audits made, for tests and counters
    audits: u64,
    auditing: bool,
    /// there is somebody who makes the audits
    served: bool,
    wanted: Option<Need>,
    /// the last one brought nothing
    in_vain: bool,
    waiting: Vec<Wake>,
    /// reads that may be made at once, or are owed, and since when
    reads: Option<(i32, Instant)>,
}

struct MemberRecord {
    /// `None` until the first audit
    standing: Option<Standing>,
    first: Instant,
    /// the one that was asked for last
    last: Sight,
    /// the last of all came
    came: Instant,
    /// the process is the same up to here
    checked: Instant,
    /// what heads showed since the last proof
    doubt: Doubt,
    /// identity of the process; `None`: not served
    process: Option<Box<str>>,
    /// snapshots taken in; `None`: not served
    snapshots: Option<u64>,
}

/// Why the last head proves nothing by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Doubt {
    /// its connection is newer than what is known of the process
    process: bool,
    /// the log grew by more than no snapshot takes, or its term changed
    growth: bool,
    /// the log grew by that much; a higher term alone is only a restart
    lag: bool,
    /// numbers went backwards
    backwards: bool,
}

impl Doubt {
    fn is_none(self) -> bool {
        !self.process && !self.growth && !self.backwards
    }

    fn and(self, other: Doubt) -> Doubt {
        Doubt {
            process: self.process || other.process,
            growth: self.growth || other.growth,
            lag: self.lag || other.lag,
            backwards: self.backwards || other.backwards,
        }
    }
}

impl fmt::Debug for Continuity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuity").finish_non_exhaustive()
    }
}

impl Continuity {
    fn state(&self) -> MutexGuard<'_, ContinuityState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the head of an answer.
    pub fn observe(&self, sight: Sight) {
        let mut state = self.state();
        let auditing = state.auditing;
        match &mut state.known {
            Some(known) => known.observe(sight, auditing),
            None => state.known = Some(MemberRecord::new(sight)),
        }
    }

    /// What may be relied on; `None` before the first audit.
    pub fn standing(&self) -> Option<Standing> {
        self.state().known.as_ref()?.standing
    }

    /// How many audits were begun.
    #[cfg(any(test, feature = "internals"))]
    pub fn audits(&self) -> u64 {
        self.state().audits
    }

    /// Somebody needs something to be proven, and is woken when that has been tried. `true`: nobody makes audits at the
    /// moment, the caller has to see to it.
    pub fn enlist(&self, need: Need, wake: Wake) -> bool {
        let mut state = self.state();
        state.wanted = Some(need.and(state.wanted));
        state.waiting.push(wake);
        !std::mem::replace(&mut state.served, true)
    }

    /// For who makes audits: whether somebody still waits for one. Otherwise the next to enlist has to see to it.
    pub fn is_awaited(&self) -> bool {
        let mut state = self.state();
        state.served = !state.waiting.is_empty();
        state.served
    }

    /// Begins an audit that proves what is needed, here or by others, or tells when to ask again.
    pub fn begin(&self, need: Need, now: Instant) -> Result<Audit, Instant> {
        let mut state = self.state();
        if state.auditing {
            return Err(now + GLANCE);
        }
        let need = need.and(state.wanted);
        let (reads, since) = state.reads_left(now);
        if reads <= 0 && (!need.urgent || state.in_vain) {
            return Err((since + EACH).min(now + GLANCE));
        }
        state.auditing = true;
        state.audits += 1;
        let last = state.known.as_ref().map(|known| known.last.asked);
        let sighted = last.is_some_and(|asked| asked >= need.until);
        Ok(Audit::new(sighted, now))
    }

    /// Ends an audit, however it went; who is to be woken.
    pub fn end(&self, audit: Audit, now: Instant) -> Vec<Wake> {
        let mut state = self.state();
        state.auditing = false;
        state.in_vain = audit.is_in_vain();
        if let Some(known) = &mut state.known {
            known.end(audit, now);
        }
        state.wanted = None;
        std::mem::take(&mut state.waiting)
    }
}

impl ContinuityState {
    /// Reads that may be made now, 0 or less: none; and when the last of them was earned.
    fn reads_left(&self, now: Instant) -> (i32, Instant) {
        let (reads, since) = self.reads.unwrap_or((BURST, now));
        let more = now.saturating_duration_since(since).as_millis() / EACH.as_millis();
        let more = i32::try_from(more).unwrap_or(BURST + DEBT);
        match reads.saturating_add(more) {
            full if full >= BURST => (BURST, now),
            some => (some, since + EACH * more.unsigned_abs()),
        }
    }

    /// One more is made.
    fn count_read(&mut self, now: Instant) {
        let (reads, since) = self.reads_left(now);
        self.reads = Some(((reads - 1).max(-DEBT), since));
    }
}

impl MemberRecord {
    fn new(sight: Sight) -> MemberRecord {
        MemberRecord {
            standing: None,
            first: sight.asked,
            last: sight,
            came: sight.came,
            checked: sight.asked,
            doubt: Doubt::default(),
            process: None,
            snapshots: None,
        }
    }

    fn observe(&mut self, sight: Sight, auditing: bool) {
        let last = &self.last;
        if sight.raft == 0 && last.raft != 0 {
            return;
        }
        let backwards = sight.asked >= last.came
            && (sight.raft < last.raft
                || (sight.term != 0 && sight.term < last.term)
                || (sight.index != 0 && sight.index < last.index));
        let newer = sight.asked >= last.asked;
        let lag = sight.raft > last.raft.saturating_add(GROWTH);
        let growth = lag || sight.term > last.term || newer && sight.cluster != last.cluster;
        self.doubt = self.doubt.and(Doubt {
            process: sight.connected > self.checked && Rule::Process.holds(),
            growth: growth && Rule::Growth.holds(),
            lag: lag && Rule::Growth.holds(),
            backwards: backwards && Rule::Process.holds(),
        });
        self.came = self.came.max(sight.came);
        if newer {
            self.last = Sight {
                term: if sight.term == 0 {
                    last.term
                } else {
                    sight.term
                },
                ..sight
            };
        }
        if !auditing {
            self.advance();
        }
    }

    /// What the last head proves by itself.
    fn advance(&mut self) {
        let Some(standing) = &mut self.standing else {
            return;
        };
        if self.doubt.is_none() {
            standing.proven = standing.proven.max(self.last.asked);
            standing.seen = standing.seen.max(self.came);
            self.checked = self.checked.max(self.last.asked);
        }
    }

    fn end(&mut self, audit: Audit, now: Instant) {
        let Some(found) = audit.found() else {
            // what it was to prove is still to be proven
            self.doubt = self.doubt.and(audit.doubt);
            return;
        };
        let old = self.standing;
        let another =
            found.process.is_some() && self.process.is_some() && { self.process != found.process };
        let restarted = another || audit.doubt.backwards;
        let (life, floor) = match &old {
            Some(old) if !restarted => (old.life, old.floor),
            // the store with the higher index is gone, and so is its floor
            Some(_) if audit.doubt.backwards => (new_life(), 0),
            Some(old) => (new_life(), old.floor),
            None => (new_life(), 0),
        };
        let identified = found.process.as_ref().map(|_| found.identified);
        let (since, met, floor) = match (found.barrier, &old) {
            // what hung before it may have hung over the snapshot
            (Some(index), _) => (now, None, floor.max(index)),
            (None, Some(old)) if !restarted => (old.since, old.met, floor),
            // earlier answers may have come from another process
            (None, None) if !Rule::Identity.holds() => (self.first, None, floor),
            (None, old) => match identified {
                Some(at) if old.is_none() || another => (at, Some(at), floor),
                None if old.is_none() && audit.doubt.is_none() => (self.first, None, floor),
                _ => (now, None, floor),
            },
        };
        self.standing = Some(Standing {
            life,
            lower: another && audit.doubt.backwards
                || old.is_some_and(|old| old.lower && old.life == life),
            restarted: restarted || old.is_some_and(|old| old.restarted && old.life == life),
            since,
            met,
            proven: old
                .filter(|_| !restarted)
                .map_or(audit.until, |old| audit.until.max(old.proven)),
            seen: found.checked,
            floor,
        });
        self.checked = self.checked.max(found.checked);
        if found.process.is_some() {
            self.process = found.process;
        }
        if found.snapshots.is_some() {
            self.snapshots = found.snapshots;
        }
        self.advance();
    }
}

/// No two lives of any member of any client have the same number.
fn new_life() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
mod tests;
