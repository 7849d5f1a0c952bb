//! The blocking driver: runs an [`Errand`] or a single [`Visit`] on the calling thread.

use super::census::{self, Census};
use super::diary::listeners::Kind;
use super::errand::Errand;
use super::member::Member;
use super::pursuit::Todo;
use super::roster::Roster;
use super::search::{self, Quest};
use super::visit::{Step, Visit};
use crate::error::{Error, Result};
use crate::outcome::copies::Told;
use crate::protocol::answer::Head;
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::cancel::{Cancel, pause};
use crate::transport::channel::{Heed, Limits, Settings};
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Instant;

/// Runs a call to its end.
pub fn run<W: Deref<Target = Wire> + Clone>(
    roster: &Roster,
    settings: &Settings,
    mut errand: Errand<W>,
    cancel: Option<&Cancel>,
) -> Result<Response> {
    let mut todo = errand.go(Instant::now(), roster);
    loop {
        todo = match todo {
            Todo::End(result) => {
                return result.map(|response| *response).map_err(Told::into_error);
            }
            Todo::Pause(time) if pause(cancel, time) => {
                return Err(errand.cancelled().into_error());
            }
            Todo::Pause(_) => errand.go(Instant::now(), roster),
            Todo::Exchange => match errand.exchange() {
                None => errand.go(Instant::now(), roster),
                Some((member, wire, limits)) => {
                    match member.channel().exchange(wire, limits, cancel) {
                        Ok(answer) => errand.answered(answer, Instant::now(), roster, settings),
                        Err(fault) => errand.failed(fault, Instant::now(), roster),
                    }
                }
            },
        };
    }
}

/// Asks the cluster for its members; says whether the roster has changed.
pub fn count(roster: &Roster, mut census: Census, cancel: Option<&Cancel>) -> Result<bool> {
    let mut todo = census.go(Instant::now(), roster);
    loop {
        todo = match todo {
            census::Todo::End(result) => return result,
            census::Todo::Pause(time) if pause(cancel, time) => return Err(census.cancelled()),
            census::Todo::Pause(_) => census.go(Instant::now(), roster),
            census::Todo::Exchange => match census.exchange() {
                None => census.go(Instant::now(), roster),
                Some((member, wire, limits)) => {
                    match member.channel().exchange(wire, limits, cancel) {
                        Ok(answer) => census.answered(answer, Instant::now(), roster),
                        Err(fault) => census.failed(fault, Instant::now(), roster),
                    }
                }
            },
        };
    }
}

/// Looks for members for a call that has failed at all of them; says whether it was cancelled meanwhile.
pub fn seek(roster: &Roster, mut quest: Quest, cancel: Option<&Cancel>) -> bool {
    let mut todo = quest.go(Instant::now(), roster);
    loop {
        todo = match todo {
            search::Todo::End => return cancel.is_some_and(Cancel::is_fired),
            search::Todo::Pause(time) if pause(cancel, time) => return true,
            search::Todo::Pause(_) => quest.go(Instant::now(), roster),
            search::Todo::Exchange => match quest.exchange() {
                None => quest.go(Instant::now(), roster),
                Some((member, wire, limits)) => {
                    match member.channel().exchange(wire, limits, cancel) {
                        Ok(answer) => quest.answered(answer, Instant::now(), roster),
                        Err(fault) => quest.failed(fault, Instant::now(), roster),
                    }
                }
            },
        };
    }
}

/// The end of one attempt at one member, for a watch.
#[derive(Debug)]
pub struct Heeded {
    /// `None`: it was aborted after the response head
    pub step: Option<Step>,
    /// when our sending side was closed, because no data followed the head
    pub finished: Option<Instant>,
    /// the remote address
    pub peer: Option<SocketAddr>,
}

/// Makes one attempt at one member, to read its event history.
pub fn visit(
    roster: &Roster,
    settings: &Settings,
    visit: Visit<&Wire>,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Step {
    let mut heed = |member: &Member, head: &Head, _| {
        roster.guard().see(member.number(), head, Instant::now());
        Heed::Stay
    };
    let ended = visit_heeding(roster, settings, visit, limits, cancel, &mut heed);
    let left = || Step::Trouble(Error::new(Status::INTERNAL, "the answer was left"));
    ended.step.unwrap_or_else(left)
}

/// Makes one attempt at one member, for a watch; `heed` gets every response head except those of redirects.
pub fn visit_heeding(
    roster: &Roster,
    settings: &Settings,
    mut visit: Visit<&Wire>,
    limits: &Limits,
    cancel: Option<&Cancel>,
    heed: &mut dyn FnMut(&Member, &Head, Instant) -> Heed,
) -> Heeded {
    let (member, wire) = visit.exchange();
    let mut entry = roster.diary().open(Kind::Watch, wire, Instant::now());
    entry.attempt(member, wire);
    loop {
        let (member, wire) = visit.exchange();
        let mut told = |head: &Head, connected| match head.status {
            307 | 308 => Heed::Stay,
            _ => heed(member, head, connected),
        };
        let channel = member.channel();
        let ended = channel.exchange_heeding(wire, limits, cancel, &mut told);
        let now = Instant::now();
        let step = match ended.outcome {
            None => None,
            Some(Err(fault)) => {
                entry.failed(member, &fault, now);
                Some(Step::Fault(fault))
            }
            Some(Ok(answer)) => {
                entry.answered(member, &answer, now);
                let (Some(step), _) = visit.answered(answer, roster, settings) else {
                    let (member, wire) = visit.exchange();
                    entry.exchange(member, wire);
                    continue;
                };
                Some(step)
            }
        };
        if let Some(step) = &step {
            entry.step(step, now);
        }
        return Heeded {
            step,
            finished: ended.finished,
            peer: ended.peer,
        };
    }
}
