//! The blocking driver: runs an [`RequestSequence`] or a single [`Attempt`] on the calling thread.

use super::attempt::{Attempt, AttemptOutcome};
use super::failover::FailoverStep;
use super::member::Member;
use super::member_set::MemberSet;
use super::membership_sync::{self, MembershipSync};
use super::on_demand_sync::{self, OnDemandSync};
use super::request_sequence::RequestSequence;
use super::telemetry::hooks::RequestKind;
use crate::error::{Error, Result};
use crate::outcome::copies::Told;
use crate::protocol::answer::Head;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response::Response;
use crate::status::Status;
use crate::transport::cancel::Cancel;
use crate::transport::channel::ExchangeControl;
use crate::transport::config::TransportConfig;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::wait::pause;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Instant;

/// Runs a call to its end.
pub fn run<W: Deref<Target = HttpRequest> + Clone>(
    member_set: &MemberSet,
    settings: &TransportConfig,
    mut sequence: RequestSequence<W>,
    cancel: Option<&Cancel>,
) -> Result<Response> {
    let mut todo = sequence.go(Instant::now(), member_set);
    loop {
        todo = match todo {
            FailoverStep::End(result) => {
                return result.map(|response| *response).map_err(Told::into_error);
            }
            FailoverStep::Pause(time) if pause(cancel, time) => {
                return Err(sequence.cancelled().into_error());
            }
            FailoverStep::Pause(_) => sequence.go(Instant::now(), member_set),
            FailoverStep::Exchange => match sequence.exchange() {
                None => sequence.go(Instant::now(), member_set),
                Some((member, http_request, limits)) => {
                    let outcome = member.channel().exchange(http_request, limits, cancel);
                    let outcome = match sequence.reading() {
                        Some(how) => outcome.and_then(|answer| answer.read(how, limits, cancel)),
                        None => outcome,
                    };
                    match outcome {
                        Ok(answer) => {
                            sequence.answered(answer, Instant::now(), member_set, settings)
                        }
                        Err(fault) => sequence.failed(fault, Instant::now(), member_set),
                    }
                }
            },
        };
    }
}

/// Asks the cluster for its members; says whether the member set has changed.
pub fn count(
    member_set: &MemberSet,
    mut sync: MembershipSync,
    cancel: Option<&Cancel>,
) -> Result<bool> {
    let mut todo = sync.go(Instant::now(), member_set);
    loop {
        todo = match todo {
            membership_sync::SyncStep::End(result) => return result,
            membership_sync::SyncStep::Pause(time) if pause(cancel, time) => {
                return Err(sync.cancelled());
            }
            membership_sync::SyncStep::Pause(_) => sync.go(Instant::now(), member_set),
            membership_sync::SyncStep::Exchange => match sync.exchange() {
                None => sync.go(Instant::now(), member_set),
                Some((member, http_request, limits)) => {
                    match member.channel().exchange(http_request, limits, cancel) {
                        Ok(answer) => sync.answered(answer, Instant::now(), member_set),
                        Err(fault) => sync.failed(fault, Instant::now(), member_set),
                    }
                }
            },
        };
    }
}

/// Looks for members for a call that has failed at all of them; says whether it was cancelled meanwhile.
pub fn seek(member_set: &MemberSet, mut on_demand: OnDemandSync, cancel: Option<&Cancel>) -> bool {
    let mut todo = on_demand.go(Instant::now(), member_set);
    loop {
        todo = match todo {
            on_demand_sync::OnDemandStep::End => return cancel.is_some_and(Cancel::is_fired),
            on_demand_sync::OnDemandStep::Pause(time) if pause(cancel, time) => return true,
            on_demand_sync::OnDemandStep::Pause(_) => on_demand.go(Instant::now(), member_set),
            on_demand_sync::OnDemandStep::Exchange => match on_demand.exchange() {
                None => on_demand.go(Instant::now(), member_set),
                Some((member, http_request, limits)) => {
                    match member.channel().exchange(http_request, limits, cancel) {
                        Ok(answer) => on_demand.answered(answer, Instant::now(), member_set),
                        Err(fault) => on_demand.failed(fault, Instant::now(), member_set),
                    }
                }
            },
        };
    }
}

/// The end of one attempt at one member, for a watch.
#[derive(Debug)]
pub struct HeededAttempt {
    /// `None`: it was aborted after the response head
    pub step: Option<AttemptOutcome>,
    /// when our sending side was closed, because no data followed the head
    pub finished: Option<Instant>,
    /// the remote address
    pub peer: Option<SocketAddr>,
}

/// Makes one attempt at one member, to read its event history.
pub fn attempt(
    member_set: &MemberSet,
    settings: &TransportConfig,
    attempt: Attempt<&HttpRequest>,
    limits: &ExchangeLimits,
    cancel: Option<&Cancel>,
) -> AttemptOutcome {
    let mut heed = |member: &Member, head: &Head, _| {
        member_set
            .staleness()
            .see(member.number(), head, Instant::now());
        ExchangeControl::Stay
    };
    let ended = attempt_heeding(member_set, settings, attempt, limits, cancel, &mut heed);
    let left = || AttemptOutcome::Trouble(Error::new(Status::INTERNAL, "the answer was left"));
    ended.step.unwrap_or_else(left)
}

/// Makes one attempt at one member, for a watch; `heed` gets every response head except those of redirects.
pub fn attempt_heeding(
    member_set: &MemberSet,
    settings: &TransportConfig,
    mut attempt: Attempt<&HttpRequest>,
    limits: &ExchangeLimits,
    cancel: Option<&Cancel>,
    heed: &mut dyn FnMut(&Member, &Head, Instant) -> ExchangeControl,
) -> HeededAttempt {
    let (member, http_request) = attempt.exchange();
    let mut entry = member_set
        .telemetry()
        .open(RequestKind::Watch, http_request, Instant::now());
    entry.attempt(member, http_request);
    loop {
        let (member, http_request) = attempt.exchange();
        let mut told = |head: &Head, connected| match head.status {
            307 | 308 => ExchangeControl::Stay,
            _ => heed(member, head, connected),
        };
        let channel = member.channel();
        let ended = channel.exchange_heeding(http_request, limits, cancel, &mut told);
        let how = attempt.reading();
        let outcome = ended
            .outcome
            .map(|outcome| outcome.and_then(|answer| answer.read(how, limits, cancel)));
        let now = Instant::now();
        let step = match outcome {
            None => None,
            Some(Err(fault)) => {
                entry.failed(member, &fault, now);
                Some(AttemptOutcome::Fault(fault))
            }
            Some(Ok(answer)) => {
                entry.answered(member, &answer, now);
                let (Some(step), _) = attempt.answered(answer, member_set, settings) else {
                    let (member, http_request) = attempt.exchange();
                    entry.exchange(member, http_request);
                    continue;
                };
                Some(step)
            }
        };
        if let Some(step) = &step {
            step.close(&mut entry, now);
        }
        return HeededAttempt {
            step,
            finished: ended.finished,
            peer: ended.peer,
        };
    }
}
