//! What a watcher with RESYNC knows of its subtree, so that a new snapshot can be told as changes.
//!
//! Cost: per key its text and about 60 bytes (indices, a 64-bit print of the value, the tree). Values are not kept: they
//! may be megabytes each, so the previous node of a synthetic event has key, indices and kind, but no value.

use super::batch::{Change, Diff};
use super::cached_node::CachedNode;
use crate::protocol::key::Key;
use crate::protocol::response::{Action, Response};
use crate::protocol::tree::NodeRef;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

/// The subtree as far as it was told.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// the watched key without a slash at its end; empty for the root
    root: Box<str>,
    recursive: bool,
    /// makes prints unpredictable: nobody can choose two values that look the same
    seed: u64,
    nodes: BTreeMap<Box<str>, CachedNode>,
}

impl Mirror {
    /// Knows nothing yet.
    pub fn new(key: &Key, recursive: bool, seed: u64) -> Mirror {
        Mirror {
            root: key.text().trim_end_matches('/').into(),
            recursive,
            seed,
            nodes: BTreeMap::new(),
        }
    }

    /// Nodes known.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What is known of `key`.
    pub fn get(&self, key: &str) -> Option<&CachedNode> {
        self.nodes.get(key)
    }

    /// Takes an event that the scope holds.
    pub fn apply(&mut self, event: &Response) {
        let Some(node) = event.node() else { return };
        let key = node.key().trim_end_matches('/');
        match event.action() {
            Action::Delete | Action::Expire | Action::CompareAndDelete => self.remove(key),
            action => {
                self.imply_parents(key, node.modified_index());
                // a directory that is made is empty, a file has nothing below it
                if !node.is_dir() || action != Action::Update {
                    self.remove_below(key);
                }
                if !key.is_empty() {
                    self.nodes.insert(key.into(), self.known(node));
                }
            }
        }
    }

    /// Takes over a snapshot; `None` is a key that does not exist. Returns what is different, in order: what is gone,
    /// children before their parents, then what is new or changed, parents before their children.
    ///
    /// A node whose value, kind and creation are the same counts as unchanged even if it was modified since: that is
    /// what a refresh looks like, and refreshes make no event. (So does writing the same value by update or
    /// compare-and-swap; a plain set shows by its new creation index.)
    pub fn renew(&mut self, snapshot: Option<&Arc<Response>>, index: u64) -> Diff {
        let fresh = snapshot.map_or(Vec::new(), |response| self.listed(response));
        let old = std::mem::take(&mut self.nodes);
        let (mut gone, mut changes) = (Vec::new(), Vec::new());
        let mut old = old.into_iter().peekable();
        let mut nodes = Vec::with_capacity(fresh.len());
        let mut fresh = fresh.into_iter().peekable();
        loop {
            let order = match (old.peek(), fresh.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((key, _)), Some(node)) => (**key).cmp(node.key()),
            };
            let before = if order.is_le() { old.next() } else { None };
            let Some(node) = (if order.is_ge() { fresh.next() } else { None }) else {
                gone.extend(before.map(|(key, known)| Change::Gone(key, known)));
                continue;
            };
            let known = self.known(node);
            let key = match before {
                None => {
                    changes.push(Change::Created(node.index()));
                    node.key().into()
                }
                Some((key, before)) => {
                    let same = |k: &CachedNode| (k.created, k.dir, k.print);
                    if same(&before) != same(&known) {
                        changes.push(Change::Changed(node.index(), before));
                    }
                    key
                }
            };
            nodes.push((key, known));
        }
        // sorted already: built in one go
        self.nodes = nodes.into_iter().collect();
        gone.reverse();
        gone.append(&mut changes);
        Diff::new(snapshot.cloned(), index, gone)
    }

    /// Whether a snapshot differs from the mirror only by changes at index `next` or later.
    pub fn agrees(&self, snapshot: Option<&Response>, next: u64) -> bool {
        let fresh = snapshot.map_or(Vec::new(), |response| self.listed(response));
        let new = fresh.iter().filter(|node| node.modified_index() >= next);
        let new = new.filter(|node| !self.nodes.contains_key(node.key()));
        let known = self.nodes.len() + new.count() == fresh.len();
        let agrees = |node: &NodeRef<'_>| {
            let same = |k: &CachedNode| (k.created, k.dir, k.print);
            let known = self.nodes.get(node.key()).map(same);
            node.modified_index() >= next || known == Some(same(&self.known(*node)))
        };
        known && fresh.iter().all(agrees)
    }

    /// The nodes of a snapshot that are watched, by key, each key once.
    fn listed<'a>(&self, response: &'a Response) -> Vec<NodeRef<'a>> {
        let mut nodes: Vec<_> = super::batch::listed(response, self.recursive)
            .filter_map(|number| response.tree.get(number))
            .collect();
        nodes.sort_unstable_by(|a, b| a.key().cmp(b.key()));
        nodes.dedup_by(|a, b| a.key() == b.key());
        nodes
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
    fn imply_parents(&mut self, key: &str, index: u64) {
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
            if parent.len() < self.root.len().max(1) || self.nodes.contains_key(parent) {
                break;
            }
            self.nodes.insert(parent.into(), made);
        }
    }

    fn remove(&mut self, key: &str) {
        if self.root.len() >= key.len() {
            // the watched key itself or a directory above it
            self.nodes.clear();
            return;
        }
        self.remove_below(key);
        self.nodes.remove(key);
    }

    fn remove_below(&mut self, key: &str) {
        let first = format!("{key}/");
        while let Some(child) = self.first_below(&first) {
            self.nodes.remove(&child);
        }
    }

    fn first_below(&self, first: &str) -> Option<Box<str>> {
        let (child, _) = self
            .nodes
            .range::<str, _>((Bound::Included(first), Bound::Unbounded))
            .next()?;
        child.starts_with(first).then(|| child.clone())
    }
}

#[cfg(test)]
#[path = "mirror_tests.rs"]
mod tests;
