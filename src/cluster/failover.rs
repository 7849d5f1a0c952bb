//! The blocking driver: runs a [`Pursuit`] or a single [`Visit`] on the calling thread.

use super::pursuit::{Pursuit, Terms, Todo};
use super::roster::Roster;
use super::visit::{Step, Visit};
use crate::error::Result;
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::transport::cancel::{Cancel, pause};
use crate::transport::channel::{Limits, Settings};
use std::time::Instant;

/// Runs a request to its end.
pub fn run(
    roster: &Roster,
    settings: &Settings,
    wire: &Wire,
    terms: Terms,
    cancel: Option<&Cancel>,
) -> Result<Response> {
    let now = Instant::now();
    let mut pursuit = Pursuit::new(wire, terms, now);
    let mut todo = pursuit.go(now, roster);
    loop {
        todo = match todo {
            Todo::End(result) => return result.map(|response| *response),
            Todo::Pause(time) if pause(cancel, time) => return Err(pursuit.cancelled()),
            Todo::Pause(_) => pursuit.go(Instant::now(), roster),
            Todo::Exchange => match pursuit.exchange() {
                None => pursuit.go(Instant::now(), roster),
                Some((member, wire, limits)) => {
                    match member.channel().exchange(wire, limits, cancel) {
                        Ok(answer) => pursuit.answered(answer, Instant::now(), roster, settings),
                        Err(fault) => pursuit.failed(fault, Instant::now(), roster),
                    }
                }
            },
        };
    }
}

/// Makes one try at one member.
pub fn visit(
    roster: &Roster,
    settings: &Settings,
    mut visit: Visit<&Wire>,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Step {
    loop {
        let (member, wire) = visit.exchange();
        match member.channel().exchange(wire, limits, cancel) {
            Err(fault) => return visit.failed(fault),
            Ok(answer) => {
                if let Some(step) = visit.answered(answer, roster, settings) {
                    return step;
                }
            }
        }
    }
}
