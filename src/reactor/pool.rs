//! The connections to one member: which of them are idle, how many are in use, and who waits for one.

use super::slab::SlabKey;
use crate::cluster::members::member::Member;
use std::collections::VecDeque;
use std::sync::Arc;

/// What the loop keeps for one member.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) member: Arc<Member>,
    /// as they stand in `Host`
    pub(super) host: String,
    /// the last one to become idle is the first to be used
    pub(super) idle: Vec<SlabKey>,
    /// exchanges that have, or make, one of the limited connections
    busy: usize,
    limit: usize,
    line: VecDeque<SlabKey>,
    /// exchanges of all kinds, waiting ones included
    pub(super) exchanges: usize,
}

impl Pool {
    pub(super) fn new(member: Arc<Member>, limit: usize) -> Pool {
        Pool {
            host: member.channel().endpoint().authority(),
            member,
            idle: Vec::new(),
            busy: 0,
            limit,
            line: VecDeque::new(),
            exchanges: 0,
        }
    }

    /// Leave to use one more connection; else the exchange stands in line.
    pub(super) fn enter(&mut self, exchange: SlabKey) -> bool {
        if self.busy < self.limit {
            self.busy += 1;
            return true;
        }
        self.line.push_back(exchange);
        false
    }

    /// A connection is not used any more.
    pub(super) fn leave(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// Who is served next, and has left the line; it may be gone. `None`: nobody waits, or nothing is free.
    pub(super) fn serve(&mut self) -> Option<SlabKey> {
        if self.busy >= self.limit {
            return None;
        }
        self.line.pop_front()
    }

    /// The one that was served is still there.
    pub(super) fn admit(&mut self) {
        self.busy += 1;
    }

    /// Sends everybody in line away.
    pub(super) fn dissolve(&mut self) -> VecDeque<SlabKey> {
        std::mem::take(&mut self.line)
    }

    /// One of the idle ones is idle no more.
    pub(super) fn forget(&mut self, connection: SlabKey) {
        self.idle.retain(|idle| *idle != connection);
    }

    /// Nothing is here any more.
    pub(super) fn is_unused(&self) -> bool {
        self.exchanges == 0 && self.idle.is_empty()
    }

    /// Only this pool knows the member: it was redirected to, or has left the cluster.
    pub(super) fn is_orphan(&self) -> bool {
        self.member.is_gone() || Arc::strong_count(&self.member) == 1
    }
}
