//! A lock with a condition to wait for.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Something shared, and threads that wait until it has changed. Waking costs nothing while nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Monitor<T> {
    shared: Mutex<T>,
    changed: Condvar,
    waiting: AtomicUsize,
}

impl<T> Monitor<T> {
    pub(crate) fn new(shared: T) -> Monitor<T> {
        Monitor {
            shared: Mutex::new(shared),
            changed: Condvar::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let guard = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        // who waits lets go of the lock inside std, where ThreadSanitizer does not see it: here it does
        self.waiting.load(Ordering::Acquire);
        guard
    }

    /// Until somebody wakes it, for no reason, or until `end` (`None`: no end).
    pub(crate) fn wait<'a>(
        &self,
        guard: MutexGuard<'a, T>,
        end: Option<Instant>,
    ) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Release);
        let guard = match end {
            None => self
                .changed
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner),
            Some(end) => {
                let left = end.saturating_duration_since(Instant::now());
                let woken = self.changed.wait_timeout(guard, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        self.waiting.fetch_sub(1, Ordering::Release);
        guard
    }

    /// After the change, the lock being free or not: who came before it is woken, who comes after it sees it.
    pub(crate) fn wake_one(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.changed.notify_one();
        }
    }

    /// The same for all.
    pub(crate) fn wake_all(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.changed.notify_all();
        }
    }
}
