//! What a callback gets back, and how it is let go: once, with its last holder, whatever happens.
use std::ffi::c_void;

/// How C lets go of what its callbacks hold.
pub(super) type FreeUser = Option<unsafe extern "C-unwind" fn(user: *mut c_void)>;

/// A `user` with its `free_user`, which runs when this is dropped.
pub(super) struct UserData {
    data: *mut c_void,
    free: FreeUser,
}

// SAFETY: it is only handed back to the host, which the header tells on which thread
unsafe impl Send for UserData {}
// SAFETY: as above; the pointer is never followed here
unsafe impl Sync for UserData {}

impl UserData {
    /// To be made before anything can fail.
    pub(super) fn new(data: *mut c_void, free: FreeUser) -> UserData {
        UserData { data, free }
    }

    /// What C gave.
    pub(super) fn data(&self) -> *mut c_void {
        self.data
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the header asks for a function that takes `user`; this is its only call
            unsafe { free(self.data) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    unsafe extern "C-unwind" fn count(user: *mut c_void) {
        // SAFETY: the test gives a counter that outlives it
        unsafe { &*user.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }

    #[test]
    fn the_last_holder_lets_go_once() {
        let freed = AtomicUsize::new(0);
        let data = (&raw const freed).cast_mut().cast();
        let one = Arc::new(UserData::new(data, Some(count)));
        let two = one.clone();
        assert_eq!(one.data(), data);
        drop(one);
        assert_eq!(freed.load(Ordering::SeqCst), 0);
        drop(two);
        assert_eq!(freed.load(Ordering::SeqCst), 1);
        drop(UserData::new(data, None));
        assert_eq!(freed.load(Ordering::SeqCst), 1);
    }
}
