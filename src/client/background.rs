//! Calls that nobody waits for.

use super::completion_queue::CompletionQueue;
use super::permit::Permit;
use super::{Ask, Call, Client};
use crate::cluster::failover::request_sequence::RequestSequence;
use crate::error::{Error, Result};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response::Response;
use crate::reactor::call;
use crate::reactor::core::Setup;
use crate::reactor::handle::Reactor;
use crate::status::Status;
use crate::sys::panics;
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// The thread of a client, once there is something for it to do, and how much it has to do.
#[derive(Debug)]
pub(super) struct Background {
    reactor: OnceLock<Reactor>,
    starting: Mutex<()>,
    /// whether it has been told to look for members
    kept: AtomicBool,
    in_flight: Arc<AtomicUsize>,
    limit: usize,
}

impl Background {
    pub(super) fn new(limit: usize) -> Background {
        Background {
            reactor: OnceLock::new(),
            starting: Mutex::new(()),
            kept: AtomicBool::new(false),
            in_flight: Arc::default(),
            limit,
        }
    }

    /// If there is one already.
    pub(super) fn reactor(&self) -> Option<&Reactor> {
        self.reactor.get()
    }

    /// True once.
    pub(super) fn keep(&self) -> bool {
        !self.kept.swap(true, Ordering::Relaxed)
    }

    fn permit(&self) -> Result<Permit> {
        let in_flight = &self.in_flight;
        // relaxed: it counts, nothing else depends on it
        if in_flight.fetch_add(1, Ordering::Relaxed) >= self.limit {
            in_flight.fetch_sub(1, Ordering::Relaxed);
            let text = format!("{} calls are in flight, no more are allowed", self.limit);
            return Err(Error::new(Status::LIMIT, text));
        }
        Ok(Permit(in_flight.clone()))
    }
}

impl Client {
    /// Runs a call in the background; `completion` is run exactly once, on the thread of the client, which does nothing
    /// else meanwhile. Calls in flight may run in any order: whoever needs one before another submits the other in the
    /// completion of the first. When this says no, `completion` is not run.
    ///
    /// When the client is dropped, what is pending ends with `CANCELLED`, or with `OUTCOME_UNKNOWN` if it was sent and could
    /// have changed something.
    pub fn submit(
        &self,
        call: &Call,
        completion: impl FnOnce(Result<Response>) + Send + 'static,
    ) -> Result<()> {
        self.submit_foreign(call, |result| {
            // one that panics is not the end of the others
            let _ = panics::catch(|| completion(result));
        })
    }

    /// As [`Client::submit`], for a completion that runs code of the host, which may unwind the thread by force: that must
    /// not be caught.
    pub(crate) fn submit_foreign(
        &self,
        call: &Call,
        completion: impl FnOnce(Result<Response>) + Send + 'static,
    ) -> Result<()> {
        self.send(call, false, move |permit, result| {
            // the completion may want to submit the next one
            drop(permit);
            completion(result);
        })
    }

    /// As [`Client::submit`], and the result waits in `queue` until it is taken out. Until then it counts as in flight.
    pub fn submit_to<T: Send + 'static>(
        &self,
        call: &Call,
        queue: &CompletionQueue<T>,
        user: T,
    ) -> Result<()> {
        let entry = queue.entry(user)?;
        self.send(call, true, move |permit, result| {
            entry.complete(result, permit)
        })
    }

    /// How often the thread of the client woke up; 0 when there is none.
    pub fn turns(&self) -> u64 {
        self.background.reactor.get().map_or(0, Reactor::turns)
    }

    fn send(
        &self,
        call: &Call,
        quiet: bool,
        completion: impl FnOnce(Permit, Result<Response>) + Send + 'static,
    ) -> Result<()> {
        self.refuse_elsewhere()?;
        let sequence = self.sequence(call)?;
        let reactor = self.reactor()?;
        let permit = self.background.permit()?;
        let completion = move |result| completion(permit, result);
        if let Some(delay) = self.hedges(call) {
            return self.send_twice(call, delay, quiet, completion);
        }
        let cancel = self.tokens(call.cancel.as_ref()).map(Cow::into_owned);
        let task = call::SubmittedCall::new(sequence, cancel, completion);
        reactor.add(Box::new(task.quiet(quiet)))
    }

    pub(super) fn sequence(&self, call: &Call) -> Result<RequestSequence<Arc<HttpRequest>>> {
        let now = Instant::now();
        let terms = self.terms(call, now);
        match &call.ask {
            Ask::Raw(http_request) => Ok(RequestSequence::plain(
                Arc::new(http_request.clone()),
                terms,
                now,
            )),
            Ask::Keys(request) => {
                let http_request = Arc::new(self.http_request(request)?);
                RequestSequence::of(request, http_request, terms, now)
            }
        }
    }

    /// Ends what runs in the background, as dropping it does, while its callbacks may still use it.
    pub(crate) fn close(&self) {
        if let Some(ended) = self.ended.get().filter(|_| !self.derived) {
            ended.fire();
        }
        if let Some(reactor) = self.background.reactor.get() {
            reactor.close();
        }
    }

    /// The same inside a callback, after which `remains` is dropped when everything has ended.
    pub(crate) fn bury(&self, remains: Box<dyn Send>) {
        if let Some(reactor) = self.background.reactor.get() {
            reactor.bury(remains);
        }
    }

    /// Whether this is a thread of the client, on which nobody may wait for it.
    pub(crate) fn is_on_its_thread(&self) -> bool {
        self.background.reactor.get().is_some_and(Reactor::is_here)
    }

    /// The thread, started if need be.
    pub(super) fn reactor(&self) -> Result<&Reactor> {
        if let Some(reactor) = self.background.reactor.get() {
            return Ok(reactor);
        }
        let starting = &self.background.starting;
        let _alone = starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.background.reactor.get().is_none() {
            let reactor = Reactor::start(Setup {
                member_set: self.member_set.clone(),
                settings: self.options.settings.clone(),
                max_connections: self.options.max_connections,
            })?;
            self.autosave.spare(reactor.thread());
            // nobody else can have set it
            let _ = self.background.reactor.set(reactor);
            self.keep();
        }
        let none = || Error::new(Status::INTERNAL, "the thread of the client did not start");
        self.background.reactor.get().ok_or_else(none)
    }
}
