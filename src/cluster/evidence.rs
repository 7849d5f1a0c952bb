//! What the store and its history say about a write whose outcome is unknown. No I/O: a driver reads, and tells what it
//! has read.
//!
//! A write is known by what it makes: action, key, value and conditions, at an index above all that was known before it
//! left. The history, which has every change with its index, is asked first; where it is gone, the state has to do.
//!
//! A missing event proves nothing: a member that was restored from a snapshot mixes its old events into the new history,
//! which hides or garbles up to a thousand events. A write is proven to be missing by the state of the key, or by events
//! without a gap: one for every index, or each with the result of the previous one as its `prevNode`.

use crate::error::{Error, Known, Result};
use crate::protocol::action::Action;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, Ttl, flags};
use crate::protocol::response::Response;
use crate::protocol::tree::NodeRef;
use crate::status::Status;

mod finding;
pub use finding::{Fate, Finding};

/// A look at the store: first [`Search::read`], then [`Search::history`] until there is none, then [`Search::finding`].
#[derive(Debug)]
pub struct Search<'a> {
    request: &'a Request,
    known: Known,
    /// without the slash at its end
    key: &'a str,
    /// the change that is looked for comes after it; 0 = unknown
    bound: u64,
    /// how far the store has got
    index: u64,
    state: Option<Response>,
    /// the first index of the history that has not been looked at
    next: u64,
    /// the last index at which the key was changed by an event
    last: u64,
    /// up to here every change of the key is known
    sure: u64,
    history: History,
    found: Option<Response>,
    /// where it was applied, found as an event, as a child or as a change without event
    place: u64,
    twins: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    /// is not needed, or not possible
    Unread,
    /// reads the events of all keys, index by index
    Counting,
    /// reads the events of the key
    Reading,
    /// up to the index of the store, or to the last change of the key
    Read,
    Lost,
}

/// If the store has advanced by no more than this, all its events are read: a write is proven to be missing if each index
/// belongs to another change.
const NEAR: u64 = 256;

impl<'a> Search<'a> {
    /// Of what became of `request`, before which `known` was known.
    pub fn new(request: &'a Request, known: Known) -> Result<Search<'a>> {
        if request.operation() == Operation::Get {
            return Err(Error::invalid("request", "a read changes nothing"));
        }
        let bound = known.index.max(request.prev_index());
        Ok(Search {
            request,
            known,
            key: request.key().text().trim_end_matches('/'),
            bound,
            index: 0,
            state: None,
            next: bound.saturating_add(1),
            last: bound,
            sure: bound,
            history: History::Unread,
            found: None,
            place: 0,
            twins: 0,
        })
    }

    /// The read that comes first: through consensus, it waits behind everything that was proposed before it.
    pub fn question(&self) -> Result<Request> {
        let mut read = Request::new(Operation::Get, self.request.key().clone());
        read.set_flags(flags::QUORUM)?;
        Ok(read)
    }

    /// What the read has brought; an error that is none of the store ends it all.
    pub fn read(&mut self, answer: Result<Response>) -> Result<()> {
        self.index = match answer {
            Ok(response) => {
                let index = response.head().etcd_index;
                self.state = Some(response);
                index
            }
            Err(error) => match error.status() {
                Status::KEY_NOT_FOUND | Status::NOT_A_DIRECTORY => error.detail().index,
                _ => return Err(error),
            },
        };
        if self.bound == 0 || self.is_another_store() {
            return Ok(());
        }
        if self.is_in_order() {
            self.look_through_children();
        }
        if self.twins == 0 && !self.is_complete() {
            self.history = match self.index.saturating_sub(self.bound) {
                0..=NEAR => History::Counting,
                _ => History::Reading,
            };
        }
        Ok(())
    }

    /// The next poll of the history, to a member that has got as far as [`Search::index`]; `None`: it is read.
    pub fn history(&self) -> Option<Result<HttpRequest>> {
        let recursive = self.is_in_order();
        match self.history {
            History::Counting => {
                let root = Key::parse("key", "/");
                Some(root.and_then(|root| HttpRequest::poll(&root, true, self.next)))
            }
            History::Reading => Some(HttpRequest::poll(self.request.key(), recursive, self.next)),
            History::Unread | History::Read | History::Lost => None,
        }
    }

    /// How far the store has got.
    #[cfg(any(test, feature = "internals"))]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The poll brought this event.
    pub fn told(&mut self, event: Response) {
        let Some(node) = event.node() else {
            return self.lost();
        };
        let index = node.modified_index();
        if index < self.next || (self.history == History::Counting && index > self.next) {
            return self.lost();
        }
        let ours = node.key() == self.key;
        if ours && self.is_mixed(&event) {
            return self.give_up();
        }
        self.next = index.saturating_add(1);
        if self.is_this(&event) {
            self.twins += 1;
            self.place = index;
            self.found = Some(event);
            self.history = History::Read;
            return;
        }
        if index == self.sure.saturating_add(1) || (ours && self.follows(event.prev_node())) {
            self.sure = index;
        }
        if ours {
            self.look_before(event.prev_node());
            self.last = index;
        }
        let node = self.node().filter(|node| !node.is_dir());
        let end = match (self.history, node) {
            (History::Reading, Some(node)) => node.modified_index(),
            _ => self.index,
        };
        if index >= end || self.is_complete() {
            self.history = History::Read;
        }
    }

    /// The poll brought nothing; its head told `index`.
    pub fn quiet(&mut self, index: u64) {
        match (index >= self.index, self.history) {
            (true, History::Reading) => self.history = History::Read,
            _ => self.lost(),
        }
    }

    /// The history cannot be read. If it was that of all keys, the history of the key is tried.
    pub fn lost(&mut self) {
        self.history = match self.history {
            History::Counting => History::Reading,
            _ => History::Lost,
        };
    }

    fn give_up(&mut self) {
        self.history = History::Lost;
    }

    /// Whether the `prevNode` of an event is the last known change of the key, so that there is none in between.
    fn follows(&self, before: Option<NodeRef<'_>>) -> bool {
        let seen = |before: NodeRef<'_>| (1..=self.sure).contains(&before.modified_index());
        !self.is_in_order() && self.leaves_trace() && before.is_some_and(seen)
    }

    /// Whether an event of the key may contain fields of an older event, as after a restore from a snapshot.
    fn is_mixed(&self, event: &Response) -> bool {
        let Some(node) = event.node() else {
            return true;
        };
        let before = event.prev_node();
        let filled = node.value().is_some_and(|value| !value.is_empty());
        let is_last = self
            .node()
            .is_some_and(|now| now.modified_index() == node.modified_index());
        let foreign = before.is_some_and(|before| before.key() != node.key());
        let contradicts = match event.action() {
            Action::Create => before.is_some(),
            Action::Delete | Action::CompareAndDelete | Action::Expire => filled,
            _ => node.is_dir() && filled,
        };
        // an empty value is omitted, so that an old one would remain
        let blank = self.request.value().unwrap_or_default().is_empty() && !self.is_directory();
        let alike = matches!(
            (self.request.operation(), event.action()),
            (Operation::Set, Action::Set)
                | (Operation::Create, Action::Create)
                | (Operation::Update, Action::Update)
                | (Operation::CompareAndSwap, Action::CompareAndSwap)
        );
        foreign || contradicts || (alike && blank && filled && !is_last)
    }

    fn node(&self) -> Option<NodeRef<'_>> {
        self.state.as_ref().and_then(Response::node)
    }

    fn is_in_order(&self) -> bool {
        self.request.operation() == Operation::CreateInOrder
    }

    fn is_directory(&self) -> bool {
        self.request.flags() & flags::DIR != 0
    }

    fn is_another_store(&self) -> bool {
        let head = self.state.as_ref().map(|state| state.head());
        let cluster = head.and_then(crate::cluster::members::staleness::cluster);
        let other = cluster.is_some_and(|id| self.known.cluster != 0 && id != self.known.cluster);
        other || self.index < self.known.index
    }

    /// Whether a change shows in the index of the key: a new TTL of a directory does not.
    fn leaves_trace(&self) -> bool {
        !(self.is_directory() && self.request.operation() == Operation::Update)
    }

    /// Whether the key itself shows that it was not changed.
    fn is_untouched(&self) -> bool {
        self.shows_no_change_since(self.bound)
    }

    fn shows_no_change_since(&self, index: u64) -> bool {
        let node = self.node();
        !self.is_in_order()
            && self.leaves_trace()
            && node.is_some_and(|node| node.modified_index() <= index)
    }

    /// Whether every change of the key is known.
    fn is_complete(&self) -> bool {
        self.sure >= self.index || self.shows_no_change_since(self.sure)
    }

    /// Whether what a node holds is what the request writes.
    fn is_value(&self, node: NodeRef<'_>) -> bool {
        match self.is_directory() {
            true => node.is_dir(),
            false => node.value() == Some(self.request.value().unwrap_or_default()),
        }
    }

    /// Whether `node` has the place and the name of one that was made in order, and what the request writes.
    fn is_child(&self, node: NodeRef<'_>) -> bool {
        let name = node.key().strip_prefix(self.key);
        let name = name.and_then(|name| name.strip_prefix('/'));
        name.and_then(|name| name.parse().ok()) == Some(node.created_index()) && self.is_value(node)
    }

    fn is_this(&self, event: &Response) -> bool {
        let Some(node) = event.node() else {
            return false;
        };
        let did = |action| event.action() == action && node.key() == self.key;
        match self.request.operation() {
            Operation::Set => did(Action::Set) && self.is_value(node),
            Operation::Create => did(Action::Create) && self.is_value(node),
            Operation::Update => did(Action::Update) && self.is_value(node),
            Operation::CompareAndSwap => {
                did(Action::CompareAndSwap) && self.is_value(node) && self.compared(event)
            }
            Operation::CompareAndDelete => did(Action::CompareAndDelete) && self.compared(event),
            Operation::Delete => did(Action::Delete),
            Operation::CreateInOrder => event.action() == Action::Create && self.is_child(node),
            Operation::Refresh | Operation::Get => false,
        }
    }

    fn compared(&self, event: &Response) -> bool {
        let Some(before) = event.prev_node() else {
            return false;
        };
        let index = self.request.prev_index();
        let value = self.request.prev_value();
        (index == 0 || before.modified_index() == index)
            && value.is_none_or(|value| before.value() == Some(value))
    }

    /// A refresh is no event: it is seen as an index that no event has made.
    fn look_before(&mut self, state: Option<NodeRef<'_>>) {
        let refreshed = self.refreshed(state);
        if let Some(index) = refreshed {
            self.twins += 1;
            self.place = index;
            self.history = History::Read;
        }
    }

    fn refreshed(&self, state: Option<NodeRef<'_>>) -> Option<u64> {
        // a refresh keeps createdIndex, a set does not
        let kept = |state: &NodeRef<'_>| state.created_index() < state.modified_index();
        let state = state.filter(|state| state.modified_index() > self.last && kept(state))?;
        let Ttl::Seconds(ttl) = self.request.ttl() else {
            return None;
        };
        let renewed = state.ttl().is_some_and(|left| left <= i64::from(ttl));
        (self.request.operation() == Operation::Refresh && renewed).then(|| state.modified_index())
    }

    fn look_through_children(&mut self) {
        let Some(directory) = self.node() else {
            return;
        };
        let children = (0..directory.child_count()).filter_map(|i| directory.child(i));
        let new = children.filter(|child| child.created_index() > self.bound);
        let places: Vec<u64> = new
            .filter(|child| self.is_child(*child))
            .map(|child| child.created_index())
            .collect();
        self.twins = places.len();
        self.place = places.first().copied().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests;
