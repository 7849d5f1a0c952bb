//! How an exchange went: how long it was in each phase, and how much it moved.
use crate::error::Phase;
use std::net::SocketAddr;

/// Of one exchange, whatever its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// nanoseconds in each phase, in their order; waiting for a free connection counts as connecting
    pub(super) spent: [u64; Phase::COUNT],
    /// bytes of the request that left
    pub sent: u64,
    /// bytes of the answer that came
    pub received: u64,
    /// whether the connection had served before
    pub reused: bool,
    /// the remote address, once there is a TCP connection
    pub(crate) peer: Option<SocketAddr>,
}

impl Timings {
    /// Nanoseconds in this phase.
    pub fn spent(&self, phase: Phase) -> u64 {
        self.spent.get(phase as usize).copied().unwrap_or(0)
    }

    /// Nanoseconds in all of them.
    pub fn total(&self) -> u64 {
        self.spent.iter().sum()
    }

    pub(super) fn add(&mut self, phase: Phase, nanoseconds: u128) {
        if let Some(spent) = self.spent.get_mut(phase as usize) {
            *spent = spent.saturating_add(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        }
    }
}
