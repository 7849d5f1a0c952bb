//! The blocking driver: runs a [`Procedure`] or a single [`Attempt`] on the calling thread.

use crate::cluster::failover::attempt::{Attempt, AttemptOutcome};
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::retry::procedure::{NextStep, Procedure};
use crate::error::Error;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response_head::Head;
use crate::status::Status;
use crate::telemetry::hooks::RequestKind;
use crate::transport::cancel::Cancel;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::exchange_state::ExchangeControl;
use crate::transport::wait::pause;
use std::net::SocketAddr;
use std::time::Instant;

/// Runs a procedure to its end.
pub fn run<P: Procedure>(
    member_set: &MemberSet,
    mut procedure: P,
    cancel: Option<&Cancel>,
) -> P::Output {
    let mut step = procedure.go(Instant::now(), member_set);
    loop {
        step = match step {
            NextStep::End(output) => return output,
            NextStep::Pause(time) if pause(cancel, time) => {
                return procedure.cancelled(Instant::now());
            }
            NextStep::Pause(_) => procedure.go(Instant::now(), member_set),
            NextStep::Exchange => match procedure.exchange() {
                None => procedure.go(Instant::now(), member_set),
                Some((member, http_request, limits)) => {
                    let outcome = member.channel().exchange(http_request, limits, cancel);
                    let outcome = match procedure.reading() {
                        Some(how) => outcome.and_then(|answer| answer.read(how, limits, cancel)),
                        None => outcome,
                    };
                    match outcome {
                        Ok(answer) => procedure.answered(answer, Instant::now(), member_set),
                        Err(fault) => procedure.failed(fault, Instant::now(), member_set),
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
    let ended = attempt_heeding(member_set, attempt, limits, cancel, &mut heed);
    let left = || AttemptOutcome::Trouble(Error::new(Status::INTERNAL, "the answer was left"));
    ended.step.unwrap_or_else(left)
}

/// Makes one attempt at one member, for a watch; `heed` gets every response head except those of redirects.
pub fn attempt_heeding(
    member_set: &MemberSet,
    mut attempt: Attempt<&HttpRequest>,
    limits: &ExchangeLimits,
    cancel: Option<&Cancel>,
    heed: &mut dyn FnMut(&Member, &Head, Instant) -> ExchangeControl,
) -> HeededAttempt {
    let (member, http_request) = attempt.exchange();
    let mut entry = member_set
        .telemetry()
        .open(RequestKind::Watch, http_request, Instant::now());
    entry.attempt(member.channel(), http_request);
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
                entry.failed(member.channel(), &fault, now);
                Some(AttemptOutcome::Fault(fault))
            }
            Some(Ok(answer)) => {
                entry.answered(member.channel(), &answer, now);
                let (Some(step), _) = attempt.answered(answer, member_set) else {
                    let (member, http_request) = attempt.exchange();
                    entry.exchange(member.channel(), http_request);
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
