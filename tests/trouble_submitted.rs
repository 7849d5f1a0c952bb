//! The suite of `trouble`, for calls that are submitted.
#[path = "trouble.rs"]
mod suite;
