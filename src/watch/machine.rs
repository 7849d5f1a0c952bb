//! One upstream: from poll to poll, over faults, members and lost history. Decisions only; the rules are those of
//! long polls with an explicit index (`waitIndex`), which servers keep to across members.
//!
//! Whoever drives it asks [`Machine::poll`] what to do, does it, reports with [`Machine::on_head`] and then exactly one of
//! [`Machine::on_answer`] and [`Machine::on_fault`], and takes what is told with [`Machine::output`], until it is empty,
//! before it asks again. Every head is reported before its body, and every fault carries what came before it.

use super::event::{Event, Loss};
use super::exchange::{Action, Exchange, Heed, Output, Purpose, Regard, Whom};
use super::mirror::Mirror;
use super::options::{OnLost, Start, WatchOptions};
use super::pace::Pace;
use super::position::Position;
use super::scope::Scope;
use super::state::State;
use super::{batch::Batch, counters::Counters};
use crate::error::{Error, Phase, Result};
use crate::protocol::answer::{Head, Verdict};
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::fault::{Fault, FaultKind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "machine_lost.rs"]
mod lost;
#[path = "machine_snapshot.rs"]
mod snapshot;

/// Servers send the head of a poll at once; later than this a member is asked whether it lives.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// Longest silence inside an answer that has begun.
const STALL: Duration = Duration::from_secs(10);
/// A poll that is ended sooner without an event, and not by us, costs a pause: no server can make a hot loop. What was in
/// the history comes with the head, so that after so long a silence there was nothing.
const SHORT: Duration = Duration::from_secs(1);
/// So often in a row a head may show the same index before another member is asked: a member that lost its leader is
/// mute, and so is an idle cluster.
const MUTE: u32 = 2;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Poll,
    Probe,
    /// everything that is there is told
    List,
    /// history was lost: what is different is told
    Resync,
    /// history was lost: has this one key changed at all
    Verify,
}

/// An exchange that is running.
#[derive(Debug)]
struct Busy {
    task: Task,
    started: Instant,
    /// the highest index known when it began
    known: u64,
    /// the index that the head told, and when
    head: Option<(u64, Instant)>,
}

/// Members that have not got as far as the place of the watch.
#[derive(Clone, Copy, Debug)]
struct Behind {
    since: Instant,
    last: Instant,
    heads: u32,
}

/// The state machine of one upstream.
#[derive(Debug)]
pub struct Machine {
    key: Key,
    scope: Scope,
    recursive: bool,
    on_lost: OnLost,
    progress: bool,
    max_poll: Duration,
    shortest: Duration,
    pace: Pace,
    position: Position,
    mirror: Option<Arc<Mirror>>,
    task: Task,
    busy: Option<Busy>,
    not_before: Option<Instant>,
    whom: Whom,
    /// something between us and the member keeps heads back until there is an event
    withheld: bool,
    paused: bool,
    /// whether a member ever took a poll
    lived: bool,
    /// hexadecimal in the head; 0 = unknown
    cluster: u64,
    /// highest index that the client has seen on any member
    known: u64,
    behind: Option<Behind>,
    last_head: u64,
    mute: u32,
    /// a loss whose end is not known yet: its first index
    open_gap: Option<(u64, Loss)>,
    state: State,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// A watcher of `key`. `max_poll` is the client's; `seed` feeds everything random.
    pub fn new(
        key: &Key,
        options: &WatchOptions,
        max_poll: Duration,
        seed: u64,
    ) -> Result<Machine> {
        options.check()?;
        // a key that is too long for any of the requests is refused here
        Wire::poll(key, options.recursive, u64::MAX)?;
        read(key, options.recursive)?;
        let mut pace = Pace::new(seed);
        let mirror = (options.on_lost == OnLost::Resync)
            .then(|| Arc::new(Mirror::new(key, options.recursive, pace.dice())));
        let max_poll = options.max_poll.unwrap_or(max_poll);
        Ok(Machine {
            key: key.clone(),
            scope: Scope::new(key, options.recursive),
            recursive: options.recursive,
            on_lost: options.on_lost,
            progress: options.progress,
            max_poll,
            shortest: max_poll / 4,
            pace,
            position: Position::at(match options.start {
                Start::At(index) => index,
                _ => 0,
            }),
            mirror,
            task: if options.snapshot_first() {
                Task::List
            } else {
                Task::Poll
            },
            busy: None,
            not_before: None,
            whom: Whom::Any,
            withheld: false,
            paused: false,
            lived: false,
            cluster: 0,
            known: 0,
            behind: None,
            last_head: 0,
            mute: 0,
            open_gap: None,
            state: State::Connecting,
            counters: Counters::default(),
            outputs: VecDeque::new(),
        })
    }

    /// Another machine at the same place, which goes its own way from here.
    pub fn fork(&mut self) -> Machine {
        let mut pace = self.pace.clone();
        self.pace.dice();
        pace.dice();
        pace.dice();
        Machine {
            key: self.key.clone(),
            scope: self.scope.clone(),
            pace,
            mirror: self.mirror.clone(),
            busy: None,
            state: State::Connecting,
            counters: Counters::default(),
            outputs: VecDeque::new(),
            task: if self.task == Task::Probe {
                Task::Poll
            } else {
                self.task
            },
            ..*self
        }
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Instant) -> Action {
        if self.is_closed() {
            return Action::Closed;
        }
        if self.busy.is_some() || self.paused {
            return Action::Wait(None);
        }
        match self.not_before {
            Some(until) if until > now => return Action::Wait(Some(until)),
            _ => self.not_before = None,
        }
        let task = self.task;
        let wire = match task {
            Task::Poll => Wire::poll(&self.key, self.recursive, self.position.wait_index()),
            Task::Probe => Ok(Wire::head(&self.key)),
            Task::List | Task::Resync | Task::Verify => read(&self.key, self.recursive),
        };
        let wire = match wire {
            Ok(wire) => wire,
            Err(error) => {
                self.close(Some(error));
                return Action::Closed;
            }
        };
        let (purpose, head) = match task {
            Task::Poll if self.withheld && self.behind.is_some() => (Purpose::Poll, SHORT),
            Task::Poll if self.withheld => {
                (Purpose::Poll, self.pace.poll(self.max_poll, self.shortest))
            }
            Task::Poll => (Purpose::Poll, HEAD_PATIENCE),
            Task::Probe => (Purpose::Probe, HEAD_PATIENCE),
            _ => (Purpose::Snapshot, STALL),
        };
        self.counters.polls += u64::from(task == Task::Poll);
        self.busy = Some(Busy {
            task,
            started: now,
            known: self.known,
            head: None,
        });
        Action::Start(Box::new(Exchange {
            wire,
            purpose,
            whom: std::mem::replace(&mut self.whom, Whom::Same),
            head,
            stall: STALL,
        }))
    }

    /// The head of the running exchange has come.
    pub fn on_head(&mut self, now: Instant, head: &Head) -> Heed {
        let Some(busy) = &mut self.busy else {
            return Heed::Leave;
        };
        let index = head.etcd_index;
        busy.head = Some((index, now));
        let (task, known) = (busy.task, busy.known);
        // without an index it says nothing of the store
        if index == 0 {
            if head.status >= 300 || task != Task::Poll {
                return Heed::Stay(STALL);
            }
            self.enter(State::Live);
            return Heed::Stay(self.pace.poll(self.max_poll, self.shortest));
        }
        self.known = self.known.max(index);
        if self.is_another_cluster(head) {
            self.known = index;
            match task {
                // what they bring is right, only not after what was known
                Task::List | Task::Resync => self.position = Position::at(0),
                Task::Poll | Task::Probe | Task::Verify => {
                    self.busy = None;
                    self.lose(now, Loss::Recreated, index, "another cluster answered");
                    return Heed::Leave;
                }
            }
        }
        match task {
            Task::Poll if head.status < 300 => {
                self.pace.beat(now, index);
                self.lived = true;
            }
            Task::Probe => {}
            // what is wrong with it, the body tells
            _ => return Heed::Stay(STALL),
        }
        if self.position.wait_index() == 0 {
            self.anchor(index);
        } else if index.saturating_add(1) < self.position.wait_index() {
            return match self.fall_behind(now, index) {
                true => Heed::Leave,
                false => Heed::Stay(SHORT),
            };
        }
        self.behind = None;
        if task == Task::Probe {
            return Heed::Stay(STALL);
        }
        self.mute = if index == self.last_head {
            self.mute.saturating_add(1)
        } else {
            0
        };
        self.last_head = index;
        if index < known || self.mute >= MUTE {
            self.mute = 0;
            self.leave_member();
        }
        self.enter(State::Live);
        Heed::Stay(self.pace.poll(self.max_poll, self.shortest))
    }

    fn is_another_cluster(&mut self, head: &Head) -> bool {
        let cluster = u64::from_str_radix(&head.cluster_id, 16).unwrap_or(0);
        if cluster == 0 {
            return false;
        }
        let before = std::mem::replace(&mut self.cluster, cluster);
        before != 0 && before != cluster
    }

    /// The running exchange has a complete answer.
    pub fn on_answer(&mut self, now: Instant, verdict: Verdict) -> Regard {
        let Some(busy) = self.busy.take() else {
            return Regard::Neither;
        };
        match busy.task {
            Task::Poll => match verdict {
                Verdict::Success(response) => self.on_event(now, response),
                Verdict::NoEvent => {
                    self.quiet(now, &busy);
                    if now.saturating_duration_since(busy.started) < SHORT {
                        self.retry(now, "an empty answer, sooner than a proxy's idle limit");
                    }
                    Regard::Good
                }
                Verdict::Refused(error) if error.status() == Status::HISTORY_CLEARED => {
                    let index = busy.head.map_or(0, |(index, _)| index);
                    let index = index.max(error.detail().index);
                    self.lose(
                        now,
                        Loss::Cleared,
                        index,
                        "the server's history was cleared",
                    );
                    Regard::Good
                }
                other => self.refused(now, other),
            },
            Task::Probe => match verdict {
                // a read-only proxy answers HEAD with 501, but it does answer
                Verdict::Trouble(error) if error.detail().http_status != 501 => {
                    self.task = Task::Poll;
                    self.refused(now, Verdict::Trouble(error))
                }
                _ => {
                    self.task = Task::Poll;
                    self.withheld = true;
                    Regard::Good
                }
            },
            task => self.on_snapshot(now, task, verdict),
        }
    }

    fn on_event(&mut self, now: Instant, response: Response) -> Regard {
        let index = response.node().map_or(0, |node| node.modified_index());
        if self.position.wait_index() == 0 {
            self.anchor(index.saturating_sub(1));
        }
        let asked = self.position.wait_index();
        if !self.position.take(index) {
            self.counters.filtered += 1;
            self.leave_member();
            let why = format!("told of index {index}, asked for {asked} and later");
            self.retry(now, &why);
            return Regard::Bad;
        }
        self.pace.reset();
        (self.behind, self.mute, self.last_head) = (None, 0, index);
        self.known = self.known.max(index);
        self.lived = true;
        self.enter(State::Live);
        if !self.scope.holds(&response) {
            self.counters.filtered += 1;
            return Regard::Good;
        }
        if let Some(mirror) = &mut self.mirror {
            Arc::make_mut(mirror).apply(&response);
        }
        self.tell(Event::change(response));
        Regard::Good
    }

    /// The poll is over, and not a byte of an event had come: up to the index of its head there was none.
    fn quiet(&mut self, now: Instant, busy: &Busy) {
        if now.saturating_duration_since(busy.started) >= SHORT && self.behind.is_none() {
            self.pace.reset();
        }
        let Some((index, _)) = busy.head else { return };
        if index == 0 || self.behind.is_some() {
            return;
        }
        self.position.quiet(index);
        if self.progress {
            self.tell(Event::progress(index));
        }
    }

    /// The running exchange ended without a complete answer.
    pub fn on_fault(&mut self, now: Instant, fault: &Fault) -> Regard {
        let Some(busy) = self.busy.take() else {
            return Regard::Neither;
        };
        match fault.kind {
            FaultKind::Cancelled => {
                self.close(None);
                return Regard::Neither;
            }
            FaultKind::TooLarge => {
                self.close(Some(Error::new(Status::TOO_LARGE, fault.text.clone())));
                return Regard::Neither;
            }
            FaultKind::Local => {
                self.retry(now, &fault.text);
                return Regard::Neither;
            }
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol => {}
        }
        // an idle connection that had gone stale
        if fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection {
            self.retry(now, &fault.text);
            return Regard::Neither;
        }
        if busy.task == Task::Poll {
            let silence = busy
                .head
                .map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(at));
            match (fault.kind, fault.phase) {
                // the poll's own time is over
                (FaultKind::Timeout, Phase::Body) if !fault.body_began => {
                    self.quiet(now, &busy);
                    if self.behind.is_none() {
                        self.pace.reset();
                    }
                    return Regard::Good;
                }
                (FaultKind::Timeout, Phase::Head) => {
                    self.task = Task::Probe;
                    return Regard::Neither;
                }
                // an idle connection cut by something in between is nobody's failure
                (FaultKind::Connection | FaultKind::Protocol, Phase::Body)
                    if !fault.body_began && silence >= SHORT =>
                {
                    self.quiet(now, &busy);
                    return Regard::Neither;
                }
                // perhaps inside an event: the place is kept
                (FaultKind::Connection, Phase::Body) => {
                    self.retry(now, &fault.text);
                    return Regard::Neither;
                }
                _ => {}
            }
        }
        if busy.task == Task::Probe {
            self.task = Task::Poll;
        }
        self.leave_member();
        self.retry(now, &fault.text);
        Regard::Bad
    }

    /// An answer that is not what was asked for.
    fn refused(&mut self, now: Instant, verdict: Verdict) -> Regard {
        let (error, definite) = match verdict {
            Verdict::Refused(error) => (error, true),
            Verdict::Trouble(error) => (error, false),
            Verdict::Redirect(location) => {
                let why = format!("redirected to {location:?}");
                (Error::new(Status::REDIRECT, why), false)
            }
            Verdict::Success(_) | Verdict::NoEvent => {
                let why = "an answer to another question";
                (Error::new(Status::PROTOCOL, why), false)
            }
        };
        let patient = match error.status() {
            // the server lost its watchers, not its history
            Status::WATCHER_CLEARED => true,
            // rights change, also back; but who never had them is told at once
            Status::UNAUTHORIZED => self.lived,
            _ => false,
        };
        if definite && !patient {
            self.close(Some(error));
            return Regard::Good;
        }
        if !definite {
            self.leave_member();
        }
        self.retry(now, &error.detail().message);
        if definite { Regard::Good } else { Regard::Bad }
    }

    /// Another member is asked next, and nothing that was learnt of this one holds for it.
    fn leave_member(&mut self) {
        self.whom = Whom::Other;
        self.withheld = false;
    }

    /// The next try waits; whatever went wrong, no two tries follow each other at once.
    fn retry(&mut self, now: Instant, why: &str) {
        self.counters.reconnects += 1;
        self.not_before = now.checked_add(self.pace.pause());
        self.enter(State::Reconnecting {
            why: why.into(),
            attempt: self.pace.step(),
        });
    }

    fn enter(&mut self, state: State) {
        if matches!((&self.state, &state), (State::Live, State::Live)) {
            return;
        }
        self.state = state.clone();
        self.outputs.push_back(Output::State(state));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Ends it; the running exchange is to be dropped.
    pub fn close(&mut self, error: Option<Error>) {
        if !self.is_closed() {
            self.busy = None;
            self.mirror = None;
            self.enter(State::Closed(error));
        }
    }

    /// Takes what there is to tell, in order.
    pub fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// No further exchange is started before [`Machine::resume`]: a consumer is full.
    pub fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on.
    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// The highest index that any member has told this client: one that is behind it is left at the next occasion.
    pub fn seen(&mut self, index: u64) {
        self.known = self.known.max(index);
    }

    /// A poll is not shortened below this for the sake of a fast store; by default a quarter of the longest. Who drives
    /// few machines may go down to a second, who drives thousands may not.
    pub fn set_shortest_poll(&mut self, shortest: Duration) {
        self.shortest = shortest;
    }

    /// The state now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// The first index that has not been seen; 0 before a watch "from now" knows.
    pub fn next_index(&self) -> u64 {
        self.position.wait_index()
    }

    /// What this upstream counts.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is known of the subtree, with RESYNC.
    pub fn mirror(&self) -> Option<&Mirror> {
        self.mirror.as_deref()
    }
}

/// Reads everything that is watched.
fn read(key: &Key, recursive: bool) -> Result<Wire> {
    let mut request = Request::new(Operation::Get, key.clone());
    if recursive {
        request.set_flags(flags::RECURSIVE)?;
    }
    request.wire()
}
