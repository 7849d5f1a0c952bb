//! Cancel
//!
//! A cancellation token ends calls from another thread. Any number of requests and watches can
//! share one; it can be fired at any time. Running calls end within a millisecond, later ones at
//! once, with ETCD_V2_CANCELLED, or with ETCD_V2_OUTCOME_UNKNOWN if a write had already been sent.
//! A token cannot be reset.
use super::{
    convert::{self, Handle, look},
    error::etcd_v2_error,
    fallible::guard,
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::transport::cancel::Cancel;

/// Ends calls from another thread. Safe from any number of threads.
pub struct etcd_v2_cancel_token(pub(super) Cancel);

impl Handle for etcd_v2_cancel_token {}

/// Makes a token; free it with etcd_v2_cancel_token_free(). It uses one file descriptor.
/// Also returns ETCD_V2_LIMIT when the process has none left.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_cancel_token_new(
    out: *mut *mut etcd_v2_cancel_token,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: out and err are NULL or places for pointers, see the header
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let token = Cancel::new()?;
            convert::give(out, || etcd_v2_cancel_token(token));
            Ok(())
        })
    }
}

/// Cancels every call that has the token, now and in the future. Thread-safe and idempotent; not
/// async-signal-safe. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_cancel_token_cancel(token: *const etcd_v2_cancel_token) {
    // SAFETY: NULL or alive, see the header
    let token = unsafe { look(token) };
    shield((), || token.into_iter().for_each(|t| t.0.fire()))
}

/// Whether the token was fired; false for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_cancel_token_is_cancelled(
    token: *const etcd_v2_cancel_token,
) -> bool {
    // SAFETY: NULL or alive, see the header
    let token = unsafe { look(token) };
    shield(false, || token.is_some_and(|t| t.0.is_fired()))
}

/// Frees the token, without firing it. Requests that were given it keep what they need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_cancel_token_free(token: *mut etcd_v2_cancel_token) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(token) }
}
