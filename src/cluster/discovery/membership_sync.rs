//! One look at the list that the cluster keeps of its own members: asks a member for it, checks what it says, tries the
//! members that are new, and only then takes them into the [`MemberSet`]. Whatever goes wrong, the member set stays as it was. No
//! I/O, as in [`Procedure`].

use crate::cluster::discovery::endpoint_filter::admit;
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::{MemberSet, Source};
use crate::cluster::members::staleness::cluster;
use crate::cluster::retry::attempt_log::AttemptLog;
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::{NextStep, Procedure};
use crate::cluster::retry::retry_policy::{self, RetryAction};
use crate::error::{Error, Phase, Result};
use crate::protocol::admin::members;
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::endpoint::Endpoint;
use crate::protocol::http_request::{HttpRequest, Idempotency};
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::protocol::version;
use crate::status::Status;
use crate::telemetry::RequestSpan;
use crate::telemetry::hooks::RequestKind;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::Fault;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// URLs of one list that are looked at.
const MOST: usize = 128;
/// First pause while the DNS is asked.
const GLANCE: Duration = Duration::from_millis(1);
/// Bytes of a list; a member's entry has a few hundred.
const LONGEST: u64 = 1 << 20;

/// What the driver of a look has to do; it ends with whether members came or went.
pub type SyncStep = NextStep<Result<bool>>;

/// A look on its way.
#[derive(Debug)]
pub struct MembershipSync {
    budget: Budget,
    decode: DecodeLimits,
    /// of the member set that is to be changed
    epoch: u64,
    dns: Dns,
    /// whether members are asked, too, when the DNS has been
    lists: bool,
    changed: bool,
    tried: Vec<Arc<Member>>,
    attempt_log: AttemptLog,
    found: Option<Candidates>,
    in_flight: Option<SyncInFlight>,
}

/// How far the look at the DNS is; it comes first, since nobody may be known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dns {
    Before,
    /// since then
    Running(Instant),
    Over,
}

/// A list that can be used.
#[derive(Debug)]
struct Candidates {
    /// whose it is; 0 = unknown
    cluster: u64,
    /// as the members that are new are asked
    probe: HttpRequest,
    good: Vec<Endpoint>,
    rest: VecDeque<Endpoint>,
}

/// The exchange in progress.
#[derive(Debug)]
struct SyncInFlight {
    member: Arc<Member>,
    http_request: HttpRequest,
    limits: ExchangeLimits,
    began: Instant,
    span: RequestSpan,
    again: bool,
}

impl MembershipSync {
    /// Nothing asked yet; begin with [`MembershipSync::go`].
    pub fn new(
        budget: Budget,
        decode: DecodeLimits,
        member_set: &MemberSet,
        now: Instant,
    ) -> MembershipSync {
        MembershipSync {
            budget: Budget {
                max_body: budget.max_body.min(LONGEST),
                ..budget
            },
            decode,
            epoch: member_set.epoch(),
            dns: Dns::Before,
            lists: true,
            changed: false,
            tried: Vec::new(),
            attempt_log: AttemptLog::new(now),
            found: None,
            in_flight: None,
        }
    }

    /// Only these are asked for the list.
    pub fn among(mut self, members: &[Arc<Member>], member_set: &MemberSet) -> MembershipSync {
        let is_one = |m: &Arc<Member>| members.iter().any(|one| Arc::ptr_eq(one, m));
        self.tried = member_set.members();
        self.tried.retain(|member| !is_one(member));
        self
    }

    /// Members are asked only if it is so; the DNS is asked in any case, where it is to be.
    pub fn with_lists(self, lists: bool) -> MembershipSync {
        MembershipSync { lists, ..self }
    }

    /// Asks the DNS, if that is to be done; how long to wait before asking again.
    fn look_up(&mut self, now: Instant, member_set: &MemberSet) -> Option<Duration> {
        let directory = member_set.directory()?;
        let began = match self.dns {
            Dns::Over => return None,
            Dns::Running(began) => began,
            Dns::Before => {
                directory.start();
                self.dns = Dns::Running(now);
                now
            }
        };
        if directory.is_running() {
            // often at first: most answers come within milliseconds
            let waited = now.saturating_duration_since(began);
            return Some((waited / 4).clamp(GLANCE, 20 * GLANCE));
        }
        self.dns = Dns::Over;
        match directory.last() {
            Some(Ok(found)) => self.changed |= member_set.replace(Source::Dns, &found, self.epoch),
            Some(Err(why)) => self.attempt_log.nameless(directory.name(), &why),
            None => {}
        }
        None
    }

    fn ask(
        &mut self,
        member: Arc<Member>,
        http_request: HttpRequest,
        now: Instant,
        member_set: &MemberSet,
    ) -> SyncStep {
        let left = match &self.found {
            None => member_set.len().saturating_sub(self.tried.len()),
            Some(found) => found.rest.len() + 1,
        };
        let mut limits = self.budget.limits(now, left, false, true);
        // who needs longer for a page than connecting may take is no gain
        limits.head = limits.head.min(self.budget.connect);
        let mut span = member_set
            .telemetry()
            .open(RequestKind::Call, &http_request, now);
        span.attempt(member.channel(), &http_request);
        self.in_flight = Some(SyncInFlight {
            member,
            http_request,
            limits,
            began: now,
            span,
            again: false,
        });
        SyncStep::Exchange
    }

    /// An answer that is etcd's: of a member that was asked for its list, or of one that is new.
    fn take(
        &mut self,
        in_flight: &SyncInFlight,
        response: &Response,
        now: Instant,
        member_set: &MemberSet,
    ) -> Result<()> {
        let member = &in_flight.member;
        let told = cluster(response.head()).unwrap_or(0);
        if let Some(found) = &mut self.found {
            if found.cluster != told {
                return Err(another_cluster(response.head()));
            }
            if found.probe.target == VERSION && version::of(response.body()).is_none() {
                return Err(no_list("it does not tell its version"));
            }
            found.good.push(member.channel().endpoint().clone());
            return Ok(());
        }
        let known = member_set.staleness().known().cluster;
        if known != 0 && told != known && in_flight.http_request.target != MACHINES {
            return Err(another_cluster(response.head()));
        }
        let urls = match in_flight.http_request.target.as_str() {
            MACHINES => machines(response.body())?,
            _ => client_urls(response.body())?,
        };
        let from = member.channel().endpoint();
        let (mut good, mut rest) = (Vec::new(), VecDeque::new());
        let mut refused = None;
        for url in urls.iter().take(MOST) {
            let same = |e: &Endpoint, f: &Endpoint| e.url() == f.url();
            match known_or(url, from, member_set) {
                Ok((endpoint, _)) if rest.iter().any(|e| same(e, &endpoint)) => {}
                Ok((endpoint, _)) if good.iter().any(|e| same(e, &endpoint)) => {}
                Ok((endpoint, true)) => good.push(endpoint),
                Ok((endpoint, false)) => rest.push_back(endpoint),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        if good.is_empty() && rest.is_empty() {
            let why = refused.unwrap_or_else(|| "it has no URL for clients".to_owned());
            return Err(no_list(&why));
        }
        if known == 0 {
            member_set
                .staleness()
                .see(member.number(), response.head(), now);
        }
        self.found = Some(Candidates {
            cluster: told,
            probe: match in_flight.http_request.target.as_str() {
                MACHINES => HttpRequest::get(VERSION),
                _ => members::ask_list(),
            },
            good,
            rest,
        });
        Ok(())
    }
}

impl Procedure for MembershipSync {
    type Output = Result<bool>;

    fn go(&mut self, now: Instant, member_set: &MemberSet) -> SyncStep {
        if self.budget.left(now).is_zero() {
            return SyncStep::End(Err(self.attempt_log.take().out_of_time(now).into_error()));
        }
        if let Some(pause) = self.look_up(now, member_set) {
            return SyncStep::Pause(pause.min(self.budget.left(now)));
        }
        if !self.lists {
            return SyncStep::End(match member_set.is_empty() {
                true => Err(self.attempt_log.take().exhausted().into_error()),
                false => Ok(self.changed),
            });
        }
        let Some(found) = &mut self.found else {
            return match member_set.pick(now, &self.tried) {
                Some(member) => self.ask(member, members::ask_list(), now, member_set),
                None => SyncStep::End(Err(self.attempt_log.take().exhausted().into_error())),
            };
        };
        if let Some(endpoint) = found.rest.pop_front() {
            let http_request = found.probe.clone();
            // gets no password before it has shown that it belongs to the cluster
            let member = Arc::new(Member::stranger(endpoint, member_set.settings()));
            return self.ask(member, http_request, now, member_set);
        }
        if found.good.is_empty() {
            return SyncStep::End(Err(self.attempt_log.take().exhausted().into_error()));
        }
        self.changed |= member_set.replace(Source::Synced, &found.good, self.epoch);
        SyncStep::End(Ok(self.changed))
    }

    fn exchange(&self) -> Option<(&Arc<Member>, &HttpRequest, &ExchangeLimits)> {
        let in_flight = self.in_flight.as_ref()?;
        Some((
            &in_flight.member,
            &in_flight.http_request,
            &in_flight.limits,
        ))
    }

    fn answered(&mut self, answer: Answer, now: Instant, member_set: &MemberSet) -> SyncStep {
        let Some(mut in_flight) = self.in_flight.take() else {
            return self.go(now, member_set);
        };
        in_flight
            .span
            .answered(in_flight.member.channel(), &answer, now);
        let expect = in_flight.http_request.expect;
        let http_status = answer.head.status;
        let verdict = judge(answer.head, answer.body, expect, &self.decode);
        let result = match verdict {
            Verdict::Success(response) => self.take(&in_flight, &response, now, member_set),
            Verdict::Refused(error) | Verdict::Trouble(error) => Err(error),
            Verdict::NoEvent | Verdict::Redirect(_) => {
                let text = "redirected, which is not followed to find members";
                Err(Error::new(Status::REDIRECT, text))
            }
        };
        in_flight.span.close(result.as_ref().map(|_| ()), now);
        let Err(error) = result else {
            return self.go(now, member_set);
        };
        if http_status == 404 && self.found.is_none() && in_flight.http_request.target != MACHINES {
            // before 2.0 there was no other list
            return self.ask(
                in_flight.member,
                HttpRequest::get(MACHINES),
                now,
                member_set,
            );
        }
        let took = now.saturating_duration_since(in_flight.began);
        self.attempt_log
            .trouble(in_flight.member.url(), error, took);
        self.tried.push(in_flight.member);
        self.go(now, member_set)
    }

    fn failed(&mut self, fault: Box<Fault>, now: Instant, member_set: &MemberSet) -> SyncStep {
        let Some(mut in_flight) = self.in_flight.take() else {
            return self.go(now, member_set);
        };
        let member = &in_flight.member;
        in_flight.span.failed(member.channel(), &fault, now);
        let outcome = retry_policy::decide(&fault, Idempotency::Safe, false);
        let took = now.saturating_duration_since(in_flight.began);
        self.attempt_log.fault(member.url(), &fault, took);
        if outcome.blame {
            member.fail(now, fault.timings.peer);
        }
        match outcome.next {
            RetryAction::Again if !in_flight.again => {
                member.channel().forget_idle();
                in_flight
                    .span
                    .attempt(member.channel(), &in_flight.http_request);
                in_flight.again = true;
                self.in_flight = Some(in_flight);
                return SyncStep::Exchange;
            }
            RetryAction::Stop => {
                in_flight.span.fault(&fault, now);
                return SyncStep::End(Err(self
                    .attempt_log
                    .take()
                    .stopped(fault.kind)
                    .into_error()));
            }
            RetryAction::Again | RetryAction::Other => in_flight.span.fault(&fault, now),
        }
        self.tried.push(in_flight.member);
        self.go(now, member_set)
    }

    fn cancelled(&mut self, _: Instant) -> Result<bool> {
        Err(self.attempt_log.take().cancelled().into_error())
    }
}

const MACHINES: &str = "/v2/machines";
const VERSION: &str = "/version";

/// The endpoint, and whether it is on the member set already: whoever named it there need not be asked again.
fn known_or(
    url: &str,
    from: &Endpoint,
    member_set: &MemberSet,
) -> std::result::Result<(Endpoint, bool), String> {
    match Endpoint::parse("client URL", url) {
        Ok(endpoint) if member_set.find(endpoint.url()).is_some() => Ok((endpoint, true)),
        _ => admit(url, from).map(|endpoint| (endpoint, false)),
    }
}

fn client_urls(body: &[u8]) -> Result<Vec<String>> {
    let members = members::list(body)?;
    let urls = members.into_iter().flat_map(|member| member.client_urls);
    Ok(urls.collect())
}

/// URLs with commas between.
fn machines(body: &[u8]) -> Result<Vec<String>> {
    let text = std::str::from_utf8(body).map_err(|_| no_list("it is not UTF-8"))?;
    let urls = text.split(',').map(|url| url.trim().to_owned());
    Ok(urls.filter(|url| !url.is_empty()).collect())
}

fn no_list(why: &str) -> Error {
    broken(format!("its list of members cannot be used: {why}"))
}

fn another_cluster(head: &Head) -> Error {
    broken(match head.cluster_id.to_string().as_str() {
        "" => "it does not tell its cluster".to_owned(),
        id => format!(
            "it belongs to another cluster, {}",
            crate::display::one_line(id)
        ),
    })
}

fn broken(text: String) -> Error {
    let mut error = Error::new(Status::PROTOCOL, text);
    error.detail_mut().phase = Some(Phase::Body);
    error
}

#[cfg(test)]
#[path = "membership_sync_tests.rs"]
mod tests;
