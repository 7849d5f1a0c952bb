//! The positions at which calls of `watch_once` ended, so that a call that continues from one can recognise the store.

use super::machine::Place;
use crate::protocol::key::Key;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Positions that are kept, for one key and for all; the oldest is dropped first.
const OF_ONE: usize = 4;
const OF_ALL: usize = 64;

/// The positions of the last calls of a client.
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

    /// The position of an earlier call of the same key that continues at `index`.
    pub fn find(&self, key: &Key, recursive: bool, index: u64) -> Option<Place> {
        let entries = self.entries();
        let of_it = |e: &&Entry| e.place.next() == index && e.is_of(key, recursive);
        entries.iter().rev().find(of_it).map(|e| e.place.clone())
    }

    /// Keeps the position at which a call has ended.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::machine::Machine;
    use crate::watch::options::WatchOptions;
    use std::time::Duration;

    fn key(text: &str) -> Key {
        Key::parse("key", text).unwrap()
    }

    fn place(key: &Key, next: u64) -> Place {
        let options = WatchOptions::once(false, next);
        let machine = Machine::new(key, &options, Duration::from_secs(30), 1).unwrap();
        machine.place()
    }

    #[test]
    fn a_place_is_found_by_key_kind_and_index() {
        let (places, a, b) = (Places::default(), key("/a"), key("/b"));
        places.keep(&a, false, place(&a, 7));
        places.keep(&a, false, place(&a, 0));
        let next = |key, recursive, index| {
            let found = places.find(key, recursive, index);
            found.map(|place| place.next())
        };
        assert_eq!(next(&a, false, 7), Some(7));
        assert_eq!(next(&a, false, 8), None);
        assert_eq!(next(&a, false, 0), None);
        assert_eq!(next(&a, true, 7), None);
        assert_eq!(next(&b, false, 7), None);
    }

    #[test]
    fn the_oldest_is_forgotten_of_one_key_and_of_all() {
        let (places, a) = (Places::default(), key("/a"));
        for index in 1..=100 {
            places.keep(&a, false, place(&a, index));
            places.keep(&a, false, place(&a, index));
        }
        assert_eq!(places.entries().len(), OF_ONE);
        assert!(places.find(&a, false, 97).is_some());
        for i in 0..OF_ALL {
            let other = key(&format!("/other/{i}"));
            places.keep(&other, true, place(&other, 1));
        }
        assert_eq!(places.entries().len(), OF_ALL);
        assert!(places.find(&a, false, 100).is_none());
    }
}
