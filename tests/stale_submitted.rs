//! The suite of `stale`, for calls that are submitted.
#[path = "stale.rs"]
mod suite;
