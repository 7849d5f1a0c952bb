//! TLS: who is trusted, who is not and why, and that both drivers, watchers included, do it alike.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

mod alerts;
mod clock;
mod flood;
mod handshake;
mod kinds;
mod matrix;
mod papers;
mod refused;
mod reload;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
mod ways;

use support::api;
