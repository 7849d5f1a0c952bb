//! Completion
//!
//! The result of a submitted call. Everything read from a completion is borrowed and valid until
//! the completion is freed.
use super::{
    convert::{self, Handle, look},
    error::etcd_v2_error,
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::{error::Result, protocol::response::Response, status::Status};
use std::{ffi::c_void, ptr};

/// How a submitted call ended. Read-only: any number of threads may read one completion at once.
pub struct etcd_v2_completion {
    user: *mut c_void,
    status: etcd_v2_status,
    result: std::result::Result<etcd_v2_response, etcd_v2_error>,
}

impl Handle for etcd_v2_completion {}

/// What comes back with a completion; the host says to which thread.
pub(super) struct UserToken(pub(super) *mut c_void);

// SAFETY: it is only handed back, never followed
unsafe impl Send for UserToken {}

impl etcd_v2_completion {
    /// At its place, where nodes find their tree; to be freed by [`convert::free`].
    pub(super) fn raw(user: *mut c_void, result: Result<Response>) -> *mut etcd_v2_completion {
        let completion = Box::into_raw(Box::new(etcd_v2_completion {
            user,
            status: result.as_ref().err().map_or(Status::OK, |e| e.status()).0,
            result: result
                .map(etcd_v2_response::new)
                .map_err(etcd_v2_error::new),
        }));
        // SAFETY: just boxed, so this is the only pointer, and it stays where it is until the box is freed
        unsafe {
            if let Ok(response) = &mut (*completion).result {
                etcd_v2_response::settle(response);
            }
        }
        completion
    }
}

/// Status of the call: ETCD_V2_OK, or the status etcd_v2_execute() would have returned. If the
/// client was freed first: ETCD_V2_CANCELLED, or ETCD_V2_OUTCOME_UNKNOWN if a write had been sent.
/// 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_completion_status(
    completion: *const etcd_v2_completion,
) -> etcd_v2_status {
    // SAFETY: NULL or alive, see the header
    unsafe { look(completion) }.map_or(0, |c| c.status)
}

/// The answer; NULL when the call failed. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_completion_response(
    completion: *const etcd_v2_completion,
) -> *const etcd_v2_response {
    // SAFETY: NULL or alive, see the header
    unsafe { look(completion) }
        .and_then(|c| c.result.as_ref().ok())
        .map_or(ptr::null(), ptr::from_ref)
}

/// Why the call failed; NULL when it succeeded. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_completion_error(
    completion: *const etcd_v2_completion,
) -> *const etcd_v2_error {
    // SAFETY: NULL or alive, see the header
    unsafe { look(completion) }
        .and_then(|c| c.result.as_ref().err())
        .map_or(ptr::null(), ptr::from_ref)
}

/// What was given as `user` when the call was submitted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_completion_user(
    completion: *const etcd_v2_completion,
) -> *mut c_void {
    // SAFETY: NULL or alive, see the header
    unsafe { look(completion) }.map_or(ptr::null_mut(), |c| c.user)
}

/// Frees the completion with its response or error. A completion passed to a callback must not be
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_completion_free(completion: *mut etcd_v2_completion) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(completion) }
}
