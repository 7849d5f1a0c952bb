//! Histories of a small cluster: writes and faults in every order, seen through a path that loses things, by a machine with
//! the records of its members. Nothing may be lost in silence, and nothing told twice.

use super::said::{fault, verdict, wait_index};
use super::store::{Found, Op, Store, files, wanted};
use crate::cluster::members::continuity::{Audit, AuditStep, Continuity, Sight};
use crate::error::Phase;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::key::Key;
use crate::protocol::response_head::Head;
use crate::transport::fault::FaultKind;
use crate::watch::driver::{
    HeaderDecision, MemberPreference, Output, PollAction, PollRequest, Purpose,
};
use crate::watch::event::{Event, EventKind, Loss};
use crate::watch::event_queue::EventQueue;
use crate::watch::machine::Machine;
use crate::watch::options::{OnFull, OnLost, WatchOptions};
use crate::watch::poll_schedule::PollSchedule;
use crate::watch::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(super) mod calls;

use calls::Follower;

const KEY: &str = "/w";
const MAX_POLL: Duration = Duration::from_secs(2);
/// Entries of the log that pass while a follower lags so far that it takes a snapshot.
const LAG: u64 = 6000;
const MS: Duration = Duration::from_millis(1);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// a write of the watched key
    Watched,
    /// of another
    Foreign,
    Delete,
    /// of the log, none of which is of this store
    Entries,
    /// member 0 stops, and goes on with a snapshot after two more acts
    Lag,
    /// it stops, and goes on
    Pause,
    /// its process is another, its store the same
    Restart,
    /// all stores are new, have the same id, and soon as many changes
    Wipe,
    /// as well, but they begin with the same changes
    Twin,
    /// the running exchange is cut
    Cut,
    /// a body that has begun is
    Half,
    /// heads pass, what follows does not
    Drop,
    /// our end is answered by a bare end
    Bare,
    /// an empty answer comes at once
    Empty,
    /// the last answer comes again
    Repeat,
    /// heads are kept back until there is an event
    Withhold,
    /// what is in the history comes late after its head
    Slow,
}

pub(super) const FAULTS: [Act; 13] = [
    Act::Lag,
    Act::Pause,
    Act::Restart,
    Act::Wipe,
    Act::Twin,
    Act::Cut,
    Act::Half,
    Act::Drop,
    Act::Bare,
    Act::Empty,
    Act::Repeat,
    Act::Withhold,
    Act::Slow,
];

struct Member {
    store: Store,
    raft: u64,
    term: u64,
    process: u64,
    snapshots: u64,
    /// what its history lacks, and has instead, since it was restored
    hidden: Vec<String>,
    frozen: bool,
    lags: bool,
    /// a snapshot is taken in then
    restores: Option<Instant>,
    record: Continuity,
    /// the question that was asked, and when its answer comes
    audit: Option<(Audit, HttpRequest, Instant)>,
    connection: Option<Instant>,
}

impl Member {
    /// Its answer to the next question of an audit comes after a millisecond.
    fn ask(&mut self, mut audit: Audit, now: Instant) {
        let http_request = audit.http_request(&self.record, now);
        self.audit = Some((audit, http_request, now + MS));
    }
}

struct Running {
    exchange: Box<PollRequest>,
    member: usize,
    asked: Instant,
    connected: Instant,
    /// the index of the store when it was taken
    taken: Option<u64>,
    /// its head comes then, or came
    head: Option<Instant>,
    told_head: bool,
    body: Option<(String, Instant)>,
    status: u16,
    raft: (u64, u64),
    silence: Option<Instant>,
    finish: Option<Instant>,
    /// there was something to be told before our end was closed: it comes before the end
    written: bool,
}

pub(super) struct Sim {
    now: Instant,
    dice: PollSchedule,
    members: Vec<Member>,
    ops: Vec<Op>,
    /// what the cluster has
    whole: Store,
    entries: u64,
    values: u64,
    machine: Follower,
    running: Option<Running>,
    last_member: usize,
    /// which one is asked first
    home: usize,
    /// from which one nothing but heads comes
    dropped: usize,
    path: Vec<(Act, u32)>,
    acts: u32,
    cached: Option<String>,
    /// an old answer has come again when it was asked whether the store is the one that it was
    misled: bool,
    /// the store is another one, and has the last event that was told
    twin: bool,
    queue: EventQueue,
    pub(super) told: Vec<(u64, String)>,
    /// what was told of the store as it is
    heard: BTreeMap<String, u64>,
    twice: Option<String>,
    false_words: Option<String>,
    gaps: usize,
    /// changes that were there when a gap was told that holds them
    missed: BTreeSet<String>,
    /// what cannot be known: a member hid it that was restored and started anew before anybody had looked at it, or a cache
    veiled: BTreeSet<String>,
    table: BTreeMap<String, String>,
    truth: BTreeSet<String>,
    lineage: u32,
    /// so many changes at the beginning were never other ones
    kept: u64,
    /// the watcher had nothing by which to know a store that came, and changes in it up to here are told by nothing else
    unknown: u64,
    start: u64,
    on_lost: OnLost,
    closed: bool,
    resyncs: bool,
    began: Instant,
    loud: bool,
    /// something went on without end in no time
    hot: bool,
}

fn fresh() -> Store {
    Store {
        index: 3,
        history: vec![None; 3],
        ..Store::default()
    }
}

impl Sim {
    pub(super) fn new(seed: u64, members: usize, on_lost: OnLost, recursive: bool) -> Sim {
        let mut options = WatchOptions::default();
        options.set_recursive(recursive);
        options.set_on_lost(on_lost);
        options.set_progress(true);
        let key = Key::parse("key", KEY).unwrap();
        let now = Instant::now() + Duration::from_secs(1000);
        let member = |i: usize| Member {
            store: fresh(),
            raft: 4,
            term: 2,
            process: i as u64 + 1,
            snapshots: 0,
            hidden: Vec::new(),
            frozen: false,
            lags: false,
            restores: None,
            record: Continuity::default(),
            audit: None,
            connection: None,
        };
        Sim {
            now,
            dice: PollSchedule::new(seed),
            members: (0..members).map(member).collect(),
            ops: Vec::new(),
            whole: fresh(),
            entries: 4,
            values: 0,
            machine: Follower::Watcher(Box::new(
                Machine::new(&key, &options, MAX_POLL, seed).unwrap(),
            )),
            running: None,
            last_member: 0,
            home: (seed / 8 % 2) as usize * (members - 1),
            dropped: 0,
            path: Vec::new(),
            acts: 0,
            cached: None,
            misled: false,
            twin: false,
            queue: EventQueue::new(100_000, OnFull::Block),
            told: Vec::new(),
            heard: BTreeMap::new(),
            twice: None,
            false_words: None,
            gaps: 0,
            missed: BTreeSet::new(),
            veiled: BTreeSet::new(),
            table: BTreeMap::new(),
            truth: BTreeSet::new(),
            lineage: 0,
            kept: u64::MAX,
            unknown: 0,
            start: 0,
            on_lost,
            closed: false,
            resyncs: false,
            began: now,
            hot: false,
            loud: std::env::var_os("ETCD_V2_TEST_TRACE").is_some(),
        }
    }

    fn trace(&self, what: &dyn std::fmt::Debug) {
        if self.loud {
            let next = self.machine.next();
            println!(
                "{:?} member {} next {next}: {what:?}",
                self.now - self.began,
                self.last_member
            );
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        (self.dice.dice() >> 16) % sides
    }

    /// One of two, if everything below is watched.
    fn watched_key(&self) -> String {
        match (self.machine_recursive(), self.values % 3) {
            (true, 0) => format!("{KEY}/b"),
            (true, _) => format!("{KEY}/a"),
            (false, _) => KEY.to_owned(),
        }
    }

    fn machine_recursive(&self) -> bool {
        self.machine.is_recursive()
    }

    fn write(&mut self, op: Op) {
        self.add(&op);
        self.ops.push(op);
        self.entries += 1;
        self.follow();
    }

    /// It has happened.
    fn add(&mut self, op: &Op) {
        self.whole.apply(op);
        let told = self.whole.history.last().and_then(Option::as_ref);
        let Some(told) = told else { return };
        let again = self.told.last().is_some_and(|(_, body)| *body == told.body);
        if again && !self.heard.contains_key(&told.body) {
            // another store, in which the event by which it would be known happens to be the same
            self.twin = true;
            self.unknown = self.unknown.max(told.index);
        }
        self.truth.insert(told.body.clone());
    }

    /// Who is not frozen has all of the log.
    fn follow(&mut self) {
        for i in 0..self.members.len() {
            let member = &mut self.members[i];
            if member.frozen || member.restores.is_some() {
                continue;
            }
            let have = (member.store.index - 3) as usize;
            for op in &self.ops[have..] {
                member.store.apply(op);
            }
            member.raft = self.entries;
        }
    }

    /// A copy of what the cluster has.
    fn full(&self) -> Store {
        self.whole.clone()
    }

    fn on(&self, act: Act) -> bool {
        self.path
            .iter()
            .any(|(a, until)| *a == act && *until > self.acts)
    }

    pub(super) fn act(&mut self, act: Act) {
        self.acts += 1;
        self.trace(&act);
        self.thaw();
        let key = self.watched_key();
        self.values += 1;
        let value = format!("v{}", self.values);
        match act {
            Act::Watched => self.write(Op::Set(key, value)),
            Act::Foreign => self.write(Op::Set("/other".into(), value)),
            Act::Delete => self.write(Op::Delete(key)),
            Act::Entries => {
                self.entries += LAG;
                self.follow();
            }
            Act::Drop => {
                self.dropped = self.last_member;
                self.path.push((act, self.acts + 2));
            }
            Act::Lag | Act::Pause => {
                self.members[0].frozen = true;
                self.members[0].lags = act == Act::Lag && self.members.len() > 1;
                self.path.push((act, self.acts + 2));
            }
            Act::Restart => {
                if self.members[0].restores.take().is_some() {
                    // it begins with what it was sent, and with its history
                    self.members[0].store = self.full();
                }
                let member = &mut self.members[0];
                if member.record.standing().is_none() {
                    self.veiled.extend(member.hidden.drain(..));
                }
                member.process += 100;
                member.snapshots = 0;
                member.connection = None;
                member.term += 1;
                self.cut(Some(0));
            }
            Act::Wipe => self.rebuild(0),
            Act::Twin => {
                let same = self.roll(self.ops.len() as u64 + 1);
                self.rebuild(same as usize);
            }
            Act::Cut => self.cut(None),
            Act::Half => self.path.push((act, self.acts + 2)),
            Act::Empty => {
                let head = self.running.as_ref().is_some_and(|r| {
                    r.told_head
                        && r.exchange.purpose == Purpose::Poll
                        && r.body.is_none()
                        && r.finish.is_none()
                });
                if head {
                    self.answer("");
                }
            }
            _ => self.path.push((act, self.acts + 2)),
        }
        let times = [0, 1, 3, 40, 700, 1300, 5000, 30_000];
        let pass = times[self.roll(8) as usize];
        self.pass(Duration::from_micros(pass * 1000 + 300));
    }

    /// All stores are new, and have so many of the changes again, and a few others.
    fn rebuild(&mut self, same: usize) {
        if self.machine.is_caller() {
            // only the next poll of a watcher shows that this is of another store
            self.cached = None;
        }
        self.ops.truncate(same);
        self.whole = fresh();
        for op in &self.ops {
            self.whole.apply(op);
        }
        self.entries = 4 + same as u64;
        self.lineage += 1;
        let kept = 3 + same as u64;
        self.kept = self.kept.min(kept);
        // what happens again is another change, though it may look the same
        self.heard.retain(|_, index| *index <= kept);
        let compares = self.on_lost == OnLost::Resync;
        let before = self.unknown.min(kept);
        self.unknown = match self.machine.blank_up_to() {
            Some(index) if !compares => index.max(before),
            _ => before,
        };
        let now = self.now;
        for member in &mut self.members {
            member.store = fresh();
            member.hidden.clear();
            (member.raft, member.term) = (4, 2);
            (member.snapshots, member.frozen, member.lags) = (0, false, false);
            member.restores = None;
            member.process += 100;
            member.connection = None;
            if let Some((audit, _, at)) = &mut member.audit {
                audit.failed();
                *at = now;
            }
        }
        self.follow();
        for m in 0..self.members.len() {
            self.cut(Some(m));
        }
        for _ in 0..self.roll(9) {
            self.values += 1;
            let value = format!("v{}", self.values);
            let key = match self.roll(2) {
                0 => self.watched_key(),
                _ => "/other".into(),
            };
            self.write(Op::Set(key, value));
        }
    }

    /// Who was stopped for two acts goes on.
    fn thaw(&mut self) {
        let over = |sim: &Sim, act| !sim.on(act);
        if self.members[0].frozen && over(self, Act::Lag) && over(self, Act::Pause) {
            let window = [MS * 5, MS * 1500][self.roll(2) as usize];
            let lags = std::mem::take(&mut self.members[0].lags);
            if lags {
                self.entries += LAG;
                self.follow();
            }
            let member = &mut self.members[0];
            member.frozen = false;
            if lags {
                member.snapshots += 1;
                member.raft = self.entries;
                member.restores = Some(self.now + window);
            }
            self.follow();
        }
    }

    /// The store is replaced; its history of what it missed is not to be relied on.
    fn restored(&mut self, i: usize) {
        let full = self.full();
        let hide = self.roll(3) != 0;
        let member = &mut self.members[i];
        let old = member.store.index as usize;
        let missed = member.store.index + 1..=full.index;
        member.store = full;
        for told in member.store.history[old..].iter_mut() {
            member
                .hidden
                .extend(told.iter().map(|told| told.body.clone()));
            if hide {
                *told = None;
            } else if let Some(told) = told {
                told.body = told.body.replace("\"value\":\"", "\"value\":\"garbled");
                member.hidden.push(told.body.clone());
            }
        }
        member.restores = None;
        // who hangs is not told of any of it
        if let Some(running) = self
            .running
            .as_mut()
            .filter(|r| r.member == i && r.body.is_none())
        {
            if let Some(taken) = &mut running.taken {
                *taken = (*taken).max(*missed.end());
            }
        }
        self.follow();
    }

    fn cut(&mut self, member: Option<usize>) {
        let Some(running) = &self.running else { return };
        if member.is_some_and(|m| m != running.member) {
            return;
        }
        let phase = if running.told_head {
            Phase::Body
        } else {
            Phase::Head
        };
        self.fail(FaultKind::Connection, phase, false);
    }

    fn fail(&mut self, kind: FaultKind, phase: Phase, began: bool) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.members[running.member].connection = None;
        self.trace(&(kind, phase));
        self.machine.on_fault(self.now, &fault(kind, phase, began));
        self.vouch();
    }

    fn answer(&mut self, body: &str) {
        self.trace(&("answer", body));
        let Some(running) = self.running.take() else {
            return;
        };
        let kept = running.finish.is_none().then_some(running.connected);
        self.members[running.member].connection = kept;
        let head = self.head_of(&running);
        if !running.told_head {
            self.running = Some(running);
            if !self.tell_head() {
                return;
            }
            let Some(running) = self.running.take() else {
                return;
            };
            let verdict = verdict(head, body, running.exchange.purpose);
            self.machine.on_answer(self.now, verdict);
        } else {
            let verdict = verdict(head, body, running.exchange.purpose);
            self.machine.on_answer(self.now, verdict);
        }
        self.vouch();
    }

    fn head_of(&self, running: &Running) -> Head {
        let mut head = super::said::head(running.status, running.taken.unwrap_or(0), 1);
        if running.status < 300 {
            (head.raft_index, head.raft_term) = running.raft;
        }
        // what was told to who hung over a snapshot stays what it was
        head
    }

    fn vouch(&mut self) {
        if self.machine.is_caller() {
            return;
        }
        let standing = self.members[self.last_member].record.standing();
        self.machine.vouch(self.now, standing);
        while let Some(output) = self.machine.output() {
            if let Output::State(state) = &output {
                self.trace(state);
                match state {
                    State::Closed(_) => self.closed = true,
                    State::Resynced => self.resyncs = true,
                    _ => {}
                }
            }
            self.queue.push(output);
        }
        while let Some(event) = self.queue.pop() {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Event) {
        self.trace(&("told", event.kind(), event.index()));
        match event.kind() {
            EventKind::Gap => {
                let (from, to, loss) = (event.from(), event.index(), event.loss());
                let from = if loss == Some(Loss::Recreated) {
                    0
                } else {
                    from
                };
                return self.miss(from, to);
            }
            EventKind::Progress => return,
            _ => {}
        }
        let node = event.node().expect("a node");
        let response = event.response().expect("an answer");
        if event.kind() == EventKind::Change {
            let body = String::from_utf8_lossy(response.body()).into_owned();
            if self.heard.insert(body.clone(), event.index()).is_some() {
                self.twice = Some(body.clone());
            }
            if !self.truth.contains(&body) && !self.veiled.contains(&body) {
                self.false_words = Some(body.clone());
            }
            self.told.push((event.index(), body));
        }
        match response.action_text() {
            "delete" => {
                let key = node.key().to_owned();
                self.table
                    .retain(|k, _| *k != key && !k.starts_with(&format!("{key}/")));
            }
            _ => {
                if let Some(value) = node.value() {
                    self.table.insert(node.key().to_owned(), value.to_owned());
                }
            }
        }
    }

    /// A loss of these is told.
    fn miss(&mut self, from: u64, to: u64) {
        let full = self.full();
        let told = full.history.iter().flatten();
        let told = told.filter(|told| (from..=to).contains(&told.index));
        self.missed.extend(told.map(|told| told.body.clone()));
        self.gaps += 1;
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        for _ in 0..20_000 {
            if self.hot || self.closed || !self.step(until) {
                self.now = self.now.max(until);
                return;
            }
        }
        self.hot = true;
    }

    /// One thing before `until`.
    fn step(&mut self, until: Instant) -> bool {
        self.vouch();
        let wake = loop {
            let action = match self.machine.is_caller() {
                true => self.next_of_call(),
                false => self.machine.poll(self.now),
            };
            match action {
                PollAction::Prove(need) => {
                    let member = &mut self.members[self.last_member];
                    member.record.enlist(need, Box::new(|| {}));
                    if member.audit.is_none() {
                        if let Ok(audit) = member.record.begin(need, self.now) {
                            member.ask(audit, self.now);
                        }
                    }
                }
                PollAction::Start(exchange) => {
                    self.start(exchange);
                    return true;
                }
                PollAction::Wait(at) => break at,
                PollAction::Closed => {
                    self.closed = true;
                    return false;
                }
            }
        };
        let wake = match (wake, &self.running) {
            // given up
            (Some(_), Some(_)) => {
                self.running = None;
                wake
            }
            _ => wake,
        };
        // who still waits for an audit asks again
        let again = self.now + MS * 200;
        let mut next = wake.unwrap_or(again).min(again);
        for i in 0..self.members.len() {
            let member = &self.members[i];
            for at in [member.restores, member.audit.as_ref().map(|(.., at)| *at)] {
                next = next.min(at.unwrap_or(next));
            }
        }
        next = next.min(self.due().unwrap_or(next));
        next = next.min(self.machine.ends().unwrap_or(next));
        if next > until {
            return false;
        }
        self.now = self.now.max(next);
        for i in 0..self.members.len() {
            if self.members[i].restores.is_some_and(|at| at <= self.now) {
                self.restored(i);
            }
            if self.members[i]
                .audit
                .as_ref()
                .is_some_and(|(.., at)| *at <= self.now)
            {
                self.audited(i);
            }
        }
        if self.due().is_some_and(|at| at <= self.now) {
            self.go_on();
        }
        true
    }

    fn audited(&mut self, i: usize) {
        let drop = self.on(Act::Drop);
        let now = self.now;
        let member = &mut self.members[i];
        let Some((mut audit, http_request, _)) = member.audit.take() else {
            return;
        };
        let metrics = http_request.target == "/metrics";
        let barrier = http_request.target.contains("quorum");
        let mut todo = AuditStep::End;
        if barrier && member.restores.is_some() && !member.frozen {
            // it waits behind the snapshot
            let at = member.restores.unwrap_or(now) + MS;
            member.audit = Some((audit, http_request, at));
            return;
        }
        if member.frozen || drop && metrics {
            audit.failed();
        } else {
            let mut head = Head::new(200);
            head.etcd_index = member.store.index;
            let body = match (metrics, barrier) {
                (true, _) if member.snapshots > 0 => format!(
                    "etcd_server_snapshot_apply_in_progress_total 0\netcd_network_snapshot_receive_success{{From=\"a\"}} {}\n",
                    member.snapshots
                ),
                (true, _) => "etcd_server_snapshot_apply_in_progress_total 0\n".to_owned(),
                (_, true) => String::new(),
                _ => format!("{{\"id\":\"m{i}\",\"startTime\":\"{}\"}}", member.process),
            };
            if http_request.target == "/v2/keys/" {
                head.cluster_id = "1".into();
                (head.raft_index, head.raft_term) = (member.raft, member.term);
            } else if !barrier {
                head.etcd_index = 0;
            }
            todo = audit.answered(&member.record, &head, body.as_bytes(), now);
        }
        match todo {
            AuditStep::Ask => member.ask(audit, now),
            AuditStep::End => {
                member.record.end(audit, now);
                member.record.is_awaited();
                let standing = member.record.standing();
                if let Some(s) = standing {
                    let (a, b, c) = (
                        s.since - self.began,
                        s.proven - self.began,
                        s.seen - self.began,
                    );
                    self.trace(&("audited", i, s.life, a, b, c, s.floor));
                }
                if i == self.last_member {
                    self.vouch();
                }
            }
        }
    }

    fn start(&mut self, exchange: Box<PollRequest>) {
        let count = self.members.len();
        self.last_member = match exchange.preference {
            MemberPreference::Any => self.home,
            MemberPreference::Same | MemberPreference::Only => self.last_member,
            MemberPreference::Other => (self.last_member + 1) % count,
        };
        let i = self.last_member;
        self.trace(&(exchange.purpose, &exchange.http_request.target));
        let member = &mut self.members[i];
        let connected = *member.connection.get_or_insert(self.now);
        self.running = Some(Running {
            exchange,
            member: i,
            asked: self.now,
            connected,
            taken: None,
            head: None,
            told_head: false,
            body: None,
            status: 200,
            raft: (0, 0),
            silence: None,
            finish: None,
            written: false,
        });
        self.now += Duration::from_micros(200);
    }

    /// The server takes the request.
    fn register(&mut self) {
        let slow = self.on(Act::Slow);
        let Some(running) = &mut self.running else {
            return;
        };
        let member = &self.members[running.member];
        let store = &member.store;
        let recursive = self.machine.is_recursive();
        running.taken = Some(store.index);
        running.raft = (member.raft, member.term);
        running.head = Some(self.now + MS / 2);
        let at = self.now + MS / 2 + if slow { MS * 700 } else { Duration::ZERO };
        match running.exchange.purpose {
            Purpose::Poll => {
                match store.look(
                    KEY,
                    recursive,
                    wait_index(&running.exchange.http_request.target),
                ) {
                    Found::Cleared(body) => {
                        running.status = 400;
                        running.body = Some((body, at));
                    }
                    Found::Event(told) => running.body = Some((told.body.clone(), at)),
                    Found::Nothing => {}
                }
            }
            Purpose::Snapshot => {
                let listing = store.listing(KEY, recursive);
                running.status = if listing.is_ok() { 200 } else { 404 };
                let (Ok(body) | Err(body)) = listing;
                running.body = Some((body, at));
            }
            Purpose::Probe => running.body = Some((String::new(), at)),
        }
    }

    /// When the running exchange has something to say.
    fn due(&self) -> Option<Instant> {
        let running = self.running.as_ref()?;
        let member = &self.members[running.member];
        if running.taken.is_none() {
            let patience = running.asked + running.exchange.head;
            return Some(if member.frozen { patience } else { self.now });
        }
        let drop = self.on(Act::Drop) && running.member == self.dropped;
        if !running.told_head {
            let withheld = self.on(Act::Withhold) && running.exchange.purpose == Purpose::Poll;
            if !withheld || running.body.is_some() {
                return running.head;
            }
            if self.live().is_some() {
                return Some(self.now);
            }
            return Some(running.asked + running.exchange.head);
        }
        let mut next = running.silence;
        if !drop {
            if let Some((_, at)) = &running.body {
                next = Some(next.map_or(*at, |n| n.min(*at)));
            } else if self.live().is_some() {
                next = Some(self.now);
            }
            if let Some(at) = running.finish {
                if !member.frozen {
                    next = Some(next.map_or(at, |n| n.min(at)));
                }
            }
        }
        next
    }

    fn live(&self) -> Option<String> {
        let running = self.running.as_ref()?;
        let member = &self.members[running.member];
        if member.frozen || running.exchange.purpose != Purpose::Poll || running.body.is_some() {
            return None;
        }
        let from = wait_index(&running.exchange.http_request.target);
        let told = member
            .store
            .live(KEY, self.machine.is_recursive(), running.taken?, from)?;
        Some(told.body.clone())
    }

    /// The head is reported; `false`: that was the end.
    fn tell_head(&mut self) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        running.told_head = true;
        let Some(running) = &self.running else {
            return false;
        };
        let head = self.head_of(running);
        let member = &self.members[running.member];
        if let Some(sight) = Sight::of(&head, (running.asked, self.now), running.connected) {
            member.record.observe(sight);
        }
        self.trace(&(
            "head",
            head.status,
            head.etcd_index,
            head.raft_index,
            head.raft_term,
        ));
        let heed = self.machine.on_head(self.now, &head);
        let standing = member.record.standing();
        match heed {
            HeaderDecision::Leave => {
                self.members[self.last_member].connection = None;
                self.running = None;
            }
            HeaderDecision::Stay(silence) => {
                let now = self.now;
                if let Some(running) = &mut self.running {
                    running.silence = Some(now + silence);
                }
            }
        }
        if !self.machine.is_caller() {
            self.machine.vouch(self.now, standing);
        }
        self.vouch();
        self.running.is_some()
    }

    fn go_on(&mut self) {
        let Some(running) = &self.running else { return };
        let purpose = running.exchange.purpose;
        let asked = wait_index(&running.exchange.http_request.target);
        let i = running.member;
        if running.taken.is_none() {
            if !self.members[i].frozen {
                return self.register();
            }
            return self.fail(FaultKind::Timeout, Phase::Head, false);
        }
        if !running.told_head {
            let withheld = self.on(Act::Withhold) && purpose == Purpose::Poll;
            let live = self.live();
            if withheld && running.body.is_none() {
                match live {
                    Some(body) => self.answer(&body),
                    None => self.fail(FaultKind::Timeout, Phase::Head, false),
                }
                return;
            }
            self.tell_head();
            return;
        }
        let drop = self.on(Act::Drop) && i == self.dropped;
        let ready = match &running.body {
            Some((body, at)) if *at <= self.now => Some(body.clone()),
            _ => self.live(),
        };
        let written = running.written;
        let ends = running.finish.is_some_and(|at| at <= self.now) && !self.members[i].frozen;
        if let Some(body) = ready.filter(|_| !drop) {
            // both are ready: etcd chooses by chance
            if ends && !written && self.roll(2) == 0 {
                return self.answer("");
            }
            if self.on(Act::Half) {
                self.path.retain(|(act, _)| *act != Act::Half);
                return self.fail(FaultKind::Connection, Phase::Body, true);
            }
            if purpose == Purpose::Poll && self.on(Act::Repeat) {
                // what is asked for again on purpose may be answered so
                let again = format!("\"modifiedIndex\":{asked},");
                if let Some(old) = self.cached.clone().filter(|old| !old.contains(&again)) {
                    self.path.retain(|(act, _)| *act != Act::Repeat);
                    self.mislead(asked, &old);
                    return self.answer(&old);
                }
            }
            if purpose == Purpose::Poll && body.contains("modifiedIndex") {
                self.cached = Some(body.clone());
            }
            return self.answer(&body);
        }
        if ends && !drop {
            if self.on(Act::Bare) {
                return self.fail(FaultKind::Connection, Phase::Body, false);
            }
            return self.answer("");
        }
        if running.silence.is_some_and(|at| at <= self.now) {
            if running.finish.is_none() && !running.exchange.finish.is_zero() {
                let finish = running.exchange.finish;
                let now = self.now;
                let written = match &self.running {
                    Some(running) if running.body.is_some() => {
                        running.body.as_ref().is_some_and(|(_, at)| *at <= now)
                    }
                    _ => self.live().is_some(),
                };
                if let Some(running) = &mut self.running {
                    running.written = written;
                    running.finish = Some(now + MS / 2);
                    running.silence = Some(now + finish);
                }
                self.machine.on_finish(now);
                return self.vouch();
            }
            self.fail(FaultKind::Timeout, Phase::Body, false);
        }
    }

    /// An old answer comes again to who asks what comes at `asked` or later. Whoever believes it, and cannot know better,
    /// misses what lies between, and what is there under its index.
    fn mislead(&mut self, asked: u64, old: &str) {
        let index = old
            .split_once("\"modifiedIndex\":")
            .map_or("", |(_, rest)| rest);
        let index = index.split(',').next().and_then(|index| index.parse().ok());
        let next = self.machine.next();
        if asked == 0 {
            return;
        }
        self.misled |= asked < next;
        let hidden = asked..=next.saturating_sub(1).max(index.unwrap_or(0));
        let told = self.whole.history.iter().flatten();
        let told = told.filter(|told| hidden.contains(&told.index) && told.body != old);
        self.veiled.extend(told.map(|told| told.body.clone()));
    }

    /// All is well again, and time passes; what was lost, or told twice or wrongly.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        self.acts += 10;
        self.thaw();
        self.path.clear();
        self.machine.settle();
        self.pass(Duration::from_secs(40));
        if self.hot {
            return Err("a hot loop".into());
        }
        if let Some(body) = &self.twice {
            return Err(format!("told twice: {body}"));
        }
        if self.closed {
            return match self.on_lost {
                OnLost::Fail => Ok(()),
                _ => Err("closed".into()),
            };
        }
        let full = self.full();
        let next = self.machine.next();
        if next <= full.index {
            return Err(format!("it does not get on: {next} of {}", full.index));
        }
        let recursive = self.machine.is_recursive();
        if self.on_lost == OnLost::Resync {
            let now = files(&full, KEY, recursive)
                .into_iter()
                .map(|(k, v)| (k, v.0));
            let now: BTreeMap<_, _> = now.collect();
            return match now == self.table || self.twin {
                true => Ok(()),
                false => Err(format!("the table is {:?}, the store {now:?}", self.table)),
            };
        }
        if let Some(body) = &self.false_words {
            return Err(format!("not what happened: {body}"));
        }
        for told in full.history.iter().flatten() {
            let before = told.index < self.start && told.index <= self.kept;
            if before || told.index <= self.unknown || !wanted(told, KEY, recursive) {
                continue;
            }
            let was_told = self.told.iter().any(|(_, body)| *body == told.body);
            let known = was_told || self.missed.contains(&told.body);
            if !known && !self.veiled.contains(&told.body) {
                return Err(format!("lost: {}", told.body));
            }
        }
        Ok(())
    }

    /// The watch has a place, and has told one change if it is to.
    pub(super) fn begin(&mut self, tells: bool) {
        self.write(Op::Set("/other".into(), "v".into()));
        self.pass(MS * 20);
        let key = self.watched_key();
        self.start = self.full().index + 1;
        if tells {
            self.write(Op::Set(key, "first".into()));
            self.pass(MS * 20);
        }
        let told = usize::from(tells);
        assert_eq!(self.told.len(), told, "{:?}", self.machine.state());
    }

    /// Whether it was told of another event where it asked for one that it knows: that looks like another store.
    pub(super) fn is_misled(&self) -> bool {
        self.misled
    }

    pub(super) fn gaps(&self) -> usize {
        self.gaps + usize::from(self.resyncs) + usize::from(self.closed)
    }
}

/// One history, from the beginning.
pub(super) fn run(seed: u64, acts: &[Act], members: usize, on_lost: OnLost) -> Result<Sim, String> {
    let mut sim = Sim::new(seed, members, on_lost, seed % 2 == 0);
    sim.begin(seed / 2 % 4 != 0);
    for act in acts {
        sim.act(*act);
    }
    let outcome = sim.settle();
    outcome
        .map(|()| sim)
        .map_err(|why| format!("seed {seed}, {members} members, {on_lost:?}, {acts:?}: {why}"))
}
