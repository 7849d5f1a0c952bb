//! What is done when every known member has failed a call: others are looked for, once, inside the deadline of the call.
//! Whoever finds some has them asked next, since they have not been tried.

use crate::cluster::discovery::membership_sync::{MembershipSync, SyncStep};
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::members::sync_limiter::{SyncDecision, SyncPermit};
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::{NextStep, Procedure};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::HttpRequest;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::Fault;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest look, so that those who wait for its end have time left.
const LONGEST: Duration = Duration::from_secs(4);

/// The search of one call.
#[derive(Debug, Default)]
pub struct OnDemandSync(OnDemandStage);

#[derive(Debug, Default)]
enum OnDemandStage {
    #[default]
    Before,
    /// another call looks already; until when that is waited for
    Waiting(Instant),
    Running(SyncPermit, Box<MembershipSync>),
    Over,
}

impl OnDemandSync {
    /// Begins, if there is any use in it; then go on with [`OnDemandSync::go`]. `answered` are the members that have said
    /// something, if only that they cannot help: they are asked for the list; of those that are silent there is no hope.
    pub fn begin(
        &mut self,
        budget: Budget,
        decode: DecodeLimits,
        answered: &[Arc<Member>],
        now: Instant,
        member_set: &MemberSet,
    ) -> bool {
        if !matches!(self.0, OnDemandStage::Before) {
            return false;
        }
        self.0 = OnDemandStage::Over;
        let lists = member_set.sync_limiter().is_wanted() && !answered.is_empty();
        if !lists && member_set.directory().is_none() {
            return false;
        }
        // the other half is for those that are found
        let time = (budget.left(now) / 2).min(LONGEST);
        match member_set.sync_limiter().begin(now) {
            SyncDecision::No => return false,
            SyncDecision::Later => self.0 = OnDemandStage::Waiting(now + time),
            SyncDecision::Go(turn) => {
                let budget = Budget {
                    deadline: now + time,
                    ..budget
                };
                let sync = MembershipSync::new(budget, decode, member_set, now);
                let sync = sync.among(answered, member_set).with_lists(lists);
                self.0 = OnDemandStage::Running(turn, Box::new(sync));
            }
        }
        true
    }

    /// Whether what happens next is its business.
    pub fn is_running(&self) -> bool {
        matches!(
            self.0,
            OnDemandStage::Waiting(_) | OnDemandStage::Running(..)
        )
    }

    fn follow(&mut self, todo: SyncStep, now: Instant) -> NextStep<bool> {
        let result = match todo {
            NextStep::Exchange => return NextStep::Exchange,
            NextStep::Pause(time) => return NextStep::Pause(time),
            NextStep::End(result) => result,
        };
        if let OnDemandStage::Running(turn, _) = std::mem::replace(&mut self.0, OnDemandStage::Over)
        {
            // why nothing was found is of no interest to a call that has failures of its own to tell
            turn.end(now, result.is_ok());
        }
        NextStep::End(false)
    }
}

/// Ends with whether it was cancelled.
impl Procedure for OnDemandSync {
    type Output = bool;

    fn go(&mut self, now: Instant, member_set: &MemberSet) -> NextStep<bool> {
        match &mut self.0 {
            OnDemandStage::Waiting(until) => {
                if let (Some(pause), true) = (member_set.sync_limiter().glance(), now < *until) {
                    return NextStep::Pause(pause.min(until.saturating_duration_since(now)));
                }
                self.0 = OnDemandStage::Over;
                NextStep::End(false)
            }
            OnDemandStage::Running(_, sync) => {
                let todo = sync.go(now, member_set);
                self.follow(todo, now)
            }
            OnDemandStage::Before | OnDemandStage::Over => NextStep::End(false),
        }
    }

    fn exchange(&self) -> Option<(&Arc<Member>, &HttpRequest, &ExchangeLimits)> {
        match &self.0 {
            OnDemandStage::Running(_, sync) => sync.exchange(),
            _ => None,
        }
    }

    fn answered(&mut self, answer: Answer, now: Instant, member_set: &MemberSet) -> NextStep<bool> {
        let OnDemandStage::Running(_, sync) = &mut self.0 else {
            return self.go(now, member_set);
        };
        let todo = sync.answered(answer, now, member_set);
        self.follow(todo, now)
    }

    fn failed(
        &mut self,
        fault: Box<Fault>,
        now: Instant,
        member_set: &MemberSet,
    ) -> NextStep<bool> {
        let OnDemandStage::Running(_, sync) = &mut self.0 else {
            return self.go(now, member_set);
        };
        let todo = sync.failed(fault, now, member_set);
        self.follow(todo, now)
    }

    /// Nothing is told: the call has failures of its own.
    fn cancelled(&mut self, _: Instant) -> bool {
        true
    }
}
