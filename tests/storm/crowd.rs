//! Twenty watchers of one client, of every style, and what each of them has told so far.

use super::ledger::{Change, number_of, path};
use super::{AMPLE, api, support};
use etcd_v2::client::{Client, Listener, Watcher};
use etcd_v2::protocol::action::Action;
use etcd_v2::watch::event::{Event, EventKind, Loss};
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
enum Style {
    Pull,
    Descriptor,
    Callback,
}

/// One event, as small as it can be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) kind: EventKind,
    pub(crate) loss: Option<Loss>,
    pub(crate) from: u64,
    pub(crate) index: u64,
    pub(crate) change: Option<Change>,
}

/// What a spectator was told, and the table that this makes.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) told: Vec<Told>,
    pub(crate) table: BTreeMap<u64, u64>,
}

impl Log {
    fn take(&mut self, event: &Event) {
        let change = event.node().and_then(|node| {
            let gone = matches!(
                event.response()?.action(),
                Action::Delete | Action::Expire | Action::CompareAndDelete
            );
            let value = node.value().filter(|_| !gone);
            Some(Change {
                key: number_of(node.key())?,
                value: value.map(|value| value.parse().unwrap()),
            })
        });
        match change {
            Some(Change {
                key,
                value: Some(value),
            }) => drop(self.table.insert(key, value)),
            Some(Change { key, value: None }) => drop(self.table.remove(&key)),
            None => {}
        }
        self.told.push(Told {
            kind: event.kind(),
            loss: event.loss(),
            from: event.from(),
            index: event.index(),
            change,
        });
    }

    pub(crate) fn gaps(&self) -> usize {
        let gaps = self.told.iter().filter(|told| told.kind == EventKind::Gap);
        gaps.count()
    }

    /// Up to where it goes.
    pub(crate) fn end(&self) -> u64 {
        self.told.last().map_or(0, |told| told.index)
    }
}

/// A watcher, and who listens to it.
pub(crate) struct Spectator {
    pub(crate) name: String,
    /// `None`: all of them
    pub(crate) key: Option<u64>,
    pub(crate) on_lost: OnLost,
    pub(crate) watcher: Arc<Watcher>,
    pub(crate) log: Arc<Mutex<Log>>,
    /// takes its time
    pub(crate) slow: bool,
}

pub(crate) struct Crowd {
    pub(crate) spectators: Vec<Spectator>,
    threads: Vec<JoinHandle<()>>,
    over: Arc<AtomicBool>,
}

impl Crowd {
    /// All are live when it returns.
    pub(crate) fn gather(client: &Client) -> Crowd {
        let mut crowd = Crowd {
            spectators: Vec::new(),
            threads: Vec::new(),
            over: Arc::default(),
        };
        for style in [Style::Pull, Style::Descriptor, Style::Callback] {
            for on_lost in [OnLost::Resync, OnLost::Gap] {
                // these share a connection with the other styles,
                crowd.join(client, style, on_lost, None, |_| "shared");
                crowd.join(client, style, on_lost, Some(0), |_| "one key");
                // and these with those of their policy
                crowd.join(client, style, on_lost, None, |options| {
                    options.set_progress(true);
                    "progress"
                });
            }
        }
        crowd.join(client, Style::Pull, OnLost::Gap, None, |options| {
            options.set_snapshot_first(true).unwrap();
            "snapshot first"
        });
        crowd.join(client, Style::Pull, OnLost::Gap, None, |options| {
            options.set_queue_limit(4).unwrap();
            "slow"
        });
        assert_eq!(crowd.spectators.len(), 20);
        for spectator in &crowd.spectators {
            support::wait_for(&spectator.name, AMPLE, || {
                (spectator.watcher.next_index() != 0).then_some(())
            });
        }
        crowd
    }

    fn join(
        &mut self,
        client: &Client,
        style: Style,
        on_lost: OnLost,
        key: Option<u64>,
        set: impl FnOnce(&mut WatchOptions) -> &'static str,
    ) {
        let mut options = WatchOptions::default();
        options.set_recursive(key.is_none());
        options.set_on_lost(on_lost);
        let what = set(&mut options);
        let log: Arc<Mutex<Log>> = Arc::default();
        let theirs = log.clone();
        let listener = match style {
            Style::Callback => Listener {
                on_event: Some(Box::new(move |event| theirs.lock().unwrap().take(&event))),
                on_state: None,
            },
            _ => Listener::default(),
        };
        let watched = key.map_or("/storm".to_owned(), path);
        let watcher = client.watch(&api::key(&watched), &options, listener);
        let spectator = Spectator {
            name: format!("{style:?} {on_lost:?} {what}"),
            key,
            on_lost,
            watcher: Arc::new(watcher.unwrap()),
            log,
            slow: what == "slow",
        };
        if !matches!(style, Style::Callback) {
            self.threads
                .push(listen(style, &spectator, self.over.clone()));
        }
        self.spectators.push(spectator);
    }

    /// Where the last of them stands.
    pub(crate) fn next_index(&self) -> u64 {
        let quick = self.spectators.iter().filter(|one| !one.slow);
        quick.map(|one| one.watcher.next_index()).min().unwrap()
    }

    /// Nobody listens any more.
    pub(crate) fn disperse(mut self) -> Vec<Spectator> {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.spectators)
    }
}

impl Drop for Crowd {
    /// A test that failed does not leave them behind.
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn listen(style: Style, spectator: &Spectator, over: Arc<AtomicBool>) -> JoinHandle<()> {
    let (watcher, log) = (spectator.watcher.clone(), spectator.log.clone());
    let slow = spectator.slow;
    std::thread::spawn(move || {
        while !over.load(Ordering::SeqCst) {
            let end = match style {
                Style::Descriptor => {
                    wait_for_descriptor(watcher.fd().unwrap());
                    Instant::now()
                }
                _ => Instant::now() + Duration::from_millis(100),
            };
            while let Some(event) = watcher.next(Some(end)).expect("alive") {
                log.lock().unwrap().take(&event);
                if slow {
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    })
}

fn wait_for_descriptor(fd: RawFd) {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one descriptor, as said; it lives as long as its watcher
    unsafe { libc::poll(&raw mut poll, 1, 100) };
}
