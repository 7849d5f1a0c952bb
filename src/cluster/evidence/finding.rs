//! What follows from what was read.

use super::{History, Search};
use crate::display::one_line;
use crate::error::{Error, line};
use crate::protocol::request::Operation;
use crate::protocol::response::Response;

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A change like the one asked for has been made since the request left.
    Applied,
    /// None has been made.
    NotApplied,
    /// What is there does not tell.
    Unsure,
}

/// What was found out, and from what.
#[derive(Debug)]
pub struct Finding {
    /// What became of it.
    pub fate: Fate,
    /// Whether no copy of the request that is still on its way can change that.
    pub is_final: bool,
    /// Where it was applied; 0 if it was not.
    pub modified_index: u64,
    /// How far the store had got when it was looked at; 0 when that was not necessary.
    pub index: u64,
    /// One line.
    pub text: String,
    /// The change, or else the key as it is; `None` when there is neither.
    pub evidence: Option<Response>,
}

impl Finding {
    /// The error was a promise.
    pub fn promised(error: &Error) -> Finding {
        Finding {
            fate: Fate::NotApplied,
            is_final: true,
            modified_index: 0,
            index: 0,
            text: line(format!("not applied, the error is a promise: {error}")),
            evidence: None,
        }
    }
}

impl Search<'_> {
    /// The end of the look.
    pub fn finding(self) -> Finding {
        let (fate, text) = self.conclude();
        let applied = fate == Fate::Applied;
        // an index never comes back
        let index = self.request.prev_index();
        let refused_for_ever = index != 0 && self.modified() != index;
        Finding {
            fate,
            is_final: applied || (fate == Fate::NotApplied && refused_for_ever),
            modified_index: if applied { self.applied_at() } else { 0 },
            index: self.index.max(self.place),
            text: line(text),
            evidence: self.found.or(self.state),
        }
    }

    fn conclude(&self) -> (Fate, String) {
        let (key, index) = (one_line(self.key()), self.index);
        if self.bound == 0 {
            let text = "cannot tell: no index was known when the request left, so what is there may be older";
            return (Fate::Unsure, text.to_owned());
        }
        if self.is_another_store() {
            let known = self.known.index;
            let text = format!(
                "cannot tell: the store at index {index} is not the one that was known at {known}"
            );
            return (Fate::Unsure, text);
        }
        if self.twins > 1 {
            let text = format!(
                "cannot tell: {} children of {key} hold this value",
                self.twins
            );
            return (Fate::Unsure, text);
        }
        let at = self.applied_at();
        if at != 0 {
            let whence = match self.found {
                Some(_) => "the history",
                None => "the store",
            };
            let text = format!("applied: {whence} has it at index {at}");
            return (Fate::Applied, text);
        }
        let since = format!("not applied up to index {index}: {key}");
        if self.is_untouched() {
            let text = format!("{since} has not changed since index {}", self.modified());
            return (Fate::NotApplied, text);
        }
        if self.is_complete() {
            return (Fate::NotApplied, format!("{since} has no such change"));
        }
        if self.outlived() {
            let text = format!("{since} is the one that was there before");
            return (Fate::NotApplied, text);
        }
        let state = match self.state {
            Some(_) => "has changed",
            None => "is not there",
        };
        let why = match self.history {
            History::Read if self.is_refreshed() => "it was refreshed with another TTL",
            History::Read => "what its history tells has gaps",
            _ => "its history cannot be read",
        };
        (
            Fate::Unsure,
            format!("cannot tell: {key} {state}, and {why}"),
        )
    }

    /// By any client; an earlier refresh has left no trace.
    fn is_refreshed(&self) -> bool {
        self.request.operation() == Operation::Refresh && self.modified() > self.last
    }

    fn key(&self) -> &str {
        self.request.key().text()
    }

    fn modified(&self) -> u64 {
        self.node().map_or(0, |node| node.modified_index())
    }

    /// Where it was applied; 0 if nothing shows that it was.
    fn applied_at(&self) -> u64 {
        if self.place != 0 {
            return self.place;
        }
        match self.refreshed(self.node()) {
            Some(index) if self.history == History::Read => index,
            // changes up to the last event are known
            _ if self.modified() > self.last && self.shows() => self.modified(),
            _ => 0,
        }
    }

    /// Without its event: whether the key is as the request would have left it.
    fn shows(&self) -> bool {
        let new = |node: &crate::protocol::tree::NodeRef<'_>| {
            !node.is_dir() && node.modified_index() > self.bound && self.is_value(*node)
        };
        let Some(node) = self.node().filter(new) else {
            return false;
        };
        let whole = node.created_index() == node.modified_index();
        match self.request.operation() {
            Operation::Set | Operation::Create => whole,
            // with a TTL it may be the result of a refresh
            Operation::Update | Operation::CompareAndSwap => !whole && node.ttl().is_none(),
            _ => false,
        }
    }

    /// Without a history: whether the key has been there all the time, which the request would have ended.
    fn outlived(&self) -> bool {
        let ends = matches!(
            self.request.operation(),
            Operation::Create | Operation::Delete | Operation::CompareAndDelete
        );
        let old = |response: &Response| {
            let node = response.node();
            node.is_some_and(|node| (1..=self.bound).contains(&node.created_index()))
        };
        ends && self.state.as_ref().is_some_and(old)
    }
}
