//! How bytes get to the other side, in clear or through TLS: nobody else touches the socket.
use super::failure::Failure;
use super::fault::FaultKind;
use super::io::{IoError, TlsFailure, pull, push, send_flags};
use super::tls::Session;
use crate::error::Phase;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    io::Errno,
    net::{RecvFlags, Shutdown, recv, shutdown},
};

/// A connected, non-blocking socket, and what is spoken on it.
#[derive(Debug)]
pub(crate) struct MaybeTlsStream {
    socket: OwnedFd,
    tls: Option<Box<Session>>,
    /// something came in clear
    heard: bool,
}

impl MaybeTlsStream {
    /// In clear.
    pub(crate) fn new(socket: OwnedFd) -> MaybeTlsStream {
        MaybeTlsStream {
            socket,
            tls: None,
            heard: false,
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
    pub(crate) fn shake(&mut self) -> Result<(), IoError> {
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
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, IoError> {
        match &mut self.tls {
            Some(session) => session.read(&self.socket, into),
            None => {
                let n = pull(&self.socket, into)?;
                let first = !self.heard;
                self.heard |= n > 0;
                match into.get(..n) {
                    // the alert that a request in clear gets from most servers with TLS
                    Some([0x15, 3, ..]) if first => Err(speaks_tls()),
                    _ => Ok(n),
                }
            }
        }
    }

    /// Writes what goes of both parts, in one segment if possible; what was not taken must be offered again as it was.
    /// `more`: the rest of the request is still to come.
    pub(crate) fn write(
        &mut self,
        first: &[u8],
        then: &[u8],
        more: bool,
    ) -> Result<usize, IoError> {
        match &mut self.tls {
            Some(session) => session.write(&self.socket, first, then),
            None => Ok(push(&self.socket, first, then, send_flags(more))?),
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

fn speaks_tls() -> IoError {
    let text = "the server talks TLS: this is a port for https://";
    IoError::Tls(Box::new(TlsFailure {
        failure: Failure::new(Phase::Head, FaultKind::Tls, text),
        alert: None,
    }))
}
