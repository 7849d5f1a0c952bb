//! Starts the thread of a client, and ends it.

use super::commands::{Command, Commands};
use super::core::{Core, Setup, WAKER};
use super::life;
use super::task::Task;
use crate::error::{Error, Result};
use crate::status::Status;
use crate::sys::fork_guard::ForkGuard;
use crate::sys::thread::HostedThread;
use mio::{Poll, Waker};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

/// Callbacks of the host run on it; only what they touch is ever resident.
const STACK: usize = 2 << 20;

/// The thread of one client. Dropping it ends everything that is pending, and then the thread.
#[derive(Debug)]
pub(crate) struct Reactor {
    commands: Arc<Commands>,
    thread: Mutex<Option<HostedThread>>,
    id: ThreadId,
    birthplace: ForkGuard,
}

impl Reactor {
    /// `LIMIT` when there is no descriptor or no thread left.
    pub(crate) fn start(setup: Setup) -> Result<Reactor> {
        let none = |what: &str, e: std::io::Error| {
            let text = format!("no {what} left for asynchronous calls: {e}");
            Error::new(Status::LIMIT, text)
        };
        let poll = Poll::new().map_err(|e| none("descriptor", e))?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(|e| none("descriptor", e))?;
        let commands = Arc::new(Commands::new(waker));
        let core = Core::new(setup, commands.clone(), poll);
        let thread = HostedThread::spawn("etcd_v2", STACK, |life| life::run(core, life))
            .map_err(|e| none("thread", e))?;
        Ok(Reactor {
            commands,
            id: thread.id(),
            thread: Mutex::new(Some(thread)),
            birthplace: ForkGuard::new(),
        })
    }

    /// Gives it one more task to work for. When this fails the task hears nothing.
    pub(crate) fn add(&self, task: Box<dyn Task>) -> Result<()> {
        if let Err(Command::Add(task)) = self.commands.push(Command::Add(task)) {
            task.refuse();
            return Err(self.commands.closed().error());
        }
        Ok(())
    }

    /// The way to it, for tasks that come later.
    pub(crate) fn commands(&self) -> &Arc<Commands> {
        &self.commands
    }

    /// Whether this is its thread, which must not wait for itself.
    pub(crate) fn is_here(&self) -> bool {
        self.id == thread::current().id()
    }

    /// Its thread.
    pub(crate) fn thread(&self) -> ThreadId {
        self.id
    }

    /// How often the thread woke up.
    pub(crate) fn turns(&self) -> u64 {
        self.commands.turns()
    }

    /// Ends everything that is pending, and then the thread. Inside a callback: right after it.
    pub(crate) fn close(&self) {
        if !self.birthplace.is_here() {
            return;
        }
        let _ = self.commands.push(Command::Stop);
        if self.is_here() {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            thread.join();
        }
    }

    /// The same, inside a callback; `remains` is dropped when everything has ended.
    pub(crate) fn bury(&self, remains: Box<dyn Send>) {
        self.commands.bury(remains);
        self.close();
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.close();
        if !self.birthplace.is_here() {
            // the thread is that of the parent: there is nothing here to be ended, nor to be detached
            let thread = self.thread.get_mut();
            std::mem::forget(thread.unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}
