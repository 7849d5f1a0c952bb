//! Many events that come out of one snapshot, made one by one when they are asked for: whatever its size, a snapshot waits
//! in a queue as one thing, and any number of watchers share it.

use super::cached_node::CachedNode;
use super::event::Event;
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::protocol::tree::{Draft, Tree};
use std::ops::Range;
use std::sync::Arc;

/// The numbers of the nodes of a snapshot that are told, parents before their children. The root directory of the store
/// is not: it has no index and is always there.
pub(super) fn listed(response: &Response, recursive: bool) -> Range<u32> {
    let first = response.node().map_or(1, |node| node.index());
    let root = response.node().is_none_or(|node| node.key() == "/");
    let end = if recursive {
        response.tree.nodes.len() as u32
    } else {
        first + 1
    };
    first + u32::from(root)..end
}

/// One difference between what was told and a snapshot; a node is given by its number there.
#[derive(Clone, Debug)]
pub enum Change {
    /// it is there no more; where its key is in the old ones
    Gone(Range<usize>, CachedNode),
    /// it was not there
    Created(u32),
    /// value, kind or creation is another
    Changed(u32, CachedNode),
}

/// All differences, in the order in which they are told.
#[derive(Debug)]
pub struct Diff {
    snapshot: Option<Arc<Response>>,
    index: u64,
    /// has the keys of those that are gone
    keys: String,
    changes: Vec<Change>,
}

impl Diff {
    pub(super) fn new(
        snapshot: Option<Arc<Response>>,
        index: u64,
        keys: String,
        changes: Vec<Change>,
    ) -> Diff {
        let gone = matches!(changes.first(), Some(Change::Gone(..)));
        Diff {
            snapshot,
            index,
            keys: if gone { keys } else { String::new() },
            changes,
        }
    }

    /// The differences.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn event(&self, at: usize) -> Option<Event> {
        let of_snapshot = |number: &u32| self.snapshot.as_ref()?.tree.get(*number);
        let before = |key, known: &CachedNode| Draft {
            key,
            dir: known.dir,
            created: known.created,
            modified: known.modified,
            ..Draft::default()
        };
        let tree = match self.changes.get(at)? {
            Change::Gone(span, known) => {
                let key = self.keys.get(span.clone())?;
                let node = Draft {
                    modified: self.index,
                    ..before(key, known)
                };
                Tree::made("delete", &node, Some(&before(key, known)))
            }
            Change::Created(number) => Tree::made("create", &Draft::of(of_snapshot(number)?), None),
            Change::Changed(number, known) => {
                let node = Draft::of(of_snapshot(number)?);
                // what update and compare-and-swap keep, set makes anew
                let action = if node.created == known.created {
                    "update"
                } else {
                    "set"
                };
                Tree::made(action, &node, Some(&before(node.key, known)))
            }
        };
        let (mut head, endpoint) = match &self.snapshot {
            Some(response) => (response.head().clone(), response.endpoint().clone()),
            None => (Head::new(200), Arc::default()),
        };
        head.etcd_index = self.index;
        Some(Event::synthetic(
            Response::made(head, tree, endpoint),
            self.index,
        ))
    }
}

/// The events of one snapshot.
#[derive(Debug)]
pub enum Batch {
    /// everything that is there
    Listing {
        /// the answer
        response: Arc<Response>,
        /// of the store
        index: u64,
        /// or only the key itself
        recursive: bool,
    },
    /// what is different from what was told
    Diff(Diff),
}

impl Batch {
    /// How many events.
    pub fn len(&self) -> usize {
        match self {
            Batch::Listing {
                response,
                recursive,
                ..
            } => listed(response, *recursive).len(),
            Batch::Diff(diff) => diff.changes.len(),
        }
    }

    /// Whether none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of the store that was looked at.
    pub fn index(&self) -> u64 {
        match self {
            Batch::Listing { index, .. } => *index,
            Batch::Diff(diff) => diff.index,
        }
    }

    /// Makes event number `at`.
    pub fn event(&self, at: usize) -> Option<Event> {
        match self {
            Batch::Listing {
                response,
                index,
                recursive,
            } => {
                let number = listed(response, *recursive).nth(at)?;
                Some(Event::listed(response.clone(), number, *index))
            }
            Batch::Diff(diff) => diff.event(at),
        }
    }
}
