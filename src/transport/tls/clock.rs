//! The wall clock, which only certificates are held against. Nothing else asks it.

use rustls::{pki_types::UnixTime, time_provider::TimeProvider};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// That of rustls panics where a clock has not been set.
#[derive(Debug)]
pub(super) struct Clock;

impl TimeProvider for Clock {
    /// Before 1970 it counts as 1970, when no certificate was valid: whoever has to be verified is refused in words.
    fn current_time(&self) -> Option<UnixTime> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.unwrap_or(Duration::ZERO)))
    }
}
