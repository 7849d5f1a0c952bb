//! What is kept of a client's settings while it lives, and who is told when they change.

use super::{store, table};
use crate::client::Options;
use crate::cluster::diary::listeners::Level;
use crate::cluster::roster::Roster;
use crate::panics;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub(in crate::client) struct Keeper {
    options: Options,
    roster: Arc<Roster>,
    turn: Mutex<Turn>,
}

/// One change is told at a time; those that come meanwhile, from other threads or from who is told, are told together.
#[derive(Debug, Default)]
struct Turn {
    telling: bool,
    again: bool,
}

impl Keeper {
    pub(in crate::client) fn new(options: &Options, roster: &Arc<Roster>) -> Arc<Keeper> {
        let keeper = Arc::new(Keeper {
            options: options.clone(),
            roster: roster.clone(),
            turn: Mutex::default(),
        });
        let told = Arc::downgrade(&keeper);
        roster.diary().on_change(Box::new(move || {
            if let Some(keeper) = told.upgrade() {
                keeper.changed();
            }
        }));
        keeper
    }

    /// The document of now.
    pub(in crate::client) fn text(&self, secrets: bool) -> String {
        let mut now = self.options.clone();
        let members = self.roster.members();
        let endpoints = members.iter().map(|m| m.channel().endpoint().clone());
        now.endpoints = endpoints.collect();
        now.authorization = self.options.settings.credentials.get();
        table::write(&now, secrets)
    }

    fn changed(&self) {
        let mut turn = self.turn();
        turn.again = true;
        if std::mem::replace(&mut turn.telling, true) {
            return;
        }
        while std::mem::take(&mut turn.again) {
            drop(turn);
            // else nobody would be told any more
            let _ = panics::catch(|| self.tell());
            turn = self.turn();
        }
        turn.telling = false;
    }

    fn tell(&self) {
        let Savers { file, listener } = &self.options.savers;
        if let Some((path, secrets)) = file
            && let Err(error) = store::save("config_file", path, self.text(*secrets).as_bytes())
        {
            let diary = self.roster.diary();
            diary.log(Level::Error, format_args!("not saved: {error}"));
        }
        if let Some((listener, secrets)) = listener {
            let text = self.text(*secrets);
            listener(&text);
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
