//! What a watcher with RESYNC knows of its subtree, so that a new snapshot can be told as changes.
//!
//! Cost: per key its text and about 60 bytes (indices, a 64-bit print of the value, its place). Values are not kept: they
//! may be megabytes each, so the previous node of a synthetic event has key, indices and kind, but no value.

mod table;

use super::batch::{Change, Diff};
use super::cached_node::CachedNode;
use crate::protocol::action::Action;
use crate::protocol::key::Key;
use crate::protocol::response::Response;
use crate::protocol::tree::NodeRef;
use crate::sys::memory::{OutOfMemory, push};
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use table::Table;

/// The subtree as far as it was told.
#[derive(Debug)]
pub struct Mirror {
    /// the watched key without a slash at its end; empty for the root
    root: Box<str>,
    recursive: bool,
    /// makes prints unpredictable: nobody can choose two values that look the same
    seed: u64,
    nodes: Table,
}

impl Mirror {
    /// Knows nothing yet.
    pub fn new(key: &Key, recursive: bool, seed: u64) -> Mirror {
        Mirror {
            root: key.text().trim_end_matches('/').into(),
            recursive,
            seed,
            nodes: Table::default(),
        }
    }

    /// To change it: a copy, if others have it, too.
    pub fn own(shared: &mut Arc<Mirror>) -> Result<&mut Mirror, OutOfMemory> {
        if Arc::get_mut(shared).is_none() {
            let copy = shared.try_clone()?;
            *shared = Arc::new(copy);
        }
        Arc::get_mut(shared).ok_or(OutOfMemory)
    }

    fn try_clone(&self) -> Result<Mirror, OutOfMemory> {
        Ok(Mirror {
            root: self.root.clone(),
            nodes: self.nodes.try_clone()?,
            ..*self
        })
    }

    /// Nodes known.
    #[cfg(any(test, feature = "internals"))]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none is known.
    #[cfg(any(test, feature = "internals"))]
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 0
    }

    /// What is known of `key`.
    #[cfg(any(test, feature = "internals"))]
    pub fn get(&self, key: &str) -> Option<&CachedNode> {
        self.nodes.get(key)
    }

    /// Takes an event that the scope holds.
    pub fn apply(&mut self, event: &Response) -> Result<(), OutOfMemory> {
        let Some(node) = event.node() else {
            return Ok(());
        };
        let key = node.key().trim_end_matches('/');
        match event.action() {
            Action::Delete | Action::Expire | Action::CompareAndDelete => self.remove(key),
            action => {
                self.imply_parents(key, node.modified_index())?;
                // a directory that is made is empty, a file has nothing below it
                if !node.is_dir() || action != Action::Update {
                    self.nodes.remove_below(key);
                }
                if !key.is_empty() {
                    self.nodes.insert(key, self.known(node))?;
                }
            }
        }
        Ok(())
    }

    /// Takes over a snapshot; `None` is a key that does not exist. Returns what is different, in order: what is gone,
    /// children before their parents, then what is new or changed, parents before their children.
    ///
    /// A node whose value, kind and creation are the same counts as unchanged even if it was modified since: that is
    /// what a refresh looks like, and refreshes make no event. (So does writing the same value by update or
    /// compare-and-swap; a plain set shows by its new creation index.)
    /// When memory runs out nothing is known any more.
    pub fn renew(
        &mut self,
        snapshot: Option<&Arc<Response>>,
        index: u64,
    ) -> Result<Diff, OutOfMemory> {
        let fresh = match snapshot {
            Some(response) => self.listed(response)?,
            None => Vec::new(),
        };
        let old = std::mem::take(&mut self.nodes);
        let (mut gone, mut changes) = (Vec::new(), Vec::new());
        let mut nodes = Table::default();
        nodes.reserve(fresh.len(), fresh.iter().map(|node| node.key().len()).sum())?;
        let mut place = 0;
        let mut fresh = fresh.into_iter().peekable();
        loop {
            let before = old.at(place);
            let order = match (before, fresh.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((key, _)), Some(node)) => key.cmp(node.key()),
            };
            let before = before.filter(|_| order.is_le());
            let span = old.span_at(place).unwrap_or_default();
            place += usize::from(order.is_le());
            let Some(node) = (if order.is_ge() { fresh.next() } else { None }) else {
                if let Some((_, known)) = before {
                    push(&mut gone, Change::Gone(span, *known))?;
                }
                continue;
            };
            let known = self.known(node);
            let same = |k: &CachedNode| (k.created, k.dir, k.print);
            match before {
                None => push(&mut changes, Change::Created(node.index()))?,
                Some((_, before)) if same(before) != same(&known) => {
                    push(&mut changes, Change::Changed(node.index(), *before))?;
                }
                Some(_) => {}
            }
            nodes.append(node.key(), known)?;
        }
        self.nodes = nodes;
        gone.reverse();
        gone.try_reserve(changes.len())?;
        gone.append(&mut changes);
        Ok(Diff::new(snapshot.cloned(), index, old.into_text(), gone))
    }

    /// Whether a snapshot differs from the mirror only by changes at index `next` or later.
    pub fn agrees(&self, snapshot: Option<&Response>, next: u64) -> bool {
        let fresh = match snapshot {
            Some(response) => self.listed(response),
            None => Ok(Vec::new()),
        };
        let Ok(fresh) = fresh else {
            return false;
        };
        let new = fresh.iter().filter(|node| node.modified_index() >= next);
        let new = new.filter(|node| self.nodes.get(node.key()).is_none());
        let known = self.nodes.len() + new.count() == fresh.len();
        let agrees = |node: &NodeRef<'_>| {
            let same = |k: &CachedNode| (k.created, k.dir, k.print);
            let known = self.nodes.get(node.key()).map(same);
            node.modified_index() >= next || known == Some(same(&self.known(*node)))
        };
        known && fresh.iter().all(agrees)
    }

    /// The nodes of a snapshot that are watched, by key, each key once.
    fn listed<'a>(&self, response: &'a Response) -> Result<Vec<NodeRef<'a>>, OutOfMemory> {
        let numbers = super::batch::listed(response, self.recursive);
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(numbers.len())?;
        nodes.extend(numbers.filter_map(|number| response.tree.get(number)));
        nodes.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        nodes.dedup_by(|a, b| a.key() == b.key());
        Ok(nodes)
    }

    fn known(&self, node: NodeRef<'_>) -> CachedNode {
        let mut hasher = DefaultHasher::new();
        (self.seed, node.value()).hash(&mut hasher);
        CachedNode {
            created: node.created_index(),
            modified: node.modified_index(),
            dir: node.is_dir(),
            print: hasher.finish(),
        }
    }

    /// Directories on the way to `key` that no event tells of: they have the index of the write that made them.
    fn imply_parents(&mut self, key: &str, index: u64) -> Result<(), OutOfMemory> {
        let mut hasher = DefaultHasher::new();
        (self.seed, None::<&str>).hash(&mut hasher);
        let made = CachedNode {
            created: index,
            modified: index,
            dir: true,
            print: hasher.finish(),
        };
        let mut end = key.len();
        while let Some(slash) = key.get(..end).and_then(|above| above.rfind('/')) {
            end = slash;
            let Some(parent) = key.get(..end) else { break };
            if parent.len() < self.root.len().max(1) || self.nodes.get(parent).is_some() {
                break;
            }
            self.nodes.insert(parent, made)?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &str) {
        if self.root.len() >= key.len() {
            // the watched key itself or a directory above it
            self.nodes = Table::default();
            return;
        }
        self.nodes.remove_below(key);
        self.nodes.remove(key);
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
