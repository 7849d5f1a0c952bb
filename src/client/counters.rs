//! What a client has done so far, in numbers: at one time, for itself and for each of its members.

use super::Client;
use crate::error::Result;
use crate::telemetry::metrics::Metric;
use crate::transport::metrics::MetricsSnapshot;
use std::sync::Arc;

/// Names of the counters, by their number in the header.
pub(crate) const NAMES: [&str; 27] = [
    "requests",
    "attempts",
    "failed_attempts",
    "retries",
    "failovers",
    "reconnects",
    "answered",
    "refused",
    "timeouts",
    "cancelled",
    "outcome_unknown",
    "failed",
    "in_flight",
    "bytes_sent",
    "bytes_received",
    "connections_opened",
    "connections_open",
    "connections_idle",
    "watch_polls",
    "watchers",
    "watchers_live",
    "watchers_reconnecting",
    "events_delivered",
    "events_dropped",
    "watch_gaps",
    "hedges",
    "stale_refused",
];

/// Numbers in the order of `NAMES`.
pub type Row = [u64; NAMES.len()];

/// All of them at one time.
#[derive(Clone, Debug)]
pub struct ClientCounters {
    /// of the client
    pub whole: Row,
    /// of each member, by its URL; what only a whole request has is 0
    pub members: Vec<(Arc<str>, Row)>,
}

impl ClientCounters {
    /// What they are called, in the order of a row.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }
}

impl Client {
    /// Asks nobody.
    pub fn counters(&self) -> Result<ClientCounters> {
        self.refuse_elsewhere()?;
        let counts = self.member_set.telemetry().metrics();
        let of = |count| counts.get(count);
        let sums = self.options.settings.metrics.sums();
        let watched = self
            .registry
            .get()
            .map(|registry| registry.totals())
            .unwrap_or_default();
        let members = self.member_set.members();
        Ok(ClientCounters {
            whole: [
                of(Metric::Requests),
                sums.exchanges,
                sums.failed,
                of(Metric::Retries),
                of(Metric::Failovers),
                of(Metric::Reconnects),
                of(Metric::Answered),
                of(Metric::Refused),
                of(Metric::Timeouts),
                of(Metric::Cancelled),
                of(Metric::Unknown),
                of(Metric::Failed),
                counts.in_flight(),
                sums.sent,
                sums.received,
                sums.opened,
                sums.open,
                sums.idle,
                of(Metric::WatchPolls),
                watched.watchers,
                watched.live,
                watched.reconnecting,
                watched.counters.delivered,
                watched.counters.dropped,
                watched.counters.gaps,
                of(Metric::Hedges),
                of(Metric::Stale),
            ],
            members: members
                .iter()
                .map(|m| (m.url().clone(), row(&m.channel().metrics().sums())))
                .collect(),
        })
    }
}

/// Of one member.
fn row(sums: &MetricsSnapshot) -> Row {
    let mut row = [0; NAMES.len()];
    for (name, value) in [
        ("attempts", sums.exchanges),
        ("failed_attempts", sums.failed),
        ("in_flight", sums.in_flight),
        ("bytes_sent", sums.sent),
        ("bytes_received", sums.received),
        ("connections_opened", sums.opened),
        ("connections_open", sums.open),
        ("connections_idle", sums.idle),
    ] {
        let place = NAMES.iter().position(|n| *n == name);
        if let Some(slot) = place.and_then(|place| row.get_mut(place)) {
            *slot = value;
        }
    }
    row
}
