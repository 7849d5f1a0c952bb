//! Request
//!
//! An operation with all its parameters. Create it, set what it needs, run it any number of times,
//! free it. Setters copy their arguments. An argument that the operation cannot use gives
//! ETCD_V2_INVALID_ARGUMENT and changes nothing; a missing one is reported by etcd_v2_execute(). A
//! request may run on several threads at once; setters affect runs that start afterwards.
//!
//! Flags by operation (with DIR a write has no value):
//!
//!   GET                                    RECURSIVE, SORTED, QUORUM
//!   SET, CREATE, UPDATE, CREATE_IN_ORDER   DIR, NO_VALUE_ON_SUCCESS
//!   REFRESH, COMPARE_AND_SWAP              NO_VALUE_ON_SUCCESS
//!   DELETE                                 RECURSIVE, DIR
//!   COMPARE_AND_DELETE                     none
use super::{
    cancel::etcd_v2_cancel_token,
    client::etcd_v2_client,
    convert::{self, Handle, borrow, bytes, look, optional_text, text},
    error::etcd_v2_error,
    fallible::guard,
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::{
    client::{Ask, Call, Patience},
    error::{Error, Result},
    protocol::{
        http_request::HttpRequest,
        key::Key,
        request::{Operation, Request},
    },
};
use std::{
    ffi::{c_char, c_void},
    sync::{Arc, Mutex, PoisonError},
};

// enum etcd_v2_operation: Operations on keys.
/// As etcd_v2_get().
pub const ETCD_V2_OP_GET: i32 = 1;
/// As etcd_v2_set().
pub const ETCD_V2_OP_SET: i32 = 2;
/// As etcd_v2_create().
pub const ETCD_V2_OP_CREATE: i32 = 3;
/// As etcd_v2_update().
pub const ETCD_V2_OP_UPDATE: i32 = 4;
/// As etcd_v2_refresh().
pub const ETCD_V2_OP_REFRESH: i32 = 5;
/// As etcd_v2_delete().
pub const ETCD_V2_OP_DELETE: i32 = 6;
/// As etcd_v2_create_in_order().
pub const ETCD_V2_OP_CREATE_IN_ORDER: i32 = 7;
/// As etcd_v2_compare_and_swap().
pub const ETCD_V2_OP_COMPARE_AND_SWAP: i32 = 8;
/// As etcd_v2_compare_and_delete().
pub const ETCD_V2_OP_COMPARE_AND_DELETE: i32 = 9;

/// What is asked. Running it is safe from any number of threads; set it up on one.
pub struct etcd_v2_request(Mutex<Arc<Call>>);

impl Handle for etcd_v2_request {}

impl etcd_v2_request {
    fn new(ask: Ask) -> etcd_v2_request {
        etcd_v2_request(Mutex::new(Arc::new(Call::new(ask))))
    }

    /// What is to be run, as it is now.
    pub(super) fn call(&self) -> Arc<Call> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs that have begun keep what they were given: they hold the call, so this makes a copy.
    fn change(&self, change: impl FnOnce(&mut Call) -> Result<()>) -> Result<()> {
        let mut call = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut call))
    }
}

fn operation(number: i32) -> Result<Operation> {
    Ok(match number {
        ETCD_V2_OP_GET => Operation::Get,
        ETCD_V2_OP_SET => Operation::Set,
        ETCD_V2_OP_CREATE => Operation::Create,
        ETCD_V2_OP_UPDATE => Operation::Update,
        ETCD_V2_OP_REFRESH => Operation::Refresh,
        ETCD_V2_OP_DELETE => Operation::Delete,
        ETCD_V2_OP_CREATE_IN_ORDER => Operation::CreateInOrder,
        ETCD_V2_OP_COMPARE_AND_SWAP => Operation::CompareAndSwap,
        ETCD_V2_OP_COMPARE_AND_DELETE => Operation::CompareAndDelete,
        other => {
            let why = format!("{other} is none of ETCD_V2_OP_...");
            return Err(Error::invalid("operation", why));
        }
    })
}

/// The setters of how a request is run: NULL checks, and the answer as a status.
///
/// # Safety
/// `request` is NULL or alive, `err` is NULL or a place for a pointer.
unsafe fn set(
    request: *mut etcd_v2_request,
    err: *mut *mut etcd_v2_error,
    change: impl FnOnce(&mut Call) -> Result<()>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe { guard(err, || borrow("request", request)?.change(change)) }
}

/// The setters of what is asked, which raw requests do not have.
///
/// # Safety
/// As [`set`].
unsafe fn set_keys(
    request: *mut etcd_v2_request,
    err: *mut *mut etcd_v2_error,
    change: impl FnOnce(&mut Request) -> Result<()>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        set(request, err, |call| match &mut call.ask {
            Ask::Keys(request) => change(request),
            Ask::Raw(_) => Err(Error::invalid(
                "request",
                "a raw request is complete as it is",
            )),
        })
    }
}

/// Makes a request of `operation`, one of ETCD_V2_OP_..., on `key` (the directory, for
/// ETCD_V2_OP_CREATE_IN_ORDER); free it with etcd_v2_request_free().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_new(
    operation: i32,
    key: *const c_char,
    out: *mut *mut etcd_v2_request,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: text, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let operation = self::operation(operation)?;
            let key = Key::parse("key", text("key", key)?)?;
            convert::give(out, || {
                etcd_v2_request::new(Ask::Keys(Request::new(operation, key)))
            });
            Ok(())
        })
    }
}

/// Makes a request of what has no function yet; free it with etcd_v2_request_free(). `method` is
/// "GET", "HEAD", "PUT", "POST" or "DELETE"; `path_and_query` begins with "/" and is sent as it is,
/// so percent-encode what needs it. A path that has an empty segment, "." or ".." after
/// percent-decoding it once is refused as ETCD_V2_INVALID_ARGUMENT, because servers resolve such
/// segments and act on another path. `body` and `content_type` may be NULL; only PUT and POST have a
/// body. Only timeouts, token and idempotency can be set on it. Any response with an HTTP status of
/// 2xx is a success: read it with etcd_v2_response_body(), or as nodes if it is about keys. GET and
/// HEAD are retried as reads are, the others only if etcd_v2_request_set_idempotent() allows it.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_new_raw(
    method: *const c_char,
    path_and_query: *const c_char,
    body: *const c_void,
    length: usize,
    content_type: *const c_char,
    out: *mut *mut etcd_v2_request,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: text, bytes, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let given = bytes("body", body, length)?;
            let http_request = HttpRequest::raw(
                text("method", method)?,
                text("path_and_query", path_and_query)?,
                // an empty body is still one, if it is given
                (!body.is_null()).then_some(given),
                optional_text("content_type", content_type)?,
            )?;
            convert::give(out, || etcd_v2_request::new(Ask::Raw(http_request)));
            Ok(())
        })
    }
}

/// The value to write, `length` bytes of UTF-8, NULs allowed; NULL with length 0 is the empty
/// value.
/// Also returns ETCD_V2_NOT_UTF8, since etcd would change other bytes (encode them, for instance
/// as base64), and ETCD_V2_TOO_LARGE when it cannot fit into the 10 MiB that etcd reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_value(
    request: *mut etcd_v2_request,
    value: *const c_void,
    length: usize,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, bytes and err as the header asks
    unsafe {
        set_keys(request, err, |r| {
            r.set_value(bytes("value", value, length)?)
        })
    }
}

/// Seconds until the key expires, up to 2147483648; 0, the default: never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_ttl(
    request: *mut etcd_v2_request,
    ttl: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set_keys(request, err, |r| match ttl {
            0 => r.remove_ttl(),
            _ => r.set_ttl(ttl),
        })
    }
}

/// All flags at once, see above; 0 for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_flags(
    request: *mut etcd_v2_request,
    flags: u32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set_keys(request, err, |r| r.set_flags(flags)) }
}

/// Compare operations only: the value the key must have, `length` bytes of UTF-8, not empty, NULs
/// allowed; NULL with length 0: not compared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_prev_value(
    request: *mut etcd_v2_request,
    prev_value: *const c_void,
    length: usize,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, bytes and err as the header asks
    unsafe {
        set_keys(request, err, |r| {
            let value = bytes("prev_value", prev_value, length)?;
            match prev_value.is_null() {
                true => r.remove_prev_value(),
                false => r.set_prev_value(value),
            }
        })
    }
}

/// Compare operations only: the modified index the key must have; 0: not compared.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_prev_index(
    request: *mut etcd_v2_request,
    prev_index: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set_keys(request, err, |r| r.set_prev_index(prev_index)) }
}

/// Timeout of each run, in place of the client's; see "Timeouts" above. 0 is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_timeout_ms(
    request: *mut etcd_v2_request,
    timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(request, err, |call| {
            call.deadline = Patience::parse("timeout_ms", timeout_ms)?.said();
            Ok(())
        })
    }
}

/// Timeout of each attempt of a run, in place of that of etcd_v2_options_set_attempt_timeout_ms(). 0
/// is refused.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_attempt_timeout_ms(
    request: *mut etcd_v2_request,
    attempt_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(request, err, |call| {
            let timeout = Patience::parse("attempt_timeout_ms", attempt_timeout_ms)?;
            call.attempt_timeout = timeout.said();
            Ok(())
        })
    }
}

/// Cancellation token of this request; NULL for none. The token may be freed afterwards, but can
/// then no longer be fired.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_cancel(
    request: *mut etcd_v2_request,
    token: *const etcd_v2_cancel_token,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles and err as the header asks
    unsafe {
        set(request, err, |call| {
            call.cancel = look(token).map(|token| token.0.clone());
            Ok(())
        })
    }
}

/// SET, DELETE and raw requests: allows the library to resend the request when it was sent but got
/// no answer. It may then be applied twice, also after a change by another client; without this
/// permission such a call ends with ETCD_V2_OUTCOME_UNKNOWN. A resent DELETE whose first copy was
/// applied returns ETCD_V2_KEY_NOT_FOUND. The SET of a directory is never resent, since its second
/// copy would be rejected. Reads are always resent, other writes never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_set_idempotent(
    request: *mut etcd_v2_request,
    idempotent: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(request, err, |call| {
            let may_be = match &call.ask {
                Ask::Keys(r) => matches!(r.operation(), Operation::Set | Operation::Delete),
                Ask::Raw(_) => true,
            };
            if idempotent && !may_be {
                let why = "only SET, DELETE and raw requests may be repeated by consent";
                return Err(Error::invalid("idempotent", why));
            }
            call.allow_repeat = idempotent;
            Ok(())
        })
    }
}

/// Frees the request. Runs of it that have not ended keep what they need.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_request_free(request: *mut etcd_v2_request) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(request) }
}

/// Runs a request on the calling thread, until its deadline at most. The answer is to be freed with
/// etcd_v2_response_free(); `out` may be NULL when it does not matter. Any number of threads may
/// run the same request on the same client.
/// Also returns what the verb of its operation returns, and ETCD_V2_INVALID_ARGUMENT when something
/// is missing, such as both conditions of a comparison.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_execute(
    client: *const etcd_v2_client,
    request: *const etcd_v2_request,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::clear(out);
            let client = borrow("client", client)?;
            let call = borrow("request", request)?.call();
            let response = client.0.execute(&call)?;
            etcd_v2_response::give(out, response);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ffi::error::{etcd_v2_error_free, etcd_v2_error_message},
        status::Status,
    };
    use std::{ffi::CStr, ptr};

    fn new(operation: i32) -> *mut etcd_v2_request {
        let mut out = ptr::null_mut();
        // SAFETY: a literal and a place for a pointer
        let status =
            unsafe { etcd_v2_request_new(operation, c"/a".as_ptr(), &mut out, ptr::null_mut()) };
        assert_eq!(status, 0);
        out
    }

    /// What a call left in its error.
    fn told(call: impl FnOnce(*mut *mut etcd_v2_error) -> etcd_v2_status) -> (Status, String) {
        let mut err = ptr::null_mut();
        let status = call(&mut err);
        // SAFETY: the error is read before it is freed
        unsafe {
            let message = etcd_v2_error_message(err);
            assert!(!message.is_null(), "no error");
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            etcd_v2_error_free(err);
            (Status(status), text)
        }
    }

    #[test]
    fn operations_are_numbered_from_1_to_9() {
        for n in 1..=9 {
            // SAFETY: made here, freed once
            unsafe { etcd_v2_request_free(new(n)) };
        }
        for n in [0, 10, -1, i32::MIN, i32::MAX] {
            let mut out = ptr::dangling_mut();
            // SAFETY: a literal and places for pointers
            let no = told(|err| unsafe { etcd_v2_request_new(n, c"/a".as_ptr(), &mut out, err) });
            let text = format!("operation: {n} is none of ETCD_V2_OP_...");
            assert_eq!(no, (Status::INVALID_ARGUMENT, text));
            assert!(out.is_null());
        }
    }

    #[test]
    fn consent_to_repeat_is_for_plain_writes_only() {
        for n in 1..=9 {
            let r = new(n);
            let wanted = match n {
                ETCD_V2_OP_SET | ETCD_V2_OP_DELETE => 0,
                _ => 1000,
            };
            // SAFETY: made here, freed once
            unsafe {
                let none = ptr::null_mut();
                assert_eq!(etcd_v2_request_set_idempotent(r, true, none), wanted);
                assert_eq!(etcd_v2_request_set_idempotent(r, false, none), 0);
                etcd_v2_request_free(r);
            }
        }
    }

    #[test]
    fn a_raw_request_takes_only_how_it_is_run() {
        let mut r = ptr::null_mut();
        let none = ptr::null_mut();
        // SAFETY: literals, a place for a pointer, and a handle made and freed here
        unsafe {
            let (method, path) = (c"GET".as_ptr(), c"/version".as_ptr());
            let status =
                etcd_v2_request_new_raw(method, path, ptr::null(), 0, ptr::null(), &mut r, none);
            assert_eq!(status, 0);
            assert_eq!(etcd_v2_request_set_timeout_ms(r, 5, none), 0);
            assert_eq!(etcd_v2_request_set_cancel(r, ptr::null(), none), 0);
            for status in [
                etcd_v2_request_set_value(r, c"x".as_ptr().cast(), 1, none),
                etcd_v2_request_set_ttl(r, 1, none),
                etcd_v2_request_set_ttl(r, 0, none),
                etcd_v2_request_set_flags(r, 0, none),
                etcd_v2_request_set_prev_value(r, c"x".as_ptr().cast(), 1, none),
                etcd_v2_request_set_prev_index(r, 1, none),
            ] {
                assert_eq!(status, 1000);
            }
            assert_eq!(etcd_v2_request_set_idempotent(r, true, none), 0);
            assert_eq!(etcd_v2_request_set_attempt_timeout_ms(r, 5, none), 0);
            etcd_v2_request_free(r);
        }
    }

    #[test]
    fn a_run_that_has_begun_keeps_what_it_was_given() {
        let r = new(ETCD_V2_OP_SET);
        // SAFETY: made here, freed once
        unsafe {
            let before = (*r).call();
            assert_eq!(etcd_v2_request_set_timeout_ms(r, 5, ptr::null_mut()), 0);
            assert_eq!(before.deadline, None);
            assert!((*r).call().deadline.is_some());
            let refused = told(|err| etcd_v2_request_set_timeout_ms(r, 0, err));
            assert_eq!(refused.0, Status::INVALID_ARGUMENT);
            assert!((*r).call().deadline.is_some());
            etcd_v2_request_free(r);
            // and outlives the handle
            assert_eq!(before.deadline, None);
        }
    }
}
