//! Trace
//!
//! One step of a request, as passed to the listener of etcd_v2_options_set_trace_callback(). Everything read
//! from it is borrowed until the listener returns.
use super::{
    convert::{Handle, c_string, look},
    error::{ETCD_V2_PHASE_NONE, phase, phase_of},
    status::etcd_v2_status,
};
use crate::telemetry::hooks::{RequestKind, Trace};
use crate::transport::timings::Timings;
use std::{
    ffi::{CString, c_char},
    ptr,
};

// enum etcd_v2_trace_point: Steps of a request.
/// The request begins.
pub const ETCD_V2_TRACE_BEGIN: i32 = 1;
/// An exchange with a member is over: with an answer, or not.
pub const ETCD_V2_TRACE_ATTEMPT: i32 = 2;
/// The request is over.
pub const ETCD_V2_TRACE_END: i32 = 3;

/// One moment of a request. Only good until the callback that was given it returns.
pub struct etcd_v2_trace {
    moment: i32,
    is_watch: bool,
    request: u64,
    method: CString,
    target: CString,
    endpoint: CString,
    text: CString,
    phase: i32,
    attempts: u32,
    status: etcd_v2_status,
    http_status: u16,
    timings: Timings,
    total_ns: i64,
}

impl Handle for etcd_v2_trace {}

impl etcd_v2_trace {
    pub(super) fn new(trace: &Trace<'_>) -> etcd_v2_trace {
        etcd_v2_trace {
            moment: trace.event as i32,
            is_watch: trace.kind == RequestKind::Watch,
            request: trace.request,
            method: c_string(trace.method),
            target: c_string(trace.target),
            endpoint: c_string(trace.endpoint),
            text: c_string(trace.text),
            phase: phase(trace.failed_in),
            attempts: trace.attempts,
            status: trace.status.0,
            http_status: trace.http_status,
            timings: trace.timings,
            total_ns: i64::try_from(trace.total.as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// Which moment: one of ETCD_V2_TRACE_...; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_kind(trace: *const etcd_v2_trace) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.moment)
}

/// Number of the request, from 1, its own within the client; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_request_id(trace: *const etcd_v2_trace) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.request)
}

/// Whether it belongs to a watch, and not to a call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_is_watch(trace: *const etcd_v2_trace) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.is_some_and(|t| t.is_watch)
}

/// "GET", "PUT", ...; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_method(trace: *const etcd_v2_trace) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(ptr::null(), |t| t.method.as_ptr())
}

/// Path and query of the request; a value in it is shown as "***". NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_target(trace: *const etcd_v2_trace) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(ptr::null(), |t| t.target.as_ptr())
}

/// The member of the exchange, or the last one that was asked; "" at the beginning, NULL for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_endpoint(trace: *const etcd_v2_trace) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(ptr::null(), |t| t.endpoint.as_ptr())
}

/// Exchanges so far; redirects and looks at the version of a member are some, too.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_attempt_count(trace: *const etcd_v2_trace) -> u32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.attempts)
}

/// How the request ended; ETCD_V2_OK before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_status(trace: *const etcd_v2_trace) -> etcd_v2_status {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.status)
}

/// Status of the answer; 0 when there was none, and of an end that is a success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_http_status(trace: *const etcd_v2_trace) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| i32::from(t.http_status))
}

/// Why the exchange or the request failed; "" if it did not, NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_message(trace: *const etcd_v2_trace) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(ptr::null(), |t| t.text.as_ptr())
}

/// How far an exchange came that failed, one of ETCD_V2_PHASE_...; otherwise ETCD_V2_PHASE_NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_phase(trace: *const etcd_v2_trace) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.phase)
}

/// How long an exchange was in `phase`; 0 but for ETCD_V2_TRACE_ATTEMPT. Waiting for a free
/// connection counts as connecting. ETCD_V2_PHASE_NONE: how long ago the request began.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_time_ns(trace: *const etcd_v2_trace, phase: i32) -> i64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| match phase_of(phase) {
        Some(phase) => i64::try_from(t.timings.spent(phase)).unwrap_or(i64::MAX),
        None if phase == ETCD_V2_PHASE_NONE => t.total_ns,
        None => 0,
    })
}

/// Bytes that an exchange sent, head included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_bytes_sent(trace: *const etcd_v2_trace) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.timings.sent)
}

/// Bytes that an exchange received, head included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_bytes_received(trace: *const etcd_v2_trace) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.map_or(0, |t| t.timings.received)
}

/// Whether an exchange had a connection that had served before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_trace_is_reused(trace: *const etcd_v2_trace) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(trace) }.is_some_and(|t| t.timings.reused)
}
