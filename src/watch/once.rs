//! A wait for one change: the state machine of a watcher, driven within a deadline by one blocking caller.
//!
//! [`Once::step`] returns what to do next. While an exchange runs, its head goes to [`Once::on_head`] and its end to the
//! machine. An exchange or an audit is completed before the next step. No socket and no clock: the time is an argument.

use super::driver::{HeaderDecision, Output, PollAction, PollRequest};
use super::machine::{Machine, Place, SHORT};
use super::options::WatchOptions;
use super::state::State;
use crate::cluster::members::continuity::{Need, Standing};
use crate::error::{Error, Result};
use crate::protocol::key::Key;
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::status::Status;
use std::time::{Duration, Instant};

/// How long after the deadline a change is still returned, if only the audit of its member is missing: otherwise a call of a
/// few milliseconds would never return one.
const GRACE: Duration = Duration::from_millis(100);
/// How long before the deadline a poll is closed cleanly, so that the error can name a proven index.
const RESERVE: Duration = Duration::from_millis(250);

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// the call is over: this is the change
    Changed(Box<Response>),
    /// the call is over: history is lost, or etcd has refused it with a permanent error
    Failed(Error),
    /// the call is over: no change up to this index (0: not known)
    TimedOut(u64),
    /// send this
    Start(Box<PollRequest>),
    /// audit the member of the last exchange, unless an audit of it is running
    Prove(Need),
    /// do nothing before this time
    Wait(Instant),
}

/// One call.
#[derive(Debug)]
pub struct Once {
    pub(super) machine: Machine,
    deadline: Instant,
}

impl Once {
    /// Waits for the first change of `key` at or after `index` (0: from now). `max_poll` is the client's; `seed` feeds
    /// everything random.
    pub fn new(
        key: &Key,
        (recursive, index): (bool, u64),
        max_poll: Duration,
        seed: u64,
        deadline: Instant,
    ) -> Result<Once> {
        let options = WatchOptions::once(recursive, index);
        let mut machine = Machine::new(key, &options, max_poll, seed)?;
        // one caller, one poll: it may be as short as a proof requires
        machine.set_shortest_poll(SHORT);
        Ok(Once { machine, deadline })
    }

    /// Continues from the end of another call.
    pub fn go_on_from(&mut self, place: Place) {
        self.machine.go_on_from(place);
    }

    /// Its position; `None`: it has ended with an error.
    pub fn place(&self) -> Option<Place> {
        (!self.machine.is_closed()).then(|| self.machine.place())
    }

    /// What to do now, when nothing is running. `standing`: the record of the member of the last exchange.
    pub fn step(&mut self, now: Instant, standing: Option<Standing>) -> Step {
        // the caller waits for the proof, and has no other poll meanwhile
        self.machine.sighted();
        self.machine.vouch(now, standing);
        loop {
            if let Some(end) = self.told() {
                return end;
            }
            let until = self.until();
            if now >= until {
                return Step::TimedOut(self.machine.next_index().saturating_sub(1));
            }
            match self.machine.poll(now) {
                PollAction::Start(exchange) => return Step::Start(exchange),
                PollAction::Prove(need) => return Step::Prove(need),
                PollAction::Wait(at) => return Step::Wait(at.map_or(until, |at| at.min(until))),
                // the reason is among the outputs
                PollAction::Closed => {}
            }
        }
    }

    fn told(&mut self) -> Option<Step> {
        while let Some(output) = self.machine.output() {
            match output {
                Output::Event(event) => {
                    if let Some(response) = event.into_response() {
                        return Some(Step::Changed(Box::new(response)));
                    }
                }
                Output::State(State::Closed(error)) => {
                    let ended = || Error::new(Status::INTERNAL, "the watch has ended");
                    return Some(Step::Failed(error.unwrap_or_else(ended)));
                }
                Output::State(_) | Output::Batch(_) => {}
            }
        }
        None
    }

    /// The end of every exchange.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The end of every pause and audit.
    pub fn until(&self) -> Instant {
        match self.machine.is_holding() {
            true => self.deadline + GRACE,
            false => self.deadline,
        }
    }

    /// The head of the running exchange has come. The poll is shortened so that it can be closed cleanly before the deadline.
    pub fn on_head(&mut self, now: Instant, head: &Head) -> HeaderDecision {
        match self.machine.on_head(now, head) {
            HeaderDecision::Leave => HeaderDecision::Leave,
            HeaderDecision::Stay(silence) => {
                let left = self.deadline.saturating_duration_since(now);
                let reserve = (left / 8).min(RESERVE);
                let most = left.checked_sub(reserve).filter(|most| *most >= SHORT);
                HeaderDecision::Stay(most.map_or(silence, |most| silence.min(most)))
            }
        }
    }

    /// Takes the end of an exchange.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }
}
