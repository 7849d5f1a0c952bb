//! Places for things that come and go, and keys that never mean another thing than the one they were made for.

/// Names a thing in a [`Slab`] for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SlabKey {
    index: u32,
    generation: u32,
}

impl SlabKey {
    /// The place, which other things will have after this one.
    pub(super) fn index(self) -> usize {
        self.index as usize
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Slots allocated together; what is there stays where it is when more is needed.
const CHUNK: usize = 64;

#[derive(Debug)]
struct Chunk<T> {
    slots: Vec<Slot<T>>,
    /// of them have a value
    used: usize,
}

/// Things by key.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    free: Vec<u32>,
    /// not to be used again before [`Slab::settle`]
    resting: Vec<u32>,
    /// of new places: higher than any that a place which was given back has had
    generation: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab {
            chunks: Vec::new(),
            free: Vec::new(),
            resting: Vec::new(),
            generation: 0,
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> SlabKey {
        let free = self.free.pop();
        let chunk = free.and_then(|index| self.chunks.get_mut(index as usize / CHUNK));
        if let (Some(index), Some(chunk)) = (free, chunk) {
            if let Some(slot) = chunk.slots.get_mut(index as usize % CHUNK) {
                slot.value = Some(value);
                chunk.used += 1;
                let generation = slot.generation;
                return SlabKey { index, generation };
            }
        }
        // 2³² things of any kind do not fit into memory
        let index = self.len() as u32;
        let generation = self.generation;
        let is_full = |last: &Chunk<T>| last.slots.len() == CHUNK;
        if self.chunks.last().is_none_or(is_full) {
            self.chunks.push(Chunk {
                slots: Vec::with_capacity(CHUNK),
                used: 0,
            });
        }
        if let Some(last) = self.chunks.last_mut() {
            last.used += 1;
            last.slots.push(Slot {
                generation,
                value: Some(value),
            });
        }
        SlabKey { index, generation }
    }

    /// Places, used or not.
    fn len(&self) -> usize {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        full + self.chunks.last().map_or(0, |last| last.slots.len())
    }

    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        self.chunks.get(index / CHUNK)?.slots.get(index % CHUNK)
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Slot<T>> {
        let chunk = self.chunks.get_mut(index / CHUNK)?;
        chunk.slots.get_mut(index % CHUNK)
    }

    pub(super) fn get(&self, key: SlabKey) -> Option<&T> {
        let slot = self.slot(key.index())?;
        slot.value
            .as_ref()
            .filter(|_| slot.generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        let slot = self.slot_mut(key.index())?;
        slot.value
            .as_mut()
            .filter(|_| slot.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: SlabKey) -> Option<T> {
        let chunk = self.chunks.get_mut(key.index() / CHUNK)?;
        let slot = chunk.slots.get_mut(key.index() % CHUNK)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        chunk.used -= 1;
        self.resting.push(key.index);
        Some(value)
    }

    /// The key of what is at this place now.
    pub(super) fn at(&self, index: usize) -> Option<SlabKey> {
        let slot = self.slot(index).filter(|slot| slot.value.is_some())?;
        let generation = slot.generation;
        Some(SlabKey {
            index: index as u32,
            generation,
        })
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = SlabKey> + '_ {
        (0..self.len()).filter_map(|index| self.at(index))
    }

    /// Places that became free may be used again: nobody holds a bare index of what was there.
    pub(super) fn settle(&mut self) {
        if !self.resting.is_empty() {
            self.free.append(&mut self.resting);
            self.give_back();
        }
    }

    /// Gives back chunks that were needed for a burst; half a chunk of free slots is kept.
    fn give_back(&mut self) {
        let before = self.chunks.len();
        while let [.., spare, last] = self.chunks.as_slice() {
            if last.used > 0 || spare.used > CHUNK / 2 {
                break;
            }
            let generations = last.slots.iter().map(|slot| slot.generation);
            self.generation = generations.fold(self.generation, u32::max);
            self.chunks.pop();
        }
        if self.chunks.len() < before {
            let places = self.len();
            self.free.retain(|index| (*index as usize) < places);
            self.free.shrink_to_fit();
            self.chunks.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_one_thing_for_ever() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        assert_eq!(slab.remove(a), Some("a"));
        let c = slab.insert("c");
        assert_ne!(c.index(), a.index(), "not before it has settled");
        slab.settle();
        let d = slab.insert("d");
        assert_eq!(d.index(), a.index());
        assert_eq!((slab.get(a), slab.get(d)), (None, Some(&"d")));
        assert_eq!((slab.remove(a), slab.get_mut(a)), (None, None));
        assert_eq!(slab.at(d.index()), Some(d));
        assert_eq!(slab.keys().collect::<Vec<_>>(), [d, b, c]);
    }
    #[test]
    fn there_is_room_for_more_than_a_chunk() {
        let mut slab = Slab::default();
        let keys: Vec<SlabKey> = (0..1_000).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.keys().collect::<Vec<_>>(), keys);
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(slab.remove(*key), Some(n));
        }
        slab.settle();
        assert_eq!(slab.keys().count(), 0);
        let again = slab.insert(7);
        assert!(again.index() < 1_000);
    }

    #[test]
    fn what_a_crowd_needed_is_given_back_and_no_key_comes_again() {
        let mut slab = Slab::default();
        let mut ever = std::collections::HashSet::new();
        for _ in 0..3 {
            let crowd: Vec<SlabKey> = (0..1_000).map(|n| slab.insert(n)).collect();
            assert!(crowd.iter().all(|key| ever.insert(*key)));
            let (stays, go) = crowd.split_first().unwrap();
            for key in go {
                slab.remove(*key);
                slab.settle();
            }
            assert!(slab.len() <= 2 * CHUNK, "{}", slab.len());
            assert!(slab.free.len() < slab.len());
            assert!(go.iter().all(|key| slab.get(*key).is_none()));
            assert_eq!(slab.keys().collect::<Vec<_>>(), [*stays]);
            slab.remove(*stays);
            slab.settle();
            assert_eq!(slab.len(), CHUNK);
        }
    }
}
