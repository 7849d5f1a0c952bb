//! Saves a configuration where nobody may wait for a disk or for another process: on a thread that lives as long as there
//! is something to be saved.

use super::source::ConfigSource;
use crate::sys::fork_guard::ForkGuard;
use crate::sys::thread::HostedThread;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one try waits for another process that saves.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between two tries, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The text of a configuration, and a few system calls.
const STACK: usize = 256 * 1024;

/// Of one client. When it is dropped the last change is tried once more, and not again.
#[derive(Debug)]
pub(super) struct Saver {
    shared: Arc<SaverShared>,
    thread: Mutex<Option<HostedThread>>,
    birthplace: ForkGuard,
}

#[derive(Debug)]
struct SaverShared {
    source: Arc<ConfigSource>,
    state: Mutex<SaverState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SaverState {
    /// something is to be saved
    due: bool,
    running: bool,
    closing: bool,
}

impl Saver {
    pub(super) fn new(source: Arc<ConfigSource>) -> Saver {
        Saver {
            shared: Arc::new(SaverShared {
                source,
                state: Mutex::default(),
                changed: Condvar::new(),
            }),
            thread: Mutex::new(None),
            birthplace: ForkGuard::new(),
        }
    }

    /// Has it saved, soon. Does not block.
    pub(super) fn wake(&self) {
        let mut state = self.shared.state();
        state.due = true;
        self.shared.changed.notify_all();
        if std::mem::replace(&mut state.running, true) {
            return;
        }
        let shared = self.shared.clone();
        let started = HostedThread::spawn("etcd_v2-save", STACK, move |_| {
            // also when a listener does not return
            let running = RunningGuard(&shared);
            shared.run();
            mem::forget(running);
        });
        // if none could be started, the next change tries again
        state.running = started.is_ok();
        drop(state);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *thread, started.ok());
        drop(thread);
        if let Some(before) = before {
            // it has nothing left to do but to end
            before.join();
        }
    }
}

/// Until the thread has nothing to do any more.
struct RunningGuard<'a>(&'a SaverShared);

impl Drop for RunningGuard<'_> {
    fn drop(&mut self) {
        self.0.state().running = false;
    }
}

impl SaverShared {
    fn state(&self) -> MutexGuard<'_, SaverState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let (mut pause, mut told) = (PAUSES.0, false);
        loop {
            let mut state = self.state();
            if !std::mem::take(&mut state.due) {
                // before the lock is let go: whoever comes next starts another thread
                state.running = false;
                return;
            }
            let last = state.closing;
            drop(state);
            match self.source.save(Instant::now() + PATIENCE) {
                Ok(()) => (pause, told) = (PAUSES.0, false),
                Err(error) => {
                    // once is enough for a lock that stays
                    let busy = error.detail().retriable;
                    if !std::mem::replace(&mut told, busy) {
                        self.source.log(&error);
                    }
                    if !busy || last {
                        continue;
                    }
                    let mut state = self.state();
                    state.due = true;
                    let waiting = |state: &mut SaverState| !state.closing;
                    let wait = self.changed.wait_timeout_while(state, pause, waiting);
                    drop(wait);
                    pause = PAUSES.1.min(pause * 2);
                }
            }
        }
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        let thread = self.thread.get_mut();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        if !self.birthplace.is_here() {
            // that of the parent
            std::mem::forget(thread);
            return;
        }
        self.shared.state().closing = true;
        self.shared.changed.notify_all();
        thread.join();
    }
}
