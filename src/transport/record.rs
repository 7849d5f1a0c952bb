//! What happened in one exchange so far, and what that makes of its failure; the same for every driver.
use super::{
    fault::{Fault, FaultKind},
    io::Stalled,
    timings::Timings,
};
use crate::{
    display::seconds,
    error::Phase,
    outcome::{
        proof::{Alert, NotApplied},
        transmission::Transmission,
    },
};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What left, and what came back.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) phase: Phase,
    /// of the request
    pub(crate) request: Transmission,
    pub(crate) received: u64,
    pub(crate) reused: bool,
    /// the remote address
    pub(crate) peer: Option<SocketAddr>,
    /// something came after the head
    pub(crate) body_began: bool,
    /// the server refused before it looked at any request
    turned_away: Option<NotApplied>,
    /// a handshake came first
    secure: bool,
    /// the phase began
    since: Instant,
    /// of the phases before
    timings: Timings,
}

impl Record {
    pub(crate) fn new(now: Instant) -> Record {
        Record {
            phase: Phase::Connect,
            request: Transmission::default(),
            received: 0,
            reused: false,
            peer: None,
            body_began: false,
            turned_away: None,
            secure: false,
            since: now,
            timings: Timings::default(),
        }
    }

    /// From one phase to the next.
    pub(crate) fn enter(&mut self, phase: Phase, now: Instant) {
        let spent = now.saturating_duration_since(self.since);
        self.timings.add(self.phase, spent.as_nanos());
        (self.phase, self.since) = (phase, now);
        self.secure |= phase == Phase::Tls;
    }

    /// How it went so far.
    pub(crate) fn timings(&self, now: Instant) -> Timings {
        let mut timings = self.timings;
        let spent = now.saturating_duration_since(self.since);
        timings.add(self.phase, spent.as_nanos());
        Timings {
            sent: self.request.taken,
            received: self.received,
            reused: self.reused,
            peer: self.peer,
            ..timings
        }
    }

    /// In words; `began` and `end` are those of the wait that was stopped.
    pub(crate) fn stopped(&self, phase: Phase, stop: FaultKind, began: Instant) -> Box<Fault> {
        let what = match phase {
            Phase::Resolve => "name not resolved within",
            Phase::Connect => "no connection within",
            Phase::Tls => "no TLS handshake within",
            Phase::Send => "request not taken within",
            Phase::Head if self.received == 0 => "no answer within",
            Phase::Head => "head of the answer stopped for",
            Phase::Body => "body of the answer stopped for",
        };
        match stop {
            FaultKind::Cancelled => Fault::new(phase, FaultKind::Cancelled, "cancelled"),
            FaultKind::Timeout => {
                let text = if began.elapsed() < Duration::from_millis(1) {
                    "deadline passed".to_owned()
                } else {
                    format!("{what} {}", seconds(began.elapsed()))
                };
                Fault::new(phase, FaultKind::Timeout, text)
            }
            kind => Fault::new(phase, kind, "the system refuses to wait"),
        }
    }

    /// What a connection could not do.
    pub(crate) fn trouble(&mut self, phase: Phase, trouble: Stalled) -> Box<Fault> {
        if let Stalled::Tls(fault) = &trouble {
            let alert = fault.alert.map(|alert| Alert {
                reused: self.reused,
                heard: alert.heard || self.received > 0,
                ..alert
            });
            self.turned_away = alert.and_then(NotApplied::turned_away);
        }
        trouble.fault(phase)
    }

    /// Closed in good order, without a word.
    pub(crate) fn unanswered(&self) -> Box<Fault> {
        let text = match self.secure || self.reused {
            true => "connection closed before an answer",
            // what etcd does with a request in clear at a port with TLS
            false => "connection closed before an answer: perhaps it wants https://",
        };
        Fault::new(self.phase, FaultKind::Connection, text)
    }

    /// With all that is on record.
    pub(crate) fn complete(&self, mut fault: Box<Fault>) -> Box<Fault> {
        fault.sent = self.request.sent();
        fault.not_applied = NotApplied::left(&self.request).or(self.turned_away);
        fault.received = self.received;
        fault.reused = self.reused;
        fault.body_began = self.body_began;
        fault.timings = self.timings(Instant::now());
        fault
    }
}
