//! Errors
//!
//! Why a call failed. Everything read from an error is borrowed and valid until the error is freed.
use super::{
    convert::{self, Handle, c_string, look, put},
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::error::{Attempt, Error, Phase};
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// Why a call failed. Read-only: any number of threads may read one error at once.
pub struct etcd_v2_error {
    error: Error,
    message: CString,
    etcd_message: CString,
    cause: CString,
    endpoint: Option<CString>,
    attempts: Vec<AttemptText>,
}

struct AttemptText {
    endpoint: CString,
    text: CString,
}

impl Handle for etcd_v2_error {}

impl etcd_v2_error {
    pub(super) fn error(&self) -> &Error {
        &self.error
    }

    pub(super) fn new(mut error: Error) -> etcd_v2_error {
        // the NUL that the header promises after the body
        error.detail_mut().body.push(0);
        let detail = error.detail();
        etcd_v2_error {
            message: c_string(&detail.message),
            etcd_message: c_string(&detail.etcd_message),
            cause: c_string(&detail.cause),
            endpoint: detail.endpoint.as_deref().map(c_string),
            attempts: detail.attempts.iter().map(AttemptText::new).collect(),
            error,
        }
    }
}

impl AttemptText {
    fn new(attempt: &Attempt) -> AttemptText {
        AttemptText {
            endpoint: c_string(&attempt.endpoint),
            text: c_string(&attempt.text),
        }
    }
}

// enum etcd_v2_phase: How far an exchange with a member came.
/// No exchange failed.
pub const ETCD_V2_PHASE_NONE: i32 = 0;
/// Looking up the host name.
pub const ETCD_V2_PHASE_RESOLVE: i32 = 1;
/// Connecting, and waiting for a free connection.
pub const ETCD_V2_PHASE_CONNECT: i32 = 2;
/// The TLS handshake.
pub const ETCD_V2_PHASE_TLS: i32 = 3;
/// Sending the request.
pub const ETCD_V2_PHASE_SEND: i32 = 4;
/// Waiting for the head of the response.
pub const ETCD_V2_PHASE_HEAD: i32 = 5;
/// Receiving its body.
pub const ETCD_V2_PHASE_BODY: i32 = 6;

/// How C numbers it.
pub(super) fn phase(phase: Option<Phase>) -> i32 {
    match phase {
        None => ETCD_V2_PHASE_NONE,
        Some(Phase::Resolve) => ETCD_V2_PHASE_RESOLVE,
        Some(Phase::Connect) => ETCD_V2_PHASE_CONNECT,
        Some(Phase::Tls) => ETCD_V2_PHASE_TLS,
        Some(Phase::Send) => ETCD_V2_PHASE_SEND,
        Some(Phase::Head) => ETCD_V2_PHASE_HEAD,
        Some(Phase::Body) => ETCD_V2_PHASE_BODY,
    }
}

/// The way back; `None` for no phase, and for what is none.
pub(super) fn phase_of(number: i32) -> Option<Phase> {
    Some(match number {
        ETCD_V2_PHASE_RESOLVE => Phase::Resolve,
        ETCD_V2_PHASE_CONNECT => Phase::Connect,
        ETCD_V2_PHASE_TLS => Phase::Tls,
        ETCD_V2_PHASE_SEND => Phase::Send,
        ETCD_V2_PHASE_HEAD => Phase::Head,
        ETCD_V2_PHASE_BODY => Phase::Body,
        _ => return None,
    })
}

/// Name of a phase: "resolve", "connect", "TLS", "send", "head" or "body"; "" for any other number.
/// Never NULL, lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_phase_name(phase: i32) -> *const c_char {
    let name = match phase_of(phase) {
        None => c"",
        Some(Phase::Resolve) => c"resolve",
        Some(Phase::Connect) => c"connect",
        Some(Phase::Tls) => c"TLS",
        Some(Phase::Send) => c"send",
        Some(Phase::Head) => c"head",
        Some(Phase::Body) => c"body",
    };
    name.as_ptr()
}

/// The status that the failed call returned; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_status(error: *const etcd_v2_error) -> etcd_v2_status {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.error.status().0)
}

/// Message for humans: one line, at most 1 KiB, which names the parameter or member that caused the
/// error. NULL only for a NULL error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_message(error: *const etcd_v2_error) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(ptr::null(), |e| e.message.as_ptr())
}

/// etcd's "message", unchanged, such as "Key not found", also of errors without a code, as etcd
/// sends them about members, users and roles; "" if the error is not etcd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_etcd_message(error: *const etcd_v2_error) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(ptr::null(), |e| e.etcd_message.as_ptr())
}

/// etcd's "cause", unchanged, such as the missing key or "[wanted != actual]"; "" if there is
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_cause(error: *const etcd_v2_error) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(ptr::null(), |e| e.cause.as_ptr())
}

/// etcd's own error code, as it came in "errorCode"; 0 when the error is not etcd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_etcd_code(error: *const etcd_v2_error) -> u32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.error.detail().etcd_code)
}

/// HTTP status of the deciding response; 0 if there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_http_status(error: *const etcd_v2_error) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.error.detail().http_status.into())
}

/// Index of the store at the time of the refusal by etcd, or, for a watch that timed out, the index
/// up to which the key is proven not to have changed. 0 means that the index is unknown: do not
/// wait from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_etcd_index(error: *const etcd_v2_error) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.error.detail().index)
}

/// URL of the member that decided; NULL when none did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_endpoint(error: *const etcd_v2_error) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }
        .and_then(|e| e.endpoint.as_ref())
        .map_or(ptr::null(), |endpoint| endpoint.as_ptr())
}

/// How far the exchange that decided came, one of ETCD_V2_PHASE_...: ETCD_V2_PHASE_NONE when there
/// was none, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_phase(error: *const etcd_v2_error) -> i32 {
    // SAFETY: NULL or alive, see the header
    phase(unsafe { look(error) }.and_then(|e| e.error.detail().phase))
}

/// Whether the same call may succeed later without any change. For a write, check
/// etcd_v2_error_is_outcome_unknown() first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_is_retriable(error: *const etcd_v2_error) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.is_some_and(|e| e.error.detail().retriable)
}

/// Whether the write may have been applied, or may still be, whatever the status is. false is a
/// promise: it was not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_is_outcome_unknown(error: *const etcd_v2_error) -> bool {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.is_some_and(|e| e.error.detail().outcome_unknown)
}

/// Highest store index known to the client when the request was first sent; 0 if it knew none. If
/// the request changed anything, the index of that change is higher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_known_index(error: *const etcd_v2_error) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.error.detail().known.index)
}

/// Number of failed attempts recorded in the error; at most the last 32 are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_attempt_count(error: *const etcd_v2_error) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }.map_or(0, |e| e.attempts.len())
}

/// Attempt `i`, in order of time: URL of the member, phase as in etcd_v2_error_phase(), why it
/// ended, and how long it took in milliseconds. Each out pointer may be NULL. Returns false, and
/// writes NULL and 0, when `i` is beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_attempt_at(
    error: *const etcd_v2_error,
    i: usize,
    endpoint: *mut *const c_char,
    phase: *mut i32,
    message: *mut *const c_char,
    duration_ms: *mut i64,
) -> bool {
    shield(false, || {
        // SAFETY: the handle is NULL or alive, see the header
        let found = unsafe { look(error) }
            .and_then(|e| Some((e.attempts.get(i)?, e.error.detail().attempts.get(i)?)));
        // SAFETY: each out pointer is NULL or a place for its type, see the header
        unsafe {
            put(
                endpoint,
                found.map_or(ptr::null(), |(c, _)| c.endpoint.as_ptr()),
            );
            put(phase, self::phase(found.map(|(_, a)| a.phase)));
            put(message, found.map_or(ptr::null(), |(c, _)| c.text.as_ptr()));
            put(
                duration_ms,
                found.map_or(0, |(_, a)| {
                    i64::try_from(a.took.as_millis()).unwrap_or(i64::MAX)
                }),
            );
        }
        found.is_some()
    })
}

/// Body of the deciding response, at most its first 4096 bytes, followed by a NUL; "" if there was
/// none. `length` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_body(
    error: *const etcd_v2_error,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: the handle is NULL or alive, length is NULL or a place for a size, see the header
    unsafe {
        let body = look(error).map(|e| e.error.detail().body.as_slice());
        put(length, body.map_or(0, |b| b.len().saturating_sub(1)));
        body.map_or(ptr::null(), |b| b.as_ptr().cast())
    }
}

/// Frees an error and all text read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_free(error: *mut etcd_v2_error) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use std::{ffi::CStr, sync::Arc, time::Duration};

    fn read(text: *const c_char) -> Option<String> {
        if text.is_null() {
            return None;
        }
        // SAFETY: text of an error that is alive in the test
        let text = unsafe { CStr::from_ptr(text) };
        Some(text.to_string_lossy().into_owned())
    }

    fn full() -> etcd_v2_error {
        let mut error = Error::new(Status::UNREACHABLE, "nobody home");
        let detail = error.detail_mut();
        detail.etcd_message = "Key not found".into();
        detail.cause = "/a\0b".into();
        detail.etcd_code = 100;
        detail.http_status = 404;
        detail.index = u64::MAX;
        detail.endpoint = Some(Arc::from("http://a:1"));
        detail.phase = Some(Phase::Head);
        detail.retriable = true;
        detail.body = b"<html\0>".to_vec();
        detail.attempts = vec![Attempt {
            endpoint: Arc::from("http://b:2"),
            phase: Phase::Connect,
            text: "refused".into(),
            took: Duration::from_micros(2500),
        }];
        error.doubt();
        etcd_v2_error::new(error)
    }

    #[test]
    fn everything_known_can_be_read() {
        let e: *const etcd_v2_error = &full();
        // SAFETY: the error lives to the end of the statement that made it, out places are locals
        unsafe {
            assert_eq!(etcd_v2_error_status(e), 1004);
            assert_eq!(read(etcd_v2_error_message(e)), Some("nobody home".into()));
            let said = read(etcd_v2_error_etcd_message(e));
            assert_eq!(said, Some("Key not found".into()));
            assert_eq!(read(etcd_v2_error_cause(e)), Some("/a\u{fffd}b".into()));
            assert_eq!(etcd_v2_error_etcd_code(e), 100);
            assert_eq!(etcd_v2_error_http_status(e), 404);
            assert_eq!(etcd_v2_error_etcd_index(e), u64::MAX);
            assert_eq!(read(etcd_v2_error_endpoint(e)), Some("http://a:1".into()));
            assert_eq!(etcd_v2_error_phase(e), ETCD_V2_PHASE_HEAD);
            assert!(etcd_v2_error_is_retriable(e) && etcd_v2_error_is_outcome_unknown(e));
            let mut length = 0;
            assert_eq!(
                read(etcd_v2_error_body(e, &mut length)),
                Some("<html".into())
            );
            assert_eq!(length, 7);
        }
    }

    #[test]
    fn attempts_are_listed_to_their_end() {
        let e: *const etcd_v2_error = &full();
        let (mut endpoint, mut text) = (ptr::null(), ptr::null());
        let (mut phase, mut ms) = (-1, -1);
        // SAFETY: as above
        unsafe {
            assert_eq!(etcd_v2_error_attempt_count(e), 1);
            assert!(etcd_v2_error_attempt_at(
                e,
                0,
                &mut endpoint,
                &mut phase,
                &mut text,
                &mut ms
            ));
            assert_eq!(read(endpoint), Some("http://b:2".into()));
            assert_eq!(phase, ETCD_V2_PHASE_CONNECT);
            assert_eq!((read(text), ms), (Some("refused".into()), 2));
            assert!(!etcd_v2_error_attempt_at(
                e,
                1,
                &mut endpoint,
                &mut phase,
                &mut text,
                &mut ms
            ));
            assert!(endpoint.is_null() && text.is_null() && phase == 0 && ms == 0);
            let (p, n, none) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            assert!(etcd_v2_error_attempt_at(e, 0, p, n, p, none));
        }
    }

    #[test]
    fn absent_things_are_empty_or_null() {
        let e: *const etcd_v2_error = &etcd_v2_error::new(Error::new(Status::TIMEOUT, ""));
        // SAFETY: as above
        unsafe {
            assert_eq!(read(etcd_v2_error_message(e)), Some(String::new()));
            assert_eq!(read(etcd_v2_error_cause(e)), Some(String::new()));
            assert_eq!(
                read(etcd_v2_error_body(e, ptr::null_mut())),
                Some(String::new())
            );
            assert!(etcd_v2_error_endpoint(e).is_null());
            assert_eq!(etcd_v2_error_phase(e), ETCD_V2_PHASE_NONE);
        }
    }

    #[test]
    fn phases_have_the_names_of_the_core() {
        use Phase::*;
        for (i, one) in [Resolve, Connect, Tls, Send, Head, Body]
            .into_iter()
            .enumerate()
        {
            let number = phase(Some(one));
            assert_eq!(number, i as i32 + 1);
            assert_eq!(phase_of(number), Some(one));
            assert_eq!(read(etcd_v2_phase_name(number)), Some(one.name().into()));
        }
        for none in [0, 7, -1, i32::MIN, i32::MAX] {
            assert_eq!(phase_of(none), None);
            assert_eq!(read(etcd_v2_phase_name(none)), Some(String::new()));
        }
    }
}
