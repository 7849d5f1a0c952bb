//! Threads that run code of the host: no signal is handled on them, nobody cancels them, and a callback may end them.

use crate::sys::monitor::Monitor;
use crate::sys::panics;
use crate::sys::signals;
use crate::sys::unwind;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

/// One of them.
#[derive(Debug)]
pub(crate) struct HostedThread {
    handle: JoinHandle<()>,
    life: Arc<ThreadState>,
}

/// How far it is.
#[derive(Debug, Default)]
pub(crate) struct ThreadState(Monitor<Option<End>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Returned,
    /// a callback has ended it: it is parked, or gone without a trace
    Lost,
}

/// Says that the thread has ended, when it is dropped.
#[derive(Debug)]
pub(crate) struct Ending {
    life: Arc<ThreadState>,
    returned: bool,
}

impl HostedThread {
    pub(crate) fn spawn(
        name: &str,
        stack: usize,
        body: impl FnOnce(&Arc<ThreadState>) + Send + 'static,
    ) -> io::Result<HostedThread> {
        let life = Arc::new(ThreadState::default());
        let own = life.clone();
        let run = move || {
            let _ = unwind::put_off();
            unwind::at_end(own.ending());
            let _ = panics::catch(|| {
                let mut ending = own.ending();
                body(&own);
                ending.returned = true;
            });
        };
        let _blocked = signals::Blocked::new();
        let builder = thread::Builder::new().name(name.into()).stack_size(stack);
        let handle = builder.spawn(run)?;
        Ok(HostedThread { handle, life })
    }

    pub(crate) fn id(&self) -> ThreadId {
        self.handle.thread().id()
    }

    /// Waits for its end; one that was lost has none, and is left where it is.
    pub(crate) fn join(self) {
        if self.life.wait() == End::Returned {
            let _ = self.handle.join();
        }
    }
}

impl ThreadState {
    /// To be held while the thread ends what it has to do.
    pub(crate) fn ending(self: &Arc<ThreadState>) -> Ending {
        Ending {
            life: self.clone(),
            returned: false,
        }
    }

    fn wait(&self) -> End {
        let end = self.0.consume(None, |end| *end, |_| false);
        end.unwrap_or(End::Lost)
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let end = match self.returned || !unwind::is_forced() {
            true => End::Returned,
            false => End::Lost,
        };
        self.life.0.lock().get_or_insert(end);
        self.life.0.wake_all();
    }
}
