//! Unknown outcomes
//!
//! A write that ended as ETCD_V2_OUTCOME_UNKNOWN may have been applied, or may still be: etcd can
//! commit it seconds after it was reported to have failed, and a stopped member processes what is in
//! its buffers when it resumes. etcd_v2_outcome_resolve() reads back what became of it.
//!
//! A write is recognised by its effect: the same operation on the same key with the same value and the
//! same conditions, at an index above the last one known when the request was sent. etcd does not
//! record which client made a change, so it cannot be distinguished from an identical write by another
//! client: write unique values, or compare with an index. A TTL refresh and a delete carry no value;
//! for them the result only says that one has happened.
//!
//! ETCD_V2_WRITE_NOT_APPLIED needs a proof: the key has not been modified since the write was sent, or
//! every later change of the key is known (each event's prevNode is the result of the event before it,
//! or there is an event for every index). A missing event proves nothing, because the event history of
//! a member that was restored from a snapshot can have holes. So the result is ETCD_V2_WRITE_UNDETERMINED if
//! the key does not exist, or was deleted and created again, and the store has moved on by more than
//! 256 changes or its history cannot be read in full.
//!
//! The client must know an index of the store from before the write, from any earlier answer. If the
//! write was the client's first request, the result is ETCD_V2_WRITE_UNDETERMINED.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, c_string, look},
    error::etcd_v2_error,
    fallible::guard,
    request::etcd_v2_request,
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::client::{Fate, Finding, Lookout, Patience};
use std::{
    ffi::{CString, c_char},
    ptr,
    time::Duration,
};

/// A server gives up a write after 7 s.
const SETTLE: Duration = Duration::from_secs(8);

// enum etcd_v2_write_state: What became of a write.
/// The write was applied after it was sent.
pub const ETCD_V2_WRITE_APPLIED: i32 = 1;
/// The write was not applied, up to an index.
pub const ETCD_V2_WRITE_NOT_APPLIED: i32 = 2;
/// The evidence is not sufficient.
pub const ETCD_V2_WRITE_UNDETERMINED: i32 = 3;

/// What became of a write. Read-only: any number of threads may read one at once.
pub struct etcd_v2_outcome {
    fate: i32,
    is_final: bool,
    modified_index: u64,
    index: u64,
    text: CString,
    response: Option<etcd_v2_response>,
}

impl Handle for etcd_v2_outcome {}

impl etcd_v2_outcome {
    /// Hands an outcome to C.
    ///
    /// # Safety
    /// `out` is a place for a pointer.
    unsafe fn give(out: *mut *mut etcd_v2_outcome, finding: Finding) {
        let handle = Box::into_raw(Box::new(etcd_v2_outcome {
            fate: match finding.fate {
                Fate::Applied => ETCD_V2_WRITE_APPLIED,
                Fate::NotApplied => ETCD_V2_WRITE_NOT_APPLIED,
                Fate::Unsure => ETCD_V2_WRITE_UNDETERMINED,
            },
            is_final: finding.is_final,
            modified_index: finding.modified_index,
            index: finding.index,
            text: c_string(&finding.text),
            response: finding.evidence.map(etcd_v2_response::new),
        }));
        // SAFETY: just boxed, so this is the only pointer, and the response stays where it is until the box is freed;
        // out is the caller's promise
        unsafe {
            if let Some(response) = &mut (*handle).response {
                etcd_v2_response::settle(response);
            }
            out.write(handle);
        }
    }
}

/// Reads back whether `request`, whose run ended with `error`, was applied. Blocks the calling
/// thread; only reads are sent.
///
///   `request`     as it was run; not a read, and not of etcd_v2_request_new_raw()
///   `error`       of that run, or of its completion. If etcd_v2_error_is_outcome_unknown() is false for
///                 it, the result is ETCD_V2_WRITE_NOT_APPLIED and nothing is sent
///   `timeout_ms`  for all of it, as in "Timeouts" above; 0 is refused
///   `settle_ms`   how long the read is repeated while the write is missing, since it may still be
///                 applied; 0: one read, ETCD_V2_TIMEOUT_DEFAULT: 8000. A server gives up after 7 s, so
///                 8000 covers slow servers, but not one that is stopped and resumes later
///   `out`         the outcome; free it with etcd_v2_outcome_free()
///
/// The state is read through consensus, which waits behind everything that was proposed before; then
/// the changes since the request left are read from the history of the last 1000. ETCD_V2_OK means
/// that the read succeeded, whatever its result. Also returns the statuses of a read.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_resolve(
    client: *const etcd_v2_client,
    request: *const etcd_v2_request,
    error: *const etcd_v2_error,
    timeout_ms: i64,
    settle_ms: i64,
    out: *mut *mut etcd_v2_outcome,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let client = borrow("client", client)?;
            let call = borrow("request", request)?.call();
            let error = borrow("error", error)?.error();
            let lookout = Lookout {
                timeout: Patience::parse("timeout_ms", timeout_ms)?.said(),
                settle: match settle_ms {
                    0 => Duration::ZERO,
                    ms => Patience::parse("settle_ms", ms)?.or(SETTLE),
                },
            };
            let finding = client.0.resolve_outcome(&call, error, lookout, None)?;
            etcd_v2_outcome::give(out, finding);
            Ok(())
        })
    }
}

/// What became of it: ETCD_V2_WRITE_APPLIED, ETCD_V2_WRITE_NOT_APPLIED or
/// ETCD_V2_WRITE_UNDETERMINED; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_state(outcome: *const etcd_v2_outcome) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }.map_or(0, |o| o.fate)
}

/// Whether the outcome is final. An applied write always is. A write that was not applied may still
/// be applied later, unless it was never sent or is conditional on an index that the key no longer
/// has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_is_final(outcome: *const etcd_v2_outcome) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }.is_some_and(|o| o.is_final)
}

/// The index at which it was applied; 0 if it was not. Of what was created in order, it is
/// the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_modified_index(outcome: *const etcd_v2_outcome) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }.map_or(0, |o| o.modified_index)
}

/// Store index up to which the result holds. 0 if the error alone was sufficient.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_etcd_index(outcome: *const etcd_v2_outcome) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }.map_or(0, |o| o.index)
}

/// One line for people that says why. Never NULL for an outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_message(outcome: *const etcd_v2_outcome) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }.map_or(ptr::null(), |o| o.text.as_ptr())
}

/// The evidence: the change itself from the history, or else the key as it was read; NULL when
/// there was neither. Not to be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_response(
    outcome: *const etcd_v2_outcome,
) -> *const etcd_v2_response {
    // SAFETY: NULL or alive, see the header
    unsafe { look(outcome) }
        .and_then(|o| o.response.as_ref())
        .map_or(ptr::null(), ptr::from_ref)
}

/// Frees an outcome and everything read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_outcome_free(outcome: *mut etcd_v2_outcome) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(outcome) }
}
