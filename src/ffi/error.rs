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
    ffi::{CStr, CString, c_char},
    ptr,
};

/// Why a call failed. Read-only: any number of threads may read one error at once.
pub struct etcd_v2_error {
    error: Error,
    message: CString,
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

fn phase_name(phase: Phase) -> &'static CStr {
    match phase {
        Phase::Resolve => c"resolve",
        Phase::Connect => c"connect",
        Phase::Tls => c"TLS",
        Phase::Send => c"send",
        Phase::Head => c"head",
        Phase::Body => c"body",
    }
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

/// etcd's detail of its message, such as the missing path or "[wanted != actual]". If etcd sent a
/// message without an error code, as it does for members, users and roles, this message, unchanged.
/// "" if there is neither.
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

/// HTTP status of the answer that decided; 0 when there was none.
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

/// How far the exchange that decided came: "resolve", "connect", "TLS", "send", "head" or "body";
/// NULL when there was none. The text lives for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_phase(error: *const etcd_v2_error) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(error) }
        .and_then(|e| e.error.detail().phase)
        .map_or(ptr::null(), |phase| phase_name(phase).as_ptr())
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

/// One try, in order of time: URL of the member, phase as in etcd_v2_error_phase(), why it ended,
/// and how long it took in milliseconds. Each out pointer may be NULL. Returns false, and writes
/// NULL and 0, when `i` is beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_error_attempt_at(
    error: *const etcd_v2_error,
    i: usize,
    endpoint: *mut *const c_char,
    phase: *mut *const c_char,
    text: *mut *const c_char,
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
            put(
                phase,
                found.map_or(ptr::null(), |(_, a)| phase_name(a.phase).as_ptr()),
            );
            put(text, found.map_or(ptr::null(), |(c, _)| c.text.as_ptr()));
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

/// First bytes of an answer that is not etcd's, such as the error page of a proxy, followed by a
/// NUL; "" when there is none. `length` may be NULL.
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
    use std::{sync::Arc, time::Duration};

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
            assert_eq!(read(etcd_v2_error_cause(e)), Some("/a\u{fffd}b".into()));
            assert_eq!(etcd_v2_error_etcd_code(e), 100);
            assert_eq!(etcd_v2_error_http_status(e), 404);
            assert_eq!(etcd_v2_error_etcd_index(e), u64::MAX);
            assert_eq!(read(etcd_v2_error_endpoint(e)), Some("http://a:1".into()));
            assert_eq!(read(etcd_v2_error_phase(e)), Some("head".into()));
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
        let (mut endpoint, mut phase, mut text) = (ptr::null(), ptr::null(), ptr::null());
        let mut ms = -1;
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
            assert_eq!(read(phase), Some("connect".into()));
            assert_eq!((read(text), ms), (Some("refused".into()), 2));
            assert!(!etcd_v2_error_attempt_at(
                e,
                1,
                &mut endpoint,
                &mut phase,
                &mut text,
                &mut ms
            ));
            assert!(endpoint.is_null() && phase.is_null() && text.is_null() && ms == 0);
            let (p, none) = (ptr::null_mut(), ptr::null_mut());
            assert!(etcd_v2_error_attempt_at(e, 0, p, p, p, none));
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
            assert!(etcd_v2_error_endpoint(e).is_null() && etcd_v2_error_phase(e).is_null());
        }
    }

    #[test]
    fn phases_have_the_names_of_the_core() {
        use Phase::*;
        for phase in [Resolve, Connect, Tls, Send, Head, Body] {
            assert_eq!(phase_name(phase).to_str(), Ok(phase.name()));
        }
    }
}
