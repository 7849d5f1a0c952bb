//! One member: the way to it and what is known of it.

use crate::cluster::members::continuity::Continuity;
use crate::cluster::members::penalty::Penalty;
use crate::protocol::endpoint::Endpoint;
use crate::transport::channel::Channel;
use crate::transport::config::TransportConfig;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// One member: the way to it and what is known of it.
#[derive(Debug)]
pub struct Member {
    channel: Channel,
    number: u64,
    penalty: Mutex<Penalty>,
    /// Lets the common case, a member without failures, skip the lock.
    troubled: AtomicBool,
    refreshes: AtomicBool,
    gone: AtomicBool,
    continuity: Continuity,
}

impl Member {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &TransportConfig) -> Member {
        Member {
            number: BuildHasherDefault::<DefaultHasher>::default().hash_one(endpoint.url()),
            channel: Channel::new(endpoint, settings),
            penalty: Mutex::default(),
            troubled: AtomicBool::new(false),
            refreshes: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            continuity: Continuity::default(),
        }
    }

    /// Somebody that a member redirects to, and that nobody has named: gets no credentials.
    pub fn stranger(endpoint: Endpoint, settings: &TransportConfig) -> Member {
        let settings = TransportConfig {
            credentials: Arc::default(),
            ..settings.clone()
        };
        Member::new(endpoint, &settings)
    }

    /// The way to it.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Whether its store is continuous.
    pub fn continuity(&self) -> &Continuity {
        &self.continuity
    }

    /// Its URL.
    pub fn url(&self) -> &Arc<str> {
        self.channel.endpoint().url()
    }

    /// Tells it from others; the same for all that have its URL.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// It failed, at this address if known; its idle connections are dropped.
    pub fn fail(&self, now: Instant, peer: Option<SocketAddr>) {
        if let Some(address) = peer {
            self.channel.dialer().fail(address);
        }
        self.penalty
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fail(now);
        self.troubled.store(true, Ordering::Release);
        self.channel.forget_idle();
    }

    /// The next connection prefers another of its addresses, if there is one.
    pub fn leave_address(&self, address: SocketAddr) {
        if self.channel.dialer().ways() > 1 {
            self.channel.dialer().fail(address);
            self.channel.forget_idle();
        }
    }

    /// It answered.
    pub fn succeed(&self) {
        if self.troubled.swap(false, Ordering::AcqRel) {
            self.penalty
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .succeed();
        }
    }

    /// The end of its present penalty, if it has one.
    pub fn penalised_until(&self, now: Instant) -> Option<Instant> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        self.penalty
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .penalised_until(now)
    }

    /// Whether it has no penalty.
    #[cfg(test)]
    pub(crate) fn is_trusted(&self, now: Instant) -> bool {
        self.penalised_until(now).is_none()
    }

    /// Whether its version is known to understand `refresh`.
    pub fn refreshes(&self) -> bool {
        self.refreshes.load(Ordering::Relaxed)
    }

    /// Its version understands `refresh`; servers only ever get newer.
    pub fn set_refreshes(&self) {
        self.refreshes.store(true, Ordering::Relaxed);
    }

    /// Whether it was on the list and is no more. What runs with it ends by itself, nothing new is begun.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Nobody asks it any more: what is idle is closed.
    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.channel.forget_idle();
    }
}
