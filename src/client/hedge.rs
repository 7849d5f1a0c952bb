//! Reads that are sent to a second member when the first one keeps them waiting. Both run on the thread of the client,
//! also for who waits: one thread cannot wait for two members.

use super::{Ask, Call, Client};
use crate::error::{Error, Result};
use crate::protocol::http_request::Idempotency;
use crate::protocol::request::Operation;
use crate::protocol::response::Response;
use crate::reactor::call;
use crate::reactor::hedge::Hedge;
use crate::reactor::task::Task;
use crate::status::Status;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

impl Client {
    /// How long this call waits before a second member is asked, if it is one that may be asked twice.
    pub(super) fn hedges(&self, call: &Call) -> Option<Duration> {
        let delay = self.options.hedge?;
        let reads = match &call.ask {
            Ask::Keys(request) => request.operation() == Operation::Get,
            Ask::Raw(http_request) => http_request.repeat == Idempotency::Safe,
        };
        (reads && self.has_ways()).then_some(delay)
    }

    /// Whether a second attempt may reach another server than the first: another member, or another address of a name.
    fn has_ways(&self) -> bool {
        self.member_set.len() > 1
            || self
                .member_set
                .members()
                .iter()
                .any(|m| m.channel().has_ways())
    }

    pub(super) fn send_twice(
        &self,
        call: &Call,
        delay: Duration,
        quiet: bool,
        completion: impl FnOnce(Result<Response>) + Send + 'static,
    ) -> Result<()> {
        let errands = [self.sequence(call)?, self.sequence(call)?];
        let reactor = self.reactor()?;
        let completion = Arc::new(Mutex::new(Some(completion)));
        let [first, second] = Hedge::both(delay);
        let [sequence, again] = errands;
        let tasks = [(first, sequence), (second, again)].map(|(hedge, sequence)| {
            let (side, completion) = (hedge.clone(), completion.clone());
            let end = move |result| {
                let Some(result) = side.end(result) else {
                    return;
                };
                let waiting = completion
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                if let Some(completion) = waiting {
                    completion(result);
                }
            };
            let cancel = self.tokens(call.cancel.as_ref()).map(Cow::into_owned);
            let task = call::SubmittedCall::new(sequence, cancel, end);
            let task = task.hedged(hedge).quiet(quiet);
            Box::new(task) as Box<dyn Task>
        });
        let [first, second] = tasks;
        if let Err(error) = reactor.add(first) {
            second.refuse();
            return Err(error);
        }
        // without it the first one goes alone
        let _ = reactor.add(second);
        Ok(())
    }

    pub(super) fn execute_twice(&self, call: &Call, delay: Duration) -> Result<Response> {
        let (tell, told) = mpsc::channel();
        self.send_twice(call, delay, true, move |result| {
            // who asked waits for nothing else
            let _ = tell.send(result);
        })?;
        let gone = |_| Error::new(Status::INTERNAL, "the thread of the client has broken");
        told.recv().map_err(gone)?
    }
}
