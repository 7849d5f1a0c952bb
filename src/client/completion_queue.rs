//! Results of submitted calls, to be taken out one by one, by whoever likes to poll.

use super::permit::Permit;
use crate::error::{Error, Result};
use crate::protocol::response::Response;
use crate::status::Status;
use crate::sys::fork_guard::ForkGuard;
use crate::sys::monitor::Monitor;
use crate::sys::notifier::Notifier;
use rustix::fd::{AsFd, AsRawFd, RawFd};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A call that has ended.
#[derive(Debug)]
pub struct Completed<T> {
    /// What was given when it was submitted.
    pub user: T,
    /// How it ended.
    pub result: Result<Response>,
}

/// Takes in the results of calls, of one client or of several. It is never longer than calls may be in flight, since a
/// result counts as that until it is taken out. Clients and queues may end in any order; what comes for a queue that was
/// dropped is dropped.
pub struct CompletionQueue<T>(Arc<QueueShared<T>>);

struct QueueShared<T> {
    state: Monitor<QueueState<T>>,
    birthplace: ForkGuard,
}

struct QueueState<T> {
    results: VecDeque<(Completed<T>, Permit)>,
    /// rung as long as there are results; made when somebody asks for it
    notifier: Option<Notifier>,
    dropped: bool,
}

impl<T> QueueState<T> {
    fn take(&mut self) -> Option<(Completed<T>, Permit)> {
        let result = self.results.pop_front()?;
        if self.results.is_empty() {
            self.notifier.iter().for_each(Notifier::clear);
        }
        Some(result)
    }

    fn has_results(&self) -> bool {
        !self.results.is_empty()
    }
}

/// A place for a result.
pub(super) struct QueueSlot<T> {
    shared: Arc<QueueShared<T>>,
    user: T,
}

impl<T> fmt::Debug for CompletionQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").finish()
    }
}

impl<T> Default for CompletionQueue<T> {
    fn default() -> CompletionQueue<T> {
        CompletionQueue(Arc::new(QueueShared {
            state: Monitor::new(QueueState {
                results: VecDeque::new(),
                notifier: None,
                dropped: false,
            }),
            birthplace: ForkGuard::new(),
        }))
    }
}

impl<T> CompletionQueue<T> {
    /// Empty.
    pub fn new() -> CompletionQueue<T> {
        CompletionQueue::default()
    }

    /// The oldest result; `None` when there was none within `timeout`. Without a timeout it waits for one.
    pub fn next(&self, timeout: Option<Duration>) -> Result<Option<Completed<T>>> {
        self.0.refuse_elsewhere()?;
        // an end that no clock can show is no end
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let taken = self
            .0
            .state
            .consume(end, QueueState::take, QueueState::has_results);
        Ok(taken.map(|(completed, permit)| {
            drop(permit);
            completed
        }))
    }

    /// A descriptor that is readable as long as there are results. It is the queue's: to be polled, not to be read or closed.
    /// `LIMIT` when there is none left.
    pub fn descriptor(&self) -> Result<RawFd> {
        self.0.refuse_elsewhere()?;
        let mut state = self.0.state.lock();
        if state.notifier.is_none() {
            let notifier = Notifier::new().map_err(|e| {
                let text = format!("no descriptor left for a completion queue: {e}");
                Error::new(Status::LIMIT, text)
            })?;
            if !state.results.is_empty() {
                notifier.notify();
            }
            state.notifier = Some(notifier);
        }
        Ok(state
            .notifier
            .as_ref()
            .map_or(-1, |notifier| notifier.as_fd().as_raw_fd()))
    }

    pub(super) fn entry(&self, user: T) -> Result<QueueSlot<T>> {
        self.0.refuse_elsewhere()?;
        Ok(QueueSlot {
            shared: self.0.clone(),
            user,
        })
    }
}

impl<T> Drop for CompletionQueue<T> {
    fn drop(&mut self) {
        if !self.0.birthplace.is_here() {
            return;
        }
        let mut state = self.0.state.lock();
        state.dropped = true;
        let results = std::mem::take(&mut state.results);
        drop(state);
        drop(results);
    }
}

impl<T> QueueSlot<T> {
    pub(super) fn complete(self, result: Result<Response>, permit: Permit) {
        let user = self.user;
        let completed = Completed { user, result };
        let mut state = self.shared.state.lock();
        if state.dropped {
            drop(state);
            return;
        }
        state.results.push_back((completed, permit));
        let first = state.results.len() == 1;
        if first {
            state.notifier.iter().for_each(Notifier::notify);
        }
        drop(state);
        if first {
            // a burst costs its producer one call of the system: its consumers wake each other
            self.shared.state.wake_one();
        }
    }
}

impl<T> QueueShared<T> {
    /// A lock that a thread of the parent held at the fork is never given back.
    fn refuse_elsewhere(&self) -> Result<()> {
        if self.birthplace.is_here() {
            return Ok(());
        }
        let text = "queue: made in another process, make a new one after fork";
        Err(Error::new(Status::FORKED, text))
    }
}
