//! Reads and writes of a socket that never wait, and why one moved no byte.
use super::{failure::Failure, fault::FaultKind};
use crate::error::Phase;
use crate::outcome::proof::Alert;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg},
};
use std::io::IoSlice;

/// Why no byte moves.
#[derive(Debug)]
pub(crate) enum IoError {
    /// the system says no; `AGAIN`: not now
    Errno(Errno),
    /// TLS does
    Tls(Box<TlsFailure>),
    /// much came, and nothing of it for us: there is more, and first it is the turn of deadlines, tokens and others
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "only TLS receives without handing out")
    )]
    Busy,
}

/// What TLS has against a connection.
#[derive(Debug)]
pub(crate) struct TlsFailure {
    pub(crate) failure: Failure,
    /// how the other side gave up once the handshake was over for us
    pub(crate) alert: Option<Alert>,
}

impl IoError {
    /// Not now.
    pub(crate) fn is_again(&self) -> bool {
        matches!(self, IoError::Errno(Errno::AGAIN))
    }

    /// There is more at once, after a look at the clock.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, IoError::Busy)
    }

    /// Closed by the other side, which perhaps said why before.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, IoError::Errno(Errno::PIPE | Errno::CONNRESET))
    }

    /// As the end of what was done in `phase`.
    pub(crate) fn failure(self, phase: Phase) -> Failure {
        match self {
            IoError::Errno(errno) => Failure::from_errno(phase, errno),
            IoError::Tls(refusal) => refusal.failure,
            IoError::Busy => {
                let text = "the server says much, and nothing to us";
                Failure::new(phase, FaultKind::Protocol, text)
            }
        }
    }
}

impl From<Errno> for IoError {
    fn from(errno: Errno) -> IoError {
        IoError::Errno(errno)
    }
}

/// Never a wait, never a SIGPIPE for the host.
pub(crate) fn send_flags() -> SendFlags {
    #[cfg(target_vendor = "apple")]
    let quiet = SendFlags::DONTWAIT;
    #[cfg(not(target_vendor = "apple"))]
    let quiet = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);
    quiet
}

/// Writes both parts in one call.
pub(super) fn push(
    socket: &OwnedFd,
    first: &[u8],
    then: &[u8],
    flags: SendFlags,
) -> Result<usize, Errno> {
    let parts = [IoSlice::new(first), IoSlice::new(then)];
    loop {
        let outcome = match first.is_empty() {
            true => send(socket, then, flags),
            false => sendmsg(socket, &parts, &mut SendAncillaryBuffer::default(), flags),
        };
        if outcome != Err(Errno::INTR) {
            return outcome;
        }
    }
}

pub(super) fn pull(socket: &OwnedFd, into: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match recv(socket, &mut *into, RecvFlags::DONTWAIT) {
            Ok((_, n)) => return Ok(n),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
