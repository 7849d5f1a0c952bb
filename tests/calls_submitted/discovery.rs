//! What `discovery` tests of calls in need, for calls that are submitted: both drivers follow the same rules.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod api;
#[cfg(feature = "srv")]
#[path = "discovery/dns.rs"]
mod dns;
#[path = "discovery/help.rs"]
mod help;
#[path = "discovery/need.rs"]
mod need;
mod support;

use help::*;
