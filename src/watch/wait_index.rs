//! Where a watch stands: the first index that it has not seen.

/// The first index not yet seen; 0 until the first answer of a watch "from now" has told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitIndex(u64);

impl WaitIndex {
    /// At `index`; 0 is "from now".
    pub fn at(index: u64) -> WaitIndex {
        WaitIndex(index)
    }

    /// What the next poll asks for.
    pub fn wait_index(self) -> u64 {
        self.0
    }

    /// A poll was registered at store index `head` (0: unknown) and ended without the beginning of an event: everything
    /// up to `head` was looked through and held nothing. Without this a quiet key falls out of the server's history.
    pub fn quiet(&mut self, head: u64) {
        if head != 0 {
            self.0 = self.0.max(head.saturating_add(1));
        }
    }

    /// A poll registered at `head` was cut, perhaps inside an event that had been in the history: only a watch that had
    /// no position yet learns one.
    #[cfg(any(test, feature = "internals"))]
    pub fn cut(&mut self, head: u64) {
        if self.0 == 0 && head != 0 {
            self.0 = head.saturating_add(1);
        }
    }

    /// Takes an event; `false` if it had been seen before, or has an index that no store gets to and nothing comes after.
    pub fn take(&mut self, modified: u64) -> bool {
        if modified < self.0 || matches!(modified, 0 | u64::MAX) {
            return false;
        }
        self.0 = modified.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::WaitIndex;

    #[test]
    fn quiet_polls_carry_it_forward_and_never_back() {
        let mut p = WaitIndex::at(5);
        p.quiet(0);
        assert_eq!(p.wait_index(), 5);
        p.quiet(1200);
        assert_eq!(p.wait_index(), 1201);
        p.quiet(7);
        assert_eq!(p.wait_index(), 1201);
    }

    #[test]
    fn a_cut_poll_anchors_only_a_watch_from_now() {
        let mut p = WaitIndex::at(0);
        p.cut(0);
        assert_eq!(p.wait_index(), 0);
        p.cut(9);
        assert_eq!(p.wait_index(), 10);
        p.cut(100);
        assert_eq!(p.wait_index(), 10);
    }

    #[test]
    fn events_are_taken_once_and_in_order() {
        let mut p = WaitIndex::at(10);
        assert!(!p.take(9));
        assert!(p.take(12));
        assert!(!p.take(12));
        assert!(p.take(13));
        assert!(!p.take(0));
        assert_eq!(p.wait_index(), 14);
        let mut p = WaitIndex::at(u64::MAX - 1);
        assert!(p.take(u64::MAX - 1));
        assert!(!p.take(u64::MAX));
    }
}
