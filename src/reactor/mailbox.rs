//! What waits for one watcher: its queue, its state, its callbacks, and the descriptor of the host's event loop.

use crate::error::{Error, Result};
use crate::status::Status;
use crate::sys::memory::OutOfMemory;
use crate::sys::monitor::Monitor;
use crate::sys::notifier::Notifier;
use crate::watch::counters::WatchCounters;
use crate::watch::driver::Output;
use crate::watch::event::Event;
use crate::watch::event_queue::{EventQueue, Push};
use crate::watch::options::WatchOptions;
use crate::watch::state::State;
use std::fmt;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// Called on the reactor's thread for each event; there is no queue then.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;
/// Called on the reactor's thread for each change of state.
pub type OnState = Box<dyn FnMut(&State) + Send>;

/// Who wants to be called.
#[derive(Default)]
pub struct Listener {
    /// instead of the queue
    pub on_event: Option<OnEvent>,
    /// besides the queue
    pub on_state: Option<OnState>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// The side of a watcher that its consumer and the reactor share.
#[derive(Debug)]
pub struct Mailbox {
    inner: Monitor<MailboxState>,
    /// most have none
    callbacks: Option<Box<Callbacks>>,
}

#[derive(Debug)]
struct Callbacks {
    /// held while a callback runs: who ends the watcher waits for it
    listener: Mutex<Listener>,
    calling: Mutex<Option<ThreadId>>,
    /// instead of the queue
    on_event: bool,
    on_state: bool,
}

impl Callbacks {
    fn new(listener: Listener) -> Option<Box<Callbacks>> {
        let (on_event, on_state) = (listener.on_event.is_some(), listener.on_state.is_some());
        (on_event || on_state).then(|| {
            Box::new(Callbacks {
                listener: Mutex::new(listener),
                calling: Mutex::new(None),
                on_event,
                on_state,
            })
        })
    }

    fn listener(&self) -> MutexGuard<'_, Listener> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calling(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.calling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This thread is inside a callback.
struct Calling<'a>(&'a Callbacks);

impl Calling<'_> {
    fn new(callbacks: &Callbacks) -> Calling<'_> {
        *callbacks.calling() = Some(thread::current().id());
        Calling(callbacks)
    }
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        *self.0.calling() = None;
    }
}

#[derive(Debug)]
struct MailboxState {
    queue: EventQueue,
    state: State,
    /// the first index that was not handed out; 0 while nothing has come
    next: u64,
    /// the upstream waits for room
    blocked: bool,
    /// nothing comes any more, for this reason
    end: Option<Error>,
    notifier: Option<Notifier>,
    rung: bool,
}

impl MailboxState {
    fn take(&mut self) -> Option<Result<Taken>> {
        let Some(event) = self.queue.pop() else {
            return self.end.clone().map(Err);
        };
        self.next = self.next.max(event.index().saturating_add(1));
        let drained = self.blocked && self.queue.drained();
        self.blocked &= !drained;
        self.notify();
        Some(Ok(Taken { event, drained }))
    }

    /// Whether a consumer would be told something now.
    fn has_news(&self) -> bool {
        !self.queue.is_empty() || self.end.is_some()
    }

    fn notify(&mut self) {
        let wanted = self.has_news();
        if let Some(notifier) = self.notifier.as_ref().filter(|_| wanted != self.rung) {
            if wanted {
                notifier.notify();
            } else {
                notifier.clear();
            }
            self.rung = wanted;
        }
    }
}

/// What [`Mailbox::take`] found.
#[derive(Debug)]
pub struct Taken {
    /// the event
    pub event: Event,
    /// the upstream waited for room, and there is some now
    pub drained: bool,
}

impl Mailbox {
    /// Empty.
    pub fn new(options: &WatchOptions, listener: Listener) -> Mailbox {
        Mailbox {
            inner: Monitor::new(MailboxState {
                queue: EventQueue::new(options.queue_limit, options.on_full),
                state: State::Connecting,
                next: 0,
                blocked: false,
                end: None,
                notifier: None,
                rung: false,
            }),
            callbacks: Callbacks::new(listener),
        }
    }

    fn inner(&self) -> MutexGuard<'_, MailboxState> {
        self.inner.lock()
    }

    /// Puts in what a machine told. What is for callbacks is only noted: see [`Mailbox::call`].
    pub(super) fn push(&self, output: &Output) -> Push {
        let mut inner = self.inner();
        match output {
            Output::State(state) => {
                inner.state = state.clone();
                if let State::Closed(error) = state {
                    let ended = || Error::new(Status::CLOSED, "watcher: it has ended");
                    let error = error.clone().unwrap_or_else(ended);
                    inner.end.get_or_insert(error);
                }
            }
            _ if inner.end.is_some() => return Push::Accepted,
            _ if self.callbacks.as_ref().is_some_and(|c| c.on_event) => return Push::Accepted,
            output => {
                if let (0, Output::Event(event)) = (inner.next, output) {
                    inner.next = event.index();
                }
                let push = inner.queue.push(output.clone());
                if push != Push::Lost {
                    inner.blocked = push == Push::Full;
                    inner.notify();
                    drop(inner);
                    self.inner.wake_one();
                    return push;
                }
                let error = OutOfMemory.error("the queue of a watcher");
                inner.state = State::Closed(Some(error.clone()));
                inner.end = Some(error);
            }
        }
        inner.notify();
        drop(inner);
        self.inner.wake_all();
        Push::Accepted
    }

    /// Whether somebody wants to be called for this.
    pub(super) fn wants_call(&self, output: &Output) -> bool {
        let Some(callbacks) = &self.callbacks else {
            return false;
        };
        match output {
            // the end is told to who listens to events, too: its callbacks are dropped then
            Output::State(State::Closed(_)) => true,
            Output::State(_) => callbacks.on_state,
            Output::Event(_) | Output::Batch(_) => callbacks.on_event,
        }
    }

    /// Runs the callbacks for what a machine told, on the reactor's thread, with nothing locked but the callbacks.
    pub(super) fn call(&self, output: &Output) {
        let Some(callbacks) = &self.callbacks else {
            return;
        };
        // in this order: who closes it waits for the listener, also when a callback ends the thread instead of returning
        let mut listener = callbacks.listener();
        let _calling = Calling::new(callbacks);
        match output {
            Output::State(state) => {
                if let Some(on_state) = &mut listener.on_state {
                    on_state(state);
                }
            }
            Output::Event(event) => self.tell(&mut listener, event.clone()),
            Output::Batch(batch) => {
                for event in (0..batch.len()).map_while(|at| batch.event(at)) {
                    self.tell(&mut listener, event);
                }
            }
        }
        if self.inner().end.is_some() {
            // the last call, or one that ended its own watcher. Who closes it meanwhile waits until all is let go; what is
            // let go here may close it again, which `calling` tells apart.
            drop(mem::take(&mut *listener));
        }
    }

    fn tell(&self, listener: &mut Listener, event: Event) {
        // a callback may have cancelled its watcher
        if self.inner().end.is_some() {
            return;
        }
        let next = event.index().saturating_add(1);
        if let Some(on_event) = &mut listener.on_event {
            on_event(event);
        }
        let mut inner = self.inner();
        inner.next = inner.next.max(next);
    }

    /// Takes the next event, waiting until `end` (`None`: as long as it takes). `Ok(None)` when none came in time.
    pub fn take(&self, end: Option<Instant>) -> Result<Option<Taken>> {
        let found = self
            .inner
            .consume(end, MailboxState::take, MailboxState::has_news);
        found.transpose()
    }

    /// Nothing more comes: what waits is dropped, whoever waits is told. When this returns no callback runs and none will,
    /// unless it was called from inside one: then that is the last.
    pub fn close(&self, error: Error) {
        let mut inner = self.inner();
        inner.state = State::Closed(None);
        inner.end.get_or_insert(error);
        while inner.queue.pop().is_some() {}
        inner.notify();
        drop(inner);
        self.inner.wake_all();
        let Some(callbacks) = &self.callbacks else {
            return;
        };
        let own = *callbacks.calling() == Some(thread::current().id());
        if !own {
            let ended = mem::take(&mut *callbacks.listener());
            drop(ended);
        }
    }

    /// Present state.
    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    pub(super) fn set_state(&self, state: State) {
        self.inner().state = state;
    }

    /// Counted by the queue.
    pub fn counters(&self) -> WatchCounters {
        self.inner().queue.counters()
    }

    /// Index after the last event taken, and whether more wait.
    pub fn place(&self) -> (u64, bool) {
        let inner = self.inner();
        (inner.next, !inner.queue.is_empty())
    }

    /// Readable while there is something to take. The descriptor is made when it is first asked for.
    pub fn fd(&self) -> Result<RawFd> {
        let mut inner = self.inner();
        if inner.notifier.is_none() {
            inner.notifier = Some(Notifier::new().map_err(|e| {
                Error::new(Status::LIMIT, format!("no descriptor to wait for: {e}"))
            })?);
            inner.notify();
        }
        match &inner.notifier {
            Some(notifier) => Ok(notifier.as_fd().as_raw_fd()),
            None => Err(Error::new(Status::INTERNAL, "watcher: no descriptor")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    /// Lets go slowly, and ends the watcher once more while it does.
    struct Slow {
        mailbox: Arc<Mailbox>,
        gone: Arc<AtomicBool>,
    }

    impl Drop for Slow {
        fn drop(&mut self) {
            self.mailbox.close(Error::new(Status::CANCELLED, "again"));
            thread::sleep(Duration::from_millis(100));
            self.gone.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_closes_waits_until_everything_is_let_go() {
        let none = Listener {
            on_event: Some(Box::new(|_| ())),
            on_state: None,
        };
        let mailbox = Arc::new(Mailbox::new(&WatchOptions::default(), none));
        let (inside, gone) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let slow = Slow {
            mailbox: mailbox.clone(),
            gone: gone.clone(),
        };
        let (entered, own) = (inside.clone(), mailbox.clone());
        let callbacks = mailbox.callbacks.as_ref().unwrap();
        callbacks.listener().on_event = Some(Box::new(move |_| {
            let _held = &slow;
            entered.store(true, Ordering::SeqCst);
            // until somebody closes it
            while own.inner().end.is_none() {
                thread::yield_now();
            }
        }));
        let reactor = {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.call(&Output::Event(Event::progress(7))))
        };
        while !inside.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        mailbox.close(Error::new(Status::CANCELLED, "closed"));
        assert!(gone.load(Ordering::SeqCst));
        reactor.join().unwrap();
    }
}
