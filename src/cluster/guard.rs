//! What a client has been told of its cluster: how far the store is, in which term, and whose it is.

use crate::error::Known;
use crate::protocol::answer::Head;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

/// The highest numbers seen, of one cluster.
#[derive(Debug, Default)]
pub struct Guard {
    // what is known of a cluster goes with it, so the three change together
    seen: RwLock<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// hexadecimal in the head; 0 = unknown
    cluster: u64,
    index: AtomicU64,
    term: AtomicU64,
}

impl Guard {
    /// Takes in the head of a complete answer.
    pub fn see(&self, head: &Head) {
        // what tells no cluster is not an answer of the key space, and perhaps not of etcd
        let Some(cluster) = cluster(head) else {
            return;
        };
        if self.raise(cluster, head) {
            return;
        }
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.cluster != cluster {
            *seen = Seen {
                cluster,
                ..Seen::default()
            };
        }
        drop(seen);
        self.raise(cluster, head);
    }

    fn raise(&self, cluster: u64, head: &Head) -> bool {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        if seen.cluster == cluster {
            raise(&seen.index, head.etcd_index);
            raise(&seen.term, head.raft_term);
        }
        seen.cluster == cluster
    }

    /// What is known now.
    pub fn known(&self) -> Known {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        Known {
            cluster: seen.cluster,
            index: seen.index.load(Ordering::Relaxed),
        }
    }
}

/// Most answers tell nothing new, and then nobody else's copy is touched.
fn raise(to: &AtomicU64, value: u64) {
    if value > to.load(Ordering::Relaxed) {
        to.fetch_max(value, Ordering::Relaxed);
    }
}

/// The cluster of an answer; `None` when it does not tell.
pub fn cluster(head: &Head) -> Option<u64> {
    u64::from_str_radix(&head.cluster_id, 16)
        .ok()
        .filter(|&id| id != 0)
}
