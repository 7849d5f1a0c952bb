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
use std::slice;
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// Shared by any number of calls and threads; clones are the same token.
///
/// Every wait of a call polls its socket *and* the token, so nobody has to know which sockets are in use.
#[derive(Clone, Debug)]
pub struct Cancel(Tokens);

/// Several tokens count as one that is fired with the first of them.
#[derive(Clone, Debug)]
enum Tokens {
    One(Arc<TokenState>),
    Any(Arc<[Arc<TokenState>]>),
}

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
    _first: Option<Seat>,
    /// with the other tokens, which are rare
    _others: Vec<Seat>,
}

/// With one of the tokens.
#[derive(Debug)]
struct Seat {
    token: Arc<TokenState>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let call = self.token.calls().waiting.remove(&self.number);
        drop(call);
    }
}

impl TokenState {
    fn fire(&self) {
        let first = !self.fired.swap(true, Ordering::SeqCst);
        // a forked child shares the descriptor with its parent, whose calls are none of its business
        if first && self.birthplace.is_here() {
            self.notifier.notify();
            let waiting = std::mem::take(&mut self.calls().waiting);
            for call in waiting.into_values() {
                call();
            }
        }
    }

    fn is_fired(&self) -> bool {
        self.fired.load(Ordering::SeqCst)
    }

    fn subscribe(self: &Arc<TokenState>, call: Box<dyn FnOnce() + Send>) -> Seat {
        let mut calls = self.calls();
        let number = calls.next;
        calls.next += 1;
        if self.is_fired() {
            drop(calls);
            call();
        } else {
            calls.waiting.insert(number, call);
        }
        Seat {
            token: self.clone(),
            number,
        }
    }

    fn calls(&self) -> MutexGuard<'_, Subscribers> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
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
        Ok(Cancel(Tokens::One(Arc::new(TokenState {
            fired: AtomicBool::new(false),
            notifier,
            birthplace: ForkGuard::new(),
            calls: Mutex::default(),
        }))))
    }

    /// One that is fired with the first of those that there are.
    pub(crate) fn any_of<const N: usize>(tokens: [Option<&Cancel>; N]) -> Option<Cancel> {
        let mut there = tokens.into_iter().flatten();
        let first = there.next()?;
        let Some(second) = there.next() else {
            return Some(first.clone());
        };
        let all = [first, second].into_iter().chain(there);
        let all = all.flat_map(Cancel::each).cloned().collect();
        Some(Cancel(Tokens::Any(all)))
    }

    fn each(&self) -> slice::Iter<'_, Arc<TokenState>> {
        match &self.0 {
            Tokens::One(token) => slice::from_ref(token).iter(),
            Tokens::Any(tokens) => tokens.iter(),
        }
    }

    /// Ends every call that holds this token, now and later.
    pub fn fire(&self) {
        self.each().for_each(|token| token.fire());
    }

    /// Has `call` run when the token is fired, by the thread that fires it; at once if it was fired already.
    /// `call` must be short and take no lock that is held here.
    pub(crate) fn subscribe(&self, call: Box<dyn FnOnce() + Send>) -> Subscription {
        match &self.0 {
            Tokens::One(token) => Subscription {
                _first: Some(token.subscribe(call)),
                _others: Vec::new(),
            },
            Tokens::Any(tokens) => {
                // the first of them takes it
                let call = Arc::new(Mutex::new(Some(call)));
                let mut each = tokens.iter().map(|token| {
                    let call = call.clone();
                    token.subscribe(Box::new(move || {
                        let taken = call.lock().unwrap_or_else(PoisonError::into_inner).take();
                        taken.into_iter().for_each(|call| call());
                    }))
                });
                Subscription {
                    _first: each.next(),
                    _others: each.collect(),
                }
            }
        }
    }

    /// Whether it was fired.
    pub fn is_fired(&self) -> bool {
        self.each().any(|token| token.is_fired())
    }

    /// Readable from the moment when the token was fired: one of them.
    pub fn descriptors(&self) -> impl ExactSizeIterator<Item = BorrowedFd<'_>> {
        self.each().map(|token| token.notifier.as_fd())
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
        let each = token.descriptors();
        let mut each: Vec<_> = each
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        poll(&mut each, Some(&now)).unwrap() > 0
    }

    #[test]
    fn several_are_fired_with_the_first_of_them() {
        use std::sync::atomic::AtomicUsize;
        assert!(Cancel::any_of([None, None]).is_none());
        for fired in 0..3 {
            let tokens = [(); 3].map(|()| Cancel::new().unwrap());
            let [a, b, c] = &tokens;
            let two = Cancel::any_of([Some(a), None, Some(b)]).unwrap();
            let all = Cancel::any_of([Some(&two), Some(c)]).unwrap();
            let count = Arc::new(AtomicUsize::new(0));
            let called = count.clone();
            let kept = all.subscribe(Box::new(move || {
                called.fetch_add(1, Ordering::SeqCst);
            }));
            assert!(!all.is_fired() && !readable(&all));
            tokens[fired].fire();
            assert!(all.is_fired() && readable(&all));
            assert_eq!(two.is_fired(), fired < 2);
            tokens.iter().for_each(Cancel::fire);
            assert_eq!(count.load(Ordering::SeqCst), 1);
            drop(kept);
            assert!(all.each().all(|token| token.calls().waiting.is_empty()));
        }
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
        assert!(token.each().all(|token| token.calls().waiting.is_empty()));
    }
}
