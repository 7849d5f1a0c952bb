//! A panic of this library is a bug that its host is told of by a status, and by nothing else.

use crate::sys::unwind;
use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

thread_local! {
    /// Whether this thread is inside something that is caught.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `body` so that a panic neither leaves nor writes to the host's stderr.
pub(crate) fn catch<T>(body: impl FnOnce() -> T) -> std::thread::Result<T> {
    hush();
    let before = INSIDE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(|| unwind::stoppable(body)));
    INSIDE.set(before);
    result
}

/// A panic of ours becomes a status; those of a Rust host that shares our hook are told as before.
fn hush() {
    static ONCE: Once = Once::new();
    // a thread that is unwinding may not change the hook: the next call will
    if ONCE.is_completed() || std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let theirs = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !INSIDE.get() {
                theirs(info);
            }
        }));
    });
}
