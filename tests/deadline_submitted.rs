//! The suite of `deadline`, for calls that are submitted: both drivers follow the same rules.
#[path = "deadline.rs"]
mod suite;
