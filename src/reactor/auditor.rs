//! Finds out whether the store of a member is continuous, for all watchers that need to know, and ends when none does.

use super::owner::{Desk, Lane, Next, Order, Owner, Way};
use crate::cluster::continuity::{Audit, Need, Todo};
use crate::cluster::member::Member;
use crate::protocol::wire::Wire;
use crate::transport::channel::{Answer, Limits};
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
    running: Option<(Audit, Wire)>,
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

    fn begin(&mut self, desk: &Desk<'_>) -> Next {
        match self.member.continuity().begin(self.need, desk.now) {
            Ok(audit) => self.ask(audit, desk),
            Err(later) => Next::Wake(later),
        }
    }

    fn ask(&mut self, mut audit: Audit, desk: &Desk<'_>) -> Next {
        let wire = audit.wire(self.member.continuity(), desk.now);
        self.running = Some((audit, wire));
        Next::Exchange(Order {
            member: self.member.clone(),
            limits: Limits {
                deadline: desk.now + self.connect + 3 * PATIENCE,
                connect: self.connect,
                send: PATIENCE,
                head: PATIENCE,
                body: PATIENCE,
                max_body: LARGEST,
            },
            lane: Lane::Own,
            way: Way::Any,
        })
    }

    fn end(&mut self, audit: Audit, desk: &Desk<'_>) -> Next {
        let record = self.member.continuity();
        for wake in record.end(audit, desk.now) {
            wake();
        }
        match record.is_awaited() {
            true => self.begin(desk),
            false => Next::End,
        }
    }
}

impl Owner for Auditor {
    fn start(&mut self, desk: &Desk<'_>) -> Next {
        self.begin(desk)
    }

    fn wire(&self) -> Option<&Wire> {
        self.running.as_ref().map(|(_, wire)| wire)
    }

    fn on_end(&mut self, outcome: Result<Answer, Box<Fault>>, desk: &Desk<'_>) -> Next {
        let Some((mut audit, _)) = self.running.take() else {
            return Next::End;
        };
        let todo = match outcome {
            Ok(answer) => {
                let record = self.member.continuity();
                audit.answered(record, &answer.head, &answer.body, desk.now)
            }
            Err(_) => {
                audit.failed();
                Todo::End
            }
        };
        match todo {
            Todo::Ask => self.ask(audit, desk),
            Todo::End => self.end(audit, desk),
        }
    }

    fn on_timer(&mut self, desk: &Desk<'_>) -> Next {
        match self.running {
            Some(_) => Next::Keep,
            None => self.begin(desk),
        }
    }

    fn close(mut self: Box<Self>, _: Option<Box<Fault>>, desk: &Desk<'_>) {
        if let Some((mut audit, _)) = self.running.take() {
            audit.failed();
            let _ = self.member.continuity().end(audit, desk.now);
        }
    }
}
