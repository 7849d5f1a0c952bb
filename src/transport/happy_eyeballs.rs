//! Several addresses of one member: none is waited for longer than its head start.
use super::{
    config::TransportConfig,
    fault::Fault,
    socket::{self, Begun},
};
use crate::error::Phase;
use rustix::{fd::OwnedFd, io::Errno};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Head start of an address before the next one is tried as well (RFC 8305, 5).
pub(super) const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried at the same time.
const IN_FLIGHT: usize = 3;

/// Tries one address after the other without waiting for the end of the one before; the first one wins. Waiting is the
/// work of the driver.
#[derive(Debug)]
pub(crate) struct HappyEyeballs {
    queue: VecDeque<SocketAddr>,
    flying: usize,
    next_start: Instant,
    last: Box<Fault>,
}

/// What there is to do.
#[derive(Debug)]
pub(crate) enum Launch {
    /// there is the connection
    Won(OwnedFd, SocketAddr),
    /// tell [`HappyEyeballs::decided`] when it is writable; then ask for more
    Flying(OwnedFd, SocketAddr),
    /// nothing before one is decided, or this time has come
    Wait(Option<Instant>),
    /// no address answered
    Lost(Box<Fault>),
}

impl HappyEyeballs {
    pub(crate) fn new(addresses: Vec<SocketAddr>, now: Instant) -> HappyEyeballs {
        HappyEyeballs {
            queue: addresses.into(),
            flying: 0,
            next_start: now,
            last: Fault::from_errno(Phase::Connect, Errno::ADDRNOTAVAIL),
        }
    }

    pub(crate) fn next(&mut self, now: Instant, settings: &TransportConfig) -> Launch {
        while (self.flying == 0 || now >= self.next_start) && self.flying < IN_FLIGHT {
            let Some(address) = self.queue.pop_front() else {
                break;
            };
            let begun = socket::begin_tcp(address, settings);
            match begun.and_then(|begun| settle(begun, &address)) {
                Ok(Begun::Connected(socket)) => return Launch::Won(socket, address),
                Ok(Begun::Pending(socket)) => {
                    self.flying += 1;
                    self.next_start = now.checked_add(STAGGER).unwrap_or(now);
                    return Launch::Flying(socket, address);
                }
                Err(errno) => self.last = Fault::from_errno(Phase::Connect, errno),
            }
        }
        if self.flying == 0 {
            return Launch::Lost(self.last.clone());
        }
        let more = !self.queue.is_empty() && self.flying < IN_FLIGHT;
        Launch::Wait(more.then_some(self.next_start))
    }

    /// One of those that fly is decided: whether it won; if not, it is one less.
    pub(crate) fn decided(&mut self, socket: &OwnedFd, address: &SocketAddr, now: Instant) -> bool {
        self.flying = self.flying.saturating_sub(1);
        let won = socket::outcome(socket);
        match won.and_then(|()| socket::met_itself(socket, address)) {
            Ok(()) => true,
            Err(errno) => {
                self.last = Fault::from_errno(Phase::Connect, errno);
                // no reason to wait for the rest of the head start
                self.next_start = now;
                false
            }
        }
    }
}

fn settle(begun: Begun, address: &SocketAddr) -> Result<Begun, Errno> {
    match begun {
        Begun::Connected(socket) => {
            socket::met_itself(&socket, address)?;
            Ok(Begun::Connected(socket))
        }
        pending => Ok(pending),
    }
}
