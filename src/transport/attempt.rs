//! What connector and stream must know about the running exchange, and what they found out.
//!
//! ureq runs a call wholly on the calling thread, but hands nothing of ours through: a thread-local does.
use super::{
    cancel::Cancel,
    channel::Limits,
    fault::{Fault, FaultKind, Sent},
    wait::Stop,
};
use crate::{echo::seconds, error::Phase, protocol::answer::Head};
use rustix::io::Errno;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// The real reason of a failure, which ureq's errors lose.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) phase: Phase,
    pub(super) kind: FaultKind,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(phase: Phase, kind: FaultKind, text: impl Into<String>) -> Failure {
        let text = text.into();
        Failure { phase, kind, text }
    }

    /// A system call said no.
    pub(super) fn from_errno(phase: Phase, errno: Errno) -> Failure {
        let kind = match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => FaultKind::Local,
            _ => FaultKind::Connection,
        };
        Failure::new(phase, kind, words(errno))
    }
}

/// One exchange: its limits, then its record.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) limits: Limits,
    pub(super) cancel: Option<Cancel>,
    /// room that the head of the request needs
    pub(super) head_room: usize,
    /// a new connection has to answer something short first
    pub(super) prime: bool,
    /// bytes of body to be sent
    pub(super) body: u64,

    pub(super) phase: Phase,
    /// bytes of the request's head, once it is complete
    pub(super) head: Option<u64>,
    /// bytes that the kernel took
    pub(super) sent: u64,
    pub(super) received: u64,
    /// of these, since the last byte of body that was handed on
    pub(super) void: u64,
    /// what the stream took out of the head of the answer
    pub(super) answer: Head,
    pub(super) reused: bool,
    /// the server closed the connection
    pub(super) ended: bool,
    /// something came after the head
    pub(super) body_began: bool,
    pub(super) failure: Option<Failure>,
}

impl Attempt {
    pub(super) fn new(limits: &Limits, cancel: Option<&Cancel>) -> Attempt {
        Attempt {
            limits: *limits,
            cancel: cancel.cloned(),
            head_room: 0,
            prime: false,
            body: 0,
            phase: Phase::Connect,
            head: None,
            sent: 0,
            received: 0,
            void: 0,
            answer: Head::default(),
            reused: false,
            ended: false,
            body_began: false,
            failure: None,
        }
    }

    /// The end of a wait that may take `longest`: never beyond the deadline.
    pub(super) fn end_of(&self, longest: Duration) -> Instant {
        let now = Instant::now();
        // an end that no clock can show is no end
        let end = now.checked_add(longest).unwrap_or(self.limits.deadline);
        end.min(self.limits.deadline)
    }

    /// Cancelled already, or too late already?
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.cancel.as_ref().is_some_and(Cancel::is_fired) {
            return Err(Stop::Cancelled);
        }
        if Instant::now() >= self.limits.deadline {
            return Err(Stop::TimedOut);
        }
        Ok(())
    }

    /// In words; `began` and `end` are those of the wait that was stopped.
    pub(super) fn stopped(&self, phase: Phase, stop: Stop, began: Instant) -> Failure {
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

    /// Bytes of the whole request, once that is known.
    pub(super) fn whole(&self) -> Option<u64> {
        Some(self.head?.saturating_add(self.body))
    }

    /// How much of the request left.
    pub(super) fn sent(&self) -> Sent {
        match self.whole() {
            _ if self.sent == 0 => Sent::None,
            Some(whole) if self.sent >= whole => Sent::Fully,
            _ => Sent::Partly,
        }
    }

    /// The record as a fault.
    pub(super) fn fault(&self, failure: Failure) -> Fault {
        Fault {
            phase: failure.phase,
            kind: failure.kind,
            text: failure.text,
            sent: self.sent(),
            received: self.received,
            reused: self.reused,
            head: None,
            body_began: self.body_began,
            body: Vec::new(),
        }
    }
}

/// Own words, since those of the system change with the locale of the host.
pub(super) fn words(errno: Errno) -> String {
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

thread_local! {
    static CURRENT: RefCell<Option<Attempt>> = const { RefCell::new(None) };
}

/// The attempt is that of this thread until this is dropped, also by a panic.
pub(super) struct Installed {
    previous: Option<Attempt>,
}

impl Installed {
    /// `None`: the thread is ending, its thread-locals are gone.
    pub(super) fn new(attempt: Attempt) -> Option<Installed> {
        CURRENT
            .try_with(|current| Installed {
                previous: current.replace(Some(attempt)),
            })
            .ok()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let previous = self.previous.take();
        let _ = CURRENT.try_with(|current| current.replace(previous));
    }
}

/// Works on the attempt of this thread; `None` when there is none.
pub(super) fn with<T>(f: impl FnOnce(&mut Attempt) -> T) -> Option<T> {
    CURRENT
        .try_with(|current| current.try_borrow_mut().ok()?.as_mut().map(f))
        .ok()
        .flatten()
}

/// As [`with`], in the words of ureq: a failure is recorded, and ureq told to give up.
pub(super) fn run<T>(f: impl FnOnce(&mut Attempt) -> Result<T, Failure>) -> Result<T, ureq::Error> {
    with(|attempt| {
        f(attempt).map_err(|failure| {
            attempt.failure.get_or_insert(failure);
        })
    })
    .and_then(Result::ok)
    // "other" on purpose: ureq takes some kinds for the end of a body and repeats after others
    .ok_or_else(|| std::io::Error::other("ended by the transport").into())
}
