//! A wait for one change: the machine of a watcher, driven within a deadline by a caller who does one thing at a time.
//!
//! [`Once::step`] says what to do next. While an exchange runs, its head goes to [`Once::on_head`] and its end to the
//! machine; an audit is made to its end, too, before the next step. No socket and no clock: the time is an argument.

use super::exchange::{Action, Exchange, Heed, Output};
use super::machine::{Machine, Place, SHORT};
use super::options::WatchOptions;
use super::state::State;
use crate::cluster::continuity::{Need, Standing};
use crate::error::{Error, Result};
use crate::protocol::answer::Head;
use crate::protocol::key::Key;
use crate::protocol::response::Response;
use crate::status::Status;
use std::time::{Duration, Instant};

/// A change that has come is told so long after the deadline, if only the audit of its member is missing: a call of a few
/// milliseconds would never tell one.
const GRACE: Duration = Duration::from_millis(100);
/// A poll is ended in order so long before the deadline, so that the error can tell up to where all was looked at.
const RESERVE: Duration = Duration::from_millis(250);

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// the call is over: this is the change
    Changed(Box<Response>),
    /// the call is over: history is lost, or etcd has refused for good
    Failed(Error),
    /// the call is over: nothing came, and all up to this index was looked at (0: that is not known)
    TimedOut(u64),
    /// send this
    Start(Box<Exchange>),
    /// audit the member that had the last exchange, unless somebody else does
    Prove(Need),
    /// nothing before this time
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
        // one caller, one poll: it may be as short as a proof takes
        machine.set_shortest_poll(SHORT);
        Ok(Once { machine, deadline })
    }

    /// Goes on from where another call ended.
    pub fn go_on_from(&mut self, place: Place) {
        self.machine.go_on_from(place);
    }

    /// Where it stands; `None`: it has lost that.
    pub fn place(&self) -> Option<Place> {
        (!self.machine.is_closed()).then(|| self.machine.place())
    }

    /// What to do now, when nothing is running. `standing`: what is known of the member that had the last exchange.
    pub fn step(&mut self, now: Instant, standing: Option<Standing>) -> Step {
        // one caller waits for the proof, and has no poll beside it
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
                Action::Start(exchange) => return Step::Start(exchange),
                Action::Prove(need) => return Step::Prove(need),
                Action::Wait(at) => return Step::Wait(at.map_or(until, |at| at.min(until))),
                // the reason has been put out
                Action::Closed => {}
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

    /// No exchange lasts longer.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// No step or audit lasts longer.
    pub fn until(&self) -> Instant {
        match self.machine.is_holding() {
            true => self.deadline + GRACE,
            false => self.deadline,
        }
    }

    /// The head of the running exchange has come. Its silence is shortened so that it can be ended in order in time.
    pub fn on_head(&mut self, now: Instant, head: &Head) -> Heed {
        match self.machine.on_head(now, head) {
            Heed::Leave => Heed::Leave,
            Heed::Stay(silence) => {
                let left = self.deadline.saturating_duration_since(now);
                let reserve = (left / 8).min(RESERVE);
                let most = left.checked_sub(reserve).filter(|most| *most >= SHORT);
                Heed::Stay(most.map_or(silence, |most| silence.min(most)))
            }
        }
    }

    /// Takes what else becomes of an exchange.
    pub fn machine(&mut self) -> &mut Machine {
        &mut self.machine
    }
}
