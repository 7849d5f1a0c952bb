//! Why an exchange brought no complete answer.
use super::timings::Timings;
use crate::{
    error::Phase,
    outcome::{proof::NotApplied, transmission::Sent},
    protocol::response_head::Head,
};
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

/// A failed exchange.
#[derive(Clone, Debug)]
pub struct Fault {
    /// where it ended
    pub phase: Phase,
    /// why
    pub kind: FaultKind,
    /// one line, lower case, without the endpoint
    pub text: String,
    /// how much of the request left
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "for tests")
    )]
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
    /// Of a request that left so far, with nothing of an answer.
    #[cfg(test)]
    pub(crate) fn of(phase: Phase, kind: FaultKind, sent: Sent) -> Fault {
        use crate::outcome::transmission::Transmission;
        Fault {
            phase,
            kind,
            text: "no".into(),
            sent,
            not_applied: NotApplied::left(&Transmission::of(sent)),
            received: 0,
            reused: false,
            head: None,
            body_began: false,
            body: Vec::new(),
            timings: Timings::default(),
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
