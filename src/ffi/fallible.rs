//! No error leaves the library in any other form than a status and an error object, and no panic does.
use super::{convert, error::etcd_v2_error, panic_boundary::forget, status::etcd_v2_status};
use crate::error::{Error, Result};
use crate::status::Status;
use crate::sys::panics::catch;
use crate::sys::unwind;
use std::any::Any;

/// Runs a fallible function: `*err` is NULL on success and the caller's to free otherwise.
///
/// # Safety
/// `err` is NULL or points to a place for a pointer.
pub(super) unsafe fn guard(
    err: *mut *mut etcd_v2_error,
    body: impl FnOnce() -> Result<()>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise. NULL before the body runs, so that nobody frees what was there.
    unsafe { convert::clear(err) };
    let state = unwind::put_off();
    let error = match catch(body) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(panic) => Some(from_panic(panic)),
    };
    let status = error.as_ref().map_or(Status::OK, Error::status).0;
    if let Some(error) = error {
        // SAFETY: as above
        unsafe { convert::give(err, || etcd_v2_error::new(error)) };
    }
    unwind::restore(state);
    status
}

fn from_panic(panic: Box<dyn Any + Send>) -> Error {
    let text = match panic.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => panic
            .downcast_ref::<String>()
            .map_or("of unknown kind", String::as_str),
    };
    let mut error = Error::new(Status::INTERNAL, format!("panic: {text}"));
    // nobody knows how far it came
    error.doubt();
    forget(panic);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::{etcd_v2_error_free, etcd_v2_error_message, etcd_v2_error_status};
    use std::{ffi::CStr, ptr};

    fn run(body: impl FnOnce() -> Result<()>) -> (i32, Option<(i32, String)>) {
        let mut err = ptr::dangling_mut();
        // SAFETY: err is a place for a pointer; the error is read before it is freed
        unsafe {
            let status = guard(&mut err, body);
            let told = (!err.is_null()).then(|| {
                let message = CStr::from_ptr(etcd_v2_error_message(err));
                (
                    etcd_v2_error_status(err),
                    message.to_string_lossy().into_owned(),
                )
            });
            etcd_v2_error_free(err);
            (status, told)
        }
    }

    #[test]
    fn success_leaves_no_error() {
        assert_eq!(run(|| Ok(())), (0, None));
    }

    #[test]
    fn an_error_becomes_status_and_object() {
        let no = || Err(Error::invalid("key", "must begin with '/'"));
        let text = "key: must begin with '/'".to_string();
        assert_eq!(run(no), (1000, Some((1000, text))));
        // SAFETY: NULL is allowed
        assert_eq!(unsafe { guard(ptr::null_mut(), no) }, 1000);
    }

    #[test]
    fn a_panic_becomes_internal_with_its_text() {
        let (status, told) = run(|| panic!("seven is {}", 7));
        assert_eq!(status, 1014);
        assert_eq!(told, Some((1014, "panic: seven is 7".into())));
        assert_eq!(
            run(|| panic!("plain")).1,
            Some((1014, "panic: plain".into()))
        );
        // such as those of a failed assertion
        let lines = run(|| panic!("left: 1\nright: 2"));
        assert_eq!(lines.1, Some((1014, "panic: left: 1 right: 2".into())));
        let odd = run(|| std::panic::panic_any(7_u8));
        assert_eq!(odd.1, Some((1014, "panic: of unknown kind".into())));
    }
}
