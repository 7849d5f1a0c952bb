//! The addresses of one member, in the order in which a new connection tries them.
use std::net::SocketAddr;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use std::time::{Duration, Instant};

/// How long an address that failed is tried after the others (RFC 8305, 4: on the order of ten minutes).
const REMEMBERED: Duration = Duration::from_secs(600);
/// Failed addresses that are remembered at most, however often a name changes.
const MOST: usize = 64;

/// Their number, as resolved last, and which of them have failed.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// the last failure of each, in no order
    failed: Mutex<Vec<(SocketAddr, Instant)>>,
    /// found by the last look-up
    count: AtomicUsize,
}

impl Addresses {
    /// How many the last look-up found.
    pub(crate) fn count(&self) -> Option<usize> {
        Some(self.count.load(Ordering::Relaxed)).filter(|count| *count > 0)
    }

    /// A connection to it has failed a request.
    pub(crate) fn fail(&self, address: SocketAddr, now: Instant) {
        let mut failed = self.failed();
        failed.retain(|(known, _)| *known != address);
        if failed.len() >= MOST {
            failed.remove(0);
        }
        failed.push((address, now));
    }

    /// Sorts the result of a look-up: addresses that have not failed, in the order of the system, then failed ones, the oldest
    /// failure first, and last `beside`, which another attempt of the same call is waiting for.
    pub(crate) fn order(
        &self,
        mut found: Vec<SocketAddr>,
        beside: Option<SocketAddr>,
        now: Instant,
    ) -> Vec<SocketAddr> {
        self.count.store(found.len(), Ordering::Relaxed);
        let mut failed = self.failed();
        failed.retain(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED);
        if found.len() > 1 && !(failed.is_empty() && beside.is_none()) {
            let last = |address: &SocketAddr| {
                let known = failed.iter().find(|(known, _)| known == address);
                known.map(|(_, at)| *at)
            };
            found.sort_by_key(|address| (Some(*address) == beside, last(address)));
        }
        found
    }

    fn failed(&self) -> MutexGuard<'_, Vec<(SocketAddr, Instant)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_failed_come_last_and_the_oldest_failure_first() {
        let all: Vec<SocketAddr> = ["[::1]:1", "1.1.1.1:1", "1.1.1.2:1"]
            .map(|address| address.parse().unwrap())
            .to_vec();
        let pick = |places: [usize; 3]| places.map(|place| all[place]).to_vec();
        let addresses = Addresses::default();
        let mut now = Instant::now();
        assert_eq!(addresses.count(), None);
        assert_eq!(addresses.order(all.clone(), None, now), all);
        assert_eq!(addresses.count(), Some(3));
        addresses.fail(all[0], now);
        assert_eq!(addresses.order(all.clone(), None, now), pick([1, 2, 0]));
        now += Duration::from_secs(1);
        for place in [2, 1] {
            addresses.fail(all[place], now);
            now += Duration::from_secs(1);
        }
        assert_eq!(addresses.order(all.clone(), None, now), pick([0, 2, 1]));
        let beside = addresses.order(all.clone(), Some(all[0]), now);
        assert_eq!(beside, pick([2, 1, 0]));
        assert_eq!(addresses.order(all.clone(), None, now + REMEMBERED), all);
        for port in 1..1000 {
            addresses.fail(SocketAddr::from(([1, 1, 1, 1], port)), now);
        }
        assert_eq!(addresses.failed().len(), MOST);
    }
}
