//! One request on its way over the members: whom to ask next, for how long, and when to stop. No I/O: drivers run the
//! exchanges and pauses that it asks for and tell how they ended.

use crate::cluster::discovery::on_demand_sync::OnDemandSync;
use crate::cluster::failover::attempt::{Attempt, AttemptOutcome};
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::members::staleness::{Baseline, StalenessPolicy};
use crate::cluster::retry::attempt_log::AttemptLog;
use crate::cluster::retry::backoff::Backoff;
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::{NextStep, Procedure};
use crate::cluster::retry::retry_policy::{self, RetryAction};
use crate::error::Error;
use crate::outcome::copies::{Copies, Told};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, Idempotency, ResponseKind};
use crate::protocol::response::Response;
use crate::status::Status;
use crate::telemetry::RequestSpan;
use crate::telemetry::hooks::{Advice, RequestKind};
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::{Fault, FaultKind};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rounds of attempts over all members in one call, or as many as a member has addresses; without another address the second
/// round follows only a retriable error.
const ROUNDS: usize = 2;
/// Before the second round.
const BREATH: Duration = Duration::from_millis(200);

/// The terms on which a request is run.
#[derive(Clone, Copy, Debug)]
pub struct CallOptions {
    /// Consent to send a plain set or delete again.
    pub allow_repeat: bool,
    /// How long.
    pub budget: Budget,
    /// Of decoding.
    pub decode: DecodeLimits,
    /// Only to members that know `refresh`.
    pub refresh: bool,
    /// A read that any member answers from what it has.
    pub plain_read: bool,
    /// A write or a read of keys that the members agree on.
    pub consensus: bool,
}

impl CallOptions {
    /// Those of a read that comes before.
    pub fn of_a_read(self) -> CallOptions {
        CallOptions {
            refresh: false,
            plain_read: false,
            consensus: false,
            ..self
        }
    }
}

/// What the driver of one request has to do.
pub type FailoverStep = NextStep<RequestEnd>;

/// How a request has ended.
pub type RequestEnd = std::result::Result<Box<Response>, Told>;

/// A request on its way.
#[derive(Debug)]
pub struct Failover<W> {
    http_request: W,
    terms: CallOptions,
    repeatable: bool,
    attempt_log: AttemptLog,
    tried: Vec<Arc<Member>>,
    round: usize,
    /// the largest number of addresses of any member
    ways: usize,
    /// somebody may say something else when asked again in this call
    hope: bool,
    /// the host wants one more attempt, whatever the rules say
    urged: bool,
    /// members that have said something, and cannot help
    answered: Vec<Arc<Member>>,
    /// members that have answered, and how long the last answer took
    took: Vec<(Arc<Member>, Duration)>,
    /// for others, once all have failed
    on_demand: OnDemandSync,
    span: Option<RequestSpan>,
    in_flight: Option<InFlight<W>>,
}

/// The try in progress.
#[derive(Debug)]
struct InFlight<W> {
    attempt: Attempt<W>,
    limits: ExchangeLimits,
    /// the same, for what is asked before the request leaves
    before: ExchangeLimits,
    began: Instant,
    /// what an answer may not be older than
    baseline: Baseline,
    /// the remote address of the last exchange
    peer: Option<SocketAddr>,
}

impl<W: Deref<Target = HttpRequest> + Clone> Failover<W> {
    /// Nothing asked yet; begin with [`Failover::go`].
    pub fn new(http_request: W, terms: CallOptions, now: Instant) -> Failover<W> {
        Failover {
            repeatable: retry_policy::repeatable(http_request.repeat, terms.allow_repeat),
            attempt_log: AttemptLog::of(now, Copies::of(&http_request)),
            http_request,
            terms,
            tried: Vec::new(),
            round: 1,
            ways: 1,
            hope: false,
            urged: false,
            answered: Vec::new(),
            took: Vec::new(),
            on_demand: OnDemandSync::default(),
            span: None,
            in_flight: None,
        }
    }

    /// Begins, or goes on after a pause.
    pub fn go(&mut self, now: Instant, member_set: &MemberSet) -> FailoverStep {
        if self.span.is_none() {
            self.span = Some(member_set.telemetry().open(
                RequestKind::Call,
                &self.http_request,
                now,
            ));
        }
        let todo = self.on(now, member_set);
        self.told(todo, now)
    }

    /// To the next member.
    fn on(&mut self, now: Instant, member_set: &MemberSet) -> FailoverStep {
        let urged = std::mem::take(&mut self.urged);
        if self.terms.budget.left(now).is_zero() {
            return FailoverStep::End(Err(self.attempt_log.take().out_of_time(now)));
        }
        if self.on_demand.is_running() {
            let todo = self.on_demand.go(now, member_set);
            return self.sought(todo, now, member_set);
        }
        if let Some(member) = member_set.pick(now, &self.tried) {
            return self.attempt(member, now, member_set);
        }
        if urged && !self.tried.is_empty() {
            self.tried.clear();
            return self.on(now, member_set);
        }
        let CallOptions { budget, decode, .. } = self.terms;
        if self
            .on_demand
            .begin(budget, decode, &self.answered, now, member_set)
        {
            return self.on(now, member_set);
        }
        let breath = Backoff::new(BREATH, BREATH).pause();
        // most of the time left belongs to the next attempt
        let breath = breath.min(self.terms.budget.left(now) / 4);
        let slow = self.slow(now + breath);
        let all_slow = !slow.is_empty() && member_set.pick(now, &slow).is_none();
        let elsewhere = self.round < self.ways;
        let hope = elsewhere || (self.round < ROUNDS && self.hope);
        if !hope || all_slow {
            self.nobody(member_set);
            return FailoverStep::End(Err(self.attempt_log.take().exhausted()));
        }
        self.round += 1;
        self.hope = false;
        self.tried = slow;
        FailoverStep::Pause(breath)
    }

    /// The members whose last answer took longer than the time that is left at `then`.
    fn slow(&self, then: Instant) -> Vec<Arc<Member>> {
        let left = self.terms.budget.left(then);
        // another address of it may be faster
        let alone = |member: &Member| member.channel().dialer().ways() == 1;
        let slow = self.took.iter();
        let slow = slow.filter(|(member, took)| *took >= left && alone(member));
        slow.map(|(member, _)| member.clone()).collect()
    }

    /// A member has answered with an error.
    fn heard(&mut self, member: &Arc<Member>, took: Duration) {
        self.took.retain(|(known, _)| !Arc::ptr_eq(known, member));
        self.took.push((member.clone(), took));
    }

    /// Nobody was asked because nobody is known: that has a reason, too.
    fn nobody(&mut self, member_set: &MemberSet) {
        if let (true, Some(directory)) = (member_set.is_empty(), member_set.directory()) {
            let last = directory.last().and_then(std::result::Result::err);
            let why = last.unwrap_or_else(|| "no member is known yet".to_owned());
            self.attempt_log.nameless(directory.name(), &why);
        }
    }

    /// Goes on with the search, and after it with those that were found.
    fn sought(
        &mut self,
        todo: NextStep<bool>,
        now: Instant,
        member_set: &MemberSet,
    ) -> FailoverStep {
        match todo {
            NextStep::Exchange => FailoverStep::Exchange,
            NextStep::Pause(time) => FailoverStep::Pause(time),
            NextStep::End(_) => self.on(now, member_set),
        }
    }

    fn attempt(
        &mut self,
        member: Arc<Member>,
        now: Instant,
        member_set: &MemberSet,
    ) -> FailoverStep {
        // an attempt is one connection: behind a name the next one goes to another address
        let ways = member.channel().dialer().ways();
        self.ways = self.ways.max(ways);
        let members = member_set.len();
        let left = members.saturating_sub(self.tried.len()) + ways.saturating_sub(self.round);
        // a single address may be that of a load balancer
        let again = members == 1 && ways == 1 && self.round < ROUNDS;
        let budget = self.terms.budget;
        let share = |repeatable| budget.limits(now, left, again, repeatable);
        let (limits, before) = (share(self.repeatable), share(true));
        let baseline = member_set.staleness().baseline();
        self.attempt_log
            .known
            .get_or_insert_with(|| baseline.known());
        let attempt = Attempt::new(
            member,
            self.http_request.clone(),
            self.terms.refresh,
            self.terms.decode,
        )
        .inquiring();
        if let Some(span) = &mut self.span {
            let (asked, http_request) = attempt.exchange();
            span.attempt(asked.channel(), http_request);
        }
        if attempt.is_copy() {
            self.attempt_log.copies.begin();
        }
        self.in_flight = Some(InFlight {
            attempt,
            limits,
            before,
            began: now,
            baseline,
            peer: None,
        });
        FailoverStep::Exchange
    }

    /// Whether it changes something.
    pub(super) fn is_write(&self) -> bool {
        self.http_request.repeat != Idempotency::Safe
    }

    /// This member is not asked in the first round.
    pub fn avoid(&mut self, member: Arc<Member>) {
        self.tried.push(member);
    }

    /// The exchange that [`NextStep::Exchange`] asks for; `None` when it was not asked for.
    pub fn exchange(&self) -> Option<(&Arc<Member>, &HttpRequest, &ExchangeLimits)> {
        if self.on_demand.is_running() {
            return self.on_demand.exchange();
        }
        let in_flight = self.in_flight.as_ref()?;
        let (member, http_request) = in_flight.attempt.exchange();
        let limits = match in_flight.attempt.is_copy() {
            true => &in_flight.limits,
            false => &in_flight.before,
        };
        Some((member, http_request, limits))
    }

    /// The exchange brought an answer.
    pub fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        member_set: &MemberSet,
    ) -> FailoverStep {
        if self.on_demand.is_running() {
            let todo = self.on_demand.answered(answer, now, member_set);
            let todo = self.sought(todo, now, member_set);
            return self.told(todo, now);
        }
        let Some(in_flight) = &mut self.in_flight else {
            return self.go(now, member_set);
        };
        in_flight.peer = answer.timings.peer;
        let policy = member_set.staleness().policy();
        let looks = self.terms.plain_read && policy != StalenessPolicy::Off;
        let stale = looks
            .then(|| in_flight.baseline.judge(&answer.head))
            .flatten();
        let asked = in_flight.attempt.exchange().0.number();
        member_set.staleness().see(asked, &answer.head, now);
        if self.terms.consensus && in_flight.attempt.is_copy() && answer.head.status < 300 {
            member_set
                .staleness()
                .refute(&in_flight.baseline, &answer.head);
        }
        if let Some(span) = &self.span {
            span.answered(in_flight.attempt.exchange().0.channel(), &answer, now);
        }
        let was_before = !in_flight.attempt.is_copy() && !in_flight.attempt.is_inquiry();
        let (step, proof) = in_flight.attempt.answered(answer, member_set);
        // a copy that is inquired about has not ended yet
        let ended = !was_before && !in_flight.attempt.is_inquiry();
        if ended && !matches!(step, Some(AttemptOutcome::Done(_))) {
            self.attempt_log.copies.end(proof);
        }
        let todo = match step {
            Some(step) => self.step(step.aged(stale, policy), now, member_set),
            None => {
                if in_flight.attempt.is_copy() {
                    self.attempt_log.copies.begin();
                }
                if let Some(span) = &mut self.span {
                    let (asked, http_request) = in_flight.attempt.exchange();
                    span.exchange(asked.channel(), http_request);
                }
                FailoverStep::Exchange
            }
        };
        self.told(todo, now)
    }

    /// The exchange brought none.
    pub fn failed(
        &mut self,
        fault: Box<Fault>,
        now: Instant,
        member_set: &MemberSet,
    ) -> FailoverStep {
        if self.on_demand.is_running() {
            let todo = self.on_demand.failed(fault, now, member_set);
            let todo = self.sought(todo, now, member_set);
            return self.told(todo, now);
        }
        let Some(in_flight) = &mut self.in_flight else {
            return self.go(now, member_set);
        };
        if let Some(span) = &self.span {
            span.failed(in_flight.attempt.exchange().0.channel(), &fault, now);
        }
        let begun = in_flight.attempt.is_copy() || in_flight.attempt.is_inquiry();
        let (step, proof) = in_flight.attempt.failed(fault);
        if begun {
            self.attempt_log.copies.end(proof);
        }
        let todo = self.step(step, now, member_set);
        self.told(todo, now)
    }

    /// The caller gave up between two exchanges.
    pub fn cancelled(&mut self, now: Instant) -> Told {
        let told = self.attempt_log.take().cancelled();
        if let Some(span) = &mut self.span {
            span.close(Err(told.error()), now);
        }
        told
    }

    /// It ends before it has begun.
    pub(super) fn before(&self, error: Error) -> Told {
        self.attempt_log.copies.tell(error, false)
    }

    /// The end is told, whoever finds it.
    fn told(&mut self, todo: FailoverStep, now: Instant) -> FailoverStep {
        if let (FailoverStep::End(result), Some(span)) = (&todo, &mut self.span) {
            span.close(result.as_ref().map(|_| ()).map_err(Told::error), now);
        }
        todo
    }

    /// The host has a say in whether it goes on, but not in whether a write is repeated: that has been decided before.
    fn consult(&mut self, now: Instant, member_set: &MemberSet) -> FailoverStep {
        let span = self.span.as_ref();
        let urls = || {
            let members = member_set.members();
            members.iter().map(|member| member.url().clone()).collect()
        };
        match span.map_or(Advice::Default, |span| {
            span.consult(|| self.attempt_log.last(), urls)
        }) {
            Advice::Default => self.on(now, member_set),
            Advice::Stop => FailoverStep::End(Err(self.attempt_log.take().exhausted())),
            Advice::Pause(time) => {
                self.urged = true;
                FailoverStep::Pause(time.min(self.terms.budget.left(now)))
            }
        }
    }

    fn step(&mut self, step: AttemptOutcome, now: Instant, member_set: &MemberSet) -> FailoverStep {
        let Some(InFlight {
            attempt,
            began,
            peer,
            ..
        }) = self.in_flight.take()
        else {
            return self.on(now, member_set);
        };
        let member = attempt.member();
        // this attempt may have been the first to resolve the name
        self.ways = self.ways.max(member.channel().dialer().ways());
        // after a redirect it is not the member that was visited
        let asked = attempt.exchange().0;
        let url = asked.url();
        let took = now.saturating_duration_since(began);
        if matches!(step, AttemptOutcome::Stale(..) | AttemptOutcome::Trouble(_)) {
            self.heard(member, took);
        }
        match step {
            AttemptOutcome::Done(response) => {
                member.succeed();
                member_set.pin(member);
                return FailoverStep::End(Ok(response));
            }
            AttemptOutcome::Quiet(_) => {
                let error = Error::new(Status::PROTOCOL, format!("{url}: empty answer"));
                return FailoverStep::End(Err(self.attempt_log.take().sign(error)));
            }
            AttemptOutcome::Refused(error) => {
                member.succeed();
                member_set.pin(member);
                return FailoverStep::End(Err(self.attempt_log.take().refused(error)));
            }
            AttemptOutcome::Stale(error, blame) => {
                member_set.telemetry().stale(url, &error);
                if blame {
                    member.fail(now, peer);
                }
                self.hope = true;
                self.attempt_log.trouble(url, error, took);
                self.tried.push(member.clone());
            }
            AttemptOutcome::Trouble(error) => {
                // that a member has no such page says nothing about its health
                let page = matches!(
                    self.http_request.expect,
                    ResponseKind::Anything | ResponseKind::Page(_)
                ) && (400..500).contains(&error.detail().http_status);
                if !page {
                    member.fail(now, peer);
                    self.answered.push(member.clone());
                }
                let unknown = error.detail().outcome_unknown;
                self.hope |= error.detail().retriable;
                self.attempt_log.trouble(url, error, took);
                if unknown && !self.repeatable {
                    return FailoverStep::End(Err(self.attempt_log.take().exhausted()));
                }
                self.tried.push(member.clone());
            }
            AttemptOutcome::Fault(fault) => {
                // TLS says the same again until somebody changes something
                self.hope |= fault.kind != FaultKind::Tls;
                let repeat = match attempt.is_copy() {
                    true => self.http_request.repeat,
                    // the request for the version before or after it
                    false => Idempotency::Safe,
                };
                let peer = fault.timings.peer;
                let outcome = retry_policy::decide(&fault, repeat, self.terms.allow_repeat);
                self.attempt_log.fault(url, &fault, took);
                if outcome.blame {
                    member.fail(now, peer);
                }
                match outcome.next {
                    RetryAction::Stop => {
                        return FailoverStep::End(Err(self.attempt_log.take().stopped(fault.kind)));
                    }
                    RetryAction::Other => self.tried.push(member.clone()),
                    RetryAction::Again => {
                        asked.channel().forget_idle();
                        if !self.terms.budget.left(now).is_zero() {
                            return self.attempt(member.clone(), now, member_set);
                        }
                    }
                }
            }
        }
        self.consult(now, member_set)
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
