//! The suite of `selection`, for calls that are submitted.
#[path = "selection.rs"]
mod suite;
