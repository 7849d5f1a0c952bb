//! One exchange over one connection: what left, what came, and how long the wait that goes on may take. No I/O; both drivers
//! feed it.
use super::{
    answer::{Answer, KEPT, out_of_memory, room_for},
    exchange_limits::ExchangeLimits,
    fault::{Fault, FaultKind},
    io::Stalled,
    record::Record,
};
use crate::{
    error::Phase,
    outcome::{proof::NotApplied, transmission::Sent},
    protocol::{
        body::{Body, Content, LARGE},
        http::{
            parse_error::{FlawKind, ParseError},
            response_reader::{ReaderEvent, ResponseReader},
        },
        method::Method,
        response_head::Head,
    },
};
use std::time::{Duration, Instant};

/// What to do once the head of an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeControl<L = ()> {
    /// go on
    Stay,
    /// go on; timeout until the first byte of the body, and then, after our sending side is closed, until its end (zero: the
    /// exchange times out instead)
    Silence(Duration, Duration),
    /// drop the connection; the exchange is over
    Leave(L),
}

/// What became of some input.
#[derive(Debug)]
pub(crate) enum Fed<L> {
    /// more is needed
    More,
    /// complete; whether the connection may be used again
    Done(bool),
    /// enough was seen
    Leave(L),
    /// it cannot be read
    Bad(Box<Fault>),
}

/// One exchange.
#[derive(Debug)]
pub(crate) struct ExchangeState {
    pub(crate) limits: ExchangeLimits,
    pub(crate) record: Record,
    reader: ResponseReader,
    /// beginning and longest duration of the wait that goes on
    since: Instant,
    silence: Duration,
    /// until the body begins, if not that of the limits
    patience: Option<Duration>,
    /// then our side is closed, and the end of the body has so long; zero: that is the end
    finish: Duration,
    /// our side is closed
    finishing: bool,
    /// why the server takes no more of the request; what it may have said before is still read
    deaf: Option<Box<Fault>>,
    head: Option<Head>,
    body: Vec<u8>,
}

impl ExchangeState {
    pub(crate) fn new(method: Method, limits: &ExchangeLimits, now: Instant) -> ExchangeState {
        ExchangeState {
            limits: *limits,
            record: Record::new(now),
            reader: ResponseReader::new(method, limits.max_body),
            since: now,
            silence: limits.connect,
            patience: None,
            finish: Duration::ZERO,
            finishing: false,
            deaf: None,
            head: None,
            body: Vec::new(),
        }
    }

    /// A new wait begins.
    pub(crate) fn wait(&mut self, now: Instant, silence: Duration) {
        self.since = now;
        self.silence = silence;
    }

    /// The end of the wait that goes on: never beyond the deadline.
    pub(crate) fn end(&self) -> Instant {
        // an end that no clock can show is no end
        let end = self.since.checked_add(self.silence);
        end.map_or(self.limits.deadline, |end| end.min(self.limits.deadline))
    }

    /// The request begins to leave, on a connection that has served before or not.
    pub(crate) fn begin(&mut self, reused: bool, now: Instant) {
        self.record.reused = reused;
        self.record.enter(Phase::Send, now);
        self.wait(now, self.limits.send);
    }

    /// So much more of a request whose parts are so long has left.
    pub(crate) fn sent(&mut self, gone: u64, (head, body): (u64, u64), now: Instant) {
        self.record.request.head = Some(head);
        self.record.request.body = body;
        self.record.request.taken += gone;
        if self.record.request.sent() == Sent::Fully {
            self.record.enter(Phase::Head, now);
            self.wait(now, self.limits.head);
        } else if gone > 0 {
            self.wait(now, self.limits.send);
        }
    }

    /// Whether what comes is the answer: all of the request left, or no more of it is taken.
    pub(crate) fn is_listening(&self) -> bool {
        self.record.request.sent() == Sent::Fully || self.deaf.is_some()
    }

    /// No more of the request is taken. If the server closed while it was talked to, perhaps with a word about why, that is
    /// read first.
    pub(crate) fn refused(&mut self, trouble: Stalled, now: Instant) -> Result<(), Box<Fault>> {
        let ended = trouble.is_end();
        let fault = self.record.trouble(Phase::Send, trouble);
        if !ended {
            return Err(fault);
        }
        self.deaf = Some(fault);
        self.record.enter(Phase::Head, now);
        self.wait(now, self.limits.head);
        Ok(())
    }

    /// Nothing more can be read.
    pub(crate) fn cut(&mut self, trouble: Stalled) -> Box<Fault> {
        // TLS knows why a connection ended, the socket only that it did
        let silent = self.silent();
        let silent = silent.filter(|_| matches!(trouble, Stalled::Errno(_)));
        let fault = self.record.trouble(self.record.phase, trouble);
        silent.unwrap_or(fault)
    }

    /// The word about why did not come: that is the failure.
    fn silent(&mut self) -> Option<Box<Fault>> {
        self.deaf.take_if(|_| self.record.received == 0)
    }

    /// The silence before the body has passed: whether our side is to be closed now.
    pub(crate) fn finish(&mut self, now: Instant) -> bool {
        let silent = self.patience.is_some() && !self.record.body_began;
        if !silent || self.finish.is_zero() || self.finishing || self.limits.deadline <= now {
            return false;
        }
        self.finishing = true;
        self.patience = Some(self.finish);
        self.wait(now, self.finish);
        true
    }

    /// In words.
    pub(crate) fn stopped(&self, stop: FaultKind) -> Box<Fault> {
        self.record.stopped(self.record.phase, stop, self.since)
    }

    /// Everything known about its bad end.
    pub(crate) fn complete(&mut self, fault: Box<Fault>) -> Box<Fault> {
        let mut fault = self.record.complete(fault);
        fault.head = self.head.take().map(Box::new);
        // a copy: what was reserved for all of it is let go
        fault.body = self.body.get(..KEPT).unwrap_or(&self.body).to_vec();
        self.body = Vec::new();
        fault
    }

    /// The complete answer; `read`, if its body was read elsewhere.
    pub(crate) fn answer(&mut self, read: Option<Box<Body>>, now: Instant) -> Answer {
        let (body, content) = match read {
            Some(body) => body.into_parts(),
            // with room for the NUL of C
            None => (std::mem::take(&mut self.body), Content::default()),
        };
        Answer {
            head: self.head.take().unwrap_or_default(),
            body,
            content,
            partial: NotApplied::left(&self.record.request),
            timings: self.record.timings(now),
        }
    }

    /// Whether its body is so long that it is read beside an event loop.
    pub(crate) fn is_long(&self) -> bool {
        self.body.len() > LARGE
    }

    /// Status and body, to be read elsewhere.
    pub(crate) fn take_body(&mut self) -> (u16, Body) {
        let status = self.head.as_ref().map_or(0, |head| head.status);
        (status, std::mem::take(&mut self.body).into())
    }

    /// Takes in what was read; nothing is the end of the stream.
    #[inline]
    pub(crate) fn feed<L>(
        &mut self,
        mut input: &[u8],
        now: Instant,
        heed: impl FnOnce(&Head) -> ExchangeControl<L>,
    ) -> Fed<L> {
        self.record.received += input.len() as u64;
        let mut heed = Some(heed);
        let ended = input.is_empty();
        if ended {
            if let Some(fault) = self.silent() {
                return Fed::Bad(fault);
            }
        }
        loop {
            let event = match ended {
                true => self.reader.end_of_stream(),
                false => self.reader.advance(&mut input),
            };
            match event {
                Ok(ReaderEvent::More) => break,
                Ok(ReaderEvent::Head(head)) => {
                    self.record.enter(Phase::Body, now);
                    let room = match self.reader.expected() {
                        // an idle poll needs no room yet
                        None => 0,
                        told => room_for(told),
                    };
                    if self.body.try_reserve_exact(room).is_err() {
                        return Fed::Bad(out_of_memory());
                    }
                    let said = heed.take().map(|heed| heed(&head));
                    self.head = Some(head);
                    match said {
                        Some(ExchangeControl::Leave(next)) => return Fed::Leave(next),
                        Some(ExchangeControl::Silence(patience, finish)) => {
                            (self.patience, self.finish) = (Some(patience), finish);
                        }
                        Some(ExchangeControl::Stay) | None => {}
                    }
                }
                Ok(ReaderEvent::Data(data)) => {
                    // and the NUL of C
                    if self.body.try_reserve(data.len() + 1).is_err() {
                        self.body = Vec::new();
                        return Fed::Bad(out_of_memory());
                    }
                    self.body.extend_from_slice(data);
                }
                Ok(ReaderEvent::End {
                    keep_alive,
                    surplus,
                }) => {
                    let both = self.deaf.is_none() && !self.finishing;
                    return Fed::Done(keep_alive && surplus == 0 && both);
                }
                Err(_) if ended && self.record.received == 0 => {
                    return Fed::Bad(self.record.unanswered());
                }
                Err(flaw) => {
                    self.record.body_began = self.reader.body_began();
                    return Fed::Bad(fault(self.reader.phase(), flaw));
                }
            }
        }
        self.record.body_began = self.reader.body_began();
        let silence = match self.patience {
            Some(patience) if !self.record.body_began => patience,
            _ => self.limits.body,
        };
        self.wait(now, silence);
        Fed::More
    }
}

fn fault(phase: Phase, flaw: ParseError) -> Box<Fault> {
    let kind = match flaw.kind {
        FlawKind::Connection => FaultKind::Connection,
        FlawKind::Protocol => FaultKind::Protocol,
        FlawKind::TooLarge => FaultKind::TooLarge,
    };
    Fault::new(phase, kind, flaw.text)
}
