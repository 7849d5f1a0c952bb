//! The suites of `calls`, for calls that are submitted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../api/mod.rs"]
mod api;
#[path = "../support/mod.rs"]
mod support;

#[path = "../calls/absent.rs"]
mod absent;
#[path = "../calls/all_dead.rs"]
mod all_dead;
#[path = "../calls/caveats.rs"]
mod caveats;
#[path = "../calls/deadline.rs"]
mod deadline;
#[path = "../calls/diagnostics.rs"]
mod diagnostics;
mod discovery;
#[path = "../calls/failover.rs"]
mod failover;
#[path = "../calls/gateways.rs"]
mod gateways;
#[path = "../calls/hedge.rs"]
mod hedge;
#[path = "../calls/outcome.rs"]
mod outcome;
#[path = "../calls/selection.rs"]
mod selection;
#[path = "../calls/stale.rs"]
mod stale;
#[path = "../calls/trouble.rs"]
mod trouble;
