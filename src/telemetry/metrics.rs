//! Numbers of a client that only the rules know; those of its connections are in [`crate::transport::metrics`].

use crate::status::Status;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// requests that began
    Requests,
    /// of them, those that ended with success
    Answered,
    /// with etcd's own refusal
    Refused,
    /// without an answer in time
    Timeouts,
    /// by their token or the end of their client, or given up for another
    Cancelled,
    /// without anybody knowing whether they were applied
    Unknown,
    /// with anything else
    Failed,
    /// attempts after the first of a request
    Retries,
    /// of them, those at another member
    Failovers,
    /// of them, those at the same member
    Reconnects,
    /// requests of watches
    WatchPolls,
    /// reads that were sent to a second member because the first one kept them waiting
    Hedges,
    /// answers that were refused because they were old
    Stale,
}

impl Metric {
    const COUNT: usize = Metric::Stale as usize + 1;

    pub(super) fn of_end(status: Status) -> Metric {
        match status {
            Status::OK => Metric::Answered,
            Status::TIMEOUT => Metric::Timeouts,
            Status::CANCELLED => Metric::Cancelled,
            Status::OUTCOME_UNKNOWN => Metric::Unknown,
            Status(code) if code < Status::INVALID_ARGUMENT.0 => Metric::Refused,
            _ => Metric::Failed,
        }
    }
}

/// All of them; nothing depends on their order, so all of them are relaxed.
#[derive(Debug, Default)]
pub struct Metrics([AtomicU64; Metric::COUNT]);

impl Metrics {
    /// One more; says how many there were before.
    pub(crate) fn add(&self, count: Metric) -> u64 {
        let found = self.0.get(count as usize);
        found.map_or(0, |count| count.fetch_add(1, Ordering::Relaxed))
    }

    /// How many.
    pub fn get(&self, count: Metric) -> u64 {
        let found = self.0.get(count as usize);
        found.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Requests without an end.
    pub fn in_flight(&self) -> u64 {
        let ends = [
            Metric::Answered,
            Metric::Refused,
            Metric::Timeouts,
            Metric::Cancelled,
            Metric::Unknown,
            Metric::Failed,
        ];
        let ended: u64 = ends.iter().map(|end| self.get(*end)).sum();
        self.get(Metric::Requests).saturating_sub(ended)
    }
}
