//! Who listens, and what is told.

use crate::error::{Error, Phase};
use crate::status::Status;
use crate::transport::timings::Timings;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A call failed.
    Error = 1,
    /// An attempt failed, and something else is tried.
    Warn,
    /// Something changed: the members, who asks.
    Info,
    /// Every request.
    Debug,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// a call that is executed or submitted
    Call = 1,
    /// a watch: a poll, or what it needs besides
    Watch,
}

/// Where a request is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceEvent {
    /// it begins
    Begin = 1,
    /// a member answered, or did not
    Attempt,
    /// it is over
    End,
}

/// One moment of a request.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// which
    pub event: TraceEvent,
    /// of what
    pub kind: RequestKind,
    /// number of the request, from 1, within its client
    pub request: u64,
    /// upper case
    pub method: &'static str,
    /// path and query; values in it are masked
    pub target: &'a str,
    /// exchanges so far, the one that is told included
    pub attempts: u32,
    /// who was asked; empty at the beginning
    pub endpoint: &'a str,
    /// of the end
    pub status: Status,
    /// of the attempt, or of the answer that decided; 0 if there was none
    pub http_status: u16,
    /// why it failed; empty if it did not
    pub text: &'a str,
    /// of an attempt that failed
    pub failed_in: Option<Phase>,
    /// of the attempt
    pub timings: Timings,
    /// since the beginning
    pub total: Duration,
}

/// A failed attempt, told before anything else is tried.
#[derive(Clone, Debug)]
pub struct Retry<'a> {
    /// the members of the cluster
    pub endpoints: Vec<&'a str>,
    /// exchanges so far
    pub attempts: u32,
    /// upper case
    pub method: &'static str,
    /// path and query; values in it are masked
    pub target: &'a str,
    /// of the answer; 0 if there was none
    pub http_status: u16,
    /// why it failed
    pub error: &'a Error,
}

/// What is to be done after a failed attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advice {
    /// as if nobody had been asked
    #[default]
    Default,
    /// nothing more
    Stop,
    /// after this time, the next attempt, also when every member was asked often enough; within the deadline
    Pause(Duration),
}

/// Gets lines of the log.
pub type OnLog = Arc<dyn Fn(Level, &str) + Send + Sync>;
/// Gets commands for a shell.
pub type OnCurl = Arc<dyn Fn(&str) + Send + Sync>;
/// Gets moments of requests.
pub type OnTrace = Arc<dyn Fn(&Trace<'_>) + Send + Sync>;
/// Decides after failed attempts.
pub type OnRetry = Arc<dyn Fn(&Retry<'_>) -> Advice + Send + Sync>;

/// Everybody who listens; called on the thread that does the work.
#[derive(Clone, Default)]
pub struct Hooks {
    /// with the last level that is told
    pub log: Option<(Level, OnLog)>,
    /// every request as a command
    pub curl: Option<OnCurl>,
    /// every request in its moments
    pub trace: Option<OnTrace>,
    /// every failed attempt
    pub retry: Option<OnRetry>,
}

impl Hooks {
    /// Whether what a request is about has to be kept.
    pub(super) fn any(&self) -> bool {
        self.log.is_some() || self.trace.is_some() || self.retry.is_some()
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

thread_local! {
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// Runs a listener. What it does itself is not told, on this thread: else a line about a call would make a line.
pub(super) fn call_hook<T>(listener: impl FnOnce() -> T) -> Option<T> {
    // a thread that is ending has nobody to tell
    if LISTENING.try_with(|inside| inside.replace(true)).ok()? {
        return None;
    }
    let _listening = Listening;
    Some(listener())
}

/// Until it is dropped; nothing is caught, since a listener may end its thread.
struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = LISTENING.try_with(|inside| inside.set(false));
    }
}
