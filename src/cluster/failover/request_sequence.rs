//! What one call takes: its request, and what has to be known before it. No I/O, as in [`super::machine`].

use crate::cluster::failover::machine::{CallOptions, Failover, FailoverStep, RequestEnd};
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::Procedure;
use crate::display::one_line;
use crate::error::{Error, Result};
use crate::outcome::copies::Told;
use crate::protocol::admin::members;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::endpoint::Endpoint;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::status::Status;
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::Fault;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A call on its way; driven as a [`Failover`] is.
#[derive(Debug)]
pub struct RequestSequence<W> {
    request: Failover<W>,
    terms: CallOptions,
    begun: bool,
    /// what is to be known before it; the first of them is on its way
    before: VecDeque<Preflight>,
}

#[derive(Debug)]
enum Preflight {
    /// Who leads?
    Leader(Box<Failover<Arc<HttpRequest>>>),
    DirectoryCheck(Box<DirectoryCheck>),
}

impl Preflight {
    fn failover(&mut self) -> &mut Failover<Arc<HttpRequest>> {
        match self {
            Preflight::Leader(failover) => failover,
            Preflight::DirectoryCheck(look) => &mut look.failover,
        }
    }
}

/// Nobody waits longer to learn who leads: another member will do.
const LEADER_PATIENCE: Duration = Duration::from_secs(1);

/// The update of a directory blanks the value of a file, so the kind of node is looked at first. A child that nobody
/// makes is asked for, since the directory itself may be a long listing: etcd's refusal tells what its parent is.
#[derive(Debug)]
struct DirectoryCheck {
    key: Key,
    /// the one that is asked for; `None`: the directory itself is
    child: Option<Key>,
    terms: CallOptions,
    failover: Failover<Arc<HttpRequest>>,
}

impl<W: Deref<Target = HttpRequest> + Clone> RequestSequence<W> {
    /// `http_request` without a look at anything.
    pub fn plain(http_request: W, terms: CallOptions, now: Instant) -> RequestSequence<W> {
        RequestSequence {
            request: Failover::new(http_request, terms, now),
            terms,
            begun: false,
            before: VecDeque::new(),
        }
    }

    /// `http_request`, which is that of `request`, with all that has to come before.
    pub fn of(
        request: &Request,
        http_request: W,
        mut terms: CallOptions,
        now: Instant,
    ) -> Result<RequestSequence<W>> {
        let operation = request.operation();
        let looks = operation == Operation::Update && request.flags() & flags::DIR != 0;
        let mut before = VecDeque::new();
        if looks {
            let look = DirectoryCheck::new(request.key(), terms, now)?;
            before.push_back(Preflight::DirectoryCheck(Box::new(look)));
        }
        terms.refresh = operation == Operation::Refresh;
        terms.plain_read = operation == Operation::Get && !is_quorum(&http_request);
        terms.consensus = !terms.plain_read;
        Ok(RequestSequence {
            before,
            ..RequestSequence::plain(http_request, terms, now)
        })
    }

    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        self.request.is_write()
    }

    /// This member is not asked in the first round: somebody waits for it already.
    pub fn avoid(&mut self, member: Arc<Member>) {
        self.request.avoid(member);
    }

    fn look_for_leader(&mut self, now: Instant, member_set: &MemberSet) {
        if !member_set
            .balancer()
            .wants_leader(now, || member_set.staleness().term())
        {
            return;
        }
        let budget = self.terms.budget;
        let terms = CallOptions {
            budget: Budget {
                deadline: budget.deadline.min(now + LEADER_PATIENCE),
                ..budget
            },
            ..self.terms
        };
        let failover = Failover::new(Arc::new(members::ask_leader()), terms.of_a_read(), now);
        self.before
            .push_front(Preflight::Leader(Box::new(failover)));
    }

    /// The end of what comes before is not that of the call.
    fn seen(&mut self, todo: FailoverStep, now: Instant, member_set: &MemberSet) -> FailoverStep {
        let (result, before) = match (todo, self.before.front_mut()) {
            (FailoverStep::End(result), Some(before)) => (result, before),
            (todo, _) => return todo,
        };
        let again = match (before, result) {
            (Preflight::Leader(_), Err(told)) if told.error().status() == Status::CANCELLED => {
                Err(told.into_error())
            }
            (Preflight::Leader(_), result) => {
                let response = result.ok();
                member_set
                    .balancer()
                    .learn(response.and_then(|r| leader(&r, member_set)));
                Ok(false)
            }
            (Preflight::DirectoryCheck(look), result) => {
                look.judge(result.map_err(Told::into_error), now)
            }
        };
        match again {
            Ok(again) => {
                if !again {
                    self.before.pop_front();
                }
                self.go(now, member_set)
            }
            // nothing of the request itself has left
            Err(error) => FailoverStep::End(Err(self.request.before(error))),
        }
    }
}

/// The end of a request, for the caller.
pub fn result(end: RequestEnd) -> Result<Response> {
    end.map(|response| *response).map_err(Told::into_error)
}

impl<W: Deref<Target = HttpRequest> + Clone> Procedure for RequestSequence<W> {
    type Output = RequestEnd;

    fn go(&mut self, now: Instant, member_set: &MemberSet) -> FailoverStep {
        if !std::mem::replace(&mut self.begun, true) {
            self.look_for_leader(now, member_set);
        }
        match self.before.front_mut() {
            None => self.request.go(now, member_set),
            Some(before) => {
                let todo = before.failover().go(now, member_set);
                self.seen(todo, now, member_set)
            }
        }
    }

    fn exchange(&self) -> Option<(&Arc<Member>, &HttpRequest, &ExchangeLimits)> {
        match self.before.front() {
            None => self.request.exchange(),
            Some(Preflight::Leader(failover)) => failover.exchange(),
            Some(Preflight::DirectoryCheck(look)) => look.failover.exchange(),
        }
    }

    fn reading(&self) -> Option<(ResponseKind, DecodeLimits)> {
        let (_, http_request, _) = self.exchange()?;
        Some((http_request.expect, self.terms.decode))
    }

    fn answered(&mut self, answer: Answer, now: Instant, member_set: &MemberSet) -> FailoverStep {
        match self.before.front_mut() {
            None => self.request.answered(answer, now, member_set),
            Some(before) => {
                let todo = before.failover().answered(answer, now, member_set);
                self.seen(todo, now, member_set)
            }
        }
    }

    fn failed(&mut self, fault: Box<Fault>, now: Instant, member_set: &MemberSet) -> FailoverStep {
        match self.before.front_mut() {
            None => self.request.failed(fault, now, member_set),
            Some(before) => {
                let todo = before.failover().failed(fault, now, member_set);
                self.seen(todo, now, member_set)
            }
        }
    }

    fn cancelled(&mut self, now: Instant) -> RequestEnd {
        match self.before.front_mut() {
            None => Err(self.request.cancelled(now)),
            Some(before) => Err(before.failover().cancelled(now)),
        }
    }
}

/// The leader as the list has it; a URL that is not on it is not asked for the mere word of another member.
fn leader(response: &Response, member_set: &MemberSet) -> Option<Arc<Member>> {
    let urls = members::one(response.body()).ok()?.client_urls;
    let known = |url: &String| member_set.find(Endpoint::parse("leader", url).ok()?.url());
    urls.iter().find_map(known)
}

impl DirectoryCheck {
    fn new(key: &Key, terms: CallOptions, now: Instant) -> Result<DirectoryCheck> {
        let parent = key.text().trim_end_matches('/');
        let child = Key::parse("key", &format!("{parent}/_etcd_v2_no_such_child"));
        let (http_request, child) = match child.and_then(|child| Ok((read(&child)?, child))) {
            Ok((http_request, child)) => (http_request, Some(child)),
            // the name of the child is what does not fit
            Err(error) if error.status() == Status::TOO_LARGE => (read(key)?, None),
            Err(error) => return Err(error),
        };
        let terms = terms.of_a_read();
        Ok(DirectoryCheck {
            failover: Failover::new(Arc::new(http_request), terms, now),
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
                    self.failover = Failover::new(Arc::new(read(&self.key)?), self.terms, now);
                    Ok(true)
                }
                _ => Err(error),
            },
            (Err(error), None) => Err(error),
        }
    }
}

/// Also when it is so by the wish of the client and not of the request.
fn is_quorum(http_request: &HttpRequest) -> bool {
    let query = http_request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    query.split('&').any(|parameter| parameter == "quorum=true")
}

fn read(key: &Key) -> Result<HttpRequest> {
    let mut request = Request::new(Operation::Get, key.clone());
    request.set_flags(flags::QUORUM)?;
    request.http_request()
}
