//! The suite of `hedge`, for calls that are submitted.
#[path = "hedge.rs"]
mod suite;
