//! One change, waited for on the caller's thread: a blocking driver of the state machine of watchers.

use super::{Client, Patience};
use crate::cluster::discovery::on_demand_sync::OnDemandSync;
use crate::cluster::failover::attempt::{Attempt, AttemptOutcome};
use crate::cluster::failover::blocking;
use crate::cluster::members::continuity::{AuditStep, Need, Sight};
use crate::cluster::members::member::Member;
use crate::cluster::members::staleness::{Staleness, StalenessPolicy};
use crate::cluster::members::without_api::WithoutApi;
use crate::cluster::retry::attempt_log::AttemptLog;
use crate::display::{one_line, seconds};
use crate::error::{Error, Phase, Result};
use crate::protocol::answer::Verdict;
use crate::protocol::http_request::ResponseKind;
use crate::protocol::key::Key;
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::status::Status;
use crate::transport::cancel::Cancel;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::exchange_state::ExchangeControl;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::wait::pause;
use crate::watch::driver::{self, MemberPreference, MemberVerdict, PollRequest};
use crate::watch::once::{Once, Step as Next};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for each response of an audit; a quorum read can take as long as an election.
const AUDIT: Duration = Duration::from_secs(3);
/// `/metrics` of a busy server has some 200 KB.
const LARGEST_AUDIT: u64 = 16 << 20;

impl Client {
    /// Blocks for the next change of `key` at or after `wait_index` (0: from now). Carries on over empty answers, cuts and
    /// members that fail. On `TIMEOUT` the key is proven not to have changed up to the error's index: continue after it.
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
        let deadline = started + patience.or(self.timeout());
        let cancel = self.tokens(cancel);
        let seed = RandomState::new().hash_one(0u8);
        let at = (recursive, wait_index);
        let mut once = Once::new(key, at, self.options.max_poll, seed, deadline)?;
        if let Some(place) = self.places.find(key, recursive, wait_index) {
            once.go_on_from(place);
        }
        let mut call = WatchOnceCall {
            client: self,
            key,
            once,
            cancel: cancel.as_deref(),
            started,
            attempt_log: AttemptLog::new(started),
            last: None,
            peer: None,
            tried: Vec::new(),
            answered: Vec::new(),
            without_api: WithoutApi::default(),
        };
        let ended = call.run();
        match (call.once.place(), &ended) {
            (Some(place), _) => self.places.keep(key, recursive, wait_index, place),
            (None, Err(error)) if error.status() == Status::HISTORY_CLEARED => {
                self.places.lose(key, recursive, wait_index);
            }
            (None, _) => {}
        }
        self.ended(ended)
    }
}

struct WatchOnceCall<'a> {
    client: &'a Client,
    key: &'a Key,
    once: Once,
    cancel: Option<&'a Cancel>,
    started: Instant,
    attempt_log: AttemptLog,
    /// the member of the last exchange
    last: Option<Arc<Member>>,
    /// and the address that it was made to
    peer: Option<SocketAddr>,
    /// members that have failed since the last success
    tried: Vec<Arc<Member>>,
    /// those of them that have said something
    answered: Vec<Arc<Member>>,
    without_api: WithoutApi,
}

impl WatchOnceCall<'_> {
    fn run(&mut self) -> Result<Response> {
        loop {
            let now = Instant::now();
            let standing = self.last.as_ref().map(|last| last.continuity().standing());
            match self.once.step(now, standing.flatten()) {
                Next::Changed(response) => return Ok(*response),
                Next::Failed(error) => {
                    return Err(self.attempt_log.take().sign(error).into_error());
                }
                Next::TimedOut(index) => return Err(self.no_change(index)),
                Next::Start(exchange) => self.exchange(now, *exchange)?,
                Next::Prove(need) => self.prove(now, need)?,
                Next::Wait(until) => self.wait(now, until)?,
            }
        }
    }

    /// Audits the member of the last exchange, unless an audit of it is running.
    fn prove(&mut self, now: Instant, need: Need) -> Result<()> {
        let Some(member) = self.last.clone() else {
            return Ok(());
        };
        let record = member.continuity();
        let (before, until) = (record.standing(), self.once.until());
        let mut now = now;
        let mut audit = loop {
            match record.begin(need, now) {
                Ok(audit) => break audit,
                // another audit is running, or the last ones were too recent
                Err(later) => self.wait(now, later.min(until))?,
            }
            now = Instant::now();
            if now >= until || record.standing() != before {
                return Ok(());
            }
        };
        let mut cancelled = false;
        loop {
            let now = Instant::now();
            let http_request = audit.http_request(record, now);
            let connect = self.client.options.connect_timeout;
            let limits = ExchangeLimits {
                deadline: self.once.until().min(now + connect + 3 * AUDIT),
                connect,
                send: AUDIT,
                head: AUDIT,
                body: AUDIT,
                max_body: LARGEST_AUDIT,
            };
            let outcome = member
                .channel()
                .exchange(&http_request, &limits, self.cancel);
            let now = Instant::now();
            let todo = match outcome {
                Ok(answer) => audit.answered(record, &answer.head, &answer.body, now),
                Err(fault) => {
                    cancelled = fault.kind == FaultKind::Cancelled;
                    match cancelled || now >= until {
                        true => audit.abandon(),
                        false => audit.failed(),
                    }
                    AuditStep::End
                }
            };
            if matches!(todo, AuditStep::End) {
                break;
            }
        }
        for wake in record.end(audit, Instant::now()) {
            wake();
        }
        match cancelled {
            true => Err(self.attempt_log.take().cancelled().into_error()),
            false => Ok(()),
        }
    }

    fn wait(&mut self, now: Instant, until: Instant) -> Result<()> {
        match pause(self.cancel, until.saturating_duration_since(now)) {
            true => Err(self.attempt_log.take().cancelled().into_error()),
            false => Ok(()),
        }
    }

    /// Makes the exchange that the machine asks for, and reports its end to the machine.
    fn exchange(&mut self, now: Instant, exchange: PollRequest) -> Result<()> {
        let before = self.last.clone();
        let Some(member) = self.choose(now, exchange.preference)? else {
            let text = "no member is known";
            let failure = Fault::new(Phase::Resolve, FaultKind::Connection, text);
            self.once.machine().on_fault(now, &failure);
            return Ok(());
        };
        self.last = Some(member.clone());
        let same = before.is_some_and(|before| Arc::ptr_eq(&before, &member));
        if let (MemberPreference::Other, true, Some(address)) =
            (exchange.preference, same, self.peer.take())
        {
            member.leave_address(address);
        }
        let asked = now;
        let client = self.client;
        let left = self.once.deadline().saturating_duration_since(now);
        let limits = ExchangeLimits {
            deadline: self.once.deadline(),
            connect: client.options.connect_timeout.min(left),
            send: exchange.head.min(left),
            head: exchange.head.min(left),
            body: exchange.stall.min(left),
            max_body: client.options.max_response_bytes,
        };
        let staleness = client.member_set.staleness();
        let baseline =
            (staleness.policy() == StalenessPolicy::Refuse).then(|| staleness.baseline());
        let (once, finish) = (&mut self.once, exchange.finish);
        let mut blamed = false;
        let mut heed = |its: &Member, head: &Head, connected| {
            let now = Instant::now();
            let stale = baseline.as_ref().and_then(|baseline| baseline.judge(head));
            staleness.see(its.number(), head, now);
            if let Some(stale) = stale.filter(|stale| minds(stale, exchange.http_request.expect)) {
                blamed = stale.blames();
                client.member_set.telemetry().stale(member.url(), &stale);
                once.machine().on_stale(now, &stale.to_string());
                return ExchangeControl::Leave(());
            }
            if let Some(sight) = Sight::of(head, (asked, now), connected) {
                its.continuity().observe(sight);
            }
            match once.on_head(now, head) {
                driver::HeaderDecision::Leave => ExchangeControl::Leave(()),
                driver::HeaderDecision::Stay(silence) => ExchangeControl::Silence(silence, finish),
            }
        };
        let attempt = Attempt::new(
            member.clone(),
            &exchange.http_request,
            false,
            client.options.decode,
        );
        let cancel = self.cancel;
        let ended =
            blocking::attempt_heeding(&client.member_set, attempt, &limits, cancel, &mut heed);
        if let Some(at) = ended.finished {
            self.once.machine().on_finish(at);
        }
        self.peer = ended.peer;
        let now = Instant::now();
        match ended.step {
            None => {
                let verdict = if blamed {
                    MemberVerdict::Bad
                } else {
                    MemberVerdict::Neither
                };
                self.verdict(&member, verdict, now);
                Ok(())
            }
            Some(step) => self.report(&member, step, now, now - asked),
        }
    }

    /// The member that the machine asks for, among those that have not failed; if all have, discovery runs first.
    fn choose(
        &mut self,
        now: Instant,
        preference: MemberPreference,
    ) -> Result<Option<Arc<Member>>> {
        let member_set = &self.client.member_set;
        let last = self.last.take().filter(|last| !last.is_gone());
        let failed = |tried: &[Arc<Member>], member: &Arc<Member>| {
            tried.iter().any(|tried| Arc::ptr_eq(tried, member))
        };
        match (preference, last) {
            (MemberPreference::Only, last) => return Ok(last),
            (MemberPreference::Same, Some(last)) if !failed(&self.tried, &last) => {
                return Ok(Some(last));
            }
            (MemberPreference::Other, Some(last)) => {
                let mut others = self.tried.clone();
                others.push(last);
                if let Some(other) = member_set.pick(now, &others) {
                    return Ok(Some(other));
                }
            }
            _ => {}
        }
        if let Some(member) = member_set.pick(now, &self.tried) {
            return Ok(Some(member));
        }
        self.seek(now)?;
        let found = member_set.pick(now, &self.tried);
        self.tried.clear();
        Ok(found.or_else(|| member_set.pick(now, &[])))
    }

    /// All members have failed: runs discovery.
    fn seek(&mut self, now: Instant) -> Result<()> {
        let client = self.client;
        let left = self.once.deadline().saturating_duration_since(now);
        let budget = client.budget(now, client.timeout().min(left));
        let answered = std::mem::take(&mut self.answered);
        let mut on_demand = OnDemandSync::default();
        let begun = on_demand.begin(
            budget,
            client.options.decode,
            &answered,
            now,
            &client.member_set,
        );
        let fired = || self.cancel.is_some_and(Cancel::is_fired);
        if begun && (blocking::run(&client.member_set, on_demand, self.cancel) || fired()) {
            return Err(self.attempt_log.take().cancelled().into_error());
        }
        Ok(())
    }

    fn report(
        &mut self,
        member: &Arc<Member>,
        step: AttemptOutcome,
        now: Instant,
        took: Duration,
    ) -> Result<()> {
        let verdict = match step {
            AttemptOutcome::Done(response) => Verdict::Success(*response),
            AttemptOutcome::Quiet(_) => Verdict::NoEvent,
            AttemptOutcome::Refused(error) => {
                self.attempt_log.trouble(member.url(), error.clone(), took);
                Verdict::Refused(error)
            }
            AttemptOutcome::Trouble(error) | AttemptOutcome::Stale(error, _) => {
                self.attempt_log.trouble(member.url(), error.clone(), took);
                self.answered.push(member.clone());
                Verdict::Trouble(error)
            }
            AttemptOutcome::Fault(fault) => return self.fault(member, &fault, now, took),
        };
        let verdict = self.once.machine().on_answer(now, verdict);
        self.verdict(member, verdict, now);
        if let MemberVerdict::WithoutApi { first } = verdict {
            let members = self.client.member_set.members();
            if self.without_api.told(member, first, &members) {
                self.once.machine().on_without_api();
            }
        }
        Ok(())
    }

    fn fault(
        &mut self,
        member: &Arc<Member>,
        fault: &Fault,
        now: Instant,
        took: Duration,
    ) -> Result<()> {
        match (fault.kind, fault.phase) {
            (FaultKind::Cancelled | FaultKind::Local, _) => {
                return Err(self.attempt_log.take().stopped(fault.kind).into_error());
            }
            // the deadline has passed, and nothing is proven
            (FaultKind::Timeout, Phase::Head | Phase::Body) if now >= self.once.deadline() => {
                return Ok(());
            }
            _ => {}
        }
        if fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection {
            member.channel().forget_idle();
        } else {
            self.attempt_log.fault(member.url(), fault, took);
        }
        let verdict = self.once.machine().on_fault(now, fault);
        self.verdict(member, verdict, now);
        Ok(())
    }

    fn verdict(&mut self, member: &Arc<Member>, verdict: MemberVerdict, now: Instant) {
        match verdict {
            MemberVerdict::Good => {
                member.succeed();
                self.client.member_set.pin(member);
                self.tried.clear();
            }
            MemberVerdict::Bad | MemberVerdict::WithoutApi { .. } => {
                member.fail(now, self.peer);
                self.tried.push(member.clone());
            }
            MemberVerdict::Neither => {}
        }
    }

    fn no_change(&mut self, index: u64) -> Error {
        let attempt_log = self.attempt_log.take();
        let waited = seconds(self.started.elapsed());
        let mut error = Error::new(
            Status::TIMEOUT,
            format!(
                "no change of {} within {waited}{}",
                one_line(self.key.text()),
                attempt_log.summary()
            ),
        );
        error.detail_mut().index = index;
        error.detail_mut().retriable = true;
        attempt_log.sign(error).into_error()
    }
}

/// A slightly stale poll is accepted; another cluster is reported by the machine.
fn minds(stale: &Staleness, expect: ResponseKind) -> bool {
    match stale {
        Staleness::Foreign { .. } => false,
        Staleness::Behind { .. } => stale.blames() || expect != ResponseKind::Event,
    }
}
