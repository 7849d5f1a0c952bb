//! One upstream: from poll to poll, over faults, members and lost history. Decisions only; the rules are those of
//! long polls with an explicit index (`waitIndex`), which servers keep to across members.
//!
//! Whoever drives it asks [`Machine::poll`] what to do, does it, reports with [`Machine::on_head`] and then exactly one of
//! [`Machine::on_answer`] and [`Machine::on_fault`], and takes what is told with [`Machine::output`], until it is empty,
//! before it asks again. Every head is reported before its body, and every fault carries what came before it. After each
//! report and before it asks, the driver hands over what is known of the member that has, or had, the last exchange with
//! [`Machine::vouch`]: nothing is told before that covers it.

use super::driver::{
    HeaderDecision, MemberPreference, MemberVerdict, Output, PollAction, PollRequest, Purpose,
};
use super::event::{Event, Loss};
use super::event_filter::EventFilter;
use super::mirror::Mirror;
use super::options::{OnLost, Start, WatchOptions};
use super::poll_schedule::PollSchedule;
use super::state::State;
use super::wait_index::WaitIndex;
use super::{batch::Batch, counters::WatchCounters};
use crate::cluster::members::continuity::Standing;
use crate::cluster::members::rule::Rule;
use crate::error::{Error, Phase, Result};
use crate::protocol::absent::{explain, is_no_page};
use crate::protocol::admin::versions;
use crate::protocol::answer::Verdict;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::status::Status;
use crate::transport::fault::{Fault, FaultKind};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

mod absent;
mod ending;
mod head;
mod lost;
mod proof;
mod snapshot;
mod unmarked;

/// Servers send the head of a poll at once; later than this a member is asked whether it lives.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// Longest silence inside an answer that has begun.
const STALL: Duration = Duration::from_secs(10);
/// A poll that is ended sooner without an event, and not by us, costs a pause: no server can make a hot loop. So long a
/// poll is silent before it is ended: etcd chooses by chance between an event and a close that are there together, and
/// what its history held has been written by then.
pub(crate) const SHORT: Duration = Duration::from_secs(1);
/// etcd ends a poll within a millisecond after our side was closed; what takes longer proves nothing.
const FINISH: Duration = Duration::from_secs(2);
/// A place that could not be renewed is renewed by a read before the history of 1000 events has passed it.
const LOOK_AFTER: u64 = 400;
/// So many connections in a row may be cut before the member is to blame.
const EXCUSED: u32 = 3;
/// So often in a row a head may show the same index before another member is asked: a member that lost its leader is
/// mute, and so is an idle cluster.
const MUTE: u32 = 2;
/// Consecutive events of other keys that are skipped without a pause: no server keeps a longer history.
const HISTORY: u32 = 1000;
/// So often in a row etcd must answer what no repetition changes before that ends the watcher.
const LAST_WORD: u8 = 5;

/// What memory may be missing for.
const TABLE: &str = "the cache of a watcher";

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ExchangeKind {
    Poll,
    Probe,
    /// everything that is there is told
    List,
    /// history was lost: what is different is told
    Resync,
    /// history was lost: has this one key changed at all
    Verify,
    /// polls proved nothing for long: is there anything that they should have brought
    Look,
    /// where does the store stand, if heads do not show it
    Index,
    /// the store may be another one: does it have the last event that was told
    Recall,
    /// the answer was "404 page not found": is the server etcd
    Version,
}

/// An exchange that is running.
#[derive(Debug)]
struct Busy {
    kind: ExchangeKind,
    started: Instant,
    /// the highest index known when it began
    known: u64,
    /// the index that the head told, and when
    head: Option<(u64, Instant)>,
    /// when our side was closed, to end it in order
    finish: Option<Instant>,
    /// that its member has no record yet has been noticed
    met: bool,
}

/// Members that have not got as far as the place of the watch.
#[derive(Clone, Copy, Debug)]
struct Behind {
    since: Instant,
    last: Instant,
    heads: u32,
}

/// The position of a machine, with what identifies its store: another machine of the same key can continue from it.
#[derive(Clone, Debug)]
pub struct Place {
    position: WaitIndex,
    cluster: u64,
    behind: Option<Behind>,
    proof: Option<Instant>,
    life: u64,
    last: (u64, u64),
    rechecking: bool,
}

impl Place {
    /// The first index that has not been seen; 0 = unknown.
    pub fn next(&self) -> u64 {
        self.position.wait_index()
    }
}

/// The state machine of one upstream.
#[derive(Debug)]
pub struct Machine {
    scope: EventFilter,
    on_lost: OnLost,
    progress: bool,
    max_poll: Duration,
    shortest: Duration,
    pace: PollSchedule,
    position: WaitIndex,
    mirror: Option<Arc<Mirror>>,
    kind: ExchangeKind,
    /// what follows [`ExchangeKind::Index`] and [`ExchangeKind::Version`]
    then: ExchangeKind,
    /// what that found, for the next listing; 0 = nothing
    index_read: u64,
    /// answers of etcd in a row that no repetition changes
    hopeless: u8,
    /// consecutive answers of members without the v2 API, and the last of them
    absent: u8,
    without_api: Option<Error>,
    /// consecutive events that were skipped
    passed: u32,
    busy: Option<Busy>,
    not_before: Option<Instant>,
    preference: MemberPreference,
    /// something between us and the member keeps heads back until there is an event
    withheld: bool,
    paused: bool,
    /// whether a member ever took a poll
    lived: bool,
    /// hexadecimal in the head; 0 = unknown
    cluster: u64,
    /// highest index that the client has seen on any member
    known: u64,
    /// boxed, as what follows: an idle watcher has neither
    behind: Option<Box<Behind>>,
    last_head: u64,
    mute: u32,
    /// what is told as soon as it is proven
    held: Option<Box<proof::PendingClaim>>,
    /// an audit was asked for in this turn
    proving: bool,
    /// the member of the poll has no record yet, and is audited at once: what it sends before is requested again
    stranger: bool,
    /// the store is known to be that of the watch at this instant; `None`: it has no place yet
    proof: Option<Instant>,
    /// what the members' records call that store
    life: u64,
    /// index and hash of the last event; hash 0: no event yet since this index, where the watch began or went on after a loss
    last: (u64, u64),
    /// the store may be another one: polls look for an event between `last` and the position
    rechecking: bool,
    /// members in a row whose history cannot be relied on
    doubts: u8,
    /// the last event is asked for because a process took the place of another
    restarted: bool,
    /// at a member that was restored from a snapshot since that event
    vague: bool,
    /// how etcd said that history is lost, while it is asked whether that matters
    refusal: Option<Box<Error>>,
    /// a loss whose end is not known yet: its first index
    open_gap: Option<(u64, Loss)>,
    state: State,
    counters: WatchCounters,
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
        HttpRequest::poll(key, options.recursive, u64::MAX)?;
        read(key, options.recursive, false)?;
        let mut pace = PollSchedule::new(seed);
        let mirror = (options.on_lost == OnLost::Resync)
            .then(|| Arc::new(Mirror::new(key, options.recursive, pace.dice())));
        let max_poll = options.max_poll.unwrap_or(max_poll);
        Ok(Machine {
            scope: EventFilter::new(key, options.recursive),
            on_lost: options.on_lost,
            progress: options.progress,
            max_poll,
            shortest: max_poll / 4,
            pace,
            position: WaitIndex::at(match options.start {
                Start::At(index) => index,
                _ => 0,
            }),
            mirror,
            kind: if options.snapshot_first() {
                ExchangeKind::List
            } else {
                ExchangeKind::Poll
            },
            then: ExchangeKind::Poll,
            index_read: 0,
            hopeless: 0,
            absent: 0,
            without_api: None,
            passed: 0,
            busy: None,
            not_before: None,
            preference: MemberPreference::Any,
            withheld: false,
            paused: false,
            lived: false,
            cluster: 0,
            known: 0,
            behind: None,
            last_head: 0,
            mute: 0,
            held: None,
            proving: false,
            stranger: false,
            proof: None,
            life: 0,
            last: match options.start {
                Start::At(index) => (index.saturating_sub(1), 0),
                _ => (0, 0),
            },
            rechecking: false,
            doubts: 0,
            restarted: false,
            vague: false,
            refusal: None,
            open_gap: None,
            state: State::Connecting,
            counters: WatchCounters::default(),
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
            scope: self.scope.clone(),
            pace,
            mirror: self.mirror.clone(),
            without_api: self.without_api.clone(),
            held: None,
            busy: None,
            refusal: None,
            state: State::Connecting,
            counters: WatchCounters::default(),
            outputs: VecDeque::new(),
            kind: self.settled_task(),
            behind: self.behind.clone(),
            ..*self
        }
    }

    /// The position, for [`Machine::go_on_from`].
    pub fn place(&self) -> Place {
        Place {
            position: self.position,
            cluster: self.cluster,
            behind: self.behind.as_deref().copied(),
            proof: self.proof,
            life: self.life,
            last: self.last,
            rechecking: self.rechecking,
        }
    }

    /// Continues from the position of another machine. Only for a new one.
    pub fn go_on_from(&mut self, place: Place) {
        self.position = place.position;
        self.cluster = place.cluster;
        self.behind = place.behind.map(Box::new);
        (self.proof, self.life, self.last) = (place.proof, place.life, place.last);
        self.rechecking = place.rechecking;
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Instant) -> PollAction {
        if self.is_closed() {
            return PollAction::Closed;
        }
        if let Some(need) = self.wants_proof(now) {
            return PollAction::Prove(need);
        }
        if self.busy.is_some() || self.paused || self.is_held_up() {
            return PollAction::Wait(None);
        }
        match self.not_before {
            Some(until) if until > now => return PollAction::Wait(Some(until)),
            _ => self.not_before = None,
        }
        let kind = self.kind;
        let (key, recursive) = (self.scope.key(), self.scope.is_recursive());
        let http_request = match kind {
            ExchangeKind::Poll => HttpRequest::poll(key, recursive, self.poll_from()),
            ExchangeKind::Recall => HttpRequest::poll(key, recursive, self.last.0),
            ExchangeKind::Probe => Ok(HttpRequest::head(key)),
            ExchangeKind::List
            | ExchangeKind::Resync
            | ExchangeKind::Verify
            | ExchangeKind::Look => read(key, recursive, self.index_read != 0),
            ExchangeKind::Index => self.index_request(),
            ExchangeKind::Version => Ok(versions::ask()),
        };
        let http_request = match http_request {
            Ok(http_request) => http_request,
            Err(error) if kind == ExchangeKind::Index => {
                // a key that leaves no room for a longer one
                self.on_index(now, Verdict::Refused(error));
                return PollAction::Wait(self.not_before);
            }
            Err(error) => {
                self.close(Some(error));
                return PollAction::Closed;
            }
        };
        let (purpose, head) = match kind {
            ExchangeKind::Poll if self.withheld && self.behind.is_some() => (Purpose::Poll, SHORT),
            ExchangeKind::Poll if self.withheld => {
                (Purpose::Poll, self.pace.poll(self.max_poll, self.max_poll))
            }
            ExchangeKind::Poll | ExchangeKind::Recall => (Purpose::Poll, HEAD_PATIENCE),
            ExchangeKind::Probe | ExchangeKind::Version => (Purpose::Probe, HEAD_PATIENCE),
            _ => (Purpose::Snapshot, STALL),
        };
        self.counters.polls += u64::from(kind == ExchangeKind::Poll);
        self.busy = Some(Busy {
            kind,
            started: now,
            known: self.known,
            head: None,
            finish: None,
            met: false,
        });
        PollAction::Start(Box::new(PollRequest {
            http_request,
            purpose,
            preference: match (&self.held, kind) {
                (None, ExchangeKind::Recall) => {
                    self.preference = MemberPreference::Same;
                    MemberPreference::Only
                }
                (Some(_), _) => MemberPreference::Only,
                (None, _) => std::mem::replace(&mut self.preference, MemberPreference::Same),
            },
            head,
            stall: STALL,
            finish: match purpose {
                Purpose::Poll => FINISH,
                Purpose::Snapshot | Purpose::Probe => Duration::ZERO,
            },
        }))
    }

    /// The task without the questions that come before it.
    fn settled_task(&self) -> ExchangeKind {
        match self.kind {
            ExchangeKind::Probe => ExchangeKind::Poll,
            ExchangeKind::Index | ExchangeKind::Version => self.then,
            kind => kind,
        }
    }

    /// Another member is asked next, and nothing that was learnt of this one holds for it.
    fn leave_member(&mut self) {
        self.preference = MemberPreference::Other;
        self.withheld = false;
        self.kind = match self.settled_task() {
            // it was about the store of that member
            ExchangeKind::Recall => ExchangeKind::Poll,
            kind => kind,
        };
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
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() {
            // thousands of idle machines have nothing to tell
            self.outputs = VecDeque::new();
        }
        output
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
    #[cfg(any(test, feature = "internals"))]
    pub fn seen(&mut self, index: u64) {
        self.known = self.known.max(index);
    }

    /// A poll is not shortened below this for the sake of a fast store, or below a quarter of the longest, which it is by
    /// default. Who drives few machines may go down to a second, who drives thousands may not.
    pub fn set_shortest_poll(&mut self, shortest: Duration) {
        self.shortest = shortest.min(self.max_poll / 4);
    }

    /// The state now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether a member has its poll at a known place.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Live)
            && self.kind == ExchangeKind::Poll
            && self.position.wait_index() != 0
            && self.open_gap.is_none()
    }

    /// Whether the next event is the first at or after `index` (0: from now).
    pub fn is_at(&self, index: u64) -> bool {
        self.position.wait_index() == index
            && self.settled_task() == ExchangeKind::Poll
            && self.open_gap.is_none()
    }

    /// Whether the snapshot with which it begins has not come yet.
    pub fn is_listing(&self) -> bool {
        self.settled_task() == ExchangeKind::List
    }

    /// Whether both are live, have told all they had, and would go on with the same event.
    pub fn is_level_with(&self, other: &Machine) -> bool {
        let at = |m: &Machine| (m.position, m.cluster, m.outputs.len(), m.mirror.is_some());
        self.is_live() && other.is_live() && at(self) == at(other) && self.outputs.is_empty()
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// The first index that has not been seen; 0 before a watch "from now" knows.
    pub fn next_index(&self) -> u64 {
        self.position.wait_index()
    }

    /// Whether everything below the key is watched, too.
    #[cfg(test)]
    pub(super) fn is_recursive(&self) -> bool {
        self.scope.is_recursive()
    }

    /// Where the watch began, or went on after a loss, if it has delivered nothing since.
    #[cfg(test)]
    pub(super) fn began_after(&self) -> Option<u64> {
        (self.last.1 == 0).then_some(self.last.0)
    }

    /// What this upstream counts.
    pub fn counters(&self) -> WatchCounters {
        self.counters
    }

    /// What is known of the subtree, with RESYNC.
    #[cfg(any(test, feature = "internals"))]
    pub fn mirror(&self) -> Option<&Mirror> {
        self.mirror.as_deref()
    }
}

/// Reads everything that is watched.
fn read(key: &Key, recursive: bool, quorum: bool) -> Result<HttpRequest> {
    let mut request = Request::new(Operation::Get, key.clone());
    let flag = |flag: u32, on: bool| if on { flag } else { 0 };
    request.set_flags(flag(flags::RECURSIVE, recursive) | flag(flags::QUORUM, quorum))?;
    request.http_request()
}
