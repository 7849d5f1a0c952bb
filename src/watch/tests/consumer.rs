//! A program that keeps a table from what it is told, and checks the order.

use crate::protocol::action::Action as Did;
use crate::watch::event::{Event, EventKind, Loss};
use std::collections::BTreeMap;

/// What was told, and what a program would make of it.
#[derive(Default)]
pub(in crate::watch) struct Consumer {
    pub(in crate::watch) table: BTreeMap<String, (String, u64)>,
    pub(in crate::watch) indices: Vec<u64>,
    pub(in crate::watch) gaps: Vec<(u64, u64, Option<Loss>)>,
    pub(in crate::watch) synthetic: u64,
    pub(in crate::watch) last: u64,
    pub(in crate::watch) progress: u64,
    /// indices have begun again
    pub(in crate::watch) recreated: bool,
}

impl Consumer {
    pub(in crate::watch) fn take(&mut self, event: &Event, key: &str) {
        match event.kind() {
            EventKind::Gap => {
                assert!(event.from() > self.last, "a gap over what was told");
                self.gaps.push((event.from(), event.index(), event.loss()));
                self.last = event.index();
                return;
            }
            EventKind::Progress => {
                self.progress = event.index();
                return;
            }
            EventKind::Change => {
                let (index, last) = (event.index(), self.last);
                assert!(index > last || self.recreated, "{index} after {last}");
                self.last = event.index();
                self.indices.push(event.index());
            }
            EventKind::Synthetic => self.synthetic += 1,
            EventKind::Snapshot => {}
        }
        if event.kind() != EventKind::Change {
            // what a snapshot showed ends there
            self.last = event.index();
        }
        let node = event.node().expect("a node");
        let path = node.key();
        match event.response().expect("an answer").action() {
            Did::Delete | Did::Expire => {
                if event.kind() == EventKind::Synthetic {
                    assert!(event.prev_node().is_some());
                }
                let all = path.len() <= key.len();
                let inside = format!("{path}/");
                self.table
                    .retain(|k, _| !(all || k == path || k.starts_with(&inside)));
            }
            _ => {
                if let Some(value) = node.value() {
                    self.table
                        .insert(path.to_owned(), (value.to_owned(), node.created_index()));
                }
            }
        }
    }
}
