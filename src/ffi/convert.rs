//! Every conversion of a pointer, with its NULL check. Handles are typed: only what [`give`] made
//! can be [`free`]d.
use crate::client::{FOREVER, Patience};
use crate::error::{Error, Result};
use crate::status::Status;
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    slice,
    time::Duration,
};

/// A type that C holds by pointer and frees with its own `_free`: boxed by [`give`], unboxed by
/// [`free`].
/// A node is none: it belongs to its response.
pub(super) trait Handle: Sized {}

/// NULL in an out parameter, unless the parameter itself is NULL.
///
/// # Safety
/// `out` is NULL or points to a place for a pointer.
pub(super) unsafe fn clear<T: Handle>(out: *mut *mut T) {
    if !out.is_null() {
        // SAFETY: the caller's promise; write does not look at what was there
        unsafe { out.write(std::ptr::null_mut()) };
    }
}

/// Hands ownership to C; does not even build the object when nobody wants it.
///
/// # Safety
/// `out` is NULL or points to a place for a pointer.
pub(super) unsafe fn give<T: Handle>(out: *mut *mut T, make: impl FnOnce() -> T) {
    if !out.is_null() {
        // SAFETY: the caller's promise
        unsafe { out.write(Box::into_raw(Box::new(make()))) };
    }
}

/// As [`give`], of something that grows with what a server has sent.
///
/// # Safety
/// `out` is NULL or points to a place for a pointer.
pub(super) unsafe fn try_give<T: Handle>(
    out: *mut *mut T,
    make: impl FnOnce() -> std::result::Result<T, OutOfMemory>,
) -> Result<()> {
    if !out.is_null() {
        let made = make().map_err(|out| out.error("the list of an answer"))?;
        // SAFETY: the caller's promise
        unsafe { out.write(Box::into_raw(Box::new(made))) };
    }
    Ok(())
}

/// As [`clear`], for an out parameter without which the call makes no sense.
///
/// # Safety
/// `out` is NULL or points to a place for a pointer.
pub(super) unsafe fn required<T: Handle>(parameter: &str, out: *mut *mut T) -> Result<()> {
    // SAFETY: the caller's promise
    unsafe { clear(out) };
    if out.is_null() {
        Err(null(parameter))
    } else {
        Ok(())
    }
}

/// Takes ownership back from C and ends it; NULL is nothing to do.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not used any more.
pub(super) unsafe fn free<T: Handle>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: the caller's promise: made by Box::into_raw, and this is the only owner
        super::panic_boundary::shield((), || drop(unsafe { Box::from_raw(handle) }));
    }
}

/// The object behind a handle that must not be NULL.
///
/// # Safety
/// `handle` is NULL or alive for `'a`.
pub(super) unsafe fn borrow<'a, T: Handle>(parameter: &str, handle: *const T) -> Result<&'a T> {
    // SAFETY: the caller's promise
    unsafe { look(handle) }.ok_or_else(|| null(parameter))
}

/// The object behind a handle, `None` for NULL.
///
/// # Safety
/// `handle` is NULL or alive for `'a`.
pub(super) unsafe fn look<'a, T: Handle>(handle: *const T) -> Option<&'a T> {
    // SAFETY: the caller's promise; handles are only ever borrowed shared
    unsafe { handle.as_ref() }
}

/// Text that must not be NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated and unchanged for `'a`.
pub(super) unsafe fn text<'a>(parameter: &str, text: *const c_char) -> Result<&'a str> {
    // SAFETY: the caller's promise
    unsafe { optional_text(parameter, text) }?.ok_or_else(|| null(parameter))
}

/// Text, `None` for NULL.
///
/// # Safety
/// `text` is NULL or NUL-terminated and unchanged for `'a`.
pub(super) unsafe fn optional_text<'a>(
    parameter: &str,
    text: *const c_char,
) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, the rest is the caller's promise
    let bytes = unsafe { CStr::from_ptr(text) };
    match bytes.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(e) => Err(Error::new(
            Status::NOT_UTF8,
            format!("{parameter}: not UTF-8 at byte {}", e.valid_up_to()),
        )),
    }
}

/// Bytes; NULL is fine when there are none.
///
/// # Safety
/// `bytes` is NULL or points to `length` bytes that do not change for `'a`.
pub(super) unsafe fn bytes<'a>(
    parameter: &str,
    bytes: *const c_void,
    length: usize,
) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(Error::invalid(
            parameter,
            format_args!("NULL with a length of {length}"),
        ));
    }
    if isize::try_from(length).is_err() {
        return Err(Error::new(
            Status::TOO_LARGE,
            format!("{parameter}: no memory is {length} bytes long"),
        ));
    }
    // SAFETY: not NULL, not longer than an object can be, the rest is the caller's promise
    Ok(unsafe { slice::from_raw_parts(bytes.cast(), length) })
}

/// Writes one more answer of an accessor, if the caller wants it.
///
/// # Safety
/// `out` is NULL or points to a place for a `T`.
pub(super) unsafe fn put<T: Copy>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: the caller's promise
        unsafe { out.write(value) };
    }
}

/// How long to wait for what is told one by one: 0 is not at all, -1 for ever, which is `None`, -2 as `default` says.
pub(super) fn timeout(timeout_ms: i64, default: Option<Duration>) -> Result<Option<Duration>> {
    if timeout_ms == 0 {
        return Ok(Some(Duration::ZERO));
    }
    match (Patience::parse("timeout_ms", timeout_ms)?, default) {
        (Patience::For(time), _) => Ok(Some(time)),
        (Patience::Forever, _) => Ok(None),
        (Patience::Default, Some(time)) => Ok(Some(time).filter(|time| *time < FOREVER)),
        (Patience::Default, None) => Err(Error::invalid(
            "timeout_ms",
            "there is no default: nothing here belongs to a client",
        )),
    }
}

/// A descriptor, or -1.
///
/// # Safety
/// `out` is NULL or points to a place for an `int`.
pub(super) unsafe fn descriptor(
    out: *mut c_int,
    find: impl FnOnce() -> Result<c_int>,
) -> Result<()> {
    // SAFETY: the caller's promise
    unsafe { put(out, -1) };
    if out.is_null() {
        return Err(null("out"));
    }
    let found = find()?;
    // SAFETY: as above
    unsafe { put(out, found) };
    Ok(())
}

/// A copy for C. A NUL inside, where text ends for C, is shown as U+FFFD. Without memory for it the copy is empty.
pub(super) fn c_string(text: &str) -> CString {
    try_c_string(text).unwrap_or_default()
}

/// The same of text that a server has sent, of any length.
pub(super) fn try_c_string(text: &str) -> std::result::Result<CString, OutOfMemory> {
    let nuls = text.bytes().filter(|byte| *byte == 0).count();
    let mut copy = memory::copy("", text.len() + 2 * nuls + 1)?;
    for (i, part) in text.split('\0').enumerate() {
        copy.push_str(if i > 0 { "\u{fffd}" } else { "" });
        copy.push_str(part);
    }
    // there is room for the NUL
    Ok(CString::new(copy).unwrap_or_default())
}

pub(super) fn null(parameter: &str) -> Error {
    Error::invalid(parameter, "must not be NULL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    struct Thing(u8);
    impl Handle for Thing {}

    fn told<T: std::fmt::Debug>(result: Result<T>) -> (Status, String) {
        let error = result.unwrap_err();
        (error.status(), error.to_string())
    }

    #[test]
    fn null_is_refused_by_name() {
        // SAFETY: NULL is allowed everywhere
        unsafe {
            let no = (
                Status::INVALID_ARGUMENT,
                "key: must not be NULL".to_string(),
            );
            assert_eq!(told(text("key", ptr::null())), no);
            assert_eq!(told(borrow::<Thing>("key", ptr::null()).map(|t| t.0)), no);
            assert_eq!(told(required::<Thing>("key", ptr::null_mut())), no);
            assert_eq!(optional_text("key", ptr::null()).unwrap(), None);
            assert!(look::<Thing>(ptr::null()).is_none());
            clear::<Thing>(ptr::null_mut());
            give::<Thing>(ptr::null_mut(), || panic!("built for nobody"));
            free::<Thing>(ptr::null_mut());
            put::<u8>(ptr::null_mut(), 1);
        }
    }

    #[test]
    fn a_handle_goes_out_and_comes_back() {
        let mut out: *mut Thing = ptr::dangling_mut();
        // SAFETY: out is a place for a pointer, the handle is freed once and last
        unsafe {
            required("out", &mut out).unwrap();
            assert!(out.is_null());
            give(&mut out, || Thing(7));
            assert_eq!(borrow("out", out).unwrap().0, 7);
            free(out);
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_told_with_its_place() {
        // SAFETY: literals end in NUL
        unsafe {
            assert_eq!(text("key", c"/a".as_ptr()).unwrap(), "/a");
            let (status, message) = told(text("key", c"/a\xff".as_ptr()));
            assert_eq!(status, Status::NOT_UTF8);
            assert_eq!(message, "key: not UTF-8 at byte 2");
        }
    }

    #[test]
    fn bytes_need_a_place_only_when_there_are_some() {
        let data = b"a\0b";
        // SAFETY: data is as long as said where it is read; the other calls read nothing
        unsafe {
            assert_eq!(bytes("value", data.as_ptr().cast(), 3).unwrap(), data);
            assert_eq!(bytes("value", ptr::null(), 0).unwrap(), b"");
            let (status, message) = told(bytes("value", ptr::null(), 3));
            assert_eq!(status, Status::INVALID_ARGUMENT);
            assert_eq!(message, "value: NULL with a length of 3");
            let long = told(bytes("value", data.as_ptr().cast(), usize::MAX));
            assert_eq!(long.0, Status::TOO_LARGE);
        }
    }

    #[test]
    fn a_timeout_has_four_forms_and_nothing_else() {
        let default = Some(Duration::from_secs(9));
        for default in [None, default] {
            assert_eq!(timeout(-1, default).unwrap(), None);
            assert_eq!(timeout(0, default).unwrap(), Some(Duration::ZERO));
            let seven = Some(Duration::from_millis(7));
            assert_eq!(timeout(7, default).unwrap(), seven);
        }
        assert_eq!(timeout(-2, default).unwrap(), default);
        assert_eq!(timeout(-2, Some(FOREVER)).unwrap(), None);
        for (ms, default) in [
            (-2, None),
            (-3, default),
            (i64::MIN, default),
            (1 << 31, default),
        ] {
            let (status, message) = told(timeout(ms, default));
            assert_eq!(status, Status::INVALID_ARGUMENT);
            assert!(message.starts_with("timeout_ms: "), "{message}");
        }
    }

    #[test]
    fn a_nul_inside_is_made_visible() {
        assert_eq!(c_string("a\0b").as_bytes(), "a\u{fffd}b".as_bytes());
        assert_eq!(c_string("").as_bytes(), b"");
    }
}
