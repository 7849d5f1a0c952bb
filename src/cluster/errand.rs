//! What one call takes: its request, and for one kind of request looks at the store before it. No I/O, as in
//! [`super::pursuit`].

use super::pursuit::{Pursuit, Terms, Todo};
use super::roster::{Member, Roster};
use crate::echo::one_line;
use crate::error::{Error, Result};
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::channel::{Answer, Limits, Settings};
use crate::transport::fault::Fault;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

/// A call on its way; driven as a [`Pursuit`] is.
#[derive(Debug)]
pub struct Errand<W> {
    request: Pursuit<W>,
    look: Option<Box<Look>>,
}

/// The update of a directory blanks the value of a file, so the kind of node is looked at first. A child that nobody
/// makes is asked for, since the directory itself may be a long listing: etcd's refusal tells what its parent is.
#[derive(Debug)]
struct Look {
    key: Key,
    /// the one that is asked for; `None`: the directory itself is
    child: Option<Key>,
    terms: Terms,
    pursuit: Pursuit<Arc<Wire>>,
}

impl<W: Deref<Target = Wire> + Clone> Errand<W> {
    /// `wire` without a look at anything.
    pub fn plain(wire: W, terms: Terms, now: Instant) -> Errand<W> {
        Errand {
            request: Pursuit::new(wire, terms, now),
            look: None,
        }
    }

    /// `wire`, which is that of `request`, with all that has to come before.
    pub fn of(request: &Request, wire: W, mut terms: Terms, now: Instant) -> Result<Errand<W>> {
        let operation = request.operation();
        let looks = operation == Operation::Update && request.flags() & flags::DIR != 0;
        let look = match looks {
            true => Some(Box::new(Look::new(request.key(), terms, now)?)),
            false => None,
        };
        terms.refresh = operation == Operation::Refresh;
        terms.plain_read = operation == Operation::Get && request.flags() & flags::QUORUM == 0;
        Ok(Errand {
            look,
            ..Errand::plain(wire, terms, now)
        })
    }

    /// Begins, or goes on after a pause.
    pub fn go(&mut self, now: Instant, roster: &Roster) -> Todo {
        match &mut self.look {
            None => self.request.go(now, roster),
            Some(look) => {
                let todo = look.pursuit.go(now, roster);
                self.seen(todo, now, roster)
            }
        }
    }

    /// The exchange that [`Todo::Exchange`] asks for; `None` when it was not asked for.
    pub fn exchange(&self) -> Option<(&Arc<Member>, &Wire, &Limits)> {
        match &self.look {
            None => self.request.exchange(),
            Some(look) => look.pursuit.exchange(),
        }
    }

    /// The exchange brought an answer.
    pub fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        roster: &Roster,
        settings: &Settings,
    ) -> Todo {
        match &mut self.look {
            None => self.request.answered(answer, now, roster, settings),
            Some(look) => {
                let todo = look.pursuit.answered(answer, now, roster, settings);
                self.seen(todo, now, roster)
            }
        }
    }

    /// The exchange brought none.
    pub fn failed(&mut self, fault: Box<Fault>, now: Instant, roster: &Roster) -> Todo {
        match &mut self.look {
            None => self.request.failed(fault, now, roster),
            Some(look) => {
                let todo = look.pursuit.failed(fault, now, roster);
                self.seen(todo, now, roster)
            }
        }
    }

    /// The caller gave up between two exchanges.
    pub fn cancelled(&mut self) -> Error {
        match &mut self.look {
            None => self.request.cancelled(),
            Some(look) => look.pursuit.cancelled(),
        }
    }

    /// The end of a look is not that of the errand.
    fn seen(&mut self, todo: Todo, now: Instant, roster: &Roster) -> Todo {
        let (result, look) = match (todo, &mut self.look) {
            (Todo::End(result), Some(look)) => (result, look),
            (todo, _) => return todo,
        };
        match look.judge(result, now) {
            Ok(true) => look.pursuit.go(now, roster),
            Ok(false) => {
                self.look = None;
                self.request.go(now, roster)
            }
            Err(error) => Todo::End(Err(error)),
        }
    }
}

impl Look {
    fn new(key: &Key, terms: Terms, now: Instant) -> Result<Look> {
        let parent = key.text().trim_end_matches('/');
        let child = Key::parse("key", &format!("{parent}/_etcd_v2_no_such_child"));
        let (wire, child) = match child.and_then(|child| Ok((read(&child)?, child))) {
            Ok((wire, child)) => (wire, Some(child)),
            // the name of the child is what does not fit
            Err(error) if error.status() == Status::TOO_LARGE => (read(key)?, None),
            Err(error) => return Err(error),
        };
        let terms = Terms {
            refresh: false,
            plain_read: false,
            ..terms
        };
        Ok(Look {
            pursuit: Pursuit::new(Arc::new(wire), terms, now),
            key: key.clone(),
            child,
            terms,
        })
    }

    /// Whether another look is needed.
    fn judge(&mut self, result: Result<Box<Response>>, now: Instant) -> Result<bool> {
        match (result, &self.child) {
            (Ok(_), Some(_)) => Ok(false),
            (Ok(response), None) if response.node().is_some_and(|node| node.is_dir()) => Ok(false),
            (Ok(_), None) => {
                let parent = self.key.text().trim_end_matches('/');
                let text = format!("key: {} is a file", one_line(parent));
                let mut error = Error::new(Status::NOT_A_DIRECTORY, text);
                error.detail_mut().cause = parent.to_owned();
                Err(error)
            }
            (Err(error), Some(child)) => match error.status() {
                Status::KEY_NOT_FOUND if error.detail().cause == child.text() => Ok(false),
                // permission for the key alone does not cover its children
                Status::UNAUTHORIZED => {
                    self.child = None;
                    self.pursuit = Pursuit::new(Arc::new(read(&self.key)?), self.terms, now);
                    Ok(true)
                }
                _ => Err(error),
            },
            (Err(error), None) => Err(error),
        }
    }
}

fn read(key: &Key) -> Result<Wire> {
    let mut request = Request::new(Operation::Get, key.clone());
    request.set_flags(flags::QUORUM)?;
    request.wire()
}
