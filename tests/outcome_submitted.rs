//! The suite of `outcome`, for calls that are submitted.
#[path = "outcome.rs"]
mod suite;
