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
pub struct Places(Mutex<VecDeque<SavedPlace>>);

#[derive(Debug)]
struct SavedPlace {
    key: Box<str>,
    recursive: bool,
    place: Place,
    /// so many callers have come to it and were not told since that it is lost
    callers: u32,
}

impl SavedPlace {
    fn is_of(&self, key: &Key, recursive: bool) -> bool {
        self.recursive == recursive && *self.key == *key.text()
    }
}

impl Places {
    fn entries(&self) -> MutexGuard<'_, VecDeque<SavedPlace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of an earlier call of the same key that continues at `index`.
    pub fn find(&self, key: &Key, recursive: bool, index: u64) -> Option<Place> {
        let entries = self.entries();
        let of_it = |e: &&SavedPlace| e.place.next() == index && e.is_of(key, recursive);
        entries.iter().rev().find(of_it).map(|e| e.place.clone())
    }

    /// A call that went on at `from` has ended at this place.
    pub fn keep(&self, key: &Key, recursive: bool, from: u64, place: Place) {
        if place.next() == 0 {
            return;
        }
        let mut entries = self.entries();
        let of_it = |e: &SavedPlace| e.is_of(key, recursive);
        let old = entries
            .iter()
            .position(|e| e.place.next() == place.next() && of_it(e));
        let callers = old
            .and_then(|at| entries.remove(at))
            .map_or(0, |e| e.callers);
        let came = u32::from(callers == 0 || place.next() != from);
        if entries.iter().filter(|e| of_it(e)).count() >= OF_ONE {
            let oldest = entries.iter().position(of_it);
            oldest.and_then(|at| entries.remove(at));
        } else if entries.len() >= OF_ALL {
            entries.pop_front();
        }
        entries.push_back(SavedPlace {
            key: key.text().into(),
            recursive,
            place,
            callers: callers.saturating_add(came),
        });
    }

    /// A call that went on at `from` was told that history is lost. Who goes on there once more has an index of the store
    /// as it is now: by what was known of the old one he would be told so for ever.
    pub fn lose(&self, key: &Key, recursive: bool, from: u64) {
        let mut entries = self.entries();
        entries.retain_mut(|e| {
            if e.place.next() == from && e.is_of(key, recursive) {
                e.callers = e.callers.saturating_sub(1);
            }
            e.callers > 0
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
        places.keep(&a, false, 1, place(&a, 7));
        places.keep(&a, false, 1, place(&a, 0));
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
    fn a_loss_is_told_once_to_each_caller_of_a_place() {
        let (places, a) = (Places::default(), key("/a"));
        // two come to it, one of them waits in vain there
        for from in [5, 6, 7, 7] {
            places.keep(&a, false, from, place(&a, 7));
        }
        places.lose(&a, true, 7);
        places.lose(&a, false, 8);
        for told in [true, true, false, false] {
            assert_eq!(places.find(&a, false, 7).is_some(), told);
            places.lose(&a, false, 7);
        }
    }

    #[test]
    fn the_oldest_is_forgotten_of_one_key_and_of_all() {
        let (places, a) = (Places::default(), key("/a"));
        for index in 1..=100 {
            places.keep(&a, false, 0, place(&a, index));
            places.keep(&a, false, 0, place(&a, index));
        }
        assert_eq!(places.entries().len(), OF_ONE);
        assert!(places.find(&a, false, 97).is_some());
        for i in 0..OF_ALL {
            let other = key(&format!("/other/{i}"));
            places.keep(&other, true, 0, place(&other, 1));
        }
        assert_eq!(places.entries().len(), OF_ALL);
        assert!(places.find(&a, false, 100).is_none());
    }
}
