//! What a host may do to a thread that runs its callback or waits in a call: end it without a return.
//!
//! pthread_exit() and pthread_cancel() of glibc unwind the stack by force: destructors run, and whoever catches the unwind
//! aborts the process. So nothing here catches it: [`stoppable`] lets it come as far as the outermost frame of the library,
//! where everything has been let go, and keeps the thread there for good. Cancellation is put off while a call runs.
//! Other C libraries end the thread without unwinding; there nothing of this runs.

use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::thread;

thread_local! {
    static LAST: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Has `last` dropped when this thread ends, however that comes about.
pub(crate) fn at_end(last: impl Any) {
    LAST.with_borrow_mut(|all| all.push(Box::new(last)));
}

/// Runs `body`. A forced unwind that comes out of it stops here, and with it the thread.
// a frame of its own, and another for `body`: an unwind that begins in a destructor passes over the frame that ran it
#[inline(never)]
pub(crate) fn stoppable<T>(body: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn framed<T>(body: impl FnOnce() -> T) -> T {
        body()
    }
    let stop = StopOnUnwind;
    let result = framed(body);
    mem::forget(stop);
    result
}

/// Whether destructors run because of a forced unwind, in one that knows that no return dropped it.
pub(crate) fn is_forced() -> bool {
    !thread::panicking() && !foreign::is_exception()
}

/// Dropped by an unwind only.
struct StopOnUnwind;

impl Drop for StopOnUnwind {
    fn drop(&mut self) {
        // an exception that a callback threw ends in an abort, which says so
        if is_forced() {
            // where a callback called the library, and that a callback, this is all that those further out can be told
            drop(LAST.take());
            loop {
                thread::park();
            }
        }
    }
}

/// Puts cancellation of this thread off until the state that it returns is given to [`restore`].
pub(crate) use cancel::{put_off, restore};

#[cfg(any(target_os = "linux", target_os = "macos", target_os = "freebsd"))]
#[allow(unsafe_code)]
mod cancel {
    use std::ffi::c_int;

    /// PTHREAD_CANCEL_DISABLE
    const DISABLE: c_int = if cfg!(target_os = "macos") { 0 } else { 1 };

    unsafe extern "C-unwind" {
        // acts on what is pending when the type is asynchronous
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }

    /// As it was before.
    #[derive(Clone, Copy, Debug)]
    #[must_use]
    pub(crate) struct CancelState(c_int);

    #[inline]
    pub(crate) fn put_off() -> CancelState {
        let mut before = DISABLE;
        // SAFETY: the pointer is to a live local value
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        CancelState(before)
    }

    /// To be called where nothing is left to be dropped.
    #[inline]
    pub(crate) fn restore(CancelState(before): CancelState) {
        if before != DISABLE {
            let mut now = DISABLE;
            // SAFETY: a state that this function gave; NULL is not allowed everywhere
            unsafe { pthread_setcancelstate(before, &raw mut now) };
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", target_os = "freebsd")))]
mod cancel {
    #[derive(Clone, Copy, Debug)]
    #[must_use]
    pub(crate) struct CancelState;
    pub(crate) fn put_off() -> CancelState {
        CancelState
    }
    pub(crate) fn restore(_: CancelState) {}
}

#[allow(unsafe_code)]
mod foreign {
    use std::ffi::c_uint;

    /// Whether an exception of C++ is on its way in this thread.
    pub(super) fn is_exception() -> bool {
        // SAFETY: the name ends in NUL
        let found =
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__cxa_uncaught_exceptions".as_ptr()) };
        if found.is_null() {
            return false;
        }
        // SAFETY: the Itanium C++ ABI says what this function is
        let count: unsafe extern "C" fn() -> c_uint = unsafe { std::mem::transmute(found) };
        // SAFETY: as above
        unsafe { count() > 0 }
    }
}
