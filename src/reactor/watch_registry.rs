//! All watchers of a client: who listens to which upstream, and how the upstreams are reached.

use super::commands::{Command, Commands};
use super::mailbox::{Listener, Mailbox};
use super::shared_poll::{PollOptions, SharedPoll};
use super::task::TaskHandle;
use crate::cluster::members::continuity::{Need, Standing};
use crate::error::Result;
use crate::protocol::key::Key;
use crate::watch::counters::WatchCounters;
use crate::watch::driver::{Output, PollAction};
use crate::watch::event_queue::Push;
use crate::watch::fanout::{Effect, Fanout, UpstreamId, WatcherId};
use crate::watch::machine::Machine;
use crate::watch::options::WatchOptions;
use crate::watch::state::State;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Shared by the client, its watchers and the reactor. Locked before any [`Mailbox`], and never while a callback runs.
pub(crate) struct WatchRegistry {
    inner: Mutex<RegistryState>,
    commands: Arc<Commands>,
    terms: PollOptions,
    max_poll: Duration,
}

struct RegistryState {
    fanout: Fanout,
    mailboxes: HashMap<WatcherId, Arc<Mailbox>>,
    /// of those that are gone
    retired: WatchCounters,
    /// `None`: on its way to the reactor
    contacts: HashMap<UpstreamId, Option<TaskHandle>>,
}

/// All watchers together.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) watchers: u64,
    pub(crate) live: u64,
    pub(crate) reconnecting: u64,
    /// those of queues
    pub(crate) counters: WatchCounters,
}

/// What is told to callbacks once the registry is unlocked.
pub(super) type PendingCalls = Vec<(Arc<Mailbox>, Output)>;

impl fmt::Debug for WatchRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchRegistry").finish_non_exhaustive()
    }
}

impl WatchRegistry {
    pub(crate) fn new(
        commands: Arc<Commands>,
        terms: PollOptions,
        max_poll: Duration,
    ) -> Arc<WatchRegistry> {
        let seed = RandomState::new().hash_one(0u8);
        Arc::new(WatchRegistry {
            inner: Mutex::new(RegistryState {
                fanout: Fanout::new(seed),
                mailboxes: HashMap::new(),
                retired: WatchCounters::default(),
                contacts: HashMap::new(),
            }),
            commands,
            terms,
            max_poll,
        })
    }

    fn inner(&self) -> MutexGuard<'_, RegistryState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a watcher.
    pub(crate) fn watch(
        self: &Arc<WatchRegistry>,
        key: &Key,
        options: &WatchOptions,
        listener: Listener,
    ) -> Result<(WatcherId, Arc<Mailbox>)> {
        // before the lock: when it is dropped it may call anything
        let mailbox = Arc::new(Mailbox::new(options, listener));
        let mut inner = self.inner();
        let joined = inner.fanout.watch(key, options, self.max_poll)?;
        mailbox.set_state(joined.state);
        inner.mailboxes.insert(joined.watcher, mailbox.clone());
        if !self.settle(&mut inner) {
            inner.fanout.cancel(joined.watcher);
            inner.mailboxes.remove(&joined.watcher);
            while inner.fanout.effect().is_some() {}
            return Err(self.commands.closed().error());
        }
        Ok((joined.watcher, mailbox))
    }

    /// The watcher is gone.
    pub(crate) fn cancel(self: &Arc<WatchRegistry>, watcher: WatcherId) {
        let mut inner = self.inner();
        inner.fanout.cancel(watcher);
        if let Some(mailbox) = inner.mailboxes.remove(&watcher) {
            inner.retired = inner.retired.plus(mailbox.counters());
        }
        self.settle(&mut inner);
    }

    /// What all watchers have done.
    pub(crate) fn totals(&self) -> Totals {
        let inner = self.inner();
        let mut totals = Totals {
            counters: inner.retired,
            ..Totals::default()
        };
        for mailbox in inner.mailboxes.values() {
            totals.counters = totals.counters.plus(mailbox.counters());
            let (there, live, reconnecting) = match mailbox.state() {
                State::Closed(_) => (0, 0, 0),
                State::Live => (1, 1, 0),
                State::Reconnecting { .. } => (1, 0, 1),
                State::Connecting | State::Resynced => (1, 0, 0),
            };
            totals.watchers += there;
            totals.live += live;
            totals.reconnecting += reconnecting;
        }
        totals
    }

    /// A queue that was full has room again.
    pub(crate) fn drained(self: &Arc<WatchRegistry>, watcher: WatcherId) {
        let mut inner = self.inner();
        inner.fanout.drained(watcher);
        self.settle(&mut inner);
    }

    /// What holds for every exchange.
    pub(super) fn terms(&self) -> &PollOptions {
        &self.terms
    }

    /// What the upstreams of a watcher have counted.
    pub(crate) fn counters(&self, watcher: WatcherId) -> WatchCounters {
        self.inner().fanout.counters(watcher)
    }

    /// The first index that the upstream of a watcher has not seen; 0 while it is "from now" and has heard nothing.
    pub(crate) fn next_index(&self, watcher: WatcherId) -> u64 {
        let mut inner = self.inner();
        let upstream = inner.fanout.upstream(watcher);
        let machine = upstream.and_then(|id| inner.fanout.machine(id));
        machine.map_or(0, |machine| machine.next_index())
    }

    /// Does what follows from a change of the fan-out; `false` when the reactor is gone.
    fn settle(self: &Arc<WatchRegistry>, inner: &mut RegistryState) -> bool {
        let mut alive = true;
        while let Some(effect) = inner.fanout.effect() {
            match effect {
                Effect::Poll(id) => match inner.contacts.get(&id) {
                    Some(Some(handle)) => handle.wake(),
                    Some(None) => {}
                    None => {
                        inner.contacts.insert(id, None);
                        let upstream = SharedPoll::new(Arc::downgrade(self), id);
                        let added = self.commands.push(Command::Add(Box::new(upstream)));
                        if let Err(Command::Add(refused)) = added {
                            refused.refuse();
                            inner.contacts.remove(&id);
                            alive = false;
                        }
                    }
                },
                Effect::Drop(id) => {
                    if let Some(Some(handle)) = inner.contacts.remove(&id) {
                        handle.cancel();
                    }
                }
            }
        }
        alive
    }

    /// The upstream has reached the reactor.
    pub(super) fn arrived(&self, id: UpstreamId, handle: TaskHandle) {
        if let Some(slot) = self.inner().contacts.get_mut(&id) {
            *slot = Some(handle);
        }
    }

    /// The upstream has left the reactor.
    pub(super) fn left(&self, id: UpstreamId) {
        self.inner().contacts.remove(&id);
    }

    /// Reports something to a machine, with what is known of its member after that, hands out what it tells, and asks what
    /// comes next, and what is to be proven. `None`: the machine is gone.
    pub(super) fn report<T>(
        self: &Arc<WatchRegistry>,
        id: UpstreamId,
        now: Instant,
        standing: Option<Standing>,
        tell: impl FnOnce(&mut Machine) -> T,
    ) -> (Option<(T, PollAction, Option<Need>)>, PendingCalls) {
        let mut calls = PendingCalls::new();
        let mut inner = self.inner();
        let tell = |machine: &mut Machine| {
            let told = tell(machine);
            machine.vouch(now, standing);
            told
        };
        let Some(told) = inner.fanout.machine(id).map(tell) else {
            return (None, calls);
        };
        let RegistryState {
            fanout, mailboxes, ..
        } = &mut *inner;
        let mut deliver = |fanout: &mut Fanout| {
            fanout.deliver(id, |watcher, output| {
                let Some(mailbox) = mailboxes.get(&watcher) else {
                    return Push::Accepted;
                };
                let push = mailbox.push(&output);
                if mailbox.wants_call(&output) {
                    calls.push((mailbox.clone(), output));
                }
                push
            });
        };
        deliver(fanout);
        let mut wanted = None;
        let action = fanout.machine(id).map(|machine| {
            loop {
                match machine.poll(now) {
                    PollAction::Prove(need) => wanted = Some(need),
                    action => return action,
                }
            }
        });
        // asking may change the state
        deliver(fanout);
        self.settle(&mut inner);
        (action.map(|action| (told, action, wanted)), calls)
    }
}

/// How a [`WatchRegistry`] is held by those that it holds.
pub(super) type Holder = Weak<WatchRegistry>;
