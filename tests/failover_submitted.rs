//! The suite of `failover`, for calls that are submitted: both drivers follow the same rules.
#[path = "failover.rs"]
mod suite;
