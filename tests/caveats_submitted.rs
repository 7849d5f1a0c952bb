//! The suite of `caveats`, for calls that are submitted.
#[path = "caveats.rs"]
mod suite;
