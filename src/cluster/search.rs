//! What is done when every known member has failed a call: others are looked for, once, inside the deadline of the call.
//! Whoever finds some has them asked next, since they have not been tried.

use super::budget::Budget;
use super::census::{self, Census};
use super::member::Member;
use super::roster::Roster;
use super::scout::{Leave, Turn};
use crate::protocol::answer;
use crate::protocol::wire::Wire;
use crate::transport::channel::{Answer, Limits};
use crate::transport::fault::Fault;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest look, so that those who wait for its end have time left.
const LONGEST: Duration = Duration::from_secs(4);

/// What the driver has to do.
#[derive(Debug)]
pub enum Todo {
    /// Run [`Quest::exchange`], then tell [`Quest::answered`] or [`Quest::failed`].
    Exchange,
    /// Let this time pass, then go on with [`Quest::go`].
    Pause(Duration),
    /// Nothing more.
    End,
}

/// The search of one call.
#[derive(Debug, Default)]
pub struct Quest(Stage);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Before,
    /// another call looks already; until when that is waited for
    Waiting(Instant),
    Running(Turn, Box<Census>),
    Over,
}

impl Quest {
    /// Begins, if there is any use in it; then go on with [`Quest::go`]. `answered` are the members that have said
    /// something, if only that they cannot help: they are asked for the list; of those that are silent there is no hope.
    pub fn begin(
        &mut self,
        budget: Budget,
        decode: answer::Limits,
        answered: &[Arc<Member>],
        now: Instant,
        roster: &Roster,
    ) -> bool {
        if !matches!(self.0, Stage::Before) {
            return false;
        }
        self.0 = Stage::Over;
        let lists = roster.scout().is_wanted() && !answered.is_empty();
        if !lists && roster.directory().is_none() {
            return false;
        }
        // the other half is for those that are found
        let time = (budget.left(now) / 2).min(LONGEST);
        match roster.scout().begin(now) {
            Leave::No => return false,
            Leave::Later => self.0 = Stage::Waiting(now + time),
            Leave::Go(turn) => {
                let budget = Budget {
                    deadline: now + time,
                    ..budget
                };
                let census = Census::new(budget, decode, roster, now);
                let census = census.among(answered, roster).with_lists(lists);
                self.0 = Stage::Running(turn, Box::new(census));
            }
        }
        true
    }

    /// Whether what happens next is its business.
    pub fn is_running(&self) -> bool {
        matches!(self.0, Stage::Waiting(_) | Stage::Running(..))
    }

    /// Goes on.
    pub fn go(&mut self, now: Instant, roster: &Roster) -> Todo {
        match &mut self.0 {
            Stage::Waiting(until) => {
                if let (Some(pause), true) = (roster.scout().glance(), now < *until) {
                    return Todo::Pause(pause.min(until.saturating_duration_since(now)));
                }
                self.0 = Stage::Over;
                Todo::End
            }
            Stage::Running(_, census) => {
                let todo = census.go(now, roster);
                self.follow(todo, now)
            }
            Stage::Before | Stage::Over => Todo::End,
        }
    }

    /// The exchange that [`Todo::Exchange`] asks for; `None` when it was not asked for.
    pub fn exchange(&self) -> Option<(&Arc<Member>, &Wire, &Limits)> {
        match &self.0 {
            Stage::Running(_, census) => census.exchange(),
            _ => None,
        }
    }

    /// The exchange brought an answer.
    pub fn answered(&mut self, answer: Answer, now: Instant, roster: &Roster) -> Todo {
        let Stage::Running(_, census) = &mut self.0 else {
            return self.go(now, roster);
        };
        let todo = census.answered(answer, now, roster);
        self.follow(todo, now)
    }

    /// The exchange brought none.
    pub fn failed(&mut self, fault: Box<Fault>, now: Instant, roster: &Roster) -> Todo {
        let Stage::Running(_, census) = &mut self.0 else {
            return self.go(now, roster);
        };
        let todo = census.failed(fault, now, roster);
        self.follow(todo, now)
    }

    fn follow(&mut self, todo: census::Todo, now: Instant) -> Todo {
        let result = match todo {
            census::Todo::Exchange => return Todo::Exchange,
            census::Todo::Pause(time) => return Todo::Pause(time),
            census::Todo::End(result) => result,
        };
        if let Stage::Running(turn, _) = std::mem::replace(&mut self.0, Stage::Over) {
            // why nothing was found is of no interest to a call that has failures of its own to tell
            turn.end(now, result.is_ok());
        }
        Todo::End
    }
}
