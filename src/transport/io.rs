//! Reads and writes of a socket that never wait, and why one moved no byte.
use super::fault::{Fault, FaultKind};
use crate::error::Phase;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg},
};
use std::io::IoSlice;

/// Why no byte moves: in most cases, because there is nothing to be moved now.
#[derive(Debug)]
pub(crate) enum Stalled {
    /// the system says no; `AGAIN`: not now
    Errno(Errno),
    /// TLS does
    Tls(Box<Fault>),
    /// much came, and nothing of it for us: there is more, and first it is the turn of deadlines, tokens and others
    #[cfg_attr(
        not(feature = "tls"),
        expect(dead_code, reason = "only TLS receives without handing out")
    )]
    Busy,
}

impl Stalled {
    /// Not now.
    pub(crate) fn is_again(&self) -> bool {
        matches!(self, Stalled::Errno(Errno::AGAIN))
    }

    /// There is more at once, after a look at the clock.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Stalled::Busy)
    }

    /// Closed by the other side, which perhaps said why before.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Stalled::Errno(Errno::PIPE | Errno::CONNRESET))
    }

    /// As the end of what was done in `phase`.
    pub(crate) fn fault(self, phase: Phase) -> Box<Fault> {
        match self {
            Stalled::Errno(errno) => Fault::from_errno(phase, errno),
            Stalled::Tls(fault) => fault,
            Stalled::Busy => {
                let text = "the server says much, and nothing to us";
                Fault::new(phase, FaultKind::Protocol, text)
            }
        }
    }
}

impl From<Errno> for Stalled {
    fn from(errno: Errno) -> Stalled {
        Stalled::Errno(errno)
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
