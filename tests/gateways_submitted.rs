//! The suite of `gateways`, for calls that are submitted.
#[path = "gateways.rs"]
mod suite;
