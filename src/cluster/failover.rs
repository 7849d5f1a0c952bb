//! One request, walked over the members until one answers or it may not go on.

use super::backoff::Backoff;
use super::budget::Budget;
use super::outcome::{self, Next};
use super::roster::{Member, Roster};
use super::trail::Trail;
use crate::error::{Error, Phase, Result};
use crate::protocol::answer::{self, Verdict, judge};
use crate::protocol::response::Response;
use crate::protocol::version;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::cancel::{Cancel, pause};
use crate::transport::channel::{Channel, Limits, Settings};
use crate::transport::endpoint::Endpoint;
use crate::transport::fault::{Fault, Sent};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every member is asked at most so often in one call.
const ROUNDS: u32 = 2;
/// Redirects followed in one try.
const HOPS: usize = 5;

/// A request and the terms on which it is run.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What is sent.
    pub wire: &'a Wire,
    /// Consent to send a plain set or delete again.
    pub allow_repeat: bool,
    /// Ends it.
    pub cancel: Option<&'a Cancel>,
    /// How long.
    pub budget: Budget,
    /// Of decoding.
    pub decode: answer::Limits,
    /// Only to members that know `refresh`: older ones would overwrite the value.
    pub refresh: bool,
}

/// How one try ended.
#[derive(Debug)]
pub enum Step {
    /// With an answer.
    Done(Box<Response>),
    /// With a watch poll that ended without an event; the store's index when it was registered, 0 if unknown.
    Quiet(u64),
    /// With etcd's definite word.
    Refused(Error),
    /// With the word of a member that cannot help.
    Trouble(Error),
    /// Without a complete answer.
    Fault(Box<Fault>),
}

/// Runs `order` to its end.
pub fn run(roster: &Roster, settings: &Settings, order: &Order<'_>) -> Result<Response> {
    let started = Instant::now();
    let repeatable = outcome::repeatable(order.wire.repeat, order.allow_repeat);
    let mut trail = Trail::new(started);
    let mut tried = Vec::new();
    let mut again = None;
    let mut round = 1;
    let mut now = started;
    loop {
        if order.budget.left(now).is_zero() {
            return Err(trail.out_of_time(now));
        }
        let Some((i, member)) = again.take().or_else(|| roster.pick(now, &tried)) else {
            if round == ROUNDS {
                return Err(trail.exhausted());
            }
            round += 1;
            tried.clear();
            let breath =
                Backoff::new(Duration::from_millis(200), Duration::from_millis(200)).pause();
            if pause(order.cancel, breath.min(order.budget.left(now))) {
                return Err(trail.cancelled());
            }
            now = Instant::now();
            continue;
        };
        let limits = order
            .budget
            .limits(now, roster.len().saturating_sub(tried.len()), repeatable);
        let step = try_member(roster, settings, member, order, &limits);
        let before = now;
        match step {
            Step::Done(response) => {
                member.succeed();
                roster.pin(i);
                return Ok(*response);
            }
            Step::Quiet(_) => {
                return Err(trail.sign(Error::new(
                    Status::PROTOCOL,
                    format!("{}: empty answer", member.url()),
                )));
            }
            Step::Refused(error) => {
                member.succeed();
                roster.pin(i);
                return Err(trail.sign(at(error, member.url())));
            }
            Step::Trouble(error) => {
                now = Instant::now();
                member.fail(now);
                let unknown = error.detail().outcome_unknown;
                trail.maybe_applied |= unknown;
                trail.trouble(member.url(), at(error, member.url()), now - before);
                if unknown && !repeatable {
                    return Err(trail.exhausted());
                }
                tried.push(i);
            }
            Step::Fault(fault) => {
                now = Instant::now();
                let verdict = outcome::judge(&fault, order.wire.repeat, order.allow_repeat);
                trail.maybe_applied |= verdict.maybe_applied;
                trail.fault(member.url(), &fault, now - before);
                if verdict.blame {
                    member.fail(now);
                }
                match verdict.next {
                    Next::Stop => return Err(trail.stopped(fault.kind)),
                    Next::Other => tried.push(i),
                    Next::Again => {
                        member.channel().forget_idle();
                        again = Some((i, member));
                    }
                }
            }
        }
    }
}

/// One try at one member, redirects followed with method and body.
pub fn try_member(
    roster: &Roster,
    settings: &Settings,
    member: &Arc<Member>,
    order: &Order<'_>,
    limits: &Limits,
) -> Step {
    if order.refresh && !member.refreshes() {
        if let Err(step) = learn_refresh(member, order, limits) {
            return step;
        }
        member.set_refreshes();
    }
    let mut hop: Option<Hop> = None;
    for _ in 0..=HOPS {
        let (channel, wire) = match &hop {
            None => (member.channel(), order.wire),
            Some(hop) => (hop.channel(), &hop.wire),
        };
        let answer = match channel.exchange(wire, limits, order.cancel) {
            Ok(answer) => answer,
            Err(fault) => return Step::Fault(fault),
        };
        let url = channel.endpoint().url();
        let index = answer.head.etcd_index;
        match judge(
            answer.head,
            answer.body,
            wire.expect,
            wire.repeat,
            &order.decode,
        ) {
            Verdict::Success(mut response) => {
                response.set_endpoint(url.clone());
                return Step::Done(Box::new(response));
            }
            Verdict::NoEvent => return Step::Quiet(index),
            Verdict::Refused(error) => return Step::Refused(at(error, url)),
            Verdict::Trouble(error) => return Step::Trouble(at(error, url)),
            Verdict::Redirect(location) => {
                match Hop::to(&location, roster, settings, member, hop.take(), order.wire) {
                    Ok(next) => hop = Some(next),
                    Err(error) => return Step::Trouble(error),
                }
            }
        }
    }
    Step::Trouble(Error::new(
        Status::REDIRECT,
        format!("{}: more than {HOPS} redirects", member.url()),
    ))
}

/// Makes sure that the member knows `refresh`; the request itself has not been sent when this fails.
fn learn_refresh(
    member: &Member,
    order: &Order<'_>,
    limits: &Limits,
) -> std::result::Result<(), Step> {
    let answer = member
        .channel()
        .exchange(&Wire::get("/version"), limits, order.cancel)
        .map_err(|mut fault| {
            fault.sent = Sent::None;
            Step::Fault(fault)
        })?;
    let why = match version::of(&answer.body).filter(|_| answer.head.status == 200) {
        Some(version) if version >= (2, 3) => return Ok(()),
        Some((major, minor)) => {
            format!("etcd {major}.{minor} has no refresh and would overwrite the value")
        }
        None => format!(
            "cannot tell whether it knows refresh, /version answered {}",
            answer.head.status
        ),
    };
    Err(Step::Refused(Error::new(
        Status::UNSUPPORTED,
        format!("{}: {why}", member.url()),
    )))
}

/// Where a redirect leads.
struct Hop {
    to: Way,
    wire: Wire,
}

enum Way {
    Member(Arc<Member>),
    Stranger(Box<Channel>),
}

impl Hop {
    fn channel(&self) -> &Channel {
        match &self.to {
            Way::Member(member) => member.channel(),
            Way::Stranger(channel) => channel,
        }
    }

    fn to(
        location: &str,
        roster: &Roster,
        settings: &Settings,
        member: &Arc<Member>,
        from: Option<Hop>,
        wire: &Wire,
    ) -> Result<Hop> {
        let refuse = |why: &str| {
            Error::new(
                Status::REDIRECT,
                format!("{}: redirected to {location:?}: {why}", member.url()),
            )
        };
        if !location.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err(refuse("not a location"));
        }
        let (to, target) = if location.starts_with('/') {
            (
                from.map_or_else(|| Way::Member(member.clone()), |hop| hop.to),
                location,
            )
        } else {
            let after_scheme = location.find("://").map_or(0, |i| i + 3);
            let path = location
                .get(after_scheme..)
                .and_then(|rest| rest.find('/'))
                .map_or(location.len(), |i| i + after_scheme);
            let (origin, target) = location.split_at(path);
            let endpoint =
                Endpoint::parse("Location", origin).map_err(|e| refuse(&e.detail().message))?;
            let way = match roster.find(endpoint.url()) {
                Some(known) => Way::Member(known.clone()),
                None => Way::Stranger(Box::new(Channel::new(endpoint, settings))),
            };
            (way, target)
        };
        let target = if target.is_empty() { "/" } else { target };
        Ok(Hop {
            to,
            wire: Wire {
                target: target.to_owned(),
                ..wire.clone()
            },
        })
    }
}

/// Says which member a complete answer came from, so that no earlier try is taken for the one that decided.
fn at(mut error: Error, url: &Arc<str>) -> Error {
    let detail = error.detail_mut();
    detail.endpoint.get_or_insert_with(|| url.clone());
    detail.phase.get_or_insert(Phase::Body);
    error
}
