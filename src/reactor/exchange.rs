//! One request in flight, from the line for a connection to the last byte of its answer.

use super::slab::SlabKey;
use super::task::{RequestSpec, Way};
use crate::protocol::body::Body;
use crate::protocol::http::response_reader::ResponseReader;
use crate::protocol::method::Method;
use crate::transport::answer::Answer;
use crate::transport::credentials::Authorization;
use crate::transport::exchange_state::ExchangeState;
use crate::transport::happy_eyeballs::HappyEyeballs;
use crate::transport::resolve::LookUp;
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
    Running(SlabKey),
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
    pub(super) state: ExchangeState,
    /// the same for all parts of the request
    pub(super) authorization: Option<Authorization>,
}

impl Exchange {
    pub(super) fn new(
        task: SlabKey,
        pool: SlabKey,
        order: &RequestSpec,
        (method, long): (Method, bool),
        now: Instant,
    ) -> Exchange {
        let mut state = ExchangeState::new(method, &order.limits, now);
        // in line for a connection
        state.wait(now, order.limits.send);
        Exchange {
            task,
            pool,
            long,
            admitted: false,
            stage: Stage::Waiting,
            way: order.way,
            state,
            authorization: None,
        }
    }

    /// The silence before the body has passed: whether our side is to be closed now, and on which connection.
    pub(super) fn finish(&mut self, now: Instant) -> Option<SlabKey> {
        match self.stage {
            Stage::Running(connection) if self.state.finish(now) => Some(connection),
            _ => None,
        }
    }

    /// When there is something to be done if nothing happens.
    pub(super) fn due(&self) -> Instant {
        let end = self.state.end();
        match &self.stage {
            Stage::Racing(_, _, Some(next)) | Stage::Knocking(_, next) => end.min(*next),
            _ => end,
        }
    }

    /// The complete answer.
    pub(super) fn answer(&mut self, now: Instant) -> Answer {
        let read = match &mut self.stage {
            Stage::Reading(reading) => reading.body.take(),
            _ => None,
        };
        self.state.answer(read, now)
    }

    /// The connection that it is done with, if its answer is so long that it is read beside the loop.
    pub(super) fn is_long(&self) -> Option<SlabKey> {
        match self.stage {
            Stage::Running(connection) if self.state.is_long() => Some(connection),
            _ => None,
        }
    }

    /// Its answer is read beside the loop; it waits for that, and for nothing on a connection.
    pub(super) fn leave(&mut self, now: Instant) -> (u16, Body, Arc<AtomicBool>) {
        let reading = Reading::default();
        let abandoned = reading.abandoned.clone();
        self.stage = Stage::Reading(reading);
        self.state.wait(now, Duration::MAX);
        let (status, body) = self.state.take_body();
        (status, body, abandoned)
    }
}
