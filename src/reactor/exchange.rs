//! One request in flight, from the line for a connection to the last byte of its answer.

use super::slab::SlabKey;
use super::task::{HeaderAction, RequestSpec, TaskAction, Way};
use crate::error::Phase;
use crate::outcome::proof::NotApplied;
use crate::outcome::transmission::Sent;
use crate::protocol::body::{Body, LARGE};
use crate::protocol::http::parse_error::{FlawKind, ParseError};
use crate::protocol::http::response_reader::{ReaderEvent, ResponseReader};
use crate::protocol::response_head::Head;
use crate::transport::channel::{Answer, KEPT, out_of_memory, room_for};
use crate::transport::credentials::Authorization;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::failure::Failure;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::happy_eyeballs::HappyEyeballs;
use crate::transport::record::Record;
use crate::transport::resolve::LookUp;
use crate::transport::wait::Stop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where it stands.
#[derive(Debug)]
pub(super) enum Stage {
    /// in line for a connection, or just begun
    Waiting,
    /// for the addresses of a name
    Resolving(Arc<LookUp>),
    /// the addresses race; the connections that fly, and when the next one starts
    Racing(Box<HappyEyeballs>, Vec<SlabKey>, Option<Instant>),
    /// the queue of a unix socket is full: looks so far, and when the next one is due
    Knocking(usize, Instant),
    /// TLS begins on this connection
    Shaking(SlabKey),
    /// a short request goes first on this connection; bytes written of it
    Priming(SlabKey, usize, Box<ResponseReader>),
    /// on this connection
    Running(SlabKey, ResponseReader),
    /// all of the answer has come, and is read beside the loop
    Reading(Reading),
}

/// An answer that is read beside the loop, which stops when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// once it was read
    pub(super) body: Option<Box<Body>>,
    abandoned: Arc<AtomicBool>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) task: SlabKey,
    pub(super) pool: SlabKey,
    /// its line needs a connection that has answered before
    pub(super) long: bool,
    /// has one of the limited connections
    pub(super) admitted: bool,
    pub(super) stage: Stage,
    pub(super) way: Way,
    pub(super) limits: ExchangeLimits,
    pub(super) record: Record,
    /// the same for all parts of the request
    pub(super) authorization: Option<Authorization>,
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
    deaf: Option<Box<Failure>>,
    head: Option<Head>,
    body: Vec<u8>,
}

/// What became of some input.
#[derive(Debug)]
pub(super) enum Fed {
    /// more is needed
    More,
    /// complete; whether the connection may be used again
    Done(bool),
    /// the task has seen enough
    Leave(TaskAction),
    /// it cannot be read
    Bad(Failure),
}

impl Exchange {
    pub(super) fn new(
        task: SlabKey,
        pool: SlabKey,
        order: &RequestSpec,
        long: bool,
        now: Instant,
    ) -> Exchange {
        Exchange {
            task,
            pool,
            long,
            admitted: false,
            stage: Stage::Waiting,
            way: order.way,
            limits: order.limits,
            record: Record::new(),
            authorization: None,
            since: now,
            silence: order.limits.send,
            patience: None,
            finish: Duration::ZERO,
            finishing: false,
            deaf: None,
            head: None,
            body: Vec::new(),
        }
    }

    /// A new wait begins.
    pub(super) fn wait(&mut self, now: Instant, silence: Duration) {
        self.since = now;
        self.silence = silence;
    }

    /// After something was read.
    pub(super) fn wait_for_more(&mut self, now: Instant) {
        let silence = match self.patience {
            Some(patience) if !self.record.body_began => patience,
            _ => self.limits.body,
        };
        self.wait(now, silence);
    }

    /// The silence before the body has passed: whether our side is to be closed now, and on which connection.
    pub(super) fn finish(&mut self, now: Instant) -> Option<SlabKey> {
        let Stage::Running(connection, _) = self.stage else {
            return None;
        };
        let silent = self.patience.is_some() && !self.record.body_began;
        if !silent || self.finish.is_zero() || self.finishing || self.limits.deadline <= now {
            return None;
        }
        self.finishing = true;
        self.patience = Some(self.finish);
        self.wait(now, self.finish);
        Some(connection)
    }

    /// The end of the wait that goes on.
    pub(super) fn end(&self) -> Instant {
        // an end that no clock can show is no end
        let end = self.since.checked_add(self.silence);
        end.map_or(self.limits.deadline, |end| end.min(self.limits.deadline))
    }

    /// When there is something to be done if nothing happens.
    pub(super) fn due(&self) -> Instant {
        match &self.stage {
            Stage::Racing(_, _, Some(next)) | Stage::Knocking(_, next) => self.end().min(*next),
            _ => self.end(),
        }
    }

    /// Whether what comes is the answer: all of the request left, or no more of it is taken.
    pub(super) fn is_listening(&self) -> bool {
        self.record.request.sent() == Sent::Fully || self.deaf.is_some()
    }

    /// The server closed while it was talked to, perhaps with a word about why.
    pub(super) fn turn_deaf(&mut self, failure: Failure, now: Instant) {
        self.deaf = Some(Box::new(failure));
        self.record.enter(Phase::Head, now);
        self.wait(now, self.limits.head);
    }

    /// The word about why did not come: that is the failure.
    pub(super) fn silent(&mut self) -> Option<Failure> {
        let failure = self.deaf.take_if(|_| self.record.received == 0)?;
        Some(*failure)
    }

    /// In words.
    pub(super) fn stopped(&self, stop: Stop) -> Failure {
        self.record.stopped(self.record.phase, stop, self.since)
    }

    /// Everything known about its bad end.
    pub(super) fn fault(&mut self, failure: Failure) -> Box<Fault> {
        let mut fault = self.record.fault(failure);
        fault.head = self.head.take().map(Box::new);
        // a copy: what was reserved for all of it is let go
        fault.body = self.body.get(..KEPT).unwrap_or(&self.body).to_vec();
        self.body = Vec::new();
        Box::new(fault)
    }

    /// The complete answer.
    pub(super) fn answer(&mut self, now: Instant) -> Answer {
        // with room for the NUL of C
        let body = match &mut self.stage {
            Stage::Reading(reading) => reading.body.take().map_or_else(Body::default, |body| *body),
            _ => std::mem::take(&mut self.body).into(),
        };
        let (body, content) = body.into_parts();
        Answer {
            head: self.head.take().unwrap_or_default(),
            body,
            content,
            partial: NotApplied::left(&self.record.request),
            timings: self.record.timings(now),
        }
    }

    /// The connection that it is done with, if its answer is so long that it is read beside the loop.
    pub(super) fn is_long(&self) -> Option<SlabKey> {
        match self.stage {
            Stage::Running(connection, _) if self.body.len() > LARGE => Some(connection),
            _ => None,
        }
    }

    /// Its answer is read beside the loop; it waits for that, and for nothing on a connection.
    pub(super) fn leave(&mut self, now: Instant) -> (u16, Body, Arc<AtomicBool>) {
        let reading = Reading::default();
        let abandoned = reading.abandoned.clone();
        self.stage = Stage::Reading(reading);
        self.wait(now, Duration::MAX);
        let status = self.head.as_ref().map_or(0, |head| head.status);
        (status, std::mem::take(&mut self.body).into(), abandoned)
    }

    /// Takes in what was read; nothing is the end of the stream.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        now: Instant,
        heed: impl FnOnce(&Head) -> HeaderAction,
    ) -> Fed {
        let Stage::Running(_, reader) = &mut self.stage else {
            return Fed::More;
        };
        let mut heed = Some(heed);
        let ended = input.is_empty();
        loop {
            let event = match ended {
                true => reader.end_of_stream(),
                false => reader.advance(&mut input),
            };
            match event {
                Ok(ReaderEvent::More) => break,
                Ok(ReaderEvent::Head(head)) => {
                    self.record.enter(Phase::Body, now);
                    let room = match reader.expected() {
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
                        Some(HeaderAction::Leave(next)) => return Fed::Leave(next),
                        Some(HeaderAction::Silence(patience, finish)) => {
                            (self.patience, self.finish) = (Some(patience), finish);
                        }
                        Some(HeaderAction::Stay) | None => {}
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
                    self.record.body_began = reader.body_began();
                    return Fed::Bad(failure(reader.phase(), flaw));
                }
            }
        }
        self.record.body_began = reader.body_began();
        Fed::More
    }
}

fn failure(phase: Phase, flaw: ParseError) -> Failure {
    let kind = match flaw.kind {
        FlawKind::Connection => FaultKind::Connection,
        FlawKind::Protocol => FaultKind::Protocol,
        FlawKind::TooLarge => FaultKind::TooLarge,
    };
    Failure::new(phase, kind, flaw.text)
}
