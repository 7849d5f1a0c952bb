//! What a client has done so far, in numbers: at one time, for itself and for each of its members.

use super::Client;
use crate::error::Result;
use crate::telemetry::metrics::Metric;
use crate::transport::metrics::MetricsSnapshot;
use crate::watch::counters::WatchCounters;
use std::ffi::CStr;
use std::sync::Arc;

/// Names of the counters, by their number in the header.
pub(crate) const NAMES: [&CStr; 30] = [
    c"requests",
    c"attempts",
    c"failed_attempts",
    c"retries",
    c"failovers",
    c"reconnects",
    c"succeeded",
    c"refused",
    c"timeouts",
    c"cancelled",
    c"outcome_unknown",
    c"failed",
    c"in_flight",
    c"bytes_sent",
    c"bytes_received",
    c"connections_opened",
    c"connections_open",
    c"connections_idle",
    c"watch_polls",
    c"watchers",
    c"watchers_live",
    c"watchers_reconnecting",
    c"events_delivered",
    c"events_dropped",
    c"watch_gaps",
    c"hedges",
    c"stale_rejected",
    c"watch_resyncs",
    c"watch_reconnects",
    c"events_filtered",
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
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|name| name.to_str().unwrap_or_default())
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
                watched.counters.resyncs,
                watched.counters.reconnects,
                watched.counters.filtered,
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
    named(&[
        (c"attempts", sums.exchanges),
        (c"failed_attempts", sums.failed),
        (c"in_flight", sums.in_flight),
        (c"bytes_sent", sums.sent),
        (c"bytes_received", sums.received),
        (c"connections_opened", sums.opened),
        (c"connections_open", sums.open),
        (c"connections_idle", sums.idle),
    ])
}

/// Of one watcher.
pub(crate) fn of_watcher(counters: &WatchCounters) -> Row {
    named(&[
        (c"watch_polls", counters.polls),
        (c"events_delivered", counters.delivered),
        (c"events_dropped", counters.dropped),
        (c"watch_gaps", counters.gaps),
        (c"watch_resyncs", counters.resyncs),
        (c"watch_reconnects", counters.reconnects),
        (c"events_filtered", counters.filtered),
    ])
}

/// What is not named is 0.
fn named(values: &[(&CStr, u64)]) -> Row {
    let mut row = [0; NAMES.len()];
    for (name, value) in values {
        let place = NAMES.iter().position(|n| n == name);
        if let Some(slot) = place.and_then(|place| row.get_mut(place)) {
            *slot = *value;
        }
    }
    row
}
