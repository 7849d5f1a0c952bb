//! Where calls that wait for one change ended, so that a later call that goes on from there knows the store again.

use super::machine::Place;
use crate::protocol::key::Key;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ends of calls that are remembered, of one key and of all; the oldest is forgotten first.
const OF_ONE: usize = 4;
const OF_ALL: usize = 64;

/// The ends of the last calls of a client.
#[derive(Debug, Default)]
pub struct Places(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    key: Box<str>,
    recursive: bool,
    place: Place,
}

impl Entry {
    fn is_of(&self, key: &Key, recursive: bool) -> bool {
        self.recursive == recursive && *self.key == *key.text()
    }
}

impl Places {
    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How a call of the same key ended that told to go on at `index`.
    pub fn find(&self, key: &Key, recursive: bool, index: u64) -> Option<Place> {
        let entries = self.entries();
        let of_it = |e: &&Entry| e.place.next() == index && e.is_of(key, recursive);
        entries.iter().rev().find(of_it).map(|e| e.place.clone())
    }

    /// A call has ended at this place.
    pub fn keep(&self, key: &Key, recursive: bool, place: Place) {
        if place.next() == 0 {
            return;
        }
        let mut entries = self.entries();
        entries.retain(|e| e.place.next() != place.next() || !e.is_of(key, recursive));
        let of_it = |e: &Entry| e.is_of(key, recursive);
        if entries.iter().filter(|e| of_it(e)).count() >= OF_ONE {
            let oldest = entries.iter().position(of_it);
            oldest.and_then(|at| entries.remove(at));
        } else if entries.len() >= OF_ALL {
            entries.pop_front();
        }
        entries.push_back(Entry {
            key: key.text().into(),
            recursive,
            place,
        });
    }
}
