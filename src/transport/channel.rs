//! The way to one member: its pool of connections and the HTTP engine over it.
use super::{cancel::Cancel, endpoint::Endpoint, fault::Fault};
use crate::protocol::{answer::Head, wire::Wire};
use std::time::{Duration, Instant};

/// Socket and pool settings, the same for every member of a client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// idle connections kept
    pub max_idle: usize,
    /// how long an idle connection is kept
    pub idle_age: Duration,
    /// TCP keepalive: idle, interval, count
    pub keepalive: Option<(Duration, Duration, u32)>,
    /// TCP_USER_TIMEOUT
    pub user_timeout: Option<Duration>,
}

/// Limits of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// nothing goes on beyond it
    pub deadline: Instant,
    /// resolve + connect + handshake
    pub connect: Duration,
    /// longest silence between the request and the first byte of the answer
    pub head: Duration,
    /// longest silence inside the answer
    pub body: Duration,
    /// bytes of body
    pub max_body: u64,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// status and headers
    pub head: Head,
    /// body; capacity for one more byte is kept
    pub body: Vec<u8>,
}

/// The way to one member. Any number of threads may exchange at once.
#[derive(Debug)]
pub struct Channel {
    endpoint: Endpoint,
}

impl Channel {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &Settings) -> Channel {
        let _ = settings;
        Channel { endpoint }
    }
    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
    /// Sends one request, reads one answer.
    pub fn exchange(
        &self,
        wire: &Wire,
        limits: &Limits,
        cancel: Option<&Cancel>,
    ) -> Result<Answer, Box<Fault>> {
        let _ = (wire, limits, cancel);
        todo!()
    }
    /// Closes idle connections, for instance because the member failed.
    pub fn forget_idle(&self) {}
}
