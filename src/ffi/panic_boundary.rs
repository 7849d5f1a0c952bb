//! No panic leaves the library, and no thread is cancelled inside it.
use crate::sys::panics::catch;
use crate::sys::unwind;
use std::any::Any;

/// Runs a function that cannot fail: a panic answers `neutral`, as NULL does.
pub(super) fn shield<T>(neutral: T, body: impl FnOnce() -> T) -> T {
    let state = unwind::put_off();
    let result = catch(body).unwrap_or_else(|panic| {
        forget(panic);
        neutral
    });
    unwind::restore(state);
    result
}

/// Drops text, as nearly every panic throws; anything else may panic again when it is dropped.
pub(super) fn forget(panic: Box<dyn Any + Send>) {
    if !(panic.is::<&'static str>() || panic.is::<String>()) {
        std::mem::forget(panic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_an_accessor_answers_the_neutral_value() {
        assert_eq!(shield(3, || 4), 4);
        assert_eq!(shield(3, || panic!("no")), 3);
    }
}
