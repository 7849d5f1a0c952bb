//! Idle connections to one member, for calls on the threads of their callers: the last one to become idle is the first to be
//! used.
use super::{connect::Dialer, maybe_tls_stream::MaybeTlsStream, metrics::Lease};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long after its last exchange, a connection is taken to live: a request that may be repeated goes on it without a look.
const FRESH: Duration = Duration::from_secs(1);
/// What a resting connection keeps allocated for requests, and for answers.
const KEPT: usize = 4096;

/// A connection with its buffers.
#[derive(Debug)]
pub(super) struct PooledConnection {
    pub(super) stream: MaybeTlsStream,
    /// the remote address
    pub(super) peer: Option<SocketAddr>,
    /// when it was made
    pub(super) connected: Instant,
    /// from then on it is not reused
    expiry: Option<Instant>,
    /// it has carried an exchange to its end
    pub(super) served: bool,
    /// it was taken without a look at it
    pub(super) unseen: bool,
    /// when it became idle
    rests: Instant,
    /// of [`super::channel::Channel::forgotten`], when it was made
    epoch: u64,
    lease: Lease,
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
}

impl PooledConnection {
    /// One that was just made.
    pub(super) fn new(
        stream: MaybeTlsStream,
        peer: Option<SocketAddr>,
        dialer: &Dialer,
        epoch: u64,
    ) -> Box<PooledConnection> {
        let now = Instant::now();
        let mut lease = Lease::new(dialer.metrics()).made();
        lease.set_busy(true);
        Box::new(PooledConnection {
            stream,
            peer,
            connected: now,
            expiry: dialer.expiry(now),
            served: false,
            unseen: false,
            rests: now,
            epoch,
            lease,
            input: vec![0; KEPT],
            output: Vec::new(),
        })
    }

    /// Room for more at once, after a read that has filled what there was.
    pub(super) fn grow(&mut self, longest: usize) {
        let more = (self.input.len() * 4).min(longest);
        if more > self.input.len() {
            // what it holds has been handed on, so nothing is to be moved
            self.input = vec![0; more];
        }
    }
}

/// In boxes: they are taken and put back without a copy.
type Resting = Vec<Box<PooledConnection>>;

/// Idle connections.
#[derive(Debug, Default)]
pub(super) struct IdlePool(Mutex<Resting>);

impl IdlePool {
    /// One that may be used once more; if `looks`, only after a look at what has come on it, otherwise that look is spared where
    /// the connection was in use a moment ago.
    pub(super) fn take(
        &self,
        dialer: &Dialer,
        epoch: u64,
        looks: bool,
        now: Instant,
    ) -> Option<Box<PooledConnection>> {
        loop {
            let mut idle = self.idle();
            let mut taken = idle.pop()?;
            let rested = now.saturating_duration_since(taken.rests);
            if rested >= dialer.settings().idle_age {
                // those before it have rested for longer
                let old = std::mem::take(&mut *idle);
                drop(idle);
                drop(old);
                return None;
            }
            drop(idle);
            let young = taken.expiry.is_none_or(|end| now < end);
            let good = young && taken.epoch == epoch && dialer.is_current(&taken.stream);
            taken.unseen = !looks && rested < FRESH;
            if good && (taken.unseen || taken.stream.is_silent()) {
                taken.lease.set_busy(true);
                return Some(taken);
            }
        }
    }

    /// It has carried an exchange to its end.
    pub(super) fn put(
        &self,
        mut connection: Box<PooledConnection>,
        dialer: &Dialer,
        epoch: u64,
        now: Instant,
    ) {
        let most = dialer.settings().max_idle;
        // nobody has asked for what TLS may still hold
        if connection.epoch != epoch || most == 0 || connection.stream.has_more() {
            return;
        }
        connection.lease.set_busy(false);
        connection.rests = now;
        if connection.input.len() > KEPT {
            connection.input = vec![0; KEPT];
        }
        if connection.output.capacity() > KEPT {
            connection.output = Vec::new();
        }
        let mut idle = self.idle();
        let surplus = (idle.len() >= most).then(|| idle.remove(0));
        idle.push(connection);
        drop(idle);
        // closed without the lock
        drop(surplus);
    }

    /// Closes all of them.
    pub(super) fn clear(&self) {
        let idle = std::mem::take(&mut *self.idle());
        drop(idle);
    }

    fn idle(&self) -> MutexGuard<'_, Resting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
