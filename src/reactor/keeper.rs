//! Looks at the cluster's own list of members from time to time, and when watchers have nobody left to ask.

use super::commands::Command;
use super::owner::{Desk, Lane, Next, Order, Owner, Way};
use crate::cluster::backoff::Backoff;
use crate::cluster::budget::Budget;
use crate::cluster::membership_sync::{MembershipSync, Todo};
use crate::cluster::sync_limiter::{SyncDecision, SyncPermit};
use crate::protocol::answer;
use crate::protocol::wire::Wire;
use crate::transport::channel::Answer;
use crate::transport::fault::Fault;
use std::time::Duration;

/// After a look that failed the next one comes sooner than usual, but not sooner than this.
const FIRST: Duration = Duration::from_secs(1);

/// How and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// `None`: only in need
    pub(crate) interval: Option<Duration>,
    pub(crate) deadline: Duration,
    pub(crate) connect: Duration,
    pub(crate) decode: answer::Limits,
}

/// One for each client that wants members to be found.
#[derive(Debug)]
pub(crate) struct Keeper {
    terms: Terms,
    pauses: Backoff,
    running: Option<(SyncPermit, MembershipSync)>,
}

impl Keeper {
    pub(crate) fn new(terms: Terms) -> Keeper {
        let longest = terms.interval.unwrap_or(FIRST);
        Keeper {
            terms,
            pauses: Backoff::new(FIRST.min(longest), longest),
            running: None,
        }
    }

    /// The next one of those that are made from time to time.
    fn routine(&mut self, desk: &Desk<'_>) -> Next {
        match desk.member_set.sync_limiter().take() {
            Some(turn) => self.look(turn, desk),
            // a call looks just now
            None => self.rest(desk, true),
        }
    }

    fn look(&mut self, turn: SyncPermit, desk: &Desk<'_>) -> Next {
        let member_set = desk.member_set;
        let budget = Budget {
            deadline: desk.now + self.terms.deadline,
            connect: self.terms.connect,
            max_body: u64::MAX,
        };
        let sync = MembershipSync::new(budget, self.terms.decode, member_set, desk.now);
        let mut sync = sync.with_lists(member_set.sync_limiter().is_wanted());
        let todo = sync.go(desk.now, member_set);
        self.running = Some((turn, sync));
        self.follow(todo, desk)
    }

    fn follow(&mut self, todo: Todo, desk: &Desk<'_>) -> Next {
        let result = match (todo, &self.running) {
            (Todo::End(result), _) => result,
            (Todo::Pause(time), _) => return Next::Wake(desk.now + time),
            (Todo::Exchange, running) => {
                let running = running.as_ref();
                match running.and_then(|(_, sync)| sync.exchange()) {
                    Some((member, _, limits)) => {
                        return Next::Exchange(Order {
                            member: member.clone(),
                            limits: *limits,
                            lane: Lane::Shared,
                            way: Way::Any,
                        });
                    }
                    None => Ok(false),
                }
            }
        };
        let good = result.is_ok();
        if let Some((turn, _)) = self.running.take() {
            turn.end(desk.now, good);
        }
        if result.unwrap_or(false) {
            desk.order(Command::Sweep);
        }
        self.rest(desk, good)
    }

    /// Until the next look; no error is the last.
    fn rest(&mut self, desk: &Desk<'_>, good: bool) -> Next {
        let Some(interval) = self.terms.interval else {
            return Next::Keep;
        };
        let pause = match good {
            true => {
                self.pauses.reset();
                self.pauses.around(interval)
            }
            false => self.pauses.pause(),
        };
        Next::Wake(desk.now + pause)
    }
}

impl Owner for Keeper {
    fn start(&mut self, desk: &Desk<'_>) -> Next {
        let contact = desk.contact();
        let alarm = Box::new(move || contact.nudge());
        desk.member_set.sync_limiter().set_alarm(alarm);
        match self.terms.interval {
            Some(_) => self.routine(desk),
            None => Next::Keep,
        }
    }

    fn wire(&self) -> Option<&Wire> {
        let (_, sync) = self.running.as_ref()?;
        sync.exchange().map(|(_, wire, _)| wire)
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, desk: &Desk<'_>) -> Next {
        let Some((_, sync)) = &mut self.running else {
            return Next::Keep;
        };
        let todo = match outcome {
            Ok(answer) => sync.answered(answer, desk.now, desk.member_set),
            Err(fault) => sync.failed(fault, desk.now, desk.member_set),
        };
        self.follow(todo, desk)
    }

    fn on_timer(&mut self, desk: &Desk<'_>) -> Next {
        let Some((_, sync)) = &mut self.running else {
            return self.routine(desk);
        };
        // or the time of the next look has come while one is under way
        match sync.exchange().is_some() {
            true => Next::Keep,
            false => {
                let todo = sync.go(desk.now, desk.member_set);
                self.follow(todo, desk)
            }
        }
    }

    fn on_nudge(&mut self, desk: &Desk<'_>) -> Next {
        match desk.member_set.sync_limiter().begin(desk.now) {
            SyncDecision::Go(turn) => self.look(turn, desk),
            SyncDecision::Later | SyncDecision::No => Next::Keep,
        }
    }

    fn close(self: Box<Self>, _: Option<Box<Fault>>, _: &Desk<'_>) {}
}
