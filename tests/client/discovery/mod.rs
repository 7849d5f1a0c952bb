//! Which members a client knows, and how it finds more of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use crate::api;
#[cfg(feature = "srv")]
mod dns;
#[cfg(feature = "srv")]
mod downgrade;
mod endpoints;
#[cfg(feature = "srv")]
mod floods;
mod help;
mod lists;
mod need;
mod periodic;
mod ready;
use crate::support;

use help::*;
