//! Where a watcher is in its life.

use crate::error::Error;
use std::sync::Arc;

/// State of a watcher; every change of it is told.
#[derive(Clone, Debug)]
pub enum State {
    /// nothing has been heard yet
    Connecting,
    /// a member has the poll
    Live,
    /// something went wrong, the next try comes
    Reconnecting {
        /// one line
        why: Arc<str>,
        /// tries since something worked, from 1
        attempt: u32,
    },
    /// history was lost, and a snapshot has filled the hole; live comes next
    Resynced,
    /// the end; without an error if it was asked for
    Closed(Option<Error>),
}

impl State {
    /// Number of the constant in the header.
    pub fn code(&self) -> i32 {
        match self {
            State::Connecting => 1,
            State::Live => 2,
            State::Reconnecting { .. } => 3,
            State::Resynced => 4,
            State::Closed(_) => 5,
        }
    }
}
