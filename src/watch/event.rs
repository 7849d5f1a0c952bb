//! What a watcher tells.

use crate::protocol::response::Response;
use crate::protocol::tree::NodeRef;
use std::sync::Arc;

/// Kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A change, as the server told it.
    Change = 1,
    /// A node that was there when the watch began.
    Snapshot = 2,
    /// A change that was found by comparing snapshots, because the server had lost its history.
    Synthetic = 3,
    /// Changes were lost.
    Gap = 4,
    /// Nothing more happened up to an index.
    Progress = 5,
}

/// Why changes were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server's history of 1000 events no longer held them.
    Cleared = 1,
    /// The cluster is another one or an older state of it, or that cannot be ruled out: its indices may have begun again.
    Recreated = 2,
    /// The consumer was too slow, and its queue drops what does not fit.
    Overflow = 3,
}

/// One event. A clone shares the answer: one event goes to thousands of watchers for the price of a counter.
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventKind,
    loss: Option<Loss>,
    /// which node of the answer; 0 = the answer's own
    node: u32,
    from: u64,
    index: u64,
    response: Option<Arc<Response>>,
}

impl Event {
    /// A change as the server told it.
    pub fn change(response: Response) -> Event {
        let index = response.node().map_or(0, |node| node.modified_index());
        Event::new(EventKind::Change, index, Some(response.shared()))
    }

    /// Node number `node` of a snapshot that was taken at `index`.
    pub fn listed(response: Arc<Response>, node: u32, index: u64) -> Event {
        Event {
            node,
            ..Event::new(EventKind::Snapshot, index, Some(response))
        }
    }

    /// A change that a snapshot at `index` showed.
    pub fn synthetic(response: Response, index: u64) -> Event {
        Event::new(EventKind::Synthetic, index, Some(response.shared()))
    }

    /// Changes between `from` and `index`, both included, may be missing. After [`Loss::Recreated`] `index` is of the
    /// new store and may be the lower one.
    pub fn gap(from: u64, index: u64, loss: Loss) -> Event {
        Event {
            from,
            loss: Some(loss),
            ..Event::new(EventKind::Gap, index, None)
        }
    }

    /// Everything up to `index` has been told.
    pub fn progress(index: u64) -> Event {
        Event::new(EventKind::Progress, index, None)
    }

    fn new(kind: EventKind, index: u64, response: Option<Arc<Response>>) -> Event {
        Event {
            kind,
            loss: None,
            node: 0,
            from: index,
            index,
            response,
        }
    }

    /// One gap for two in a row.
    pub(super) fn merge(&mut self, next: &Event) {
        if next.loss == Some(Loss::Recreated) {
            self.loss = next.loss;
            self.index = next.index;
        }
        self.index = self.index.max(next.index);
    }

    /// What it is.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Of a change, the index that it made; of a snapshot and of synthetic events, the index of the store that they show;
    /// of a gap, the last one that may be missing; of progress, the last one told.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Of a gap, the first index that may be missing; otherwise the index.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Of a gap.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// The answer that it came in: its own for changes and synthetic events, the whole listing for snapshot entries.
    pub fn response(&self) -> Option<&Arc<Response>> {
        self.response.as_ref()
    }

    /// The response, if there is no other reference to it.
    pub(crate) fn into_response(self) -> Option<Response> {
        Response::unshared(self.response?)
    }

    /// The node.
    pub fn node(&self) -> Option<NodeRef<'_>> {
        let response = self.response.as_ref()?;
        match self.node {
            0 => response.node(),
            number => response.tree.get(number),
        }
    }

    /// Its state before; that of a synthetic event has no value.
    pub fn prev_node(&self) -> Option<NodeRef<'_>> {
        self.response.as_ref()?.prev_node()
    }
}
