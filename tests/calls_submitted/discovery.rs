//! What `discovery` tests of calls in need, for calls that are submitted: both drivers follow the same rules.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

#[cfg(feature = "srv")]
#[path = "../client/discovery/dns.rs"]
mod dns;
#[path = "../client/discovery/help.rs"]
mod help;
#[path = "../client/discovery/need.rs"]
mod need;

use crate::{api, support};
use help::*;
