//! What connector and stream must know about the running exchange, and what they found out.
//!
//! ureq runs a call wholly on the calling thread, but hands nothing of ours through: a thread-local does.
use super::{
    cancel::Cancel,
    exchange_limits::ExchangeLimits,
    failure::Failure,
    record::Record,
    wait::{self, Stop},
};
use crate::protocol::response_head::Head;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// One exchange: its limits, then its record.
#[derive(Debug)]
pub(super) struct ExchangeContext {
    pub(super) limits: ExchangeLimits,
    pub(super) cancel: Option<Cancel>,
    /// room that the head of the request needs
    pub(super) head_room: usize,
    /// a new connection has to answer something short first
    pub(super) warm_up: bool,

    pub(super) record: Record,
    /// of what was received, since the last byte of body that was handed on
    pub(super) void: u64,
    /// what the stream took out of the head of the answer
    pub(super) answer: Head,
    /// the server closed the connection
    pub(super) ended: bool,
    pub(super) failure: Option<Failure>,
    /// timeout until the first byte of the body, if not that of the limits
    pub(super) patience: Option<Duration>,
    /// after it our sending side is closed, and this is the timeout for the end of the body; zero: the exchange times out
    pub(super) finish: Duration,
    /// when our sending side was closed
    pub(super) finished: Option<Instant>,
    /// when its connection was made
    pub(super) connected: Option<Instant>,
}

impl ExchangeContext {
    pub(super) fn new(limits: &ExchangeLimits, cancel: Option<&Cancel>) -> ExchangeContext {
        ExchangeContext {
            limits: *limits,
            cancel: cancel.cloned(),
            head_room: 0,
            warm_up: false,
            record: Record::new(),
            void: 0,
            answer: Head::default(),
            ended: false,
            failure: None,
            patience: None,
            finish: Duration::ZERO,
            finished: None,
            connected: None,
        }
    }

    /// The timeout before the body has passed: whether our sending side is to be closed now.
    pub(super) fn finish(&mut self, now: Instant) -> bool {
        let silent = self.patience.is_some() && !self.record.body_began;
        if !silent
            || self.finish.is_zero()
            || self.finished.is_some()
            || self.limits.deadline <= now
        {
            return false;
        }
        self.finished = Some(now);
        self.patience = Some(self.finish);
        true
    }

    /// The end of a wait that may take `longest`: never beyond the deadline.
    pub(super) fn end_of(&self, longest: Duration) -> Instant {
        let now = Instant::now();
        // an end that no clock can show is no end
        let end = now.checked_add(longest).unwrap_or(self.limits.deadline);
        end.min(self.limits.deadline)
    }

    /// Cancelled already, or too late already?
    pub(super) fn check(&self) -> Result<(), Stop> {
        self.check_until(self.limits.deadline)
    }

    /// The same in a wait that ends earlier.
    pub(super) fn check_until(&self, end: Instant) -> Result<(), Stop> {
        wait::check(self.cancel.as_ref(), end)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<ExchangeContext>> = const { RefCell::new(None) };
}

/// The attempt is that of this thread until this is dropped, also by a panic.
pub(super) struct Installed {
    previous: Option<ExchangeContext>,
}

impl Installed {
    /// `None`: the thread is ending, its thread-locals are gone.
    pub(super) fn new(context: ExchangeContext) -> Option<Installed> {
        CURRENT
            .try_with(|current| Installed {
                previous: current.replace(Some(context)),
            })
            .ok()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let previous = self.previous.take();
        let _ = CURRENT.try_with(|current| current.replace(previous));
    }
}

/// Works on the attempt of this thread; `None` when there is none.
pub(super) fn with<T>(f: impl FnOnce(&mut ExchangeContext) -> T) -> Option<T> {
    CURRENT
        .try_with(|current| current.try_borrow_mut().ok()?.as_mut().map(f))
        .ok()
        .flatten()
}

/// As [`with`], in the words of ureq: a failure is recorded, and ureq told to give up.
pub(super) fn run<T>(
    f: impl FnOnce(&mut ExchangeContext) -> Result<T, Failure>,
) -> Result<T, ureq::Error> {
    with(|context| {
        f(context).map_err(|failure| {
            context.failure.get_or_insert(failure);
        })
    })
    .and_then(Result::ok)
    // "other" on purpose: ureq takes some kinds for the end of a body and repeats after others
    .ok_or_else(|| std::io::Error::other("ended by the transport").into())
}
