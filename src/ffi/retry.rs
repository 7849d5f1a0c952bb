//! Retry
//!
//! A failed attempt, as passed to the hook of etcd_v2_options_set_retry_callback(). Everything read
//! from it is borrowed until the hook returns.
use super::{
    convert::{Handle, c_string, look},
    error::etcd_v2_error,
};
use crate::telemetry::hooks::Retry;
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// A failed attempt. Only good until the callback that was given it returns.
pub struct etcd_v2_retry {
    attempts: u32,
    method: CString,
    target: CString,
    error: etcd_v2_error,
}

impl Handle for etcd_v2_retry {}

impl etcd_v2_retry {
    pub(super) fn new(retry: &Retry<'_>) -> etcd_v2_retry {
        etcd_v2_retry {
            attempts: retry.attempts,
            method: c_string(retry.method),
            target: c_string(retry.target),
            error: etcd_v2_error::new(retry.error.clone()),
        }
    }
}

/// Exchanges of this call so far, the failed one included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_attempt_count(retry: *const etcd_v2_retry) -> u32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(0, |r| r.attempts)
}

/// "GET", "PUT", ...; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_method(retry: *const etcd_v2_retry) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(ptr::null(), |r| r.method.as_ptr())
}

/// Path and query of the request; a value in it is shown as "***". NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_target(retry: *const etcd_v2_retry) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(ptr::null(), |r| r.target.as_ptr())
}

/// Why the attempt failed, with member, phase and HTTP status; NULL for NULL. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_error(retry: *const etcd_v2_retry) -> *const etcd_v2_error {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(ptr::null(), |r| &raw const r.error)
}
