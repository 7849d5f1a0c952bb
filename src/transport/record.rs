//! What happened in one exchange so far, and what that makes of its failure; the same for every driver.
use super::{
    fault::{Fault, FaultKind, Sent},
    maybe_tls_stream::IoError,
    timings::Timings,
    wait::Stop,
};
use crate::{
    display::seconds,
    error::Phase,
    outcome::proof::{Alert, NotApplied},
};
use rustix::io::Errno;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The real reason of a failure, which ureq's errors lose.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) phase: Phase,
    pub(crate) kind: FaultKind,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(phase: Phase, kind: FaultKind, text: impl Into<String>) -> Failure {
        let text = text.into();
        Failure { phase, kind, text }
    }

    /// A system call said no.
    pub(crate) fn from_errno(phase: Phase, errno: Errno) -> Failure {
        let kind = match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => FaultKind::Local,
            _ => FaultKind::Connection,
        };
        Failure::new(phase, kind, words(errno))
    }
}

/// What left, and what came back.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) phase: Phase,
    /// bytes of the request's head, once it is complete
    pub(crate) head: Option<u64>,
    /// bytes of body to be sent
    pub(crate) body: u64,
    /// bytes that the kernel took
    pub(crate) sent: u64,
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
    pub(crate) fn new() -> Record {
        Record {
            phase: Phase::Connect,
            head: None,
            body: 0,
            sent: 0,
            received: 0,
            reused: false,
            peer: None,
            body_began: false,
            turned_away: None,
            secure: false,
            since: Instant::now(),
            timings: Timings::default(),
        }
    }

    /// Of an exchange whose request left so far.
    #[cfg(test)]
    pub(crate) fn of(sent: Sent) -> Record {
        let sent = match sent {
            Sent::None => 0,
            Sent::Partly => 1,
            Sent::Fully => 2,
        };
        Record {
            head: Some(2),
            sent,
            ..Record::new()
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
            sent: self.sent,
            received: self.received,
            reused: self.reused,
            peer: self.peer,
            ..timings
        }
    }

    /// In words; `began` and `end` are those of the wait that was stopped.
    pub(crate) fn stopped(&self, phase: Phase, stop: Stop, began: Instant) -> Failure {
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
            Stop::Cancelled => Failure::new(phase, FaultKind::Cancelled, "cancelled"),
            Stop::TimedOut => {
                let text = if began.elapsed() < Duration::from_millis(1) {
                    "deadline passed".to_owned()
                } else {
                    format!("{what} {}", seconds(began.elapsed()))
                };
                Failure::new(phase, FaultKind::Timeout, text)
            }
            Stop::Failed(errno) => Failure::from_errno(phase, errno),
        }
    }

    /// What a connection could not do.
    pub(crate) fn trouble(&mut self, phase: Phase, trouble: IoError) -> Failure {
        if let IoError::Tls(refusal) = &trouble {
            let alert = refusal.alert.map(|alert| Alert {
                reused: self.reused,
                heard: alert.heard || self.received > 0,
                ..alert
            });
            self.turned_away = alert.and_then(NotApplied::turned_away);
        }
        trouble.failure(phase)
    }

    /// Closed in good order, without a word.
    pub(crate) fn unanswered(&self) -> Failure {
        let text = match self.secure || self.reused {
            true => "connection closed before an answer",
            // what etcd does with a request in clear at a port with TLS
            false => "connection closed before an answer: perhaps it wants https://",
        };
        Failure::new(self.phase, FaultKind::Connection, text)
    }

    /// Bytes of the whole request, once that is known.
    pub(crate) fn whole(&self) -> Option<u64> {
        Some(self.head?.saturating_add(self.body))
    }

    /// How much of the request left.
    pub(crate) fn sent(&self) -> Sent {
        match self.whole() {
            _ if self.sent == 0 => Sent::None,
            Some(whole) if self.sent >= whole => Sent::Fully,
            _ => Sent::Partly,
        }
    }

    /// The record as a fault.
    pub(crate) fn fault(&self, failure: Failure) -> Fault {
        Fault {
            phase: failure.phase,
            kind: failure.kind,
            text: failure.text,
            sent: self.sent(),
            not_applied: NotApplied::left(self).or(self.turned_away),
            received: self.received,
            reused: self.reused,
            head: None,
            body_began: self.body_began,
            body: Vec::new(),
            timings: self.timings(Instant::now()),
        }
    }
}

/// Own words, since those of the system change with the locale of the host.
fn words(errno: Errno) -> String {
    let known = match errno {
        Errno::CONNREFUSED => "connection refused",
        Errno::CONNRESET => "connection reset",
        Errno::CONNABORTED => "connection aborted",
        Errno::PIPE => "connection closed by the server",
        Errno::TIMEDOUT => "connection timed out",
        Errno::NETUNREACH => "network unreachable",
        Errno::HOSTUNREACH => "host unreachable",
        Errno::NETDOWN => "network down",
        Errno::ADDRNOTAVAIL => "no local address or port left",
        Errno::AFNOSUPPORT => "address family not supported",
        Errno::ACCESS | Errno::PERM => "permission denied",
        Errno::NOENT => "no such socket",
        Errno::NOTSOCK | Errno::PROTOTYPE => "not a stream socket",
        Errno::MFILE | Errno::NFILE => "no descriptor left",
        Errno::NOMEM | Errno::NOBUFS => "no memory left",
        other => return format!("system error {}", other.raw_os_error()),
    };
    known.to_owned()
}
