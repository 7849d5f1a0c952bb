//! A connection, and what it is used for at the moment.

use super::slab::Key;
use crate::transport::stream::{push, send_flags};
use crate::transport::tally::Lease;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use std::net::SocketAddr;

/// How bytes get to the other side. Another form (TLS) is another variant: nobody else touches the socket.
#[derive(Debug)]
pub(super) enum Stream {
    /// in clear
    Plain(OwnedFd),
}

impl Stream {
    /// `AGAIN` when there is nothing now, 0 at the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, Errno> {
        let Stream::Plain(socket) = self;
        loop {
            match recv(&*socket, &mut *into, RecvFlags::empty()) {
                Ok((_, n)) => return Ok(n),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Writes what goes of both parts, in one segment if possible, and never with a SIGPIPE.
    pub(super) fn write(&mut self, first: &[u8], then: &[u8]) -> Result<usize, Errno> {
        let Stream::Plain(socket) = self;
        loop {
            match push(socket, first, then, send_flags(false)) {
                Err(Errno::INTR) => {}
                outcome => return outcome,
            }
        }
    }

    /// Ends it in both directions, even if a forked child holds a copy.
    pub(super) fn cut(&mut self) {
        let Stream::Plain(socket) = self;
        let _ = shutdown(&*socket, Shutdown::Both);
    }

    pub(super) fn fd(&self) -> RawFd {
        let Stream::Plain(socket) = self;
        socket.as_raw_fd()
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        let Stream::Plain(socket) = self;
        socket
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// one of those that race for this exchange
    Flying(Key, SocketAddr),
    /// carries this exchange
    Busy(Key),
    /// waits for the next one
    Idle,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) pool: Key,
    pub(super) role: Role,
    /// it has carried an exchange to its end
    pub(super) served: bool,
    /// of [`crate::transport::channel::Channel::forgotten`], when it was last good
    pub(super) epoch: u64,
    /// there is, or was when we last heard, something to read
    pub(super) readable: bool,
    /// the other side has ended it, after what is still to be read
    pub(super) closing: bool,
    pub(super) lease: Lease,
}

impl Connection {
    pub(super) fn new(
        stream: Stream,
        pool: Key,
        role: Role,
        epoch: u64,
        lease: Lease,
    ) -> Connection {
        Connection {
            stream,
            pool,
            role,
            served: false,
            epoch,
            readable: false,
            closing: false,
            lease,
        }
    }
}
