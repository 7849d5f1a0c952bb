//! Watchers that want the same share one machine.
//!
//! All machines of the same terms are a family, its first member the main one, which newcomers join. Who cannot follow it,
//! because its consumer is slow or because it begins elsewhere, goes on its own machine and comes back as soon as both
//! are at the same place: an event is told to everybody once, whoever told the one before.

use super::counters::WatchCounters;
use super::driver::Output;
use super::event_queue::Push;
use super::machine::Machine;
use super::options::{OnLost, Start, WatchOptions};
use super::poll_schedule::PollSchedule;
use super::state::State;
use crate::error::{Error, Result};
use crate::protocol::key::Key;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Polls are not shortened below this for the sake of a fast store, and not below `EACH` for each of them: a hundred a
/// second are enough.
const SHORTEST: Duration = Duration::from_secs(1);
const EACH: Duration = Duration::from_millis(10);

/// A watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatcherId(u64);

/// A machine that watchers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(u64);

/// What the driver has to do for the sake of sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// ask this machine what to do: it is new or goes on
    Poll(UpstreamId),
    /// this machine is no more: drop its exchange and its timer
    Drop(UpstreamId),
}

/// What watchers must have in common to share; queues are their own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ShareKey {
    key: Key,
    recursive: bool,
    on_lost: OnLost,
    max_poll: Duration,
    progress: bool,
}

#[derive(Debug)]
struct Upstream {
    machine: Machine,
    terms: Arc<ShareKey>,
    paused: bool,
    watchers: Vec<WatcherId>,
}

#[derive(Debug)]
struct Seat {
    upstream: UpstreamId,
    /// to be added to what the machine has counted; `None`: nothing, as for all that came with their machine
    offset: Option<Box<WatchCounters>>,
}

impl Seat {
    fn new(upstream: UpstreamId, offset: WatchCounters) -> Seat {
        Seat {
            upstream,
            offset: (offset != WatchCounters::default()).then(|| Box::new(offset)),
        }
    }

    /// What counts for the watcher when its machine has counted this.
    fn count(&self, machine: WatchCounters) -> WatchCounters {
        match &self.offset {
            Some(offset) => machine.plus(**offset),
            None => machine,
        }
    }
}

/// All watchers of a client and the machines that serve them.
#[derive(Debug)]
pub struct Fanout {
    /// in boxes: a table is half empty
    upstreams: HashMap<UpstreamId, Box<Upstream>>,
    seats: HashMap<WatcherId, Seat>,
    families: HashMap<Arc<ShareKey>, Vec<UpstreamId>>,
    effects: VecDeque<Effect>,
    random: PollSchedule,
    last: u64,
}

/// A watcher that was taken in.
#[derive(Clone, Debug)]
pub struct Joined {
    /// its name
    pub watcher: WatcherId,
    /// the machine that it begins on
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "for tests")
    )]
    pub upstream: UpstreamId,
    /// of that machine; further states are told like events
    pub state: State,
}

impl Fanout {
    /// `seed` feeds everything random.
    pub fn new(seed: u64) -> Fanout {
        Fanout {
            upstreams: HashMap::new(),
            seats: HashMap::new(),
            families: HashMap::new(),
            effects: VecDeque::new(),
            random: PollSchedule::new(seed),
            last: 0,
        }
    }

    /// Takes in a watcher; `max_poll` is the client's. One "from now" that joins others may be told of a change that was
    /// made a moment before.
    pub fn watch(
        &mut self,
        key: &Key,
        options: &WatchOptions,
        max_poll: Duration,
    ) -> Result<Joined> {
        options.check()?;
        let terms = ShareKey {
            // a slash at the end matters to the server's access rules
            key: key.clone(),
            recursive: options.recursive,
            on_lost: options.on_lost,
            max_poll: options.max_poll.unwrap_or(max_poll),
            progress: options.progress,
        };
        let watcher = WatcherId(self.number());
        let main = self.families.get(&terms).and_then(|family| family.first());
        let joined = main
            .copied()
            .filter(|id| self.upstreams.get(id).is_some_and(|up| up.suits(options)));
        let upstream = match joined {
            Some(upstream) => upstream,
            None => {
                let machine = Machine::new(key, options, max_poll, self.random.dice())?;
                self.add(machine, Arc::new(terms))
            }
        };
        let Some(up) = self.upstreams.get_mut(&upstream) else {
            return Err(Error::invalid("watcher", "its machine is gone"));
        };
        if up.watchers.is_empty() {
            // most stay alone
            up.watchers.reserve_exact(1);
        }
        up.watchers.push(watcher);
        let seat = Seat::new(
            upstream,
            WatchCounters::default().minus(up.machine.counters()),
        );
        self.seats.insert(watcher, seat);
        Ok(Joined {
            watcher,
            upstream,
            state: up.machine.state().clone(),
        })
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn add(&mut self, machine: Machine, terms: Arc<ShareKey>) -> UpstreamId {
        let id = UpstreamId(self.number());
        let alone = || Vec::with_capacity(1);
        let family = self.families.entry(terms.clone()).or_insert_with(alone);
        // newcomers need a main machine that moves
        let stuck = family
            .first()
            .and_then(|main| self.upstreams.get(main))
            .is_some_and(|main| main.paused);
        family.insert(if stuck { 0 } else { family.len() }, id);
        let upstream = Upstream {
            machine,
            terms,
            paused: false,
            watchers: Vec::new(),
        };
        self.upstreams.insert(id, Box::new(upstream));
        self.effects.push_back(Effect::Poll(id));
        id
    }

    /// The machine, to be driven. After each report to it comes [`Fanout::deliver`].
    pub fn machine(&mut self, id: UpstreamId) -> Option<&mut Machine> {
        let all = u32::try_from(self.upstreams.len()).unwrap_or(u32::MAX);
        let machine = &mut self.upstreams.get_mut(&id)?.machine;
        machine.set_shortest_poll(EACH.saturating_mul(all).max(SHORTEST));
        Some(machine)
    }

    /// The machine that a watcher is on.
    pub fn upstream(&self, watcher: WatcherId) -> Option<UpstreamId> {
        self.seats.get(&watcher).map(|seat| seat.upstream)
    }

    /// What is to be done besides; to be taken until it is empty after every call that changes anything.
    pub fn effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Hands what a machine has to tell to all of its watchers. Who is full goes on alone when there is room again; when
    /// all are, the machine waits.
    pub fn deliver(&mut self, id: UpstreamId, mut push: impl FnMut(WatcherId, Output) -> Push) {
        let Some(upstream) = self.upstreams.get_mut(&id) else {
            return;
        };
        let mut full = Vec::new();
        let mut closed = false;
        while let Some(output) = upstream.machine.output() {
            closed |= matches!(output, Output::State(State::Closed(_)));
            for &watcher in &upstream.watchers {
                if push(watcher, output.clone()) == Push::Full {
                    full.push(watcher);
                }
            }
        }
        if closed {
            return self.leave_family(id);
        }
        full.sort_unstable();
        full.dedup();
        if !full.is_empty() {
            if full.len() == upstream.watchers.len() {
                upstream.paused = true;
                upstream.machine.pause();
                return;
            }
            self.split(id, full, true);
        }
        self.unite(id, &mut push);
    }

    /// There is room again in the queue of a watcher that was full.
    pub fn drained(&mut self, watcher: WatcherId) {
        let Some(id) = self.upstream(watcher) else {
            return;
        };
        let Some(upstream) = self.upstreams.get_mut(&id).filter(|up| up.paused) else {
            return;
        };
        if upstream.watchers.len() > 1 {
            self.split(id, vec![watcher], false);
            return;
        }
        upstream.paused = false;
        upstream.machine.resume();
        self.effects.push_back(Effect::Poll(id));
    }

    /// Moves some watchers (sorted) of a machine to a new one at the same place.
    fn split(&mut self, from: UpstreamId, movers: Vec<WatcherId>, paused: bool) {
        let Some(upstream) = self.upstreams.get_mut(&from) else {
            return;
        };
        let mut machine = upstream.machine.fork();
        if paused {
            machine.pause();
        } else {
            machine.resume();
        }
        upstream
            .watchers
            .retain(|watcher| movers.binary_search(watcher).is_err());
        let counters = upstream.machine.counters();
        let terms = upstream.terms.clone();
        let id = self.add(machine, terms);
        if let Some(upstream) = self.upstreams.get_mut(&id) {
            upstream.paused = paused;
        }
        self.seat(id, &movers, counters);
    }

    /// Gives watchers that left a machine with these counters a place on `id`.
    fn seat(&mut self, id: UpstreamId, movers: &[WatcherId], counters: WatchCounters) {
        let Some(upstream) = self.upstreams.get_mut(&id) else {
            return;
        };
        upstream.watchers.extend(movers);
        let base = upstream.machine.counters();
        for watcher in movers {
            if let Some(seat) = self.seats.get_mut(watcher) {
                *seat = Seat::new(id, seat.count(counters).minus(base));
            }
        }
    }

    /// Lets machines of a family that are at the same place become one: `id` has moved.
    fn unite(&mut self, id: UpstreamId, push: &mut impl FnMut(WatcherId, Output) -> Push) {
        let Some(upstream) = self.upstreams.get(&id) else {
            return;
        };
        let Some((&main, others)) = self
            .families
            .get(&upstream.terms)
            .and_then(|family| family.split_first())
        else {
            return;
        };
        let movers: Vec<UpstreamId> = if id == main {
            others.to_vec()
        } else {
            vec![id]
        };
        for mover in movers {
            let (Some(host), Some(guest)) = (self.upstreams.get(&main), self.upstreams.get(&mover))
            else {
                continue;
            };
            if host.paused || guest.paused || !host.machine.is_level_with(&guest.machine) {
                continue;
            }
            let state = host.machine.state().clone();
            let tell = state.code() != guest.machine.state().code();
            self.leave_family(mover);
            let Some(guest) = self.upstreams.remove(&mover) else {
                continue;
            };
            self.effects.push_back(Effect::Drop(mover));
            for &watcher in guest.watchers.iter().filter(|_| tell) {
                push(watcher, Output::State(state.clone()));
            }
            self.seat(main, &guest.watchers, guest.machine.counters());
        }
    }

    fn leave_family(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(&id) else {
            return;
        };
        if let Some(family) = self.families.get_mut(&upstream.terms) {
            family.retain(|&member| member != id);
            if family.is_empty() {
                self.families.remove(&upstream.terms);
            }
        }
    }

    /// The watcher is gone; its machine goes with the last one.
    pub fn cancel(&mut self, watcher: WatcherId) {
        let Some(seat) = self.seats.remove(&watcher) else {
            return;
        };
        let id = seat.upstream;
        let Some(upstream) = self.upstreams.get_mut(&id) else {
            return;
        };
        upstream.watchers.retain(|&other| other != watcher);
        if upstream.watchers.is_empty() {
            self.leave_family(id);
            self.upstreams.remove(&id);
            self.effects.push_back(Effect::Drop(id));
        }
    }

    /// What the machines of this watcher counted while it was on them.
    pub fn counters(&self, watcher: WatcherId) -> WatchCounters {
        let Some(seat) = self.seats.get(&watcher) else {
            return WatchCounters::default();
        };
        let upstream = self.upstreams.get(&seat.upstream);
        upstream.map_or(WatchCounters::default(), |upstream| {
            seat.count(upstream.machine.counters())
        })
    }

    /// Watchers.
    #[cfg(any(test, feature = "internals"))]
    pub fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether there is none.
    #[cfg(any(test, feature = "internals"))]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Machines.
    #[cfg(any(test, feature = "internals"))]
    pub fn upstreams(&self) -> usize {
        self.upstreams.len()
    }
}

impl Upstream {
    /// Whether a newcomer can begin on this machine.
    fn suits(&self, options: &WatchOptions) -> bool {
        if self.paused || self.machine.is_closed() {
            return false;
        }
        let machine = &self.machine;
        match options.start {
            _ if options.snapshot_first() => machine.is_listing(),
            Start::FromNow => machine.is_live() || machine.is_at(0),
            Start::At(index) => machine.is_at(index),
            Start::SnapshotFirst => false,
        }
    }
}

#[cfg(test)]
#[path = "fanout_tests.rs"]
mod tests;
