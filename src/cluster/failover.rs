//! The blocking driver: runs an [`Errand`] or a single [`Visit`] on the calling thread.

use super::census::{self, Census};
use super::diary::listeners::Kind;
use super::errand::Errand;
use super::pursuit::Todo;
use super::roster::Roster;
use super::search::{self, Quest};
use super::visit::{Step, Visit};
use crate::error::Result;
use crate::outcome::copies::Told;
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::transport::cancel::{Cancel, pause};
use crate::transport::channel::{Limits, Settings};
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

/// Makes one try at one member, for a watch.
pub fn visit(
    roster: &Roster,
    settings: &Settings,
    mut visit: Visit<&Wire>,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Step {
    let (member, wire) = visit.exchange();
    let mut entry = roster.diary().open(Kind::Watch, wire, Instant::now());
    entry.attempt(member, wire);
    let step = loop {
        let (member, wire) = visit.exchange();
        match member.channel().exchange(wire, limits, cancel) {
            Err(fault) => {
                let now = Instant::now();
                entry.failed(member, &fault, now);
                if let Some(head) = &fault.head {
                    roster.guard().see(member.number(), head, now);
                }
                break Step::Fault(fault);
            }
            Ok(answer) => {
                let now = Instant::now();
                entry.answered(member, &answer, now);
                roster.guard().see(member.number(), &answer.head, now);
                if let (Some(step), _) = visit.answered(answer, roster, settings) {
                    break step;
                }
                let (member, wire) = visit.exchange();
                entry.exchange(member, wire);
            }
        }
    };
    entry.step(&step, Instant::now());
    step
}
