//! Finds out whether the store of a member is continuous, for all watchers that need to know, and ends when none does.

use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction, Way};
use crate::cluster::members::continuity::{Audit, AuditStep, Need};
use crate::cluster::members::member::Member;
use crate::protocol::http_request::HttpRequest;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::Fault;
use std::sync::Arc;
use std::time::Duration;

/// Longest silence of the member; a quorum read takes as long as an election.
const PATIENCE: Duration = Duration::from_secs(3);
/// The page of metrics of a busy server has some 200 KB.
const LARGEST: u64 = 16 << 20;

/// One for each member that is looked at.
#[derive(Debug)]
pub(super) struct Auditor {
    member: Arc<Member>,
    connect: Duration,
    need: Need,
    running: Option<(Audit, HttpRequest)>,
}

impl Auditor {
    pub(super) fn new(member: Arc<Member>, connect: Duration, need: Need) -> Auditor {
        Auditor {
            member,
            connect,
            need,
            running: None,
        }
    }

    fn begin(&mut self, context: &Context<'_>) -> TaskAction {
        match self.member.continuity().begin(self.need, context.now) {
            Ok(audit) => self.ask(audit, context),
            Err(later) => TaskAction::Wake(later),
        }
    }

    fn ask(&mut self, mut audit: Audit, context: &Context<'_>) -> TaskAction {
        let http_request = audit.http_request(self.member.continuity(), context.now);
        self.running = Some((audit, http_request));
        TaskAction::Exchange(RequestSpec {
            member: self.member.clone(),
            limits: ExchangeLimits {
                deadline: context.now + self.connect + 3 * PATIENCE,
                connect: self.connect,
                send: PATIENCE,
                head: PATIENCE,
                body: PATIENCE,
                max_body: LARGEST,
            },
            pool_class: PoolClass::Own,
            way: Way::Any,
        })
    }

    fn end(&mut self, audit: Audit, context: &Context<'_>) -> TaskAction {
        let record = self.member.continuity();
        for wake in record.end(audit, context.now) {
            wake();
        }
        match record.is_awaited() {
            true => self.begin(context),
            false => TaskAction::End,
        }
    }
}

impl Task for Auditor {
    fn start(&mut self, context: &Context<'_>) -> TaskAction {
        self.begin(context)
    }

    fn http_request(&self) -> Option<&HttpRequest> {
        self.running.as_ref().map(|(_, http_request)| http_request)
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, context: &Context<'_>) -> TaskAction {
        let Some((mut audit, _)) = self.running.take() else {
            return TaskAction::End;
        };
        let todo = match outcome {
            Ok(answer) => {
                let record = self.member.continuity();
                audit.answered(record, &answer.head, &answer.body, context.now)
            }
            Err(_) => {
                audit.failed();
                AuditStep::End
            }
        };
        match todo {
            AuditStep::Ask => self.ask(audit, context),
            AuditStep::End => self.end(audit, context),
        }
    }

    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction {
        match self.running {
            Some(_) => TaskAction::Keep,
            None => self.begin(context),
        }
    }

    fn close(mut self: Box<Self>, _: Option<Box<Fault>>, context: &Context<'_>) {
        if let Some((mut audit, _)) = self.running.take() {
            audit.failed();
            let _ = self.member.continuity().end(audit, context.now);
        }
    }
}
