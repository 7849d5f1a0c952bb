//! One change, waited for on the caller's thread.

use super::Client;
use crate::cluster::backoff::Backoff;
use crate::cluster::failover;
use crate::cluster::guard::{Policy, Stale};
use crate::cluster::member::Member;
use crate::cluster::search::Quest;
use crate::cluster::trail::Trail;
use crate::cluster::visit::{Step, Visit};
use crate::echo::{one_line, seconds};
use crate::error::{Error, Phase, Result};
use crate::protocol::key::Key;
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::cancel::{Cancel, pause};
use crate::transport::channel::Limits;
use crate::transport::fault::{Fault, FaultKind};
use crate::watch::position::Position;
use crate::watch::scope::Scope;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a watch waits.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /// The client's deadline.
    Default,
    /// So long.
    For(Duration),
    /// Until a change or the token.
    Forever,
}

/// Servers send the head of a poll at once; later than this a member is asked whether it lives.
const HEAD_PATIENCE: Duration = Duration::from_secs(2);
/// A poll that ends sooner without an event costs a pause, so that no server can make a hot loop.
const SHORT: Duration = Duration::from_secs(1);
/// Events in a row that are not the watch's and are passed over without a pause: no server remembers more.
const HISTORY: u32 = 1000;
/// A year: beyond any patience.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl Client {
    /// Blocks for the next change of `key` at or after `wait_index` (0: from now). Carries on over empty answers, cuts and
    /// members that fail. On `TIMEOUT` the error's index is the last one looked at: go on at the next.
    pub fn watch_once(
        &self,
        key: &Key,
        recursive: bool,
        wait_index: u64,
        patience: Patience,
        cancel: Option<&Cancel>,
    ) -> Result<Response> {
        self.refuse_elsewhere()?;
        let started = Instant::now();
        let patience = match patience {
            Patience::Default => self.options.deadline,
            Patience::For(duration) => duration,
            Patience::Forever => FAR,
        };
        let mut poll = Poll {
            client: self,
            key,
            recursive,
            scope: Scope::new(key, recursive),
            position: Position::at(wait_index),
            cancel,
            started,
            deadline: started + patience,
            trail: Trail::new(started),
            backoff: Backoff::new(Duration::from_millis(50), Duration::from_secs(3)),
            tried: Vec::new(),
            answered: Vec::new(),
            heads_withheld: false,
            passed: 0,
        };
        loop {
            if let Some(response) = poll.once()? {
                return Ok(response);
            }
        }
    }
}

struct Poll<'a> {
    client: &'a Client,
    key: &'a Key,
    recursive: bool,
    scope: Scope,
    position: Position,
    cancel: Option<&'a Cancel>,
    started: Instant,
    deadline: Instant,
    trail: Trail,
    backoff: Backoff,
    tried: Vec<Arc<Member>>,
    /// those of them that have said something
    answered: Vec<Arc<Member>>,
    /// Something between us and the member keeps the head back until there is an event.
    heads_withheld: bool,
    /// Events passed over.
    passed: u32,
}

impl Poll<'_> {
    /// One long poll; `None` to go on.
    fn once(&mut self) -> Result<Option<Response>> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(self.no_change());
        }
        let client = self.client;
        let Some(member) = client.roster.pick(now, &self.tried) else {
            return self.seek(now);
        };
        if let Some(stale) = self.refused(&member)? {
            client.roster.diary().stale(member.url(), &stale);
            let error = Error::new(Status::STALE, stale.to_string());
            self.trail.trouble(member.url(), error, now.elapsed());
            self.leave(&member, Instant::now());
            return Ok(None);
        }
        let wire = Wire::poll(self.key, self.recursive, self.position.wait_index())?;
        let until = self
            .deadline
            .min(now + self.backoff.around(client.options.max_poll));
        let whole = until - now;
        let head = if self.heads_withheld {
            whole
        } else {
            HEAD_PATIENCE.min(whole)
        };
        let step = self.exchange(&member, &wire, now, until, head);
        let ended = Instant::now();
        match step {
            Step::Done(event) => {
                member.succeed();
                client.roster.pin(&member);
                self.take(&member, *event, ended - now)
            }
            Step::Quiet(index) => {
                member.succeed();
                self.position.quiet(index);
                self.settle(ended - now)
            }
            Step::Refused(error) => Err(self.trail.take().sign(error).into_error()),
            Step::Trouble(error) | Step::Stale(error, _) => {
                self.trail.trouble(member.url(), error, ended - now);
                self.answered.push(member.clone());
                self.leave(&member, ended);
                Ok(None)
            }
            Step::Fault(fault) => self.fault(&member, &fault, ended - now, ended < until),
        }
    }

    fn exchange(
        &self,
        member: &Arc<Member>,
        wire: &Wire,
        now: Instant,
        until: Instant,
        head: Duration,
    ) -> Step {
        let client = self.client;
        let whole = until - now;
        let limits = Limits {
            deadline: until,
            connect: client.options.connect_timeout.min(whole),
            send: head,
            head,
            body: whole,
            max_body: client.options.max_response_bytes,
        };
        let visit = Visit::new(member.clone(), wire, false, client.options.decode);
        failover::visit(
            &client.roster,
            &client.options.settings,
            visit,
            &limits,
            self.cancel,
        )
    }

    fn take(
        &mut self,
        member: &Member,
        event: Response,
        took: Duration,
    ) -> Result<Option<Response>> {
        let modified = event.node().map_or(0, |node| node.modified_index());
        if !self.position.take(modified) {
            let text = format!("told index {modified}, which is before the one asked for");
            self.trail
                .trouble(member.url(), Error::new(Status::PROTOCOL, text), took);
            return self.breathe();
        }
        if self.scope.holds(&event) {
            return Ok(Some(event));
        }
        self.passed += 1;
        if self.passed > HISTORY || modified == u64::MAX {
            // made up
            return self.breathe();
        }
        Ok(None)
    }

    fn fault(
        &mut self,
        member: &Arc<Member>,
        fault: &Fault,
        took: Duration,
        early: bool,
    ) -> Result<Option<Response>> {
        let head = fault.head.as_ref().map_or(0, |head| head.etcd_index);
        match (fault.kind, fault.phase) {
            (FaultKind::Cancelled | FaultKind::Local | FaultKind::TooLarge, _) => {
                return Err(self.trail.take().stopped(fault.kind).into_error());
            }
            // the poll's own time is over
            (FaultKind::Timeout, Phase::Body) if fault.body_began => self.position.cut(head),
            (FaultKind::Timeout, Phase::Body) => {
                member.succeed();
                self.position.quiet(head);
                return self.settle(took);
            }
            (FaultKind::Timeout, Phase::Head) if !early => return Ok(None),
            (FaultKind::Timeout, Phase::Head) if !self.heads_withheld && self.lives(member) => {
                self.heads_withheld = true;
                return Ok(None);
            }
            // an idle connection cut by something in between is nobody's failure
            (_, Phase::Body) => {
                self.position.cut(head);
                self.trail.fault(member.url(), fault, took);
                return self.settle(took);
            }
            _ if fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection => {
                member.channel().forget_idle();
                return Ok(None);
            }
            _ => {}
        }
        self.trail.fault(member.url(), fault, took);
        self.leave(member, Instant::now());
        Ok(None)
    }

    /// Asks a member that keeps the head of a poll back for the head of a plain read, which also anchors the watch.
    fn lives(&mut self, member: &Arc<Member>) -> bool {
        let now = Instant::now();
        let until = self.deadline.min(now + HEAD_PATIENCE);
        match self.exchange(
            member,
            &Wire::head(self.key),
            now,
            until,
            until.saturating_duration_since(now),
        ) {
            Step::Done(response) => {
                self.position.cut(response.head().etcd_index);
                true
            }
            Step::Refused(error) => {
                self.position.cut(error.detail().index);
                true
            }
            // a read-only proxy answers HEAD with 501, but it does answer
            Step::Trouble(error) => error.detail().http_status == 501,
            Step::Quiet(_) | Step::Stale(..) | Step::Fault(_) => false,
        }
    }

    /// A member that is cut off from its peers takes a poll and stays mute: whoever refuses what is stale looks first.
    fn refused(&self, member: &Arc<Member>) -> Result<Option<Stale>> {
        let guard = self.client.roster.guard();
        if guard.policy() != Policy::Refuse {
            return Ok(None);
        }
        let (view, now) = (guard.view(), Instant::now());
        let until = self.deadline.min(now + HEAD_PATIENCE);
        let (wire, head) = (Wire::head(&Key::parse("key", "/")?), until - now);
        let stale = match self.exchange(member, &wire, now, until, head) {
            Step::Done(response) => view.judge(response.head()),
            // what else is wrong with it, the poll will find
            _ => None,
        };
        Ok(stale.filter(|stale| stale.blames() && !matches!(stale, Stale::Foreign { .. })))
    }

    /// All members have failed: are there others? If not they are asked again, after a pause.
    fn seek(&mut self, now: Instant) -> Result<Option<Response>> {
        let client = self.client;
        let time = client.options.deadline;
        let left = self.deadline.saturating_duration_since(now);
        let (budget, decode) = (client.budget(now, time.min(left)), client.options.decode);
        let answered = std::mem::take(&mut self.answered);
        let mut quest = Quest::default();
        if quest.begin(budget, decode, &answered, now, &client.roster) {
            if failover::seek(&client.roster, quest, self.cancel) {
                return Err(self.trail.take().cancelled().into_error());
            }
            if client.roster.pick(now, &self.tried).is_some() {
                return Ok(None);
            }
        }
        self.tried.clear();
        self.breathe()
    }

    /// Another member is asked next.
    fn leave(&mut self, member: &Arc<Member>, now: Instant) {
        member.fail(now);
        self.tried.push(member.clone());
        self.heads_withheld = false;
    }

    /// After a poll that ended without an event.
    fn settle(&mut self, took: Duration) -> Result<Option<Response>> {
        self.tried.clear();
        if took < SHORT {
            return self.breathe();
        }
        self.backoff.reset();
        Ok(None)
    }

    fn breathe(&mut self) -> Result<Option<Response>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if pause(self.cancel, self.backoff.pause().min(left)) {
            return Err(self.trail.take().cancelled().into_error());
        }
        Ok(None)
    }

    fn no_change(&mut self) -> Error {
        let trail = self.trail.take();
        let waited = seconds(self.started.elapsed());
        let mut error = Error::new(
            Status::TIMEOUT,
            format!(
                "no change of {} within {waited}{}",
                one_line(self.key.text()),
                trail.summary()
            ),
        );
        error.detail_mut().index = self.position.wait_index().saturating_sub(1);
        error.detail_mut().retriable = true;
        trail.sign(error).into_error()
    }
}
