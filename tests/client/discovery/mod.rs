//! Which members a client knows, and how it finds more of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../api/mod.rs"]
mod api;
#[cfg(feature = "srv")]
mod dns;
#[cfg(feature = "srv")]
mod downgrade;
mod endpoints;
mod help;
mod lists;
mod need;
mod periodic;
mod ready;
#[path = "../support/mod.rs"]
mod support;

use help::*;
