//! The suites of `calls`, for calls that are submitted.

#[path = "../calls/main.rs"]
mod calls;
mod discovery;

use calls::{api, support};
