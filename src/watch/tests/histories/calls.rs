//! A caller who waits for one change, and then from where he was told for the next, in place of a watcher.

use super::*;
use crate::cluster::members::continuity::{Need, Standing};
use crate::status::Status;
use crate::watch::once::{Once, Step};
use crate::watch::places::Places;
use std::ops::{Deref, DerefMut};

/// Timeouts in ms; most are too short for a proof.
const TIMEOUTS: [u64; 8] = [1, 3, 30, 300, 1300, 1700, 5000, 60_000];
/// What the caller does between two calls, in ms.
const PAUSES: [u64; 4] = [0, 0, 20, 2500];

/// Who follows the key.
pub(super) enum Follower {
    Watcher(Box<Machine>),
    Caller(Box<Caller>),
}

pub(super) struct Caller {
    once: Once,
    /// where the last call went on
    from: u64,
    next: u64,
    /// no call is running before this instant
    begins: Option<Instant>,
    /// a member has had an exchange of this call
    asked: bool,
    /// an audit is to be made
    need: Option<Need>,
    places: Places,
    /// it keeps no place from one call to the next
    forgets: bool,
    /// all is well: calls are long and follow each other
    settled: bool,
}

impl Deref for Follower {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        match self {
            Follower::Watcher(machine) => machine,
            Follower::Caller(caller) => &caller.once.machine,
        }
    }
}

impl DerefMut for Follower {
    fn deref_mut(&mut self) -> &mut Machine {
        match self {
            Follower::Watcher(machine) => machine,
            Follower::Caller(caller) => &mut caller.once.machine,
        }
    }
}

impl Caller {
    /// Whether the next call knows what the last one had learnt.
    fn keeps_place(&self) -> bool {
        let place = self.once.place();
        place.is_some_and(|place| place.next() == self.next)
    }
}

impl Follower {
    /// The first index that has not been looked at.
    pub(super) fn next(&self) -> u64 {
        match self {
            Follower::Watcher(machine) => machine.next_index(),
            Follower::Caller(caller) if caller.begins.is_some() => caller.next,
            Follower::Caller(caller) => caller.once.machine.next_index(),
        }
    }

    pub(super) fn is_caller(&self) -> bool {
        matches!(self, Follower::Caller(_))
    }

    pub(super) fn on_head(&mut self, now: Instant, head: &Head) -> HeaderDecision {
        match self {
            Follower::Watcher(machine) => machine.on_head(now, head),
            Follower::Caller(caller) => caller.once.on_head(now, head),
        }
    }

    /// There is no event up to here by which the store is known again.
    pub(super) fn blank_up_to(&self) -> Option<u64> {
        match self {
            // the next call begins with nothing but an index
            Follower::Caller(caller) if caller.begins.is_some() && !caller.keeps_place() => {
                Some(caller.next.saturating_sub(1))
            }
            _ => self.began_after(),
        }
    }

    /// The time of the call is over then.
    pub(super) fn ends(&self) -> Option<Instant> {
        match self {
            Follower::Watcher(_) => None,
            Follower::Caller(caller) => Some(caller.begins.unwrap_or_else(|| caller.once.until())),
        }
    }

    /// All is well from here on.
    pub(super) fn settle(&mut self) {
        if let Follower::Caller(caller) = self {
            caller.settled = true;
        }
    }
}

fn watched() -> Key {
    Key::parse("key", KEY).unwrap()
}

fn once(recursive: bool, next: u64, seed: u64, deadline: Instant) -> Once {
    Once::new(&watched(), (recursive, next), MAX_POLL, seed, deadline).unwrap()
}

impl Sim {
    /// The same cluster, and a caller.
    pub(in crate::watch::tests) fn of_calls(seed: u64, members: usize, recursive: bool) -> Sim {
        let mut sim = Sim::new(seed, members, OnLost::Gap, recursive);
        sim.machine = Follower::Caller(Box::new(Caller {
            once: once(recursive, 0, seed, sim.now + Duration::from_secs(60)),
            from: 0,
            next: 0,
            begins: None,
            asked: false,
            need: None,
            places: Places::default(),
            forgets: false,
            settled: false,
        }));
        sim
    }

    fn caller(&mut self) -> Option<&mut Caller> {
        match &mut self.machine {
            Follower::Caller(caller) => Some(caller),
            Follower::Watcher(_) => None,
        }
    }

    /// What the call does next, when something is to be done.
    pub(super) fn next_of_call(&mut self) -> PollAction {
        loop {
            let (now, last) = (self.now, self.last_member);
            let Some(caller) = self.caller() else {
                return PollAction::Closed;
            };
            match caller.begins {
                Some(at) if at > now => return PollAction::Wait(Some(at)),
                Some(_) => self.call(),
                None => {}
            }
            let Some(caller) = self.caller() else {
                return PollAction::Closed;
            };
            let (asked, need, until, deadline) = (
                caller.asked,
                caller.need,
                caller.once.until(),
                caller.once.deadline(),
            );
            if self.running.is_some() {
                if now < deadline {
                    return PollAction::Wait(None);
                }
                self.members[last].connection = None;
                self.running = None;
            }
            if self.members[last].audit.is_some() {
                if now < until {
                    return PollAction::Wait(None);
                }
                self.give_up_audit(last);
            }
            if let Some(need) = need {
                match self.members[last].record.begin(need, now) {
                    Ok(audit) => {
                        self.members[last].ask(audit, now);
                        self.need_no_more();
                        continue;
                    }
                    Err(later) if now < until => return PollAction::Wait(Some(later.min(until))),
                    Err(_) => self.need_no_more(),
                }
            }
            let standing = self.members[last].record.standing().filter(|_| asked);
            if let Some(action) = self.step_of_call(standing) {
                return action;
            }
        }
    }

    fn step_of_call(&mut self, standing: Option<Standing>) -> Option<PollAction> {
        let now = self.now;
        let step = self.caller()?.once.step(now, standing);
        match step {
            Step::Changed(response) => {
                let event = Event::change(*response);
                self.take(&event);
                self.pause(event.index() + 1);
            }
            Step::TimedOut(index) => {
                self.trace(&("timeout", index));
                self.pause(index + u64::from(index != 0));
            }
            Step::Failed(error) => {
                self.trace(&error);
                assert_eq!(error.status(), Status::HISTORY_CLEARED, "{error}");
                let recursive = self.machine.is_recursive();
                let caller = self.caller()?;
                caller.places.lose(&watched(), recursive, caller.from);
                // he reads what is there
                let index = self.full().index;
                self.miss(0, index);
                self.pause(index + 1);
            }
            Step::Start(exchange) => {
                self.caller()?.asked = true;
                return Some(PollAction::Start(exchange));
            }
            Step::Prove(need) => self.caller()?.need = Some(need),
            Step::Wait(at) => return Some(PollAction::Wait(Some(at))),
        }
        None
    }

    fn need_no_more(&mut self) {
        if let Some(caller) = self.caller() {
            caller.need = None;
        }
    }

    fn give_up_audit(&mut self, member: usize) {
        let now = self.now;
        let member = &mut self.members[member];
        if let Some((mut audit, ..)) = member.audit.take() {
            audit.abandon();
            member.record.end(audit, now);
        }
    }

    /// The call has ended, and the next one begins after a while, at `next`.
    fn pause(&mut self, next: u64) {
        let pause = MS * PAUSES[self.roll(4) as usize] as u32;
        let begins = self.now + pause;
        let Some(caller) = self.caller() else { return };
        caller.next = next;
        caller.begins = Some(match caller.settled {
            true => begins - pause,
            false => begins,
        });
    }

    fn call(&mut self) {
        let (seed, recursive) = (self.dice.dice(), self.machine.is_recursive());
        let timeout = MS * TIMEOUTS[self.roll(8) as usize] as u32;
        let now = self.now;
        let Some(caller) = self.caller() else { return };
        let timeout = match caller.settled {
            true => Duration::from_secs(60),
            false => timeout,
        };
        let key = watched();
        if let Some(place) = caller.once.place().filter(|_| !caller.forgets) {
            caller.places.keep(&key, recursive, caller.from, place);
        }
        caller.from = caller.next;
        caller.once = once(recursive, caller.next, seed, now + timeout);
        if let Some(place) = caller.places.find(&key, recursive, caller.next) {
            caller.once.go_on_from(place);
        }
        (caller.begins, caller.asked, caller.need) = (None, false, None);
        let next = caller.next;
        self.trace(&("call", next, timeout));
    }
}

/// One history, from the beginning, seen by a caller.
pub(in crate::watch::tests) fn run(seed: u64, acts: &[Act], members: usize) -> Result<Sim, String> {
    go(Sim::of_calls(seed, members, seed % 2 == 0), seed, acts)
}

/// The same, by a caller who keeps no place from one call to the next.
pub(in crate::watch::tests) fn run_forgetfully(
    seed: u64,
    acts: &[Act],
    members: usize,
) -> Result<Sim, String> {
    let mut sim = Sim::of_calls(seed, members, seed % 2 == 0);
    if let Some(caller) = sim.caller() {
        caller.forgets = true;
    }
    go(sim, seed, acts)
}

/// The same, by one who comes when all of it has happened, and goes on from an index that is not of this client.
pub(in crate::watch::tests) fn run_late(
    seed: u64,
    acts: &[Act],
    members: usize,
) -> Result<Sim, String> {
    let mut sim = Sim::of_calls(seed, members, seed % 2 == 0);
    sim.write(Op::Set("/other".into(), "v".into()));
    sim.start = sim.full().index + 1;
    let (next, later) = (sim.start, sim.now + Duration::from_secs(3600));
    if let Some(caller) = sim.caller() {
        (caller.next, caller.begins) = (next, Some(later));
    }
    for act in acts {
        sim.act(*act);
    }
    let now = sim.now;
    if let Some(caller) = sim.caller() {
        caller.begins = Some(now);
    }
    end(sim, seed, acts)
}

fn go(mut sim: Sim, seed: u64, acts: &[Act]) -> Result<Sim, String> {
    sim.begin(true);
    for act in acts {
        sim.act(*act);
    }
    end(sim, seed, acts)
}

fn end(mut sim: Sim, seed: u64, acts: &[Act]) -> Result<Sim, String> {
    let members = sim.members.len();
    let outcome = sim.settle();
    outcome
        .map(|()| sim)
        .map_err(|why| format!("seed {seed}, {members} members, {acts:?}: {why}"))
}
