//! Watchers of all styles in bad weather: connections that are cut at any byte, members that are killed, paused and started
//! again. Whatever happens, what a watcher tells adds up to what was written. Short here; `make storm` is the long form.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

mod crowd;
mod cuts;
mod fastest;
mod judge;
mod ledger;
mod members;
mod price;
mod quiet;
#[path = "../support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::api;

/// Longest wait for what has to come in the end.
const AMPLE: Duration = Duration::from_secs(120);

/// How much of it: from the environment, else short.
fn size(name: &str, short: u64) -> u64 {
    let told = std::env::var(name).ok().filter(|text| !text.is_empty());
    told.map_or(short, |text| text.parse().expect(name))
}

/// Ends the storm, also for a test that fails.
struct Clear<'a>(&'a AtomicBool);

impl Drop for Clear<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Weather is random, and never the same twice.
struct Dice(u64);

impl Dice {
    fn new() -> Dice {
        use std::hash::{BuildHasher, RandomState};
        Dice(RandomState::new().hash_one(0u8) | 1)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}
