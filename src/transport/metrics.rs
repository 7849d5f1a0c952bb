//! Numbers that grow: what went to one member, and to all of a client's.
use super::timings::Timings;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers of one member, or of a client; nothing depends on their order, so all of them are relaxed.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    exchanges: AtomicU64,
    failed: AtomicU64,
    in_flight: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    opened: AtomicU64,
    open: AtomicU64,
    busy: AtomicU64,
    /// of the client that this is a part of
    whole: Option<Arc<ConnectionMetrics>>,
}

/// All of them at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricsSnapshot {
    /// requests that were sent, or tried to be
    pub exchanges: u64,
    /// of them, those that brought no answer
    pub failed: u64,
    /// of them, those without an end
    pub in_flight: u64,
    /// bytes of requests that left
    pub sent: u64,
    /// bytes of answers that came
    pub received: u64,
    /// connections made
    pub opened: u64,
    /// connections that there are
    pub open: u64,
    /// of them, those that carry nothing at the moment
    pub idle: u64,
}

impl ConnectionMetrics {
    /// Of a member.
    pub(super) fn part_of(whole: &Arc<ConnectionMetrics>) -> ConnectionMetrics {
        ConnectionMetrics {
            whole: Some(whole.clone()),
            ..ConnectionMetrics::default()
        }
    }

    /// An exchange begins.
    pub(crate) fn begin(&self) {
        self.each(|t| {
            add(&t.exchanges, 1);
            add(&t.in_flight, 1);
        });
    }

    /// An exchange is over.
    pub(crate) fn end(&self, timings: &Timings) {
        self.each(|t| {
            subtract(&t.in_flight);
            add(&t.sent, timings.sent);
            add(&t.received, timings.received);
        });
    }

    /// One of those that are over brought no answer.
    pub(crate) fn fail(&self) {
        self.each(|t| add(&t.failed, 1));
    }

    /// All of them.
    pub fn sums(&self) -> MetricsSnapshot {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        MetricsSnapshot {
            exchanges: of(&self.exchanges),
            failed: of(&self.failed),
            in_flight: of(&self.in_flight),
            sent: of(&self.sent),
            received: of(&self.received),
            opened: of(&self.opened),
            open: of(&self.open),
            // the two are not read at once
            idle: of(&self.open).saturating_sub(of(&self.busy)),
        }
    }

    fn each(&self, change: impl Fn(&ConnectionMetrics)) {
        change(self);
        if let Some(whole) = &self.whole {
            change(whole);
        }
    }
}

fn add(count: &AtomicU64, amount: u64) {
    count.fetch_add(amount, Ordering::Relaxed);
}

fn subtract(count: &AtomicU64) {
    count.fetch_sub(1, Ordering::Relaxed);
}

/// One connection, for as long as there is one.
#[derive(Debug)]
pub(crate) struct Lease {
    metrics: Arc<ConnectionMetrics>,
    made: bool,
    busy: bool,
}

impl Lease {
    /// Of one that is not made yet.
    pub(crate) fn new(metrics: &Arc<ConnectionMetrics>) -> Lease {
        Lease {
            metrics: metrics.clone(),
            made: false,
            busy: false,
        }
    }

    /// There it is.
    pub(crate) fn made(mut self) -> Lease {
        self.set_made();
        self
    }

    /// As [`Lease::made`].
    pub(crate) fn set_made(&mut self) {
        if !std::mem::replace(&mut self.made, true) {
            self.metrics.each(|t| {
                add(&t.opened, 1);
                add(&t.open, 1);
            });
        }
    }

    /// Whether it carries something.
    pub(crate) fn set_busy(&mut self, busy: bool) {
        if self.busy != busy {
            self.busy = busy;
            self.metrics.each(|t| match busy {
                true => add(&t.busy, 1),
                false => subtract(&t.busy),
            });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.set_busy(false);
        if self.made {
            self.metrics.each(|t| subtract(&t.open));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_counts_for_itself_and_for_the_whole() {
        let whole = Arc::new(ConnectionMetrics::default());
        let [one, two] = [(); 2].map(|()| Arc::new(ConnectionMetrics::part_of(&whole)));
        let timings = Timings {
            sent: 3,
            received: 5,
            ..Timings::default()
        };
        one.begin();
        two.begin();
        two.end(&timings);
        two.fail();
        let _begun = Lease::new(&one);
        let mut lease = Lease::new(&one).made();
        lease.set_busy(true);
        lease.set_busy(true);
        let other = Lease::new(&one).made();
        assert_eq!(two.sums().exchanges, 1);
        assert_eq!((one.sums().open, one.sums().idle), (2, 1));
        assert_eq!(
            whole.sums(),
            MetricsSnapshot {
                exchanges: 2,
                failed: 1,
                in_flight: 1,
                sent: 3,
                received: 5,
                opened: 2,
                open: 2,
                idle: 1,
            }
        );
        drop((lease, other));
        assert_eq!((whole.sums().opened, whole.sums().open), (2, 0));
        assert_eq!(whole.sums().idle, 0);
    }
}
