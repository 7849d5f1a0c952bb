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

    /// Takes something out as soon as `take` finds it; `None` when that was not before `end` (`None`: no end). One wake-up
    /// may announce several things: whoever takes one wakes the next thread while `left` says that there are more.
    pub(crate) fn consume<R>(
        &self,
        end: Option<Instant>,
        mut take: impl FnMut(&mut T) -> Option<R>,
        left: impl FnOnce(&T) -> bool,
    ) -> Option<R> {
        let mut shared = self.lock();
        loop {
            // before the time is looked at: a thread that was woken must not leave with the wake-up of the others
            if let Some(taken) = take(&mut shared) {
                let more = left(&shared);
                drop(shared);
                if more {
                    self.wake_one();
                }
                return Some(taken);
            }
            if end.is_some_and(|end| end <= Instant::now()) {
                return None;
            }
            shared = self.wait(shared, end);
        }
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, T>, end: Option<Instant>) -> MutexGuard<'a, T> {
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
