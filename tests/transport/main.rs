//! Exchanges with a server that misbehaves as told.
#![allow(clippy::unwrap_used)]
#[path = "../exchange/mod.rs"]
mod exchange;
#[path = "../support/mod.rs"]
mod support;

mod answers;
mod cancel;
mod connections;
mod limits;
