//! Starts the thread of a client, and ends it.

use super::commands::{Command, Commands};
use super::core::{Core, Setup, WAKER};
use super::owner::Owner;
use crate::error::{Error, Result};
use crate::panics;
use crate::status::Status;
use crate::transport::process::Birthplace;
use crate::transport::signals;
use mio::{Poll, Waker};
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

/// Callbacks of the host run on it; only what they touch is ever resident.
const STACK: usize = 2 << 20;

/// The thread of one client. Dropping it ends everything that is pending, and then the thread.
#[derive(Debug)]
pub(crate) struct Reactor {
    commands: Arc<Commands>,
    thread: Option<JoinHandle<()>>,
    birthplace: Birthplace,
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
        let _blocked = signals::Blocked::new();
        let thread = thread::Builder::new()
            .name("etcd_v2".into())
            .stack_size(STACK)
            .spawn(move || run(core))
            .map_err(|e| none("thread", e))?;
        Ok(Reactor {
            commands,
            thread: Some(thread),
            birthplace: Birthplace::new(),
        })
    }

    /// Gives it one more owner to work for.
    pub(crate) fn add(&self, owner: Box<dyn Owner>) -> Result<()> {
        if self.commands.is_closed() {
            return Err(broken());
        }
        // if it broke just now, the owner ends as those do that it had
        let _ = self.commands.push(Command::Add(owner));
        Ok(())
    }

    /// The way to it, for owners that come later.
    pub(crate) fn commands(&self) -> &Arc<Commands> {
        &self.commands
    }

    /// Whether this is its thread, which must not wait for itself.
    pub(crate) fn is_here(&self) -> bool {
        self.thread() == Some(thread::current().id())
    }

    /// Its thread.
    pub(crate) fn thread(&self) -> Option<ThreadId> {
        self.thread.as_ref().map(|thread| thread.thread().id())
    }

    /// How often the thread woke up.
    pub(crate) fn turns(&self) -> u64 {
        self.commands.turns()
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if !self.birthplace.is_here() {
            // the thread is that of the parent: there is nothing here to be ended, nor to be detached
            std::mem::forget(thread);
            return;
        }
        let _ = self.commands.push(Command::Stop);
        // inside a callback: the thread ends right after it, and cannot wait for itself
        if thread.thread().id() != thread::current().id() {
            let _ = thread.join();
        }
    }
}

/// Whatever happens in it, the host survives, and everything pending is ended.
fn run(mut core: Core) {
    let commands = core.commands.clone();
    // a loop that broke is told by owners that are dropped before their time
    let _ = panics::catch(|| core.run());
    let late = commands.close();
    let _ = panics::catch(|| drop(late));
    let _ = panics::catch(|| drop(core));
}

/// Told where a loop that broke should have given an answer.
pub(super) fn broken() -> Error {
    Error::new(Status::INTERNAL, "the thread of the client has broken")
}
