//! One upstream of watchers as an owner of exchanges: carries what happens to its machine, and back.

use super::auditor::Auditor;
use super::commands::{Closed, Command};
use super::hub::{Calls, Holder};
use super::owner::{Desk, Heed, Lane, Next, Order, Owner, Way};
use crate::cluster::continuity::Sight;
use crate::cluster::member::Member;
use crate::cluster::staleness::{Baseline, Staleness, StalenessPolicy};
use crate::cluster::telemetry::RequestSpan;
use crate::cluster::telemetry::hooks::Kind;
use crate::error::Phase;
use crate::protocol::answer::{self, Head, Verdict, judge_body};
use crate::protocol::body::Body;
use crate::protocol::wire::{Expect, Wire};
use crate::transport::channel::{Answer, Limits};
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::record::{Failure, Record};
use crate::watch::exchange::{self, Action, Exchange, Purpose, Regard, Whom};
use crate::watch::fanout::UpstreamId;
use crate::watch::machine::Machine;
use std::net::SocketAddr;
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A year: the machine has limits of its own.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the client's options say to every exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) connect: Duration,
    pub(crate) max_body: u64,
    pub(crate) decode: answer::Limits,
}

pub(super) struct Upstream {
    hub: Holder,
    id: UpstreamId,
    /// until its head comes: most of the time of most watchers goes by after it
    wire: Option<Box<Wire>>,
    expect: Expect,
    /// of the running exchange
    finish: Duration,
    entry: Option<RequestSpan>,
    /// what its head may not be older than, for who refuses what is
    baseline: Option<Box<Baseline>>,
    /// who has, or had, the last exchange
    member: Option<Arc<Member>>,
    /// and the address that it was made to
    peer: Option<SocketAddr>,
    /// there was nobody to be asked
    unserved: bool,
    /// when the running exchange began
    asked: Instant,
}

impl Upstream {
    pub(super) fn new(hub: Holder, id: UpstreamId) -> Upstream {
        Upstream {
            hub,
            id,
            wire: None,
            expect: Expect::Event,
            finish: Duration::ZERO,
            entry: None,
            baseline: None,
            member: None,
            peer: None,
            unserved: false,
            asked: Instant::now(),
        }
    }

    /// Reports to the machine, runs callbacks, and says what comes next.
    fn report<T>(
        &mut self,
        desk: &Desk<'_>,
        tell: impl FnOnce(&mut Machine) -> T,
    ) -> Option<(T, Next)> {
        let hub = self.hub.upgrade()?;
        let standing = self.member.as_ref();
        let standing = standing.and_then(|member| member.continuity().standing());
        let (answer, calls) = hub.report(self.id, desk.now, standing, tell);
        run(calls);
        let (told, action, wanted) = answer?;
        if let (Some(need), Some(member)) = (wanted, &self.member) {
            let contact = desk.contact();
            let wake = Box::new(move || contact.nudge());
            if member.continuity().enlist(need, wake) {
                let auditor = Auditor::new(member.clone(), hub.terms().connect, need);
                desk.order(Command::Add(Box::new(auditor)));
            }
        }
        let next = match action {
            Action::Start(exchange) => self.start_exchange(*exchange, hub.terms(), desk),
            Action::Wait(Some(until)) => Next::Wake(until),
            Action::Wait(None) | Action::Prove(_) => Next::Keep,
            Action::Closed => Next::End,
        };
        Some((told, next))
    }

    fn start_exchange(&mut self, exchange: Exchange, terms: &Terms, desk: &Desk<'_>) -> Next {
        let last = self.member.take();
        let before = last.as_ref().map(Arc::as_ptr);
        let other = match &last {
            Some(last) if exchange.whom == Whom::Other => {
                desk.member_set.pick(desk.now, slice::from_ref(last))
            }
            _ => None,
        };
        let chosen = match (last, other) {
            (last, _) if exchange.whom == Whom::Only => last.filter(|last| !last.is_gone()),
            (_, Some(member)) => Some(member),
            (Some(same), None) if exchange.whom == Whom::Same && !same.is_gone() => Some(same),
            _ => desk.member_set.pick(desk.now, &[]),
        };
        let Some(member) = chosen else {
            // none is known before the DNS has answered
            desk.member_set
                .sync_limiter()
                .notice(desk.member_set, desk.now);
            self.unserved = true;
            return Next::Wake(desk.now);
        };
        let again = before == Some(Arc::as_ptr(&member));
        let way = self.way(exchange.whom, &member, again);
        self.member = Some(member.clone());
        // the one before is given up, if it has no end yet
        self.entry = None;
        let mut entry = desk
            .member_set
            .telemetry()
            .open(Kind::Watch, &exchange.wire, desk.now);
        entry.attempt(&member, &exchange.wire);
        self.entry = Some(entry);
        self.expect = exchange.wire.expect;
        self.finish = exchange.finish;
        self.asked = desk.now;
        self.wire = Some(Box::new(exchange.wire));
        let staleness = desk.member_set.staleness();
        self.baseline =
            (staleness.policy() == StalenessPolicy::Refuse).then(|| Box::new(staleness.baseline()));
        let limits = Limits {
            deadline: desk.now + FAR,
            connect: terms.connect,
            send: exchange.head,
            head: exchange.head,
            body: exchange.stall,
            max_body: terms.max_body,
        };
        let lane = match exchange.purpose {
            Purpose::Poll => Lane::Own,
            Purpose::Snapshot | Purpose::Probe => Lane::Shared,
        };
        Next::Exchange(Order {
            member,
            limits,
            lane,
            way,
        })
    }

    /// A host name may stand for several servers, each of which counts as a member for `whom`. `again`: this member had the
    /// last exchange.
    fn way(&mut self, whom: Whom, member: &Member, again: bool) -> Way {
        let peer = self.peer.take().filter(|_| again);
        let Some(address) = peer.filter(|_| member.channel().dialer().ways() > 1) else {
            return Way::Any;
        };
        match whom {
            Whom::Only => Way::Only(address),
            Whom::Other => {
                member.leave_address(address);
                Way::Any
            }
            Whom::Any | Whom::Same => Way::Any,
        }
    }

    fn judge(&self, answer: Answer) -> Option<Verdict> {
        let (hub, member) = (self.hub.upgrade()?, self.member.as_ref()?);
        let decode = &hub.terms().decode;
        let mut verdict = judge_body(
            answer.head,
            Body::of(answer.body, answer.content),
            self.expect,
            decode,
        );
        match &mut verdict {
            Verdict::Success(response) => response.set_endpoint(member.url().clone()),
            Verdict::Refused(error) | Verdict::Trouble(error) => {
                let detail = error.detail_mut();
                detail.endpoint.get_or_insert_with(|| member.url().clone());
                detail.phase.get_or_insert(Phase::Body);
            }
            Verdict::NoEvent | Verdict::Redirect(_) => {}
        }
        Some(verdict)
    }

    /// Tells how the exchange ended.
    fn note(&mut self, outcome: &Result<Answer, Box<Fault>>, now: Instant) {
        let (Some(mut entry), Some(member)) = (self.entry.take(), &self.member) else {
            return;
        };
        match outcome {
            Ok(answer) => {
                entry.answered(member, answer, now);
                entry.close(Ok(()), now);
            }
            Err(fault) => {
                entry.failed(member, fault, now);
                entry.fault(fault, now);
            }
        }
    }

    /// A poll that is late by some milliseconds is none the worse, and of another cluster the watchers are told.
    fn minds(&self, stale: &Staleness) -> bool {
        match stale {
            Staleness::Foreign { .. } => false,
            Staleness::Behind { .. } => stale.blames() || self.expect != Expect::Event,
        }
    }

    fn leave(&mut self, stale: &Staleness, desk: &Desk<'_>) -> Heed {
        if stale.blames() {
            self.regard(Regard::Bad, desk);
        }
        let why = stale.to_string();
        if let Some(member) = &self.member {
            desk.member_set.telemetry().stale(member.url(), stale);
        }
        let told = self.report(desk, |machine| machine.on_stale(desk.now, &why));
        Heed::Leave(told.map_or(Next::End, |(_, next)| next))
    }

    fn regard(&self, regard: Regard, desk: &Desk<'_>) {
        if let Some(member) = &self.member {
            match regard {
                Regard::Good => member.succeed(),
                Regard::Bad => {
                    member.fail(desk.now, self.peer);
                    desk.member_set
                        .sync_limiter()
                        .notice(desk.member_set, desk.now);
                }
                Regard::Neither => {}
            }
        }
    }
}

fn run(calls: Calls) {
    for (mailbox, output) in calls {
        mailbox.call(&output);
    }
}

impl Drop for Upstream {
    /// The loop broke: nobody else would tell the watchers.
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let (_, calls) = hub.report(self.id, Instant::now(), None, |machine| {
                machine.close(Some(Closed::Broken.error()));
            });
            hub.left(self.id);
            run(calls);
        }
    }
}

impl Owner for Upstream {
    fn start(&mut self, desk: &Desk<'_>) -> Next {
        let Some(hub) = self.hub.upgrade() else {
            return Next::End;
        };
        hub.arrived(self.id, desk.contact());
        self.report(desk, |_| ())
            .map_or(Next::End, |(_, next)| next)
    }

    fn wire(&self) -> Option<&Wire> {
        self.wire.as_deref()
    }

    fn reading(&self) -> Option<(Expect, answer::Limits)> {
        let hub = self.hub.upgrade()?;
        Some((self.expect, hub.terms().decode))
    }

    fn on_head(&mut self, head: &Head, desk: &Desk<'_>) -> Heed {
        self.wire = None;
        self.peer = desk.peer;
        let stale = self
            .baseline
            .take()
            .and_then(|baseline| baseline.judge(head));
        if let Some(member) = &self.member {
            desk.member_set
                .staleness()
                .see(member.number(), head, desk.now);
        }
        if let Some(stale) = stale.filter(|stale| self.minds(stale)) {
            return self.leave(&stale, desk);
        }
        if let Some(member) = &self.member {
            let connected = desk.connected.unwrap_or(desk.now);
            if let Some(sight) = Sight::of(head, (self.asked, desk.now), connected) {
                member.continuity().observe(sight);
            }
        }
        match self.report(desk, |machine| machine.on_head(desk.now, head)) {
            // what it showed of the member ends it
            Some((exchange::Heed::Stay(_), next @ (Next::Exchange(_) | Next::Wake(_)))) => {
                Heed::Leave(next)
            }
            Some((exchange::Heed::Stay(silence), _)) => Heed::Silence(silence, self.finish),
            Some((exchange::Heed::Leave, next)) => Heed::Leave(next),
            None => Heed::Leave(Next::End),
        }
    }

    fn on_finish(&mut self, desk: &Desk<'_>) {
        let _ = self.report(desk, |machine| machine.on_finish(desk.now));
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, desk: &Desk<'_>) -> Next {
        self.note(&outcome, desk.now);
        self.peer = match &outcome {
            Ok(answer) => answer.course.peer,
            Err(fault) => fault.course.peer,
        };
        let told = match outcome {
            Ok(answer) => match self.judge(answer) {
                Some(verdict) => self.report(desk, |machine| machine.on_answer(desk.now, verdict)),
                None => None,
            },
            Err(fault) => self.report(desk, |machine| machine.on_fault(desk.now, &fault)),
        };
        let Some((regard, next)) = told else {
            return Next::End;
        };
        self.regard(regard, desk);
        next
    }

    fn on_timer(&mut self, desk: &Desk<'_>) -> Next {
        if std::mem::take(&mut self.unserved) {
            let fault = Record::new().fault(Failure::new(
                Phase::Resolve,
                FaultKind::Connection,
                "no member is known",
            ));
            let told = self.report(desk, |machine| machine.on_fault(desk.now, &fault));
            return told.map_or(Next::End, |(_, next)| next);
        }
        self.report(desk, |_| ())
            .map_or(Next::End, |(_, next)| next)
    }

    fn on_nudge(&mut self, desk: &Desk<'_>) -> Next {
        self.on_timer(desk)
    }

    fn close(mut self: Box<Self>, fault: Option<Box<Fault>>, desk: &Desk<'_>) {
        if let Some(fault) = fault {
            self.note(&Err(fault), desk.now);
        }
        let Some(hub) = self.hub.upgrade() else {
            return;
        };
        let (_, calls) = hub.report(self.id, desk.now, None, |machine| {
            machine.close(Some(desk.commands.closed().error()))
        });
        hub.left(self.id);
        run(calls);
    }

    fn refuse(mut self: Box<Self>) {
        // who made it has locked the hub
        self.hub = Holder::new();
    }

    fn is_quiet(&self) -> bool {
        false
    }
}
