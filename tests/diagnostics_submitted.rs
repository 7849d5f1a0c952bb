//! The suite of `diagnostics`, for calls that are submitted: both drivers tell the same.
#[path = "diagnostics.rs"]
mod suite;
