//! What a watcher has done so far, in numbers.

/// Counters of one watcher: its queue's own, and those of the upstream that it shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchCounters {
    /// events handed to the consumer
    pub delivered: u64,
    /// events that did not fit into the queue
    pub dropped: u64,
    /// gaps told
    pub gaps: u64,
    /// snapshots taken because history was lost
    pub resyncs: u64,
    /// exchanges that failed and were followed by another try
    pub reconnects: u64,
    /// long polls sent
    pub polls: u64,
    /// events left out: hidden keys, false ancestors, repetitions
    pub filtered: u64,
}

impl WatchCounters {
    /// Both together.
    pub fn plus(self, other: WatchCounters) -> WatchCounters {
        self.with(other, u64::wrapping_add)
    }

    /// What was counted since `base`; what is below zero comes back with [`WatchCounters::plus`].
    pub fn minus(self, base: WatchCounters) -> WatchCounters {
        self.with(base, u64::wrapping_sub)
    }

    fn with(self, other: WatchCounters, of: fn(u64, u64) -> u64) -> WatchCounters {
        WatchCounters {
            delivered: of(self.delivered, other.delivered),
            dropped: of(self.dropped, other.dropped),
            gaps: of(self.gaps, other.gaps),
            resyncs: of(self.resyncs, other.resyncs),
            reconnects: of(self.reconnects, other.reconnects),
            polls: of(self.polls, other.polls),
            filtered: of(self.filtered, other.filtered),
        }
    }
}
