//! What holds for every call, executed here and submitted in `calls_submitted`: both drivers follow the same rules.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

#[path = "../support/mod.rs"]
pub(crate) mod support;

mod absent;
mod all_dead;
mod caveats;
mod deadline;
mod diagnostics;
mod failover;
mod gateways;
mod hedge;
mod outcome;
mod selection;
mod stale;
mod trouble;

pub(crate) use support::api;
