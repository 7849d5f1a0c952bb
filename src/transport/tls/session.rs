//! One connection through TLS: handshake, and bytes in both directions, without waiting.
use super::super::{
    fault::{Fault, FaultKind},
    io::{Stalled, pull, send_flags},
};
use super::{config::Config, words};
use crate::error::Phase;
use crate::outcome::proof::Alert;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{SendAncillaryBuffer, sendmsg},
};
use rustls::{AlertDescription, ClientConnection, Error, ProtocolVersion};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

/// What is looked at to tell what the other side speaks, when that is not TLS.
const FIRST: usize = 5;

/// Reads of the socket in one turn that bring nothing but TLS's own affairs: session tickets, key updates.
const TURN: usize = 4;
/// Bytes in a row of TLS's own affairs in a handshake, which has long chains of certificates.
const LONGEST_HANDSHAKE: u64 = 256 * 1024;
/// And after it: a server has some hundred bytes of session tickets, and each costs some hashing.
const LONGEST_VOID: u64 = 64 * 1024;

/// A connection through TLS.
pub(crate) struct Session {
    tls: ClientConnection,
    config: Arc<Config>,
    /// bytes of the request that are encrypted, and have not left in full
    pending: usize,
    /// application data has come
    heard: bool,
    /// bytes of the socket since the last one for us
    void: u64,
    /// told once the data before it has been handed out
    ended: Option<Stalled>,
    first: Vec<u8>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(tls: ClientConnection, config: Arc<Config>) -> Session {
        Session {
            tls,
            config,
            pending: 0,
            heard: false,
            void: 0,
            ended: None,
            first: Vec::new(),
        }
    }

    /// What it was made with.
    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(crate) fn is_full(&self) -> bool {
        self.tls.wants_write()
    }

    pub(crate) fn has_more(&self) -> bool {
        self.ended.is_some() || !self.tls.wants_read()
    }

    pub(crate) fn shake(&mut self, socket: &OwnedFd) -> Result<(), Stalled> {
        for _ in 0..TURN {
            let gone = match self.flush(socket).map_err(Stalled::from) {
                Ok(()) if !self.tls.is_handshaking() => {
                    self.first = Vec::new();
                    self.void = 0;
                    return Ok(());
                }
                Ok(()) => false,
                // the server may have sent an alert before it closed
                Err(trouble) if trouble.is_end() => true,
                Err(trouble) => return Err(trouble),
            };
            match self.pull(socket) {
                Ok(0) => return Err(self.cut_short("closed")),
                Ok(_) => {}
                Err(trouble) if trouble.is_end() || gone && trouble.is_again() => {
                    return Err(self.cut_short("reset"));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Err(Stalled::Busy)
    }

    pub(crate) fn read(&mut self, socket: &OwnedFd, into: &mut [u8]) -> Result<usize, Stalled> {
        for _ in 0..TURN {
            match self.tls.reader().read(into) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                // the end of the stream without that of TLS: somebody may have cut it
                Err(_) => return Err(Errno::CONNRESET.into()),
                Ok(n) => {
                    self.heard |= n > 0;
                    self.void = 0;
                    return Ok(n);
                }
            }
            if let Some(trouble) = self.ended.take() {
                return Err(trouble);
            }
            match self.pull(socket) {
                // an answer may have come in the same breath
                Err(trouble) if !trouble.is_again() => {
                    self.ended = Some(trouble);
                    continue;
                }
                outcome => outcome?,
            };
            // what TLS itself has to answer; what does not go now goes with the next request
            if self.pending == 0 && self.is_full() {
                let _ = self.flush(socket);
            }
        }
        Err(Stalled::Busy)
    }

    /// Only what has left in full counts: of a part of a record nobody can read anything.
    pub(crate) fn write(
        &mut self,
        socket: &OwnedFd,
        first: &[u8],
        then: &[u8],
    ) -> Result<usize, Stalled> {
        if self.pending == 0 {
            let parts = [IoSlice::new(first), IoSlice::new(then)];
            let taken = self.tls.writer().write_vectored(&parts);
            self.pending = taken.map_err(|_| Errno::PIPE)?;
        }
        self.flush(socket)?;
        match std::mem::take(&mut self.pending) {
            0 => Err(Errno::AGAIN.into()),
            n => Ok(n),
        }
    }

    /// Tells the other side that nothing more is sent.
    pub(crate) fn finish(&mut self, socket: &OwnedFd) {
        self.tls.send_close_notify();
        let _ = self.flush(socket);
    }

    /// All that is encrypted.
    fn flush(&mut self, socket: &OwnedFd) -> Result<(), Errno> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut Quiet(socket)).map_err(errno)?;
        }
        Ok(())
    }

    /// Takes in what the socket has; 0 is its end.
    fn pull(&mut self, socket: &OwnedFd) -> Result<usize, Stalled> {
        let mut tap = Tap {
            socket,
            first: self.tls.is_handshaking().then_some(&mut self.first),
        };
        let n = self.tls.read_tls(&mut tap).map_err(errno)?;
        self.void = self.void.saturating_add(n as u64);
        let most = match self.tls.is_handshaking() {
            true => LONGEST_HANDSHAKE,
            false => LONGEST_VOID,
        };
        if self.void > most {
            return Err(flood(most));
        }
        match self.tls.process_new_packets() {
            Ok(_) => Ok(n),
            Err(error) => {
                // the other side is told why, if that is possible
                let _ = self.flush(socket);
                Err(self.refusal(&error))
            }
        }
    }

    fn refusal(&self, error: &Error) -> Stalled {
        let text = match words::foreign(&self.first) {
            Some(text) if matches!(error, Error::InvalidMessage(_)) => text.to_owned(),
            _ => words::of(error, self.config.has_identity()),
        };
        let alert = match error {
            Error::AlertReceived(alert) if !self.tls.is_handshaking() => Some(Alert {
                description: u8::from(*alert),
                tls13: self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3),
                reused: false,
                heard: self.heard || self.tls.tls13_tickets_received() > 0,
            }),
            _ => None,
        };
        let kind = match error {
            // the server has a trouble of its own, such as a key that is just being renewed: it may pass
            Error::AlertReceived(AlertDescription::InternalError) => FaultKind::Connection,
            _ => FaultKind::Tls,
        };
        let mut fault = Fault::new(Phase::Tls, kind, text);
        fault.alert = alert;
        Stalled::Tls(fault)
    }

    fn cut_short(&self, how: &str) -> Stalled {
        let text = match self.first.is_empty() {
            true => {
                format!("{how} without a word: perhaps this is no TLS port, but one for http://")
            }
            false => format!("{how} in the middle of the handshake"),
        };
        Stalled::Tls(Fault::new(Phase::Tls, FaultKind::Connection, text))
    }
}

/// Records without end, and not a byte of an answer in them.
fn flood(bytes: u64) -> Stalled {
    let text = format!(
        "{} KiB of TLS records without a byte of an answer",
        bytes / 1024
    );
    Stalled::Tls(Fault::new(Phase::Tls, FaultKind::Protocol, text))
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// A writer that never raises SIGPIPE: what rustls makes of a socket of std would.
struct Quiet<'a>(&'a OwnedFd);

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let mut nothing = SendAncillaryBuffer::default();
            match sendmsg(self.0, parts, &mut nothing, send_flags()) {
                Err(Errno::INTR) => {}
                outcome => return Ok(outcome?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that remembers how the other side began.
struct Tap<'a> {
    socket: &'a OwnedFd,
    first: Option<&'a mut Vec<u8>>,
}

impl Read for Tap<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = pull(self.socket, into)?;
        if let Some(first) = &mut self.first {
            let room = FIRST.saturating_sub(first.len());
            first.extend(into.iter().take(n.min(room)));
        }
        Ok(n)
    }
}
