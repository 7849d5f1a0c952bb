//! One connection in use: moves bytes for ureq, within the limits of the running exchange, and keeps its record.
use super::{
    buffers::Memory,
    exchange_context::{self, ExchangeContext},
    failure::Failure,
    fault::FaultKind,
    io::IoError,
    maybe_tls_stream::MaybeTlsStream,
    metrics::Lease,
    sift::sift,
    wait::{self, Stop},
};
use crate::error::Phase;
use rustix::{event::PollFlags, fd::AsFd};
use std::net::SocketAddr;
use std::time::Instant;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

/// What a resting connection keeps allocated for heads.
const LONGEST_HELD: usize = 4096;
/// Bytes in a row that bring no body: interim answers, a head and trailers are never that long.
const LONGEST_VOID: u64 = 256 * 1024;

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct Stream {
    stream: MaybeTlsStream,
    memory: Memory,
    lease: Lease,
    /// when the connection was made
    connected: Instant,
    /// from then on it is not reused
    expiry: Option<Instant>,
    /// the remote address
    peer: Option<SocketAddr>,
    /// head of the request, kept back to leave in one segment and one system call with the body
    held: Vec<u8>,
    /// between the first byte of a request and the end of its answer
    busy: bool,
    /// exchanges that it has carried to their end
    served: bool,
    /// nothing went wrong, nothing ended
    sound: bool,
    /// why the server takes no more of the request; what it may have said before is still read
    deaf: Option<Failure>,
    /// the last read filled all of its room: there is probably more
    more: bool,
}

impl Stream {
    pub(super) fn new(
        stream: MaybeTlsStream,
        peer: Option<SocketAddr>,
        (connected, expiry): (Instant, Option<Instant>),
        lease: Lease,
    ) -> Stream {
        Stream {
            stream,
            peer,
            lease,
            connected,
            expiry,
            memory: Memory::default(),
            held: Vec::new(),
            busy: false,
            served: false,
            sound: true,
            deaf: None,
            more: false,
        }
    }

    fn transmit(&mut self, amount: usize, context: &mut ExchangeContext) -> Result<(), Failure> {
        if !self.busy {
            self.busy = true;
            self.lease.set_busy(true);
            self.more = false;
            self.held.clear();
            context.record.reused = self.served;
            context.connected = Some(self.connected);
            context.record.peer = self.peer;
        }
        if self.deaf.is_some() {
            return Ok(());
        }
        let began = Instant::now();
        context.record.enter(Phase::Send, began);
        context
            .check()
            .map_err(|stop| context.record.stopped(Phase::Send, stop, began))?;
        let part = self.memory.to_send(amount);
        if context.record.request.head.is_none() {
            let length = self.held.len().saturating_add(part.len());
            context.record.request.head = part.ends_with(b"\r\n\r\n").then_some(length as u64);
            if context.record.request.head.is_none() || context.record.request.body > 0 {
                self.held.extend_from_slice(part);
                return Ok(());
            }
        }
        let (mut first, mut then) = (&self.held[..], part);
        while !(first.is_empty() && then.is_empty()) {
            let left = (first.len() as u64).saturating_add(then.len() as u64);
            let reached = context.record.request.taken.saturating_add(left);
            let more = context
                .record
                .request
                .whole()
                .is_some_and(|whole| reached < whole);
            match self.stream.write(first, then, more) {
                Ok(n) => {
                    context.record.request.taken =
                        context.record.request.taken.saturating_add(n as u64);
                    let of_first = n.min(first.len());
                    first = first.get(of_first..).unwrap_or_default();
                    then = then.get(n - of_first..).unwrap_or_default();
                }
                Err(trouble) if trouble.is_again() => {
                    let began = Instant::now();
                    let end = context.end_of(context.limits.send);
                    let cancel = context.cancel.as_ref();
                    wait::one(self.stream.as_fd(), PollFlags::OUT, cancel, end)
                        .map_err(|stop| context.record.stopped(Phase::Send, stop, began))?;
                }
                // closed while it is talked to: perhaps with a word about why, so the engine is let on to the answer
                Err(trouble) if trouble.is_end() => {
                    self.deaf = Some(trouble.failure(Phase::Send));
                    self.sound = false;
                    break;
                }
                Err(trouble) => return Err(context.record.trouble(Phase::Send, trouble)),
            }
        }
        self.held.clear();
        Ok(())
    }

    fn receive(&mut self, context: &mut ExchangeContext) -> Result<bool, Failure> {
        let began = Instant::now();
        if context.record.phase < Phase::Head {
            context.record.enter(Phase::Head, began);
        }
        let phase = context.record.phase;
        // left over from the read that brought the head: the beginning of a chunk
        context.record.body_began |= phase == Phase::Body && !self.memory.input().is_empty();
        context
            .check()
            .map_err(|stop| context.record.stopped(phase, stop, began))?;
        let silence = match context.record.received {
            0 => context.limits.head,
            _ if context.record.body_began => context.limits.body,
            _ => context.patience.unwrap_or(context.limits.body),
        };
        let mut end = context.end_of(silence);
        let room = self.memory.room(self.more);
        if room.is_empty() || context.void > LONGEST_VOID {
            let text = "head, trailer or a line of the answer has no end";
            return Err(Failure::new(phase, FaultKind::Protocol, text));
        }
        // there is something at once only inside a long body: anywhere else recv would be a wasted call
        let mut ready = self.more || self.stream.has_more();
        loop {
            if !ready {
                let cancel = context.cancel.as_ref();
                match wait::one(self.stream.as_fd(), PollFlags::IN, cancel, end) {
                    Ok(()) => {}
                    Err(Stop::TimedOut) if context.finish(Instant::now()) => {
                        self.stream.finish();
                        self.sound = false;
                        end = context.end_of(context.finish);
                        continue;
                    }
                    Err(stop) => return Err(context.record.stopped(phase, stop, began)),
                }
            }
            match self.stream.read(room) {
                Ok(n) => {
                    self.more = n == room.len();
                    self.memory.input_appended(n);
                    if context.record.received == 0 {
                        self.memory
                            .drop_front(|bytes| sift(bytes, &mut context.answer));
                    }
                    context.record.received = context.record.received.saturating_add(n as u64);
                    context.void = context.void.saturating_add(n as u64);
                    context.ended |= n == 0;
                    context.record.body_began |= phase == Phase::Body && n > 0;
                    self.sound &= n > 0;
                    return match self.deaf.take_if(|_| context.record.received == 0) {
                        Some(failure) => Err(failure),
                        None => Ok(n > 0),
                    };
                }
                Err(trouble) if trouble.is_again() => ready = false,
                Err(trouble) if trouble.is_busy() => {
                    context
                        .check_until(end)
                        .map_err(|stop| context.record.stopped(phase, stop, began))?;
                    ready = true;
                }
                Err(trouble) => {
                    let silent = self.deaf.take_if(|_| context.record.received == 0);
                    // TLS knows why a connection ended, the socket only that it did
                    let silent = silent.filter(|_| matches!(trouble, IoError::Errno(_)));
                    return Err(silent.unwrap_or_else(|| context.record.trouble(phase, trouble)));
                }
            }
        }
    }
}

impl Transport for Stream {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.memory
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let outcome = exchange_context::run(|context| self.transmit(amount, context));
        self.sound &= outcome.is_ok();
        outcome
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let outcome = exchange_context::run(|context| self.receive(context));
        self.sound &= outcome.is_ok();
        outcome
    }

    /// Asked by the pool when it takes a connection back, and when it hands one out.
    fn is_open(&mut self) -> bool {
        if self.busy {
            // back from an exchange that came to its end; the next one asks the socket
            self.busy = false;
            self.lease.set_busy(false);
            self.served = true;
            self.memory.shrink();
            self.held.shrink_to(LONGEST_HELD);
            return self.sound;
        }
        let old = self.expiry.is_some_and(|end| Instant::now() >= end);
        self.sound && !old && self.stream.is_silent()
    }
}
