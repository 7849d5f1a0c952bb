//! A token that ends calls from another thread.
use crate::sys::fork_guard::ForkGuard;
use crate::sys::notifier::Notifier;
use crate::{
    error::{Error, Result},
    status::Status,
};
use rustix::fd::{AsFd, BorrowedFd};
use std::collections::HashMap;
use std::fmt;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Shared by any number of calls and threads; clones are the same token.
///
/// Every wait of a call polls its socket *and* the token, so nobody has to know which sockets are in use.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<TokenState>);

#[derive(Debug)]
struct TokenState {
    fired: AtomicBool,
    notifier: Notifier,
    birthplace: ForkGuard,
    calls: Mutex<Subscribers>,
}

/// Those who want to be called rather than poll.
#[derive(Default)]
struct Subscribers {
    next: u64,
    waiting: HashMap<u64, Box<dyn FnOnce() + Send>>,
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscribers")
            .field(&self.waiting.len())
            .finish()
    }
}

/// Ends the wish to be called when it is dropped.
#[derive(Debug)]
pub(crate) struct Subscription {
    token: Cancel,
    number: u64,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let call = self.token.calls().waiting.remove(&self.number);
        drop(call);
    }
}

impl Cancel {
    /// Needs one descriptor (an eventfd); `LIMIT` when there is none left.
    pub fn new() -> Result<Cancel> {
        let notifier = Notifier::new().map_err(|e| {
            Error::new(
                Status::LIMIT,
                format!("no descriptor for a cancel token: {e}"),
            )
        })?;
        Ok(Cancel(Arc::new(TokenState {
            fired: AtomicBool::new(false),
            notifier,
            birthplace: ForkGuard::new(),
            calls: Mutex::default(),
        })))
    }

    /// Ends every call that holds this token, now and later.
    pub fn fire(&self) {
        let first = !self.0.fired.swap(true, Ordering::SeqCst);
        // a forked child shares the descriptor with its parent, whose calls are none of its business
        if first && self.0.birthplace.is_here() {
            self.0.notifier.notify();
            let waiting = std::mem::take(&mut self.calls().waiting);
            for call in waiting.into_values() {
                call();
            }
        }
    }

    /// Has `call` run when the token is fired, by the thread that fires it; at once if it was fired already.
    /// `call` must be short and take no lock that is held here.
    pub(crate) fn subscribe(&self, call: Box<dyn FnOnce() + Send>) -> Subscription {
        let mut calls = self.calls();
        let number = calls.next;
        calls.next += 1;
        if self.is_fired() {
            drop(calls);
            call();
        } else {
            calls.waiting.insert(number, call);
        }
        Subscription {
            token: self.clone(),
            number,
        }
    }

    fn calls(&self) -> MutexGuard<'_, Subscribers> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was fired.
    pub fn is_fired(&self) -> bool {
        self.0.fired.load(Ordering::SeqCst)
    }
}

impl AsFd for Cancel {
    /// Readable from the moment when the token was fired.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.notifier.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn readable(token: &Cancel) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(token, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn fired_once_seen_by_all_clones_for_ever() {
        let token = Cancel::new().unwrap();
        let clone = token.clone();
        assert!(!token.is_fired() && !readable(&token));
        std::thread::spawn(move || clone.fire()).join().unwrap();
        for _ in 0..3 {
            assert!(token.is_fired() && readable(&token));
            token.fire();
        }
    }
    #[test]
    fn who_asked_to_be_called_is_called_once() {
        use std::sync::atomic::AtomicUsize;
        let token = Cancel::new().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let subscribe = |token: &Cancel| {
            let count = count.clone();
            token.subscribe(Box::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            }))
        };
        let kept = [subscribe(&token), subscribe(&token)];
        drop(subscribe(&token));
        assert_eq!(count.load(Ordering::SeqCst), 0);
        token.fire();
        token.fire();
        assert_eq!(count.load(Ordering::SeqCst), 2);
        drop(kept);
        drop(subscribe(&token));
        assert_eq!(count.load(Ordering::SeqCst), 3, "too late is at once");
        assert!(token.calls().waiting.is_empty());
    }
}
