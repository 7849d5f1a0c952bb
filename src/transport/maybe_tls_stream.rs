//! How bytes get to the other side, in clear or through TLS: nobody else touches the socket.
use super::fault::{Fault, FaultKind};
use super::io::{Stalled, pull, push, send_flags};
use super::tls::Session;
use crate::error::Phase;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    io::{Errno, ioctl_fionbio},
    net::{
        RecvFlags, Shutdown, recv, shutdown,
        sockopt::{self, Timeout},
    },
};
use std::time::{Duration, Instant};

/// How much later than asked for a read may end that waits.
const LATE: Duration = Duration::from_millis(1);

/// A connected socket, and what is spoken on it. Nothing waits but [`MaybeTlsStream::read_until`].
#[derive(Debug)]
pub(crate) struct MaybeTlsStream {
    socket: OwnedFd,
    tls: Option<Box<Session>>,
    /// something came in clear
    heard: bool,
    /// how long a read waits that may; until there is one, the socket is non-blocking
    waits: Option<Duration>,
}

impl MaybeTlsStream {
    /// In clear.
    pub(crate) fn new(socket: OwnedFd) -> MaybeTlsStream {
        MaybeTlsStream {
            socket,
            tls: None,
            heard: false,
            waits: None,
        }
    }

    /// TLS from here on; [`MaybeTlsStream::shake`] comes next.
    pub(crate) fn secure(&mut self, session: Session) {
        self.tls = Some(Box::new(session));
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        self.tls.as_deref()
    }

    /// Goes on with the handshake. `AGAIN`: not before the socket is readable, or what [`MaybeTlsStream::is_full`] says.
    pub(crate) fn shake(&mut self) -> Result<(), Stalled> {
        match &mut self.tls {
            Some(session) => session.shake(&self.socket),
            None => Ok(()),
        }
    }

    /// Whether something waits for room in the socket.
    pub(crate) fn is_full(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.is_full())
    }

    /// Whether there is something to be read that the socket knows nothing of.
    pub(crate) fn has_more(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.has_more())
    }

    /// `AGAIN` when there is nothing now, 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, Stalled> {
        match &mut self.tls {
            Some(session) => session.read(&self.socket, into),
            None => {
                let n = pull(&self.socket, into)?;
                self.hear(into, n)
            }
        }
    }

    /// The same in clear text, waiting until about `end`; `AGAIN` may come before.
    pub(crate) fn read_until(&mut self, into: &mut [u8], end: Instant) -> Result<usize, Stalled> {
        let longest = end.saturating_duration_since(Instant::now());
        // what is set may be a little longer, and any shorter wait is repeated by the caller
        let fits = |set: Duration| set >= longest / 2 && set <= longest + LATE;
        if !self.waits.is_some_and(fits) {
            sockopt::set_socket_timeout(&self.socket, Timeout::Recv, Some(longest.max(LATE)))?;
            if self.waits.is_none() {
                ioctl_fionbio(&self.socket, false)?;
            }
            self.waits = Some(longest.max(LATE));
        }
        match recv(&self.socket, &mut *into, RecvFlags::empty()) {
            Ok((_, n)) => self.hear(into, n),
            Err(Errno::INTR) => Err(Errno::AGAIN.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn hear(&mut self, into: &[u8], n: usize) -> Result<usize, Stalled> {
        let first = !self.heard;
        self.heard |= n > 0;
        match into.get(..n) {
            // the alert that a request in clear gets from most servers with TLS
            Some([0x15, 3, ..]) if first => Err(speaks_tls()),
            _ => Ok(n),
        }
    }

    /// Writes what goes of both parts, in one segment if possible; what was not taken must be offered again as it was.
    fn write(&mut self, first: &[u8], then: &[u8]) -> Result<usize, Stalled> {
        match &mut self.tls {
            Some(session) => session.write(&self.socket, first, then),
            None => Ok(push(&self.socket, first, then, send_flags())?),
        }
    }

    /// Writes both parts from byte `from` on, as far as it goes; how far, and what stopped it.
    pub(crate) fn push(
        &mut self,
        head: &[u8],
        body: &[u8],
        from: u64,
    ) -> (u64, Result<(), Stalled>) {
        let start = usize::try_from(from).unwrap_or(usize::MAX);
        let mut at = start;
        let gone = |at: usize| (at - start) as u64;
        loop {
            let first = head.get(at..).unwrap_or_default();
            let then = body
                .get(at.saturating_sub(head.len())..)
                .unwrap_or_default();
            if first.is_empty() && then.is_empty() {
                return (gone(at), Ok(()));
            }
            match self.write(first, then) {
                Ok(n) => at += n,
                Err(trouble) if trouble.is_again() => return (gone(at), Ok(())),
                Err(trouble) => return (gone(at), Err(trouble)),
            }
        }
    }

    /// Whether nothing has come that nobody asked for, nor an end: an idle connection without it is useless.
    pub(crate) fn is_silent(&mut self) -> bool {
        let mut byte = [0u8; 1];
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let outcome = loop {
            match recv(&self.socket, &mut byte[..], peek) {
                Err(Errno::INTR) => {}
                outcome => break outcome,
            }
        };
        match outcome {
            Err(errno) => errno == Errno::AGAIN && !self.has_more(),
            // TLS has things to say of its own
            Ok((_, 1..)) if self.tls.is_some() => self
                .read(&mut byte)
                .is_err_and(|trouble| trouble.is_again()),
            Ok(_) => false,
        }
    }

    /// Nothing more is sent, and the other side is told so; what it says is still read.
    pub(crate) fn finish(&mut self) {
        if let Some(session) = &mut self.tls {
            session.finish(&self.socket);
        }
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Ends it in both directions, even if a forked child holds a copy.
    pub(crate) fn cut(&mut self) {
        let _ = shutdown(&self.socket, Shutdown::Both);
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }
}

impl AsFd for MaybeTlsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn speaks_tls() -> Stalled {
    let text = "the server talks TLS: this is a port for https://";
    Stalled::Tls(Fault::new(Phase::Head, FaultKind::Tls, text))
}
