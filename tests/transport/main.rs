//! Exchanges with a server that misbehaves as told.
#![allow(clippy::unwrap_used)]
#[path = "../scripted/mod.rs"]
mod scripted;

mod answers;
mod cancel;
mod connections;
mod limits;
