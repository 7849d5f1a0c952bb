//! Virtual time, members with lag, faults by dice, and a consumer that checks what it is told.

use super::consumer::Consumer;
use super::said::{always, fault, head, verdict, wait_index};
use super::store::{Found, Op, Store, allowed, files, wanted};
use crate::error::Phase;
use crate::protocol::answer::Verdict;
use crate::protocol::key::Key;
use crate::protocol::response_head::Head;
use crate::transport::fault::{Fault, FaultKind};
use crate::watch::driver::{
    HeaderDecision, MemberPreference, Output, PollAction, PollRequest, Purpose,
};
use crate::watch::event_queue::{EventQueue, Push};
use crate::watch::machine::Machine;
use crate::watch::options::WatchOptions;
use crate::watch::poll_schedule::PollSchedule;
use crate::watch::state::State;
use std::time::{Duration, Instant};

pub(in crate::watch) const MAX_POLL: Duration = Duration::from_secs(20);

/// How the next exchange goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    Fine,
    Refused,
    Mute,
    /// after this time of an open poll
    Cut(Duration),
    Half,
    Empty(Duration),
    Foreign,
}

struct Running {
    exchange: Box<PollRequest>,
    member: usize,
    plan: Plan,
    registered: u64,
    since: Instant,
    until: Instant,
}

pub(in crate::watch) struct World {
    begun: Instant,
    pub(in crate::watch) now: Instant,
    pub(in crate::watch) dice: PollSchedule,
    pub(in crate::watch) ops: Vec<Op>,
    pub(in crate::watch) members: Vec<Store>,
    frozen: Vec<Option<Instant>>,
    cluster: u64,
    pub(in crate::watch) chaos: bool,
    pub(in crate::watch) proxy: bool,
    pub(in crate::watch) key: String,
    pub(in crate::watch) recursive: bool,
    pub(in crate::watch) machine: Machine,
    running: Option<Running>,
    last_member: usize,
    pub(in crate::watch) queue: EventQueue,
    pub(in crate::watch) starts: u64,
    pub(in crate::watch) cleared: u64,
    pub(in crate::watch) consumer: Consumer,
}

impl World {
    pub(in crate::watch) fn new(
        seed: u64,
        members: usize,
        key: &str,
        options: &WatchOptions,
    ) -> World {
        let parsed = Key::parse("key", key).unwrap();
        let start = Store {
            index: 3,
            history: vec![None; 3],
            ..Store::default()
        };
        let now = Instant::now();
        World {
            begun: now,
            now,
            dice: PollSchedule::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            ops: Vec::new(),
            members: vec![start; members],
            frozen: vec![None; members],
            cluster: 1,
            chaos: false,
            proxy: false,
            key: key.to_owned(),
            recursive: options.recursive,
            machine: Machine::new(&parsed, options, MAX_POLL, seed).unwrap(),
            running: None,
            last_member: 0,
            queue: EventQueue::new(options.queue_limit, options.on_full),
            starts: 0,
            cleared: 0,
            consumer: Consumer::default(),
        }
    }

    pub(in crate::watch) fn roll(&mut self, sides: u64) -> u64 {
        (self.dice.dice() >> 16) % sides
    }

    pub(in crate::watch) fn leader(&self) -> &Store {
        self.members.iter().max_by_key(|m| m.index).unwrap()
    }

    /// Writes go to the first member that is not frozen; the others follow when they like.
    pub(in crate::watch) fn write(&mut self, op: Op) {
        self.ops.push(op);
        let freshest = (0..self.members.len())
            .max_by_key(|&i| (self.frozen[i].is_none(), self.members[i].index))
            .unwrap();
        self.follow(freshest, u64::MAX);
    }

    /// Member `i` applies at most `count` of the operations it lacks.
    pub(in crate::watch) fn follow(&mut self, i: usize, count: u64) {
        let member = &mut self.members[i];
        let have = (member.index - 3) as usize;
        for op in self.ops[have..].iter().take(count.min(1 << 20) as usize) {
            member.apply(op);
        }
    }

    /// Another store; with `same_id` only its index shows it.
    pub(in crate::watch) fn recreate(&mut self, same_id: bool) {
        let start = Store {
            index: 3,
            history: vec![None; 3],
            ..Store::default()
        };
        self.ops.clear();
        self.consumer.recreated = true;
        self.members.fill(start);
        self.frozen.fill(None);
        self.cluster += u64::from(!same_id);
        if self.running.is_some() {
            self.fail(fault(FaultKind::Connection, Phase::Head, false));
        }
    }

    /// Time goes on: members catch up or freeze, exchanges end, the consumer eats.
    pub(in crate::watch) fn pass(&mut self, time: Duration, appetite: u64) {
        let until = self.now + time;
        for i in 0..self.members.len() {
            if self.frozen[i].is_some_and(|thaw| thaw <= self.now) {
                self.frozen[i] = None;
            }
            // not all at once: the one that takes the writes
            if self.chaos && i > 0 && self.frozen[i].is_none() && self.roll(60) == 0 {
                self.frozen[i] = Some(self.now + Duration::from_millis(self.roll(6000)));
            }
            if self.frozen[i].is_none() {
                let count = if self.chaos { self.roll(40) } else { u64::MAX };
                let all = self.roll(2) == 0;
                self.follow(i, if all { u64::MAX } else { count });
            }
        }
        for _ in 0..appetite {
            let Some(event) = self.queue.pop() else { break };
            self.consumer.take(&event, &self.key);
        }
        if self.queue.drained() {
            self.machine.resume();
        }
        for _ in 0..5000 {
            if !self.step(until) {
                self.now = until.max(self.now);
                return;
            }
        }
        panic!("a hot loop");
    }

    /// One thing that happens before `until`; `false` when there is none.
    fn step(&mut self, until: Instant) -> bool {
        if self.running.is_some() {
            return self.go_on(until);
        }
        self.machine.vouch(self.now, always(self.now));
        match self.machine.poll(self.now) {
            PollAction::Prove(_) => panic!("it wants a proof"),
            PollAction::Closed | PollAction::Wait(None) => false,
            PollAction::Wait(Some(at)) if at > until => false,
            PollAction::Wait(Some(at)) => {
                self.now = at;
                true
            }
            PollAction::Start(exchange) => {
                self.start(exchange);
                self.collect();
                true
            }
        }
    }

    fn start(&mut self, exchange: Box<PollRequest>) {
        self.starts += 1;
        let count = self.members.len() as u64;
        let last = self.last_member;
        let member = match exchange.preference {
            MemberPreference::Any => self.roll(count) as usize,
            MemberPreference::Same | MemberPreference::Only => last,
            MemberPreference::Other => {
                (last + 1 + self.roll(count.max(2) - 1) as usize) % count as usize
            }
        };
        self.last_member = member;
        let millis = Duration::from_millis(self.roll(4000));
        let plan = match self.roll(if self.chaos { 20 } else { u64::MAX }) {
            0 => Plan::Refused,
            1 => Plan::Mute,
            2 | 3 => Plan::Cut(millis + Duration::from_millis(1)),
            4 | 5 => Plan::Half,
            6 => Plan::Empty(millis),
            7 => Plan::Foreign,
            _ => Plan::Fine,
        };
        self.now += Duration::from_millis(1);
        let limit = exchange.head;
        let purpose = exchange.purpose;
        self.running = Some(Running {
            exchange,
            member,
            plan,
            registered: self.members[member].index,
            since: self.now,
            until: self.now + limit,
        });
        let index = self.members[member].index;
        match plan {
            Plan::Refused => return self.fail(fault(FaultKind::Connection, Phase::Connect, false)),
            Plan::Foreign => {
                let page = Head {
                    content_type: "text/html".into(),
                    ..Head::new(502)
                };
                self.machine.on_head(self.now, &page);
                return self.answer(verdict(page, "<html>", purpose));
            }
            Plan::Mute => return,
            _ => {}
        }
        match purpose {
            Purpose::Probe => {
                let head = head(200, index, self.cluster);
                if self.machine.on_head(self.now, &head) == HeaderDecision::Leave {
                    self.running = None;
                    return;
                }
                self.answer(verdict(head, "", purpose));
            }
            Purpose::Snapshot => {
                let listing = self.members[member].listing(&self.key, self.recursive);
                let status = if listing.is_ok() { 200 } else { 404 };
                let head = head(status, index, self.cluster);
                if self.machine.on_head(self.now, &head) == HeaderDecision::Leave {
                    self.running = None;
                    return;
                }
                if plan == Plan::Half {
                    return self.fail(fault(FaultKind::Connection, Phase::Body, true));
                }
                let (Ok(body) | Err(body)) = listing;
                self.answer(verdict(head, &body, purpose));
            }
            Purpose::Poll => self.register(),
        }
    }

    /// The server takes the poll.
    fn register(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        let store = &self.members[running.member];
        let from = wait_index(&running.exchange.http_request.target);
        let (status, body) = match store.look(&self.key, self.recursive, from) {
            Found::Cleared(body) => {
                self.cleared += 1;
                (400, Some(body))
            }
            Found::Event(told) => (200, Some(told.body.clone())),
            Found::Nothing => (200, None),
        };
        let head = head(status, store.index, self.cluster);
        if self.proxy && body.is_none() {
            // kept back with the head until there is something
            return;
        }
        match self.machine.on_head(self.now, &head) {
            HeaderDecision::Leave => {
                self.running = None;
                return;
            }
            HeaderDecision::Stay(quiet) => running.until = self.now + quiet,
        }
        let plan = running.plan;
        let Some(body) = body else { return };
        match plan {
            // the cut comes between the head and the event
            Plan::Cut(_) => self.fail(fault(FaultKind::Connection, Phase::Body, false)),
            Plan::Half => self.fail(fault(FaultKind::Connection, Phase::Body, true)),
            _ => self.answer(verdict(head, &body, Purpose::Poll)),
        }
    }

    /// An open poll: an event, a cut, an empty end, its time, or nothing yet.
    fn go_on(&mut self, until: Instant) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        let (plan, member, since, limit) =
            (running.plan, running.member, running.since, running.until);
        if plan == Plan::Mute || running.exchange.purpose != Purpose::Poll {
            if limit > until {
                return false;
            }
            self.now = limit.max(self.now);
            self.fail(fault(FaultKind::Timeout, Phase::Head, false));
            return true;
        }
        let from = wait_index(&running.exchange.http_request.target);
        let told = self.members[member].live(&self.key, self.recursive, running.registered, from);
        if let Some(body) = told.map(|t| t.body.clone()) {
            let head = head(200, running.registered, self.cluster);
            if self.proxy {
                self.machine.on_head(self.now, &head);
            }
            self.now += Duration::from_micros(100);
            match plan {
                Plan::Half => self.fail(fault(FaultKind::Connection, Phase::Body, true)),
                _ => self.answer(verdict(head, &body, Purpose::Poll)),
            }
            return true;
        }
        let ends = match plan {
            Plan::Cut(after) | Plan::Empty(after) => limit.min(since + after),
            _ => limit,
        };
        if ends > until {
            return false;
        }
        self.now = ends.max(self.now);
        let phase = if self.proxy { Phase::Head } else { Phase::Body };
        match plan {
            Plan::Cut(_) if ends < limit => self.fail(fault(FaultKind::Connection, phase, false)),
            Plan::Empty(_) if ends < limit => {
                let head = head(200, running.registered, self.cluster);
                if self.proxy {
                    self.machine.on_head(self.now, &head);
                }
                self.answer(verdict(head, "", Purpose::Poll));
            }
            _ if self.proxy => self.fail(fault(FaultKind::Timeout, phase, false)),
            _ => {
                // the server ends it in order
                let head = head(200, running.registered, self.cluster);
                self.machine.on_finish(self.now);
                self.now += Duration::from_micros(400);
                self.answer(verdict(head, "", Purpose::Poll));
            }
        }
        true
    }

    fn answer(&mut self, verdict: Verdict) {
        self.running = None;
        self.machine.on_answer(self.now, verdict);
        self.collect();
    }

    fn fail(&mut self, fault: Fault) {
        self.running = None;
        self.machine.on_fault(self.now, &fault);
        self.collect();
    }

    /// Everything told goes into the queue; a full one stops the machine.
    pub(in crate::watch) fn collect(&mut self) {
        self.machine.vouch(self.now, always(self.now));
        while let Some(output) = self.machine.output() {
            if let Output::State(State::Closed(error)) = &output {
                panic!("closed: {error:?}");
            }
            if self.queue.push(output) == Push::Full {
                self.machine.pause();
            }
        }
    }

    /// Every event of the store from `since` on was told once, or lies in a gap that was told.
    pub(in crate::watch) fn check_changes(&self, since: u64) {
        let store = self.leader();
        let in_gap = |index: u64| {
            self.consumer
                .gaps
                .iter()
                .any(|&(from, to, _)| (from..=to).contains(&index))
        };
        for told in store.history.iter().flatten().filter(|t| t.index >= since) {
            let was_told = self.consumer.indices.binary_search(&told.index).is_ok();
            if wanted(told, &self.key, self.recursive) && !in_gap(told.index) {
                assert!(was_told, "{} {} was lost", told.index, told.body);
            }
            if was_told {
                assert!(allowed(told, &self.key, self.recursive), "{}", told.body);
                assert!(!in_gap(told.index));
            }
        }
    }

    /// Requests that brought nothing cost pauses.
    pub(in crate::watch) fn check_requests(&self) {
        let counters = self.machine.counters();
        let told = self.consumer.indices.len() as u64 + counters.filtered;
        let seconds = (self.now - self.begun).as_secs();
        let fruitless = self.starts.saturating_sub(told);
        assert!(
            fruitless < 20 + seconds + 2 * told,
            "{fruitless} of {} in {seconds} s, {told} told",
            self.starts
        );
    }

    pub(in crate::watch) fn check_table(&self) {
        let expected = files(self.leader(), &self.key, self.recursive);
        assert_eq!(self.consumer.table, expected);
    }
}
