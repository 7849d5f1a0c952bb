//! A connection, and what it is used for at the moment.

use super::slab::SlabKey;
use crate::transport::maybe_tls_stream::MaybeTlsStream;
use crate::transport::metrics::Lease;
use std::net::SocketAddr;
use std::time::Instant;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionRole {
    /// one of those that race for this exchange
    Flying(SlabKey, SocketAddr),
    /// carries this exchange
    Busy(SlabKey),
    /// waits for the next one
    Idle,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: MaybeTlsStream,
    pub(super) pool: SlabKey,
    /// the remote address, if it is TCP
    pub(super) peer: Option<SocketAddr>,
    pub(super) role: ConnectionRole,
    /// when it was made
    pub(super) since: Instant,
    /// from then on it is not reused
    pub(super) expiry: Option<Instant>,
    /// it has carried an exchange to its end
    pub(super) served: bool,
    /// of [`crate::transport::channel::Channel::forgotten`], when it was last good
    pub(super) epoch: u64,
    /// there is, or was when we last heard, something to read
    pub(super) readable: bool,
    /// the other side has ended it, after what is still to be read
    pub(super) closing: bool,
    /// stands in the line of those that have more to be read
    pub(super) queued: bool,
    pub(super) lease: Lease,
}

impl Connection {
    pub(super) fn new(
        stream: MaybeTlsStream,
        (pool, peer): (SlabKey, Option<SocketAddr>),
        role: ConnectionRole,
        (since, expiry): (Instant, Option<Instant>),
        epoch: u64,
        lease: Lease,
    ) -> Connection {
        Connection {
            stream,
            pool,
            peer,
            role,
            since,
            expiry,
            served: false,
            epoch,
            readable: false,
            closing: false,
            queued: false,
            lease,
        }
    }
}
