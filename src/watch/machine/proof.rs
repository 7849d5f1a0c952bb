//! What is known but not yet told: events and silences wait until the record of their member covers them.
//!
//! An event that the history held, or whose index is the next one after the head, needs no more than that head. One that
//! came later may have come over a hole, which the member's next head shows: that of the next poll, which is on its way.

use super::*;
use crate::cluster::members::continuity::Need;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Members whose history cannot be relied on are passed over so often; then what is there is read and compared.
const DOUBTS: u8 = 2;
/// So often a member is asked for its word; most of it at a pace of one in a second.
const AUDITS: u8 = 8;

/// What is to be proven.
#[derive(Debug)]
pub(super) enum Claim {
    /// this came next
    Event(Box<Response>),
    /// nothing came up to this index: a poll
    Quiet(u64),
    /// nothing came up to this index: a read
    Unchanged(u64),
    /// a listing of the keys
    Listing(Box<Listing>),
}

/// The keys that are watched, and their values.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) kind: ExchangeKind,
    pub(super) index: u64,
    pub(super) response: Option<Response>,
}

/// A claim with what it needs.
#[derive(Debug)]
pub(super) struct PendingClaim {
    claim: Claim,
    /// its exchange began
    asked: Instant,
    /// its head came
    head: Instant,
    /// its last byte came
    came: Instant,
    /// a head asked for after this instant is needed, too
    later: Option<Instant>,
    /// the index of the head
    reached: u64,
    /// there is no use in waiting for the head of another poll
    sighted: bool,
    /// audits that were asked for
    audits: u8,
}

impl PendingClaim {
    fn index(&self) -> Option<u64> {
        match &self.claim {
            Claim::Event(response) => response.node().map(|node| node.modified_index()),
            Claim::Quiet(_) | Claim::Unchanged(_) | Claim::Listing(_) => None,
        }
    }

    /// A read has shown that nothing came, and the next poll goes on after that.
    fn is_read(&self) -> bool {
        matches!(self.claim, Claim::Unchanged(_))
    }

    /// Nothing goes on before it is told.
    fn is_awaited(&self) -> bool {
        matches!(self.claim, Claim::Event(_) | Claim::Listing(_))
    }
}

impl Machine {
    /// Something that is told when it is proven. `reached`: what the store had when the exchange was taken.
    pub(super) fn hold(&mut self, now: Instant, busy: &Busy, claim: Claim) {
        let (reached, head) = busy.head.unwrap_or((0, now));
        // the poll began after what a read has shown: both are proven together
        let read = self.held.as_ref().filter(|held| held.is_read());
        let asked = read.map_or(busy.started, |read| read.asked.min(busy.started));
        let mut held = PendingClaim {
            claim,
            asked,
            head,
            came: now,
            later: None,
            reached,
            sighted: true,
            audits: 0,
        };
        let next = reached.max(self.position.wait_index().saturating_sub(1));
        if held
            .index()
            .is_some_and(|index| index > next.saturating_add(1))
            && Rule::LaterHead.holds()
        {
            held.later = Some(now);
            held.sighted = self.withheld;
        }
        self.held = Some(Box::new(held));
    }

    /// An event waits: what else polls bring before it is told comes again.
    pub(crate) fn is_holding(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.index().is_some())
    }

    /// The next poll has a head, or will have none, or is not waited for: the member can be audited now.
    pub(crate) fn sighted(&mut self) {
        if let Some(held) = &mut self.held {
            held.sighted = true;
        }
    }

    /// What the last exchange brought cannot be proven any more: its member is left.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    /// A later poll of the same member has a head with this index; `false`: the index is below that of the event it sent.
    pub(super) fn reaches(&mut self, now: Instant, index: u64) -> bool {
        let Some(event) = self.held.as_ref().and_then(|held| held.index()) else {
            return true;
        };
        if index >= event || !Rule::Reached.holds() {
            return true;
        }
        (self.held, self.busy) = (None, None);
        self.leave_member();
        let why = format!("an event of index {event} from a store at {index}");
        self.retry(now, &why);
        false
    }

    pub(super) fn wants_proof(&mut self, now: Instant) -> Option<Need> {
        if self.proving || self.paused {
            return None;
        }
        if std::mem::take(&mut self.stranger) {
            self.proving = true;
            let until = self.busy.as_ref().map_or(now, |busy| busy.started);
            let urgent = false;
            return Some(Need { until, urgent });
        }
        let held = self.held.as_mut().filter(|held| held.sighted)?;
        if held.audits < AUDITS {
            self.proving = true;
            held.audits += 1;
            return Some(Need {
                until: held.later.unwrap_or(held.asked),
                urgent: held.is_awaited(),
            });
        }
        let held = self.held.take()?;
        if let Claim::Listing(listing) = held.claim {
            // the listing is correct; only the events after it are checked again
            self.proof = self.proof.max(Some(held.asked));
            self.list(*listing);
            return None;
        }
        (self.busy, self.kind) = (None, ExchangeKind::Poll);
        self.leave_member();
        self.retry(now, "the member does not say whether its history is whole");
        None
    }

    pub(super) fn is_held_up(&self) -> bool {
        self.held
            .as_ref()
            .is_some_and(|held| held.sighted && held.is_awaited())
    }

    /// Where the next poll begins: after what is on its way to be told.
    pub(super) fn poll_from(&self) -> u64 {
        let held = self.held.as_ref().and_then(|held| match &held.claim {
            Claim::Unchanged(index) if !self.rechecking => Some(*index),
            _ => held.index(),
        });
        match held {
            Some(index) => index.saturating_add(1),
            None if self.rechecking => self.last.0.saturating_add(1),
            None => self.position.wait_index(),
        }
    }

    /// What is known of the member that has, or had, the last exchange.
    pub fn vouch(&mut self, now: Instant, standing: Option<Standing>) {
        self.proving = false;
        if standing.is_none() && Rule::Identity.holds() {
            if let Some(busy) = self.busy.as_mut().filter(|busy| busy.head.is_some()) {
                self.stranger |= !std::mem::replace(&mut busy.met, true);
            }
        }
        let (Some(held), Some(mut standing)) = (&self.held, standing) else {
            return;
        };
        if self.is_closed() {
            return;
        }
        let (asked, head, later) = (held.asked, held.head, held.later);
        standing.since = standing.since(asked, held.came);
        let listing = matches!(held.claim, Claim::Listing(_));
        let history = !listing && !matches!(held.claim, Claim::Unchanged(_));
        if standing.since > asked && listing {
            // the listing is requested again
            self.held = None;
            return;
        }
        let known =
            standing.life == self.life || self.proof.is_none_or(|proof| standing.since <= proof);
        if standing.since > asked {
            return self.doubt(now, &standing, known);
        }
        if !standing.covers(asked, head, later) {
            return;
        }
        if history && standing.floor >= self.position.wait_index() && Rule::Floor.holds() {
            return self.doubt(now, &standing, known);
        }
        if !known && !listing && Rule::LastEvent.holds() {
            let reached = held.reached;
            if self.recall(asked, &standing) {
                return;
            }
            let why = match standing.lower {
                true => "the store had less than before",
                false => "the store may be another one",
            };
            let blind = self.is_blind(&standing);
            if blind && !standing.lower && !standing.restarted && self.doubts < DOUBTS {
                // a member whose history is whole can tell
                (self.held, self.busy, self.kind) = (None, None, ExchangeKind::Poll);
                self.doubts += 1;
                self.leave_member();
                return self.retry(now, why);
            }
            if standing.lower || blind {
                self.busy = None;
                self.doubts = 0;
                return self.lose(now, Loss::Recreated, reached, why, None);
            }
        }
        let Some(held) = self.held.take() else { return };
        self.proof = self.proof.max(Some(later.unwrap_or(asked)));
        self.life = standing.life;
        self.doubts = 0;
        match held.claim {
            Claim::Listing(listing) => self.list(*listing),
            Claim::Event(response) => self.deliver(now, *response),
            Claim::Quiet(index) | Claim::Unchanged(index) => {
                self.rechecking &= !matches!(held.claim, Claim::Quiet(_));
                self.position.quiet(index);
                if self.progress {
                    self.tell(Event::progress(index));
                }
            }
        }
    }

    /// The store may be another one: `true` if a request is needed to find out. Its member is asked and no other, since what
    /// the answer proves depends on the history of the member that gives it.
    fn recall(&mut self, asked: Instant, standing: &Standing) -> bool {
        let (index, print) = self.last;
        let kind = match self.mirror {
            _ if print != 0 => ExchangeKind::Recall,
            Some(_) => {
                self.rechecking = true;
                ExchangeKind::Look
            }
            None if standing.lower || index < standing.floor => return false,
            // there is no last event, only the fact that there was none since then
            None if self.must_recheck() => {
                self.rechecking = true;
                self.proof = self.proof.max(Some(asked));
                ExchangeKind::Poll
            }
            None => return false,
        };
        (self.held, self.busy, self.kind) = (None, None, kind);
        self.restarted = standing.restarted;
        self.vague = index <= standing.floor && Rule::Floor.holds();
        true
    }

    /// Whether a store cannot be checked at all: no event was delivered, and the member's history of that time came with a
    /// snapshot.
    fn is_blind(&self, standing: &Standing) -> bool {
        let (index, _) = self.last;
        index != 0 && index < standing.floor && self.mirror.is_none() && Rule::Floor.holds()
    }

    fn must_recheck(&self) -> bool {
        let (index, _) = self.last;
        let next = self.position.wait_index();
        index != 0 && next > index.saturating_add(1) && Rule::Recheck.holds()
    }

    /// An old event that was never delivered: the store of the watch has none. But the history contains more than a live poll
    /// delivers: events of other keys, and removals of a parent directory when the key itself did not exist.
    pub(super) fn unheard(&mut self, now: Instant, busy: &Busy, event: &Response) -> MemberVerdict {
        let index = event.node().map_or(0, |node| node.modified_index());
        let (reached, _) = busy.head.unwrap_or((index, now));
        if !self.scope.holds(event) || self.scope.is_inside(event) {
            self.last = (index, print(event));
            self.passed(now);
            return MemberVerdict::Good;
        }
        let why = "the store is another one";
        self.lose(now, Loss::Recreated, reached.max(index), why, None);
        MemberVerdict::Good
    }

    /// The history of the member cannot be relied on.
    fn doubt(&mut self, now: Instant, standing: &Standing, known: bool) {
        let kind = self
            .busy
            .take()
            .map_or(ExchangeKind::Poll, |busy| busy.kind);
        let next = self.position.wait_index();
        self.held = None;
        if matches!(kind, ExchangeKind::Poll | ExchangeKind::Probe) {
            self.kind = ExchangeKind::Poll;
        }
        if standing.floor < next {
            // only what hung while the store was replaced is lost
            return;
        }
        self.doubts = self.doubts.saturating_add(1);
        if self.doubts <= DOUBTS {
            self.leave_member();
            return self.retry(now, "the member has restored its store from a snapshot");
        }
        self.doubts = 0;
        // the index of another store may be lower than any known one
        let (loss, index) = match known {
            true => (Loss::Cleared, standing.floor.max(self.known)),
            false => (Loss::Recreated, 0),
        };
        let why = "no member has the history that is needed";
        self.lose(now, loss, index, why, None);
    }

    /// The answer of a store that may be another one.
    pub(super) fn recalled(
        &mut self,
        now: Instant,
        busy: &Busy,
        verdict: Verdict,
    ) -> MemberVerdict {
        let reached = busy.head.map_or(0, |(index, _)| index);
        let silent = busy.head.is_some_and(|(_, at)| {
            let end = busy.finish.unwrap_or(at);
            end.saturating_duration_since(at) >= SHORT
        });
        let same = match verdict {
            Verdict::Success(response) => {
                let index = response.node().map_or(0, |node| node.modified_index());
                (index, print(&response)) == self.last
            }
            Verdict::NoEvent if silent && reached >= self.last.0 => false,
            Verdict::NoEvent => {
                self.leave_member();
                self.retry(now, "the last event is not there yet");
                return MemberVerdict::Neither;
            }
            Verdict::Refused(error) if error.status() == Status::HISTORY_CLEARED => {
                return self.forgotten(now, busy);
            }
            other => return self.refused(now, other),
        };
        self.kind = ExchangeKind::Poll;
        if !same && self.vague {
            return self.not_its_own(now, busy);
        }
        if same {
            self.rechecking = self.must_recheck();
            self.recognised(busy);
            return MemberVerdict::Good;
        }
        let why = "the store is another one";
        self.lose(now, Loss::Recreated, reached, why, None);
        MemberVerdict::Good
    }

    /// The last event is another one in a history that came with a snapshot: that says nothing, neither that it is another
    /// store nor that it is the same.
    fn not_its_own(&mut self, now: Instant, busy: &Busy) -> MemberVerdict {
        if self.mirror.is_some() || self.restarted {
            return self.forgotten(now, busy);
        }
        let why =
            "the last event is not to be found in a history that was restored from a snapshot";
        self.doubts = self.doubts.saturating_add(1);
        if self.doubts <= DOUBTS {
            self.leave_member();
            self.retry(now, why);
            return MemberVerdict::Neither;
        }
        self.doubts = 0;
        let (reached, _) = busy.head.unwrap_or((0, now));
        self.lose(now, Loss::Recreated, reached, why, None);
        MemberVerdict::Good
    }

    /// The last event is too old to be asked for.
    fn forgotten(&mut self, now: Instant, busy: &Busy) -> MemberVerdict {
        let reached = busy.head.map_or(0, |(index, _)| index);
        match self.mirror {
            Some(_) => (self.kind, self.rechecking) = (ExchangeKind::Look, true),
            None if self.restarted => {
                self.kind = ExchangeKind::Poll;
                let why = "the store may be another one";
                let loss = match self.vague {
                    true => Loss::Recreated,
                    false => Loss::Cleared,
                };
                self.lose(now, loss, reached, why, None);
            }
            None => {
                self.kind = ExchangeKind::Poll;
                self.recognised(busy);
            }
        }
        MemberVerdict::Good
    }

    /// The store was that of the watch when this exchange began.
    pub(super) fn recognised(&mut self, busy: &Busy) {
        self.proof = self.proof.max(Some(busy.started));
    }
}

/// Everything of an event that a store that is another one would have to have, too.
pub(super) fn print(event: &Response) -> u64 {
    let mut hasher = DefaultHasher::new();
    event.action_text().hash(&mut hasher);
    for node in [event.node(), event.prev_node()] {
        let node = node.map(|node| {
            let indices = (node.modified_index(), node.created_index());
            (
                node.key().to_owned(),
                node.value().map(str::to_owned),
                node.is_dir(),
                indices,
            )
        });
        node.hash(&mut hasher);
    }
    hasher.finish().max(1)
}
