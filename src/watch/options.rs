//! What a watcher is told when it is made; every setter validates and says no with a status.

use crate::error::{Error, Result};
use std::time::Duration;

/// Where a watcher begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Start {
    /// With the first change after the watcher is live.
    #[default]
    FromNow,
    /// With the first change whose index is this or higher.
    At(u64),
    /// With everything that is there, then every change after it.
    SnapshotFirst,
}

/// What happens when the server no longer has the events that come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLost {
    /// A gap is told, and the watch goes on from now.
    #[default]
    Gap,
    /// What changed meanwhile is found out and told by synthetic events.
    Resync,
    /// The watch ends with an error.
    Fail,
}

/// What happens when the consumer is slower than the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// Nothing more is read from the server. Whoever blocks for longer than the server's 1000 events loses history.
    #[default]
    Block,
    /// What does not fit is dropped, and a gap is told in its place. Also with [`OnLost::Resync`]: state told by
    /// events is then no longer complete.
    Gap,
}

/// Largest limit of a queue.
const LARGEST_QUEUE: u64 = 1 << 24;
/// Longest time that a poll may be told to last: 24 days.
const LONGEST_MS: i64 = i32::MAX as i64;

/// Settings of a watcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOptions {
    pub(crate) recursive: bool,
    pub(crate) start: Start,
    pub(crate) on_lost: OnLost,
    pub(crate) queue_limit: usize,
    pub(crate) on_full: OnFull,
    /// `None`: as the client says
    pub(crate) max_poll: Option<Duration>,
    pub(crate) progress: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions {
            recursive: false,
            start: Start::FromNow,
            on_lost: OnLost::Gap,
            queue_limit: 1024,
            on_full: OnFull::Block,
            max_poll: None,
            progress: false,
        }
    }
}

impl WatchOptions {
    /// Everything below the key too.
    pub fn set_recursive(&mut self, on: bool) {
        self.recursive = on;
    }

    /// First index of interest; 0 is "from now".
    pub fn set_start_index(&mut self, index: u64) -> Result<()> {
        if index > i64::MAX as u64 {
            return Err(Error::invalid(
                "start_index",
                format_args!("{index} is beyond any index that a store will reach"),
            ));
        }
        if index != 0 && self.start == Start::SnapshotFirst {
            return Err(Error::invalid(
                "start_index",
                "the snapshot that is asked for decides where the watch begins; set one of the two",
            ));
        }
        self.start = match (index, self.start) {
            (0, Start::SnapshotFirst) => Start::SnapshotFirst,
            (0, _) => Start::FromNow,
            _ => Start::At(index),
        };
        Ok(())
    }

    /// Begin with everything that is there.
    pub fn set_snapshot_first(&mut self, on: bool) -> Result<()> {
        match (on, self.start) {
            (true, Start::At(index)) => Err(Error::invalid(
                "snapshot_first",
                format_args!("the watch is told to begin at index {index}; set one of the two"),
            )),
            (true, _) => {
                self.start = Start::SnapshotFirst;
                Ok(())
            }
            (false, Start::SnapshotFirst) => {
                self.start = Start::FromNow;
                Ok(())
            }
            (false, _) => Ok(()),
        }
    }

    /// When history is lost.
    pub fn set_on_lost(&mut self, policy: OnLost) {
        self.on_lost = policy;
    }

    /// Events that wait for the consumer.
    pub fn set_queue_limit(&mut self, limit: u64) -> Result<()> {
        if !(1..=LARGEST_QUEUE).contains(&limit) {
            return Err(Error::invalid(
                "queue_limit",
                format_args!("{limit} is not within 1 and {LARGEST_QUEUE}"),
            ));
        }
        self.queue_limit = limit as usize;
        Ok(())
    }

    /// When the consumer is slow.
    pub fn set_on_full(&mut self, policy: OnFull) {
        self.on_full = policy;
    }

    /// A poll is renewed after this time without an event, give or take a quarter; -2: as the client says.
    pub fn set_max_poll_ms(&mut self, ms: i64) -> Result<()> {
        self.max_poll = match ms {
            -2 => None,
            100..=LONGEST_MS => Some(Duration::from_millis(ms.unsigned_abs())),
            // who never asks again does not notice that its member is gone
            _ => {
                let why = format!("{ms} is not within 100 to {LONGEST_MS}, nor -2 (default)");
                return Err(Error::invalid("poll_timeout_ms", why));
            }
        };
        Ok(())
    }

    /// An event whenever it is known that nothing happened up to an index.
    pub fn set_progress(&mut self, on: bool) {
        self.progress = on;
    }

    /// What only all settings together show; called when a watcher is made.
    pub fn check(&self) -> Result<()> {
        match (self.on_lost, self.start) {
            (OnLost::Resync, Start::At(_)) => Err(Error::invalid(
                "start_index",
                "RESYNC takes a snapshot at the start, which decides where the watch begins; leave the index out",
            )),
            _ => Ok(()),
        }
    }

    /// For a single change at or after `index` (0: from now); lost history is an error.
    pub(crate) fn once(recursive: bool, index: u64) -> WatchOptions {
        WatchOptions {
            recursive,
            start: match index {
                0 => Start::FromNow,
                _ => Start::At(index),
            },
            on_lost: OnLost::Fail,
            ..WatchOptions::default()
        }
    }

    /// Whether it begins with a snapshot: a deletion can only be told of a key that was known.
    pub fn snapshot_first(&self) -> bool {
        self.start == Start::SnapshotFirst || self.on_lost == OnLost::Resync
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    #[test]
    fn bad_settings_name_the_parameter_and_change_nothing() {
        let mut options = WatchOptions::default();
        let before = options.clone();
        for (name, result) in [
            ("queue_limit", options.set_queue_limit(0)),
            ("queue_limit", options.set_queue_limit(u64::MAX)),
            ("poll_timeout_ms", options.set_max_poll_ms(99)),
            ("poll_timeout_ms", options.set_max_poll_ms(-1)),
            ("poll_timeout_ms", options.set_max_poll_ms(i64::MAX)),
            ("start_index", options.set_start_index(u64::MAX)),
        ] {
            let error = result.expect_err(name);
            assert_eq!(error.status(), Status::INVALID_ARGUMENT);
            assert!(error.to_string().starts_with(name), "{error}");
        }
        assert_eq!(options, before);
        assert!(options.set_queue_limit(1).is_ok() && options.set_max_poll_ms(100).is_ok());
    }

    #[test]
    fn one_beginning_only() {
        let mut options = WatchOptions::default();
        options.set_start_index(7).unwrap();
        assert!(options.set_snapshot_first(true).is_err());
        options.set_snapshot_first(false).unwrap();
        assert_eq!(options.start, Start::At(7));
        options.set_on_lost(OnLost::Resync);
        assert!(options.check().is_err() && options.snapshot_first());
        options.set_start_index(0).unwrap();
        assert!(options.check().is_ok());
        options.set_snapshot_first(true).unwrap();
        options.set_start_index(0).unwrap();
        assert_eq!(options.start, Start::SnapshotFirst);
        assert!(options.set_start_index(7).is_err());
        options.set_snapshot_first(false).unwrap();
        assert_eq!(options.start, Start::FromNow);
    }
}
