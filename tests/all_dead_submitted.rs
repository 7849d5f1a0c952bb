//! The suite of `all_dead`, for calls that are submitted.
#[path = "all_dead.rs"]
mod suite;
