//! What was written, and by whom: what watchers tell is held against it.

use super::api;
use etcd_v2::client::{Ask, Call, Client};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) const KEYS: u64 = 100;
const WRITERS: u64 = 8;

/// A change of a key: its new value, or none. Every value is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: u64,
    pub(crate) value: Option<u64>,
}

/// Everything written below `/storm`, by the index that it got.
#[derive(Default)]
pub(crate) struct Ledger {
    known: Mutex<BTreeMap<u64, Change>>,
    /// values whose fate nobody knows: a member died with them
    unknown: Mutex<Vec<Change>>,
    next: AtomicU64,
}

pub(crate) fn path(key: u64) -> String {
    format!("/storm/{key}")
}

impl Ledger {
    /// One write; `false` if it was refused or lost.
    pub(crate) fn write(&self, client: &Client, key: u64, delete: bool) -> bool {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let operation = if delete {
            Operation::Delete
        } else {
            Operation::Set
        };
        let mut request = api::request(operation, &path(key));
        if !delete {
            request.set_value(number.to_string().as_bytes()).unwrap();
        }
        let change = Change {
            key,
            value: (!delete).then_some(number),
        };
        match client.execute(&Call::new(Ask::Keys(request))) {
            Ok(response) => {
                let index = response.node().unwrap().modified_index();
                let before = self.known.lock().unwrap().insert(index, change);
                assert_eq!(before, None, "two writes with index {index}");
                true
            }
            Err(error) => {
                let untouched = [Status::KEY_NOT_FOUND, Status::UNREACHABLE];
                if !untouched.contains(&error.status()) || error.detail().outcome_unknown {
                    self.unknown.lock().unwrap().push(change);
                }
                false
            }
        }
    }

    /// Eight writers of the first `keys` at once, for as long as `more` says so.
    pub(crate) fn fill(&self, client: &Client, keys: u64, more: impl Fn(u64) -> bool + Sync) {
        let begun = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    loop {
                        let number = begun.fetch_add(1, Ordering::Relaxed);
                        if !more(number) {
                            return;
                        }
                        let key = number.wrapping_mul(7) % keys;
                        self.write(client, key, number % 10 == 9);
                    }
                });
            }
        });
    }

    /// The last write of all, to the key that everybody watches; its index.
    pub(crate) fn close(&self, client: &Client) -> u64 {
        while !self.write(client, 0, false) {}
        self.last()
    }

    /// The highest index known.
    pub(crate) fn last(&self) -> u64 {
        *self.known.lock().unwrap().last_key_value().unwrap().0
    }

    /// Changes whose index is known.
    pub(crate) fn known(&self) -> BTreeMap<u64, Change> {
        self.known.lock().unwrap().clone()
    }

    /// Whether a change that is not known may have been made all the same.
    pub(crate) fn may_be(&self, change: Change) -> bool {
        self.unknown.lock().unwrap().contains(&change)
    }

    pub(crate) fn summary(&self) -> String {
        let (known, unknown) = (self.known.lock().unwrap(), self.unknown.lock().unwrap());
        format!(
            "{} writes, {} with an unknown end",
            known.len(),
            unknown.len()
        )
    }
}

/// What the store holds now.
pub(crate) fn table(client: &Client) -> BTreeMap<u64, u64> {
    use etcd_v2::protocol::request::flags;
    let mut request = api::request(Operation::Get, "/storm");
    request.set_flags(flags::RECURSIVE | flags::QUORUM).unwrap();
    let listing = client.execute(&Call::new(Ask::Keys(request))).unwrap();
    let directory = listing.node().unwrap();
    let nodes = (0..directory.child_count()).map(|i| directory.child(i).unwrap());
    nodes
        .map(|node| {
            let key = number_of(node.key()).unwrap();
            (key, node.value().unwrap().parse().unwrap())
        })
        .collect()
}

/// `/storm/7` is 7; other keys are none.
pub(crate) fn number_of(key: &str) -> Option<u64> {
    key.strip_prefix("/storm/")?.parse().ok()
}
