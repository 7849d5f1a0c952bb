//! What is kept of a client's settings while it lives, and who is told when they change.

use super::saver::Saver;
use super::source::ConfigSource;
use crate::client::Options;
use crate::cluster::members::member_set::MemberSet;
use std::fmt;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// Gets the document whenever something has changed.
pub type OnConfig = Arc<dyn Fn(&str) + Send + Sync>;

/// Where changes go.
#[derive(Clone, Default)]
pub(crate) struct Savers {
    /// a file; whether with secrets
    pub(crate) file: Option<(PathBuf, bool)>,
    /// the same of a listener
    pub(crate) listener: Option<(OnConfig, bool)>,
}

impl fmt::Debug for Savers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Savers").finish_non_exhaustive()
    }
}

/// Of one client.
#[derive(Debug)]
pub(in crate::client) struct Autosave {
    source: Arc<ConfigSource>,
    saver: Option<Saver>,
    turn: Mutex<Turn>,
    /// that of the client, which must not wait for a disk
    thread: OnceLock<ThreadId>,
}

/// One change is told at a time; those that come meanwhile, from other threads or from who is told, are told together.
#[derive(Debug, Default)]
struct Turn {
    telling: bool,
    again: bool,
}

/// Dropped when a listener did not return: else nobody would be told any more.
struct Telling<'a>(&'a Autosave);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.turn().telling = false;
    }
}

impl Autosave {
    pub(in crate::client) fn new(options: &Options, member_set: &Arc<MemberSet>) -> Arc<Autosave> {
        let source = Arc::new(ConfigSource::new(options, member_set));
        let file = options.savers.file.as_ref();
        let autosave = Arc::new(Autosave {
            saver: file.map(|_| Saver::new(source.clone())),
            source,
            turn: Mutex::default(),
            thread: OnceLock::new(),
        });
        let told = Arc::downgrade(&autosave);
        member_set.telemetry().on_change(Box::new(move || {
            if let Some(autosave) = told.upgrade() {
                autosave.changed();
            }
        }));
        autosave
    }

    /// The document of now.
    pub(in crate::client) fn text(&self, secrets: bool) -> String {
        self.source.text(secrets)
    }

    /// On this thread nothing is waited for.
    pub(in crate::client) fn spare(&self, thread: ThreadId) {
        let _ = self.thread.set(thread);
    }

    fn changed(&self) {
        let mut turn = self.turn();
        turn.again = true;
        if std::mem::replace(&mut turn.telling, true) {
            return;
        }
        while std::mem::take(&mut turn.again) {
            drop(turn);
            let telling = Telling(self);
            self.tell();
            mem::forget(telling);
            turn = self.turn();
        }
        turn.telling = false;
    }

    fn tell(&self) {
        if let Some(saver) = &self.saver {
            match self.thread.get() == Some(&thread::current().id()) {
                true => saver.wake(),
                false => self.save(saver),
            }
        }
        if let Some((listener, secrets)) = &self.source.options().savers.listener {
            let text = self.text(*secrets);
            listener(&text);
        }
    }

    fn save(&self, saver: &Saver) {
        let end = Instant::now() + self.source.options().save_timeout();
        if let Err(error) = self.source.save(end) {
            self.source.log(&error);
            if error.detail().retriable {
                saver.wake();
            }
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
