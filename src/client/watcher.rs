//! A watch that goes on: its events are taken one by one, or told to a callback.

use super::Client;
use crate::error::{Error, Result};
use crate::protocol::key::Key;
use crate::reactor::mailbox::{Listener, Mailbox};
use crate::reactor::shared_poll::PollOptions;
use crate::reactor::watch_registry::WatchRegistry;
use crate::status::Status;
use crate::sys::fork_guard::ForkGuard;
use crate::transport::cancel::{Cancel, Subscription};
use crate::watch::counters::WatchCounters;
use crate::watch::event::Event;
use crate::watch::fanout::WatcherId;
use crate::watch::options::WatchOptions;
use crate::watch::state::State;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A watcher. Any number of threads may use it at once; it outlives its client, but ends with it.
#[derive(Debug)]
pub struct Watcher {
    registry: Arc<WatchRegistry>,
    mailbox: Arc<Mailbox>,
    id: WatcherId,
    birthplace: ForkGuard,
    /// of the handle that it was made with
    timeout: Duration,
    _cancel: Option<Subscription>,
}

impl Client {
    /// Follows `key`. With a callback in `listener` every event is told to it, on the client's thread; otherwise events
    /// wait in a queue for [`Watcher::next`]. Watchers of the same key with the same terms share one connection.
    pub fn watch(&self, key: &Key, options: &WatchOptions, listener: Listener) -> Result<Watcher> {
        self.refuse_elsewhere()?;
        let commands = self.reactor()?.commands();
        let registry = self.registry.get_or_init(|| {
            let terms = PollOptions {
                connect: self.options.connect_timeout,
                max_body: self.options.max_response_bytes,
                decode: self.options.decode,
            };
            WatchRegistry::new(commands.clone(), terms, self.options.max_poll)
        });
        let (id, mailbox) = registry.watch(key, options, listener)?;
        let subscribe = |token: &Cancel| {
            let (registry, mailbox) = (Arc::downgrade(registry), Arc::downgrade(&mailbox));
            token.subscribe(Box::new(move || {
                if let (Some(registry), Some(mailbox)) = (registry.upgrade(), mailbox.upgrade()) {
                    end(&registry, id, &mailbox);
                }
            }))
        };
        Ok(Watcher {
            timeout: self.timeout(),
            _cancel: self.token.as_ref().map(subscribe),
            registry: registry.clone(),
            mailbox,
            id,
            birthplace: ForkGuard::new(),
        })
    }
}

/// What waits is dropped, and nothing more comes.
fn end(registry: &Arc<WatchRegistry>, id: WatcherId, mailbox: &Mailbox) {
    registry.cancel(id);
    mailbox.close(Error::new(Status::CANCELLED, "watcher: cancelled"));
}

impl Watcher {
    /// How long it is waited for an event, where nothing else is said.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The next event; `Ok(None)` when none came until `end` (`None`: as long as it takes). Ends with `CANCELLED` once the
    /// watcher was cancelled, `CLOSED` once the client was freed, and with what ended it otherwise.
    pub fn next(&self, end: Option<Instant>) -> Result<Option<Event>> {
        self.refuse_elsewhere()?;
        let Some(taken) = self.mailbox.take(end)? else {
            return Ok(None);
        };
        if taken.drained {
            self.registry.drained(self.id);
        }
        Ok(Some(taken.event))
    }

    /// A descriptor that is readable while [`Watcher::next`] has something to say; not to be read or closed.
    pub fn fd(&self) -> Result<RawFd> {
        self.refuse_elsewhere()?;
        self.mailbox.fd()
    }

    /// Ends it, from any thread, again and again. When this returns no callback runs and none will, unless it was called
    /// from inside one.
    pub fn cancel(&self) {
        if self.birthplace.is_here() {
            end(&self.registry, self.id, &self.mailbox);
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        match self.birthplace.is_here() {
            true => self.mailbox.state(),
            false => State::Closed(None),
        }
    }

    /// The first index that was not handed out: who starts a watcher there misses nothing. 0 while that is not known.
    pub fn next_index(&self) -> u64 {
        if !self.birthplace.is_here() {
            return 0;
        }
        // asked first: what arrives in between is then in the queue, and counts as not handed out
        let upstream = self.registry.next_index(self.id);
        match self.mailbox.place() {
            (next, true) => next,
            (next, false) => next.max(upstream),
        }
    }

    /// What it has done so far.
    pub fn counters(&self) -> WatchCounters {
        match self.birthplace.is_here() {
            true => self
                .registry
                .counters(self.id)
                .plus(self.mailbox.counters()),
            false => WatchCounters::default(),
        }
    }

    fn refuse_elsewhere(&self) -> Result<()> {
        if self.birthplace.is_here() {
            return Ok(());
        }
        Err(Error::new(
            Status::FORKED,
            "watcher: made in another process, make a new one after fork",
        ))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.cancel();
    }
}
