//! What a crowd needed is given back when it has gone: a client lives for months after its busiest second.

use std::collections::VecDeque;

/// Entries for which there is always room.
const KEPT: usize = 256;

/// Something that grows with the number of those who come at once.
pub(super) trait Capacity {
    /// Gives back what is not needed any more. Half of it at least stays unused before it is taken again, so that nothing is
    /// given back and taken in turn.
    fn give_back(&mut self);
}

/// How much of `capacity` is kept for `len`; `None`: all of it.
fn kept(len: usize, capacity: usize) -> Option<usize> {
    (capacity > KEPT * 2 && len < capacity / 4).then(|| KEPT.max(len * 2))
}

impl<T> Capacity for Vec<T> {
    fn give_back(&mut self) {
        if let Some(kept) = kept(self.len(), self.capacity()) {
            self.shrink_to(kept);
        }
    }
}

impl<T> Capacity for VecDeque<T> {
    fn give_back(&mut self) {
        if let Some(kept) = kept(self.len(), self.capacity()) {
            self.shrink_to(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_that_many_needed_is_given_back() {
        let mut queue: VecDeque<u64> = (0..10_000).collect();
        queue.give_back();
        assert!(queue.capacity() >= 10_000, "all of it is used");
        queue.truncate(1000);
        queue.give_back();
        assert!((1000..4000).contains(&queue.capacity()));
        assert_eq!(queue.back(), Some(&999));
        queue.clear();
        queue.give_back();
        assert!((KEPT..=KEPT * 2).contains(&queue.capacity()));
        let kept = queue.capacity();
        queue.give_back();
        assert_eq!(
            queue.capacity(),
            kept,
            "and no more than that is given back"
        );
    }
}
