//! One upstream of watchers as a task of exchanges: carries what happens to its machine, and back.

use super::auditor::Auditor;
use super::commands::{Closed, Command};
use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction, Way};
use super::watch_registry::{Holder, PendingCalls};
use crate::cluster::members::continuity::Sight;
use crate::cluster::members::member::Member;
use crate::cluster::members::staleness::{Baseline, Staleness, StalenessPolicy};
use crate::cluster::members::without_api::WithoutApi;
use crate::error::Phase;
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::body::Body;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::protocol::response_head::Head;
use crate::telemetry::RequestSpan;
use crate::telemetry::hooks::RequestKind;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::exchange_state::ExchangeControl;
use crate::transport::fault::{Fault, FaultKind};
use crate::watch::driver::{
    self, MemberPreference, MemberVerdict, PollAction, PollRequest, Purpose,
};
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
pub(crate) struct PollOptions {
    pub(crate) connect: Duration,
    pub(crate) max_body: u64,
    pub(crate) decode: DecodeLimits,
}

pub(super) struct SharedPoll {
    registry: Holder,
    id: UpstreamId,
    /// until its head comes: most of the time of most watchers goes by after it
    http_request: Option<Box<HttpRequest>>,
    expect: ResponseKind,
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
    /// none as long as all is well
    troubles: Option<Box<Troubles>>,
    /// when the running exchange began
    asked: Instant,
}

/// What went wrong since a member served.
#[derive(Default)]
struct Troubles {
    /// those that have failed in this round, in which nobody is asked twice
    tried: Vec<Arc<Member>>,
    without_api: WithoutApi,
}

impl SharedPoll {
    pub(super) fn new(registry: Holder, id: UpstreamId) -> SharedPoll {
        SharedPoll {
            registry,
            id,
            http_request: None,
            expect: ResponseKind::Event,
            finish: Duration::ZERO,
            entry: None,
            baseline: None,
            member: None,
            peer: None,
            unserved: false,
            troubles: None,
            asked: Instant::now(),
        }
    }

    /// Reports to the machine, runs callbacks, and says what comes next.
    fn report<T>(
        &mut self,
        context: &Context<'_>,
        tell: impl FnOnce(&mut Machine) -> T,
    ) -> Option<(T, TaskAction)> {
        let registry = self.registry.upgrade()?;
        let standing = self.member.as_ref();
        let standing = standing.and_then(|member| member.continuity().standing());
        let (answer, calls) = registry.report(self.id, context.now, standing, tell);
        run(calls);
        let (told, action, wanted) = answer?;
        if let (Some(need), Some(member)) = (wanted, &self.member) {
            let handle = context.handle();
            let wake = Box::new(move || handle.wake());
            if member.continuity().enlist(need, wake) {
                let auditor = Auditor::new(member.clone(), registry.terms().connect, need);
                context.order(Command::Add(Box::new(auditor)));
            }
        }
        let next = match action {
            PollAction::Start(exchange) => {
                self.start_exchange(*exchange, registry.terms(), context)
            }
            PollAction::Wait(Some(until)) => TaskAction::Wake(until),
            PollAction::Wait(None) | PollAction::Prove(_) => TaskAction::Keep,
            PollAction::Closed => TaskAction::End,
        };
        Some((told, next))
    }

    fn start_exchange(
        &mut self,
        exchange: PollRequest,
        terms: &PollOptions,
        context: &Context<'_>,
    ) -> TaskAction {
        let last = self.member.take();
        let before = last.as_ref().map(Arc::as_ptr);
        let other = match &last {
            Some(last) if exchange.preference == MemberPreference::Other => {
                self.other(last, context)
            }
            _ => None,
        };
        let chosen = match (last, other) {
            (last, _) if exchange.preference == MemberPreference::Only => {
                last.filter(|last| !last.is_gone())
            }
            (_, Some(member)) => Some(member),
            (Some(same), None)
                if exchange.preference == MemberPreference::Same && !same.is_gone() =>
            {
                Some(same)
            }
            _ => context.member_set.pick(context.now, &[]),
        };
        let Some(member) = chosen else {
            // none is known before the DNS has answered
            context
                .member_set
                .sync_limiter()
                .notice(|| context.member_set.members(), context.now);
            self.unserved = true;
            return TaskAction::Wake(context.now);
        };
        let again = before == Some(Arc::as_ptr(&member));
        let way = self.way(exchange.preference, &member, again);
        self.member = Some(member.clone());
        // the one before is given up, if it has no end yet
        self.entry = None;
        let mut entry = context.member_set.telemetry().open(
            RequestKind::Watch,
            &exchange.http_request,
            context.now,
        );
        entry.attempt(member.channel(), &exchange.http_request);
        self.entry = Some(entry);
        self.expect = exchange.http_request.expect;
        self.finish = exchange.finish;
        self.asked = context.now;
        self.http_request = Some(Box::new(exchange.http_request));
        let staleness = context.member_set.staleness();
        self.baseline =
            (staleness.policy() == StalenessPolicy::Refuse).then(|| Box::new(staleness.baseline()));
        let limits = ExchangeLimits {
            deadline: context.now + FAR,
            connect: terms.connect,
            send: exchange.head,
            head: exchange.head,
            body: exchange.stall,
            max_body: terms.max_body,
        };
        let pool_class = match exchange.purpose {
            Purpose::Poll => PoolClass::Own,
            Purpose::Snapshot | Purpose::Probe => PoolClass::Shared,
        };
        TaskAction::Exchange(RequestSpec {
            member,
            limits,
            pool_class,
            way,
        })
    }

    /// One that has not failed in this round; if all have, the next round begins.
    fn other(&mut self, last: &Arc<Member>, context: &Context<'_>) -> Option<Arc<Member>> {
        let pick = |tried: &[_]| context.member_set.pick(context.now, tried);
        if let Some(troubles) = &mut self.troubles {
            let mut tried = troubles.tried.clone();
            tried.push(last.clone());
            let other = pick(&tried);
            if other.is_some() {
                return other;
            }
            troubles.tried.clear();
        }
        pick(slice::from_ref(last))
    }

    /// A host name may stand for several servers, each of which counts as a member for `preference`. `again`: this member had the
    /// last exchange.
    fn way(&mut self, preference: MemberPreference, member: &Member, again: bool) -> Way {
        let peer = self.peer.take().filter(|_| again);
        let Some(address) = peer.filter(|_| member.channel().dialer().ways() > 1) else {
            return Way::Any;
        };
        match preference {
            MemberPreference::Only => Way::Only(address),
            MemberPreference::Other => {
                member.leave_address(address);
                Way::Any
            }
            MemberPreference::Any | MemberPreference::Same => Way::Any,
        }
    }

    fn judge(&self, answer: Answer) -> Option<Verdict> {
        let (registry, member) = (self.registry.upgrade()?, self.member.as_ref()?);
        let decode = &registry.terms().decode;
        let mut verdict = judge(
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
                entry.answered(member.channel(), answer, now);
                entry.close(Ok(()), now);
            }
            Err(fault) => {
                entry.failed(member.channel(), fault, now);
                entry.fault(fault, now);
            }
        }
    }

    /// A poll that is late by some milliseconds is none the worse, and of another cluster the watchers are told.
    fn minds(&self, stale: &Staleness) -> bool {
        match stale {
            Staleness::Foreign { .. } => false,
            Staleness::Behind { .. } => stale.blames() || self.expect != ResponseKind::Event,
        }
    }

    fn leave(&mut self, stale: &Staleness, context: &Context<'_>) -> ExchangeControl<TaskAction> {
        if stale.blames() {
            self.verdict(MemberVerdict::Bad, context);
        }
        let why = stale.to_string();
        if let Some(member) = &self.member {
            context.member_set.telemetry().stale(member.url(), stale);
        }
        let told = self.report(context, |machine| machine.on_stale(context.now, &why));
        ExchangeControl::Leave(told.map_or(TaskAction::End, |(_, next)| next))
    }

    fn verdict(&mut self, verdict: MemberVerdict, context: &Context<'_>) {
        if let Some(member) = &self.member {
            match verdict {
                MemberVerdict::Good => {
                    member.succeed();
                    self.troubles = None;
                }
                MemberVerdict::Bad | MemberVerdict::WithoutApi { .. } => {
                    member.fail(context.now, self.peer);
                    let troubles = self.troubles.get_or_insert_default();
                    troubles.tried.push(member.clone());
                    context
                        .member_set
                        .sync_limiter()
                        .notice(|| context.member_set.members(), context.now);
                }
                MemberVerdict::Neither => {}
            }
        }
    }
}

fn run(calls: PendingCalls) {
    for (mailbox, output) in calls {
        mailbox.call(&output);
    }
}

impl Drop for SharedPoll {
    /// The loop broke: nobody else would tell the watchers.
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            let (_, calls) = registry.report(self.id, Instant::now(), None, |machine| {
                machine.close(Some(Closed::Broken.error()));
            });
            registry.left(self.id);
            run(calls);
        }
    }
}

impl Task for SharedPoll {
    fn start(&mut self, context: &Context<'_>) -> TaskAction {
        let Some(registry) = self.registry.upgrade() else {
            return TaskAction::End;
        };
        registry.arrived(self.id, context.handle());
        self.report(context, |_| ())
            .map_or(TaskAction::End, |(_, next)| next)
    }

    fn http_request(&self) -> Option<&HttpRequest> {
        self.http_request.as_deref()
    }

    fn reading(&self) -> Option<(ResponseKind, DecodeLimits)> {
        let registry = self.registry.upgrade()?;
        Some((self.expect, registry.terms().decode))
    }

    fn on_head(&mut self, head: &Head, context: &Context<'_>) -> ExchangeControl<TaskAction> {
        self.http_request = None;
        self.peer = context.peer;
        let stale = self
            .baseline
            .take()
            .and_then(|baseline| baseline.judge(head));
        if let Some(member) = &self.member {
            context
                .member_set
                .staleness()
                .see(member.number(), head, context.now);
        }
        if let Some(stale) = stale.filter(|stale| self.minds(stale)) {
            return self.leave(&stale, context);
        }
        if let Some(member) = &self.member {
            let connected = context.connected.unwrap_or(context.now);
            if let Some(sight) = Sight::of(head, (self.asked, context.now), connected) {
                member.continuity().observe(sight);
            }
        }
        match self.report(context, |machine| machine.on_head(context.now, head)) {
            // what it showed of the member ends it
            Some((
                driver::HeaderDecision::Stay(_),
                next @ (TaskAction::Exchange(_) | TaskAction::Wake(_)),
            )) => ExchangeControl::Leave(next),
            Some((driver::HeaderDecision::Stay(silence), _)) => {
                ExchangeControl::Silence(silence, self.finish)
            }
            Some((driver::HeaderDecision::Leave, next)) => ExchangeControl::Leave(next),
            None => ExchangeControl::Leave(TaskAction::End),
        }
    }

    fn on_finish(&mut self, context: &Context<'_>) {
        let _ = self.report(context, |machine| machine.on_finish(context.now));
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, context: &Context<'_>) -> TaskAction {
        self.note(&outcome, context.now);
        self.peer = match &outcome {
            Ok(answer) => answer.timings.peer,
            Err(fault) => fault.timings.peer,
        };
        let told = match outcome {
            Ok(answer) => match self.judge(answer) {
                Some(verdict) => {
                    self.report(context, |machine| machine.on_answer(context.now, verdict))
                }
                None => None,
            },
            Err(fault) => self.report(context, |machine| machine.on_fault(context.now, &fault)),
        };
        let Some((verdict, next)) = told else {
            return TaskAction::End;
        };
        self.verdict(verdict, context);
        if let (MemberVerdict::WithoutApi { first }, Some(member)) = (verdict, &self.member) {
            let members = context.member_set.members();
            let troubles = self.troubles.get_or_insert_default();
            if troubles.without_api.told(member, first, &members) {
                let told = self.report(context, Machine::on_without_api);
                return told.map_or(TaskAction::End, |(_, next)| next);
            }
        }
        next
    }

    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction {
        if std::mem::take(&mut self.unserved) {
            let text = "no member is known";
            let fault = Fault::new(Phase::Resolve, FaultKind::Connection, text);
            let told = self.report(context, |machine| machine.on_fault(context.now, &fault));
            return told.map_or(TaskAction::End, |(_, next)| next);
        }
        self.report(context, |_| ())
            .map_or(TaskAction::End, |(_, next)| next)
    }

    fn on_wake(&mut self, context: &Context<'_>) -> TaskAction {
        self.on_timer(context)
    }

    fn close(mut self: Box<Self>, fault: Option<Box<Fault>>, context: &Context<'_>) {
        if let Some(fault) = fault {
            self.note(&Err(fault), context.now);
        }
        let Some(registry) = self.registry.upgrade() else {
            return;
        };
        let (_, calls) = registry.report(self.id, context.now, None, |machine| {
            machine.close(Some(context.commands.closed().error()))
        });
        registry.left(self.id);
        run(calls);
    }

    fn refuse(mut self: Box<Self>) {
        // who made it has locked the registry
        self.registry = Holder::new();
    }

    fn is_quiet(&self) -> bool {
        false
    }
}
