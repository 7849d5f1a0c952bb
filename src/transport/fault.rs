//! Why an exchange brought no complete answer, in words that are the same on every machine: the only error of this layer.
use super::timings::Timings;
use crate::{
    error::Phase,
    outcome::{
        proof::{Alert, NotApplied},
        transmission::Sent,
    },
    protocol::response_head::Head,
};
use rustix::io::Errno;
use std::net::SocketAddr;

/// Kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /** the socket said no: refused, reset, end of stream */
    Connection,
    /** silence longer than the limit */
    Timeout,
    /** the token was fired */
    Cancelled,
    /** not HTTP, cut body, bad framing */
    Protocol,
    /** answer larger than the limit */
    TooLarge,
    /** TLS said no, and will say it again until somebody changes something */
    Tls,
    /** descriptors or memory of this process */
    Local,
}

/// Why an exchange failed; and, once [`super::record::Record::complete`] has seen it, how far it had come.
#[derive(Clone, Debug)]
pub struct Fault {
    /// where it ended
    pub phase: Phase,
    /// why
    pub kind: FaultKind,
    /// one line, lower case, without the endpoint
    pub text: String,
    /// how the other side gave up once the TLS handshake was over for us
    pub(crate) alert: Option<Alert>,
    /// how much of the request left
    pub sent: Sent,
    /// the proof that the server cannot have run it
    pub not_applied: Option<NotApplied>,
    /// bytes of the answer that came
    pub received: u64,
    /// whether the connection had served before
    pub reused: bool,
    /// status and headers, if they came
    pub head: Option<Box<Head>>,
    /// whether anything came after the head, if only the beginning of a chunk
    pub body_began: bool,
    /// first bytes of the body
    pub body: Vec<u8>,
    /// how it went until then
    pub timings: Timings,
}

impl Fault {
    /// Nothing is known yet of the exchange, so that it proves nothing.
    pub(crate) fn new(phase: Phase, kind: FaultKind, text: impl Into<String>) -> Box<Fault> {
        Box::new(Fault {
            phase,
            kind,
            text: text.into(),
            alert: None,
            sent: Sent::None,
            not_applied: None,
            received: 0,
            reused: false,
            head: None,
            body_began: false,
            body: Vec::new(),
            timings: Timings::default(),
        })
    }

    /// A system call said no.
    pub(crate) fn from_errno(phase: Phase, errno: Errno) -> Box<Fault> {
        let kind = match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => FaultKind::Local,
            _ => FaultKind::Connection,
        };
        Fault::new(phase, kind, words(errno))
    }

    /// Of a request that left so far, with nothing of an answer.
    #[cfg(test)]
    pub(crate) fn of(phase: Phase, kind: FaultKind, sent: Sent) -> Fault {
        use crate::outcome::transmission::Transmission;
        Fault {
            sent,
            not_applied: NotApplied::left(&Transmission::of(sent)),
            ..*Fault::new(phase, kind, "no")
        }
    }

    /// The address to blame: the next connection tries others first. A stale idle connection and a poll that was cut while idle
    /// are nobody's fault.
    pub(crate) fn failed_address(&self) -> Option<SocketAddr> {
        let theirs = match self.kind {
            FaultKind::Connection if self.reused && self.received == 0 => false,
            FaultKind::Connection | FaultKind::Timeout => !self.is_idle(),
            FaultKind::Protocol | FaultKind::Tls => true,
            FaultKind::Cancelled | FaultKind::TooLarge | FaultKind::Local => false,
        };
        self.timings.peer.filter(|_| theirs)
    }

    /// Nothing came after the head.
    fn is_idle(&self) -> bool {
        self.head.is_some() && !self.body_began
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
