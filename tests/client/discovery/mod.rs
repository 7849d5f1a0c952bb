//! Which members a client knows, and how it finds more of them.

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

use crate::{api, support};
use help::*;
