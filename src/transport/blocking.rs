//! The blocking driver: one exchange on the thread of its caller.
use super::{
    connect::Dialer,
    credentials::Authorization,
    exchange_context::ExchangeContext,
    exchange_state::{ExchangeControl, ExchangeState, Fed},
    fault::{Fault, FaultKind},
    idle_pool::{IdlePool, PooledConnection},
    wait, warmup,
};
use crate::{
    error::Phase,
    protocol::{
        http::request,
        http_request::{HttpRequest, Idempotency},
        response_head::Head,
    },
};
use rustix::{event::PollFlags, fd::AsFd};
use std::time::Instant;

/// Read at once.
const LONGEST_READ: usize = 64 * 1024;

/// Is told the head of an answer, and when its connection was made, before the body is read.
pub(super) type Heed<'a> = dyn FnMut(&Head, Instant) -> ExchangeControl + 'a;

/// How an exchange came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeEnd {
    /// with an answer; whether its connection may be used again
    Answered(bool),
    /// with a head that was enough
    Left,
}

/// The way to a member: how connections are made, those that are idle, and since when none of those before counts.
pub(super) type ConnectionSource<'a> = (&'a Dialer, &'a IdlePool, u64);

/// Sends one request to a member, and reads the answer into the state of `context`.
pub(super) fn exchange(
    (dialer, idle, epoch): ConnectionSource<'_>,
    request: (&HttpRequest, Option<&Authorization>),
    context: &mut ExchangeContext<'_>,
    mut heed: Option<&mut Heed<'_>>,
    now: Instant,
) -> Result<(ExchangeEnd, Box<PooledConnection>), Box<Fault>> {
    let mut looks = request.0.repeat != Idempotency::Safe;
    loop {
        let mut on = match idle.take(dialer, epoch, looks, now) {
            Some(idle) => idle,
            None => {
                let (stream, peer) = dialer.dial(context, warmup::is_long(request.0))?;
                PooledConnection::new(stream, peer, dialer, epoch)
            }
        };
        context.state.record.peer = on.peer;
        let outcome = send(&mut on, dialer.host(), request, context)
            .and_then(|()| receive(&mut on, context, &mut heed));
        match outcome {
            Err(fault) if !(on.unseen && is_ended(&fault, &context.state)) => {
                return Err(fault);
            }
            Ok(Some(ended)) => {
                on.served = true;
                return Ok((ended, on));
            }
            // it had ended while it was idle
            Ok(None) | Err(_) => {
                looks = true;
                context.state =
                    ExchangeState::new(request.0.method, &context.state.limits, Instant::now());
            }
        }
    }
}

/// Whether a connection did not serve the request at all.
fn is_ended(fault: &Fault, state: &ExchangeState) -> bool {
    fault.kind == FaultKind::Connection && state.record.received == 0
}

fn send(
    on: &mut PooledConnection,
    host: &str,
    (http_request, authorization): (&HttpRequest, Option<&Authorization>),
    context: &mut ExchangeContext<'_>,
) -> Result<(), Box<Fault>> {
    let more = authorization.map(|one| ("Authorization", one.header()));
    on.output.clear();
    let body = request::write(http_request, host, more.as_slice(), &mut on.output)
        .map_err(|why| Fault::new(Phase::Connect, FaultKind::Local, why))?;
    let length = (on.output.len() as u64, body.len() as u64);
    context.state.begin(on.served, Instant::now());
    let state = &mut context.state;
    loop {
        let (gone, outcome) = on.stream.push(&on.output, body, state.record.request.taken);
        let now = Instant::now();
        state.sent(gone, length, now);
        if let Err(trouble) = outcome {
            state.refused(trouble, now)?;
        }
        if state.is_listening() {
            return Ok(());
        }
        let end = state.end();
        let waited = wait::one(on.stream.as_fd(), PollFlags::OUT, context.cancel, end);
        waited
            .and_then(|()| wait::check(context.cancel, state.limits.deadline))
            .map_err(|stop| state.stopped(stop))?;
    }
}

/// `None`: what came is no answer to this request, it was there before.
fn receive(
    on: &mut PooledConnection,
    context: &mut ExchangeContext<'_>,
    heed: &mut Option<&mut Heed<'_>>,
) -> Result<Option<ExchangeEnd>, Box<Fault>> {
    let (connected, unseen) = (on.connected, on.unseen);
    // there is something at once only inside a long body: anywhere else a read would be a wasted call
    let mut ready = on.stream.has_more();
    loop {
        // without a token nothing else is waited for, and one call does both
        let waits = !ready && context.cancel.is_none() && on.stream.session().is_none();
        let end = context.state.end();
        if !ready {
            let waited = match waits {
                true => wait::check(None, end),
                false => context.wait(on.stream.as_fd(), PollFlags::IN, end),
            };
            match waited {
                Ok(()) => {}
                Err(FaultKind::Timeout) if finish(on, context) => continue,
                Err(stop) => return Err(context.state.stopped(stop)),
            }
        }
        let state = &mut context.state;
        let read = match waits {
            true => on.stream.read_until(&mut on.input, end),
            false => on.stream.read(&mut on.input),
        };
        let n = match read {
            Ok(n) => n,
            Err(trouble) if trouble.is_again() => {
                ready = false;
                continue;
            }
            // more of nothing than one turn may take
            Err(trouble) if trouble.is_busy() => {
                ready = true;
                let end = state.end();
                let checked = context.check_until(end);
                checked.map_err(|stop| context.state.stopped(stop))?;
                continue;
            }
            Err(trouble) => return Err(state.cut(trouble)),
        };
        let input = on.input.get(..n).unwrap_or_default();
        let told = |head: &Head| match heed {
            // what a server says to a connection that it has given up
            _ if unseen && head.status == 408 => ExchangeControl::Leave(None),
            Some(heed) => match heed(head, connected) {
                ExchangeControl::Stay => ExchangeControl::Stay,
                ExchangeControl::Silence(patience, finish) => {
                    ExchangeControl::Silence(patience, finish)
                }
                ExchangeControl::Leave(()) => ExchangeControl::Leave(Some(ExchangeEnd::Left)),
            },
            None => ExchangeControl::Stay,
        };
        match state.feed(input, Instant::now(), told) {
            Fed::Done(reusable) => return Ok(Some(ExchangeEnd::Answered(reusable))),
            Fed::Leave(ended) => return Ok(ended),
            Fed::Bad(fault) => return Err(fault),
            Fed::More => {}
        }
        ready = n == on.input.len() || on.stream.has_more();
        if n == on.input.len() {
            on.grow(LONGEST_READ);
        }
        context
            .check()
            .map_err(|stop| context.state.stopped(stop))?;
    }
}

/// The silence before the body has passed: whether our side was closed, so that the server ends the answer.
fn finish(on: &mut PooledConnection, context: &mut ExchangeContext<'_>) -> bool {
    let now = Instant::now();
    let finishes = context.state.finish(now);
    if finishes {
        context.finished = Some(now);
        on.stream.finish();
    }
    finishes
}
