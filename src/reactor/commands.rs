//! The way to the thread: a queue, and a waker that is used only when the thread sleeps.

use super::slab::SlabKey;
use super::task::Task;
use crate::error::Error;
use crate::protocol::body::Body;
use crate::status::Status;
use crate::sys::fork_guard::ForkGuard;
use mio::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is to be done.
pub(crate) enum Command {
    /// begin with this
    Add(Box<dyn Task>),
    /// wake the task: something has changed for it
    WakeTask(SlabKey),
    /// end the task
    Cancel(SlabKey),
    /// the name that this exchange asked for was looked up
    Resolved(SlabKey),
    /// the answer of this exchange was read
    Read(SlabKey, Box<Body>),
    /// members have left: close what is idle
    Sweep,
    /// end everything
    Stop,
}

/// Shared by the thread and all who want something of it.
pub(crate) struct Commands {
    state: Mutex<CommandState>,
    waker: Waker,
    birthplace: ForkGuard,
    turns: AtomicU64,
}

#[derive(Default)]
struct CommandState {
    queue: VecDeque<Command>,
    asleep: bool,
    closed: Option<Closed>,
    /// kept until everything has ended
    remains: Vec<Box<dyn Send>>,
}

/// Why nothing is taken any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// the client is being freed
    Freed,
    /// a callback ended the thread
    Lost,
    /// the loop broke
    Broken,
}

impl Closed {
    /// What is told to who comes too late.
    pub(crate) fn error(self) -> Error {
        match self {
            Closed::Freed => Error::new(Status::CLOSED, "client: it is being freed"),
            Closed::Lost => Error::new(Status::CLOSED, "client: a callback has ended its thread"),
            Closed::Broken => Error::new(Status::INTERNAL, "the thread of the client has broken"),
        }
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Commands").finish()
    }
}

impl Commands {
    pub(super) fn new(waker: Waker) -> Commands {
        Commands {
            state: Mutex::default(),
            waker,
            birthplace: ForkGuard::new(),
            turns: AtomicU64::new(0),
        }
    }

    /// Given back when the thread has ended, or is that of another process.
    pub(crate) fn push(&self, command: Command) -> Result<(), Command> {
        // before the lock, which a thread of the parent may have held for ever
        if !self.birthplace.is_here() {
            return Err(command);
        }
        let mut state = self.state();
        if state.closed.is_some() {
            return Err(command);
        }
        if matches!(command, Command::Stop) {
            // the last one: callbacks that run meanwhile are told so
            state.closed = Some(Closed::Freed);
        }
        state.queue.push_back(command);
        let wake = std::mem::replace(&mut state.asleep, false);
        drop(state);
        if wake {
            // fails only when the counter of an eventfd is full, and then the thread is awake
            let _ = self.waker.wake();
        }
        Ok(())
    }

    /// Whether the thread may sleep: from here on it is woken.
    pub(super) fn may_sleep(&self) -> bool {
        let mut state = self.state();
        state.asleep = state.queue.is_empty();
        state.asleep
    }

    /// The thread is awake and takes what has come.
    pub(super) fn take(&self, into: &mut VecDeque<Command>) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        state.asleep = false;
        std::mem::swap(&mut state.queue, into);
    }

    /// Nothing is taken any more; what had come already is given back.
    pub(super) fn close(&self, why: Closed) -> VecDeque<Command> {
        let mut state = self.state();
        state.closed.get_or_insert(why);
        std::mem::take(&mut state.queue)
    }

    /// Why nothing is taken any more.
    pub(crate) fn closed(&self) -> Closed {
        self.state().closed.unwrap_or(Closed::Freed)
    }

    /// Keeps something until everything has ended.
    pub(super) fn bury(&self, remains: Box<dyn Send>) {
        self.state().remains.push(remains);
    }

    /// What was kept.
    pub(super) fn exhume(&self) -> Vec<Box<dyn Send>> {
        std::mem::take(&mut self.state().remains)
    }

    /// How often the thread woke up.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, CommandState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
