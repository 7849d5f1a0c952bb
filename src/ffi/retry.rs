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
    endpoints: Vec<CString>,
    attempts: u32,
    method: CString,
    target: CString,
    http_status: u16,
    error: etcd_v2_error,
}

impl Handle for etcd_v2_retry {}

impl etcd_v2_retry {
    pub(super) fn new(retry: &Retry<'_>) -> etcd_v2_retry {
        etcd_v2_retry {
            endpoints: retry.endpoints.iter().map(|url| c_string(url)).collect(),
            attempts: retry.attempts,
            method: c_string(retry.method),
            target: c_string(retry.target),
            http_status: retry.http_status,
            error: etcd_v2_error::new(retry.error.clone()),
        }
    }
}

/// How many members the client knows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_endpoint_count(retry: *const etcd_v2_retry) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(0, |r| r.endpoints.len())
}

/// URL of member `i`; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_endpoint(
    retry: *const etcd_v2_retry,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let retry = unsafe { look(retry) };
    retry
        .and_then(|r| r.endpoints.get(i))
        .map_or(ptr::null(), |url| url.as_ptr())
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

/// Status of the last answer; 0 when there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_http_status(retry: *const etcd_v2_retry) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(0, |r| i32::from(r.http_status))
}

/// Why the attempt failed; NULL for NULL. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_retry_error(retry: *const etcd_v2_retry) -> *const etcd_v2_error {
    // SAFETY: NULL or alive, see the header
    unsafe { look(retry) }.map_or(ptr::null(), |r| &raw const r.error)
}
