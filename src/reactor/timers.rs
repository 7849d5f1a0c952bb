//! When to do what: a heap of times that knows where each of its entries is, so that one can be moved or taken out. A call
//! that ends long before its deadline leaves nothing behind, and nobody is woken for nothing.

use super::capacity::Capacity;
use std::time::Instant;

/// At most one time for each index.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: Vec<(Instant, u32)>,
    /// place in the heap + 1 of each index; 0: none
    places: Vec<u32>,
}

impl Timers {
    /// Replaces the time that `index` had.
    pub(super) fn set(&mut self, index: usize, at: Instant) {
        if self.places.len() <= index {
            self.places.resize(index + 1, 0);
        }
        match self.place(index) {
            Some(place) => {
                if let Some(entry) = self.heap.get_mut(place) {
                    entry.0 = at;
                }
                self.mend(place);
            }
            None => {
                self.heap.push((at, index as u32));
                self.up(self.heap.len() - 1);
            }
        }
    }

    /// No time any more.
    pub(super) fn clear(&mut self, index: usize) {
        let Some(place) = self.place(index) else {
            return;
        };
        self.note(index, 0);
        let last = self.heap.pop();
        self.heap.give_back();
        // none if it was the last one itself
        if let (Some(entry), Some(last)) = (self.heap.get_mut(place), last) {
            *entry = last;
            self.mend(place);
        }
    }

    /// The first time of all.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(at, _)| *at)
    }

    /// Takes out one whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<usize> {
        let &(at, index) = self.heap.first()?;
        if at > now {
            return None;
        }
        self.clear(index as usize);
        Some(index as usize)
    }

    fn place(&self, index: usize) -> Option<usize> {
        let place = *self.places.get(index)?;
        (place as usize).checked_sub(1)
    }

    fn note(&mut self, index: usize, place: u32) {
        if let Some(slot) = self.places.get_mut(index) {
            *slot = place;
        }
    }

    fn at(&self, place: usize) -> Option<Instant> {
        self.heap.get(place).map(|(at, _)| *at)
    }

    /// The entry at this place has a new time.
    fn mend(&mut self, place: usize) {
        let place = self.up(place);
        self.down(place);
    }

    fn up(&mut self, mut place: usize) -> usize {
        while place > 0 && self.at(place) < self.at((place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        self.settle(place);
        place
    }

    fn down(&mut self, mut place: usize) {
        loop {
            let left = 2 * place + 1;
            let Some(mut first) = self.at(left) else {
                break;
            };
            let mut child = left;
            match self.at(left + 1) {
                Some(right) if right < first => (child, first) = (left + 1, right),
                _ => {}
            }
            if self.at(place).is_none_or(|at| at <= first) {
                break;
            }
            self.swap(place, child);
            place = child;
        }
        self.settle(place);
    }

    /// The entry that was at `to` is at `from` now; the other one is still on its way.
    fn swap(&mut self, from: usize, to: usize) {
        self.heap.swap(from, to);
        self.settle(from);
    }

    fn settle(&mut self, place: usize) {
        if let Some(&(_, index)) = self.heap.get(place) {
            self.note(index as usize, place as u32 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn agrees_with_a_sorted_map() {
        let start = Instant::now();
        let mut timers = Timers::default();
        let mut model: BTreeMap<usize, u64> = BTreeMap::new();
        let mut random = 12_345_u64;
        for step in 0..20_000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let index = (random >> 33) as usize % 300;
            match (random >> 20) % 5 {
                0 => {
                    timers.clear(index);
                    model.remove(&index);
                }
                1 => {
                    let now = step / 2;
                    while let Some(index) = timers.due(start + Duration::from_millis(now)) {
                        let first = model.values().min().copied();
                        let at = model.remove(&index);
                        assert!(at.is_some() && at == first && at <= Some(now));
                    }
                    assert!(model.values().all(|at| *at > now));
                }
                _ => {
                    let at = step / 2 + (random >> 40) % 100;
                    timers.set(index, start + Duration::from_millis(at));
                    model.insert(index, at);
                }
            }
            let first = model.values().min();
            assert_eq!(
                timers.next(),
                first.map(|at| start + Duration::from_millis(*at))
            );
        }
        assert_eq!(timers.heap.len(), model.len(), "nothing is left behind");
    }
}
