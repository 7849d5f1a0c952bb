//! A call that nobody waits for: the failover of the blocking driver, driven by the loop.

use super::commands::Closed;
use super::hedge::Hedge;
use super::task::{Context, PoolClass, RequestSpec, Task, TaskAction, Way};
use crate::cluster::failover::machine::FailoverStep;
use crate::cluster::failover::request_sequence::{RequestSequence, result};
use crate::cluster::retry::procedure::Procedure;
use crate::error::{Error, Result};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::protocol::response::Response;
use crate::status::Status;
use crate::telemetry::metrics::Metric;
use crate::transport::answer::Answer;
use crate::transport::cancel::{Cancel, Subscription};
use crate::transport::fault::Fault;
use std::slice;
use std::sync::Arc;

/// The error of a hedge for which there is no other member and no other address; the first call continues.
fn alone() -> Error {
    let mut error = Error::new(Status::UNREACHABLE, "no other member to be asked");
    error.detail_mut().retriable = true;
    error
}

/// A call on its way.
pub(crate) struct SubmittedCall<F: FnOnce(Result<Response>)> {
    sequence: RequestSequence<Arc<HttpRequest>>,
    cancel: Option<Cancel>,
    subscription: Option<Subscription>,
    hedge: Option<Hedge>,
    quiet: bool,
    completion: Completion<F>,
}

/// Runs once, whatever happens; and whether it is that of a write.
struct Completion<F: FnOnce(Result<Response>)>(Option<F>, bool);

impl<F: FnOnce(Result<Response>)> Completion<F> {
    fn run(&mut self, result: Result<Response>) {
        if let Some(completion) = self.0.take() {
            completion(result);
        }
    }
}

impl<F: FnOnce(Result<Response>)> Drop for Completion<F> {
    fn drop(&mut self) {
        if self.0.is_some() {
            let mut error = Closed::Broken.error();
            if self.1 {
                // nobody knows how far it came
                error.doubt();
            }
            self.run(Err(error));
        }
    }
}

impl<F: FnOnce(Result<Response>) + Send> SubmittedCall<F> {
    /// `completion` is run once, on the thread of the loop.
    pub(crate) fn new(
        sequence: RequestSequence<Arc<HttpRequest>>,
        cancel: Option<Cancel>,
        completion: F,
    ) -> SubmittedCall<F> {
        let write = sequence.is_write();
        SubmittedCall {
            sequence,
            cancel,
            subscription: None,
            hedge: None,
            quiet: false,
            completion: Completion(Some(completion), write),
        }
    }

    /// Whose completion runs no code of the host.
    pub(crate) fn quiet(self, quiet: bool) -> SubmittedCall<F> {
        SubmittedCall { quiet, ..self }
    }

    /// As one of two.
    pub(crate) fn hedged(self, hedge: Hedge) -> SubmittedCall<F> {
        SubmittedCall {
            hedge: Some(hedge),
            ..self
        }
    }

    /// Begins, or goes on after a pause.
    fn go(&mut self, context: &Context<'_>) -> TaskAction {
        if let Some(asked) = self.hedge.as_ref().and_then(Hedge::begin) {
            if context
                .member_set
                .pick(context.now, slice::from_ref(&asked))
                .is_some()
            {
                self.sequence.avoid(asked);
            } else if asked.channel().dialer().ways() < 2 {
                return self.end(Err(alone()));
            }
            context.member_set.telemetry().metrics().add(Metric::Hedges);
        }
        let todo = self.sequence.go(context.now, context.member_set);
        self.follow(todo, context)
    }

    fn follow(&mut self, todo: FailoverStep, context: &Context<'_>) -> TaskAction {
        match todo {
            FailoverStep::End(end) => self.end(result(end)),
            FailoverStep::Pause(time) => TaskAction::Wake(context.now + time),
            FailoverStep::Exchange => match self.sequence.exchange() {
                Some((member, _, limits)) => {
                    if let Some(hedge) = &self.hedge {
                        hedge.asks(member);
                    }
                    let beside = self.hedge.as_ref().and_then(|hedge| hedge.beside(member));
                    TaskAction::Exchange(RequestSpec {
                        member: member.clone(),
                        limits: *limits,
                        pool_class: PoolClass::Shared,
                        way: beside.map_or(Way::Any, Way::Beside),
                    })
                }
                // asked for an exchange without having one: not to be waited for
                None => TaskAction::End,
            },
        }
    }

    fn end(&mut self, result: Result<Response>) -> TaskAction {
        // before the callback, which may free the token's other holders
        self.subscription = None;
        self.completion.run(result);
        TaskAction::End
    }
}

impl<F: FnOnce(Result<Response>) + Send> Task for SubmittedCall<F> {
    fn start(&mut self, context: &Context<'_>) -> TaskAction {
        if let Some(token) = &self.cancel {
            if token.is_fired() {
                let end = self.sequence.cancelled(context.now);
                return self.end(result(end));
            }
            let handle = context.handle();
            self.subscription = Some(token.subscribe(Box::new(move || handle.cancel())));
        }
        let hedge = self.hedge.as_ref();
        match hedge.and_then(|hedge| hedge.arrive(context.handle())) {
            Some(delay) => TaskAction::Wake(context.now + delay),
            None => self.go(context),
        }
    }

    fn http_request(&self) -> Option<&HttpRequest> {
        self.sequence
            .exchange()
            .map(|(_, http_request, _)| http_request)
    }

    fn reading(&self) -> Option<(ResponseKind, DecodeLimits)> {
        self.sequence.reading()
    }

    fn on_end(
        &mut self,
        outcome: std::result::Result<Answer, Box<Fault>>,
        context: &Context<'_>,
    ) -> TaskAction {
        let todo = match outcome {
            Ok(answer) => self
                .sequence
                .answered(answer, context.now, context.member_set),
            Err(fault) => self.sequence.failed(fault, context.now, context.member_set),
        };
        self.follow(todo, context)
    }

    fn on_timer(&mut self, context: &Context<'_>) -> TaskAction {
        self.go(context)
    }

    fn close(mut self: Box<Self>, fault: Option<Box<Fault>>, context: &Context<'_>) {
        let ended = fault.map(|fault| self.sequence.failed(fault, context.now, context.member_set));
        let result = match ended {
            Some(FailoverStep::End(end)) => result(end),
            _ => result(self.sequence.cancelled(context.now)),
        };
        self.end(result);
    }

    fn refuse(mut self: Box<Self>) {
        self.completion.0 = None;
    }

    fn is_quiet(&self) -> bool {
        self.quiet
    }
}
