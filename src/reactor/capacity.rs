//! Collections give back capacity that was needed for a burst: a client may live for months after its busiest second.

use std::collections::VecDeque;

/// Capacity that is always kept.
const KEPT: usize = 256;

/// A collection that grows with the number of concurrent calls.
pub(super) trait Capacity {
    /// Gives back capacity that is no longer needed. What is kept is twice what is used, so that it does not shrink and grow by
    /// turns.
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
