//! Looks at the cluster's own list of members from time to time, and when watchers have nobody left to ask.

use super::commands::Command;
use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction, Way};
use crate::cluster::discovery::membership_sync::{MembershipSync, SyncStep};
use crate::cluster::members::sync_limiter::{SyncDecision, SyncPermit};
use crate::cluster::retry::backoff::Backoff;
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::Procedure;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::HttpRequest;
use crate::transport::answer::Answer;
use crate::transport::fault::Fault;
use std::time::Duration;

/// After a look that failed the next one comes sooner than usual, but not sooner than this.
const FIRST: Duration = Duration::from_secs(1);

/// How and how often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncOptions {
    /// `None`: only in need
    pub(crate) interval: Option<Duration>,
    pub(crate) deadline: Duration,
    pub(crate) attempt: Option<Duration>,
    pub(crate) connect: Duration,
    pub(crate) decode: DecodeLimits,
}

/// One for each client that wants members to be found.
#[derive(Debug)]
pub(crate) struct PeriodicSync {
    terms: SyncOptions,
    pauses: Backoff,
    running: Option<(SyncPermit, MembershipSync)>,
}

impl PeriodicSync {
    pub(crate) fn new(terms: SyncOptions) -> PeriodicSync {
        let longest = terms.interval.unwrap_or(FIRST);
        PeriodicSync {
            terms,
            pauses: Backoff::new(FIRST.min(longest), longest),
            running: None,
        }
    }

    /// The next one of those that are made from time to time.
    fn routine(&mut self, context: &Context<'_>) -> TaskAction {
        match context.member_set.sync_limiter().take() {
            Some(turn) => self.look(turn, context),
            // a call looks just now
            None => self.rest(context, true),
        }
    }

    fn look(&mut self, turn: SyncPermit, context: &Context<'_>) -> TaskAction {
        let member_set = context.member_set;
        let budget = Budget {
            deadline: context.now + self.terms.deadline,
            connect: self.terms.connect,
            attempt: self.terms.attempt,
            max_body: u64::MAX,
        };
        let sync = MembershipSync::new(budget, self.terms.decode, member_set, context.now);
        let mut sync = sync.with_lists(member_set.sync_limiter().is_wanted());
        let todo = sync.go(context.now, member_set);
        self.running = Some((turn, sync));
        self.follow(todo, context)
    }

    fn follow(&mut self, todo: SyncStep, context: &Context<'_>) -> TaskAction {
        let result = match (todo, &self.running) {
            (SyncStep::End(result), _) => result,
            (SyncStep::Pause(time), _) => return TaskAction::Wake(context.now + time),
            (SyncStep::Exchange, running) => {
                let running = running.as_ref();
                match running.and_then(|(_, sync)| sync.exchange()) {
                    Some((member, _, limits)) => {
                        return TaskAction::Exchange(RequestSpec {
                            member: member.clone(),
                            limits: *limits,
                            pool_class: PoolClass::Shared,
                            way: Way::Any,
                        });
                    }
                    None => Ok(false),
                }
            }
        };
        let good = result.is_ok();
        if let Some((turn, _)) = self.running.take() {
            turn.end(context.now, good);
        }
        if result.unwrap_or(false) {
            context.order(Command::Sweep);
        }
        self.rest(context, good)
    }

    /// Until the next look; no error is the last.
    fn rest(&mut self, context: &Context<'_>, good: bool) -> TaskAction {
        let Some(interval) = self.terms.interval else {
            return TaskAction::Keep;
        };
        let pause = match good {
            true => {
                self.pauses.reset();
                self.pauses.around(interval)
            }
            false => self.pauses.pause(),
        };
        TaskAction::Wake(context.now + pause)
    }
}

impl Task for PeriodicSync {
    fn start(&mut self, context: &Context<'_>) -> TaskAction {
        let handle = context.handle();
        let alarm = Box::new(move || handle.wake());
        context.member_set.sync_limiter().set_alarm(alarm);
        match self.terms.interval {
            Some(_) => self.routine(context),
            None => TaskAction::Keep,
        }
    }

    fn http_request(&self) -> Option<&HttpRequest> {
        let (_, sync) = self.running.as_ref()?;
        sync.exchange().map(|(_, http_request, _)| http_request)
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, context: &Context<'_>) -> TaskAction {
        let Some((_, sync)) = &mut self.running else {
            return TaskAction::Keep;
        };
        let todo = match outcome {
            Ok(answer) => sync.answered(answer, context.now, context.member_set),
            Err(fault) => sync.failed(fault, context.now, context.member_set),
        };
        self.follow(todo, context)
    }

    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction {
        let Some((_, sync)) = &mut self.running else {
            return self.routine(context);
        };
        // or the time of the next look has come while one is under way
        match sync.exchange().is_some() {
            true => TaskAction::Keep,
            false => {
                let todo = sync.go(context.now, context.member_set);
                self.follow(todo, context)
            }
        }
    }

    fn on_wake(&mut self, context: &Context<'_>) -> TaskAction {
        match context.member_set.sync_limiter().begin(context.now) {
            SyncDecision::Go(turn) => self.look(turn, context),
            SyncDecision::Later | SyncDecision::No => TaskAction::Keep,
        }
    }

    fn close(self: Box<Self>, _: Option<Box<Fault>>, _: &Context<'_>) {}
}
