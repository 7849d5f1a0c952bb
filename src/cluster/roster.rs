//! The list of members and which of them is asked first.

use super::health::Health;
use crate::transport::channel::{Channel, Settings};
use crate::transport::endpoint::Endpoint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One member: the way to it and what is known of it.
#[derive(Debug)]
pub struct Member {
    channel: Channel,
    health: Mutex<Health>,
    /// Lets the common case, a member without failures, skip the lock.
    troubled: AtomicBool,
    refreshes: AtomicBool,
}

impl Member {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &Settings) -> Member {
        Member {
            channel: Channel::new(endpoint, settings),
            health: Mutex::default(),
            troubled: AtomicBool::new(false),
            refreshes: AtomicBool::new(false),
        }
    }

    /// The way to it.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Its URL.
    pub fn url(&self) -> &Arc<str> {
        self.channel.endpoint().url()
    }

    /// It failed; its idle connections are not trusted either.
    pub fn fail(&self, now: Instant) {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fail(now);
        self.troubled.store(true, Ordering::Release);
        self.channel.forget_idle();
    }

    /// It answered.
    pub fn succeed(&self) {
        if self.troubled.swap(false, Ordering::AcqRel) {
            self.health
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .succeed();
        }
    }

    fn penalised_until(&self, now: Instant) -> Option<Instant> {
        if !self.troubled.load(Ordering::Acquire) {
            return None;
        }
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .penalised_until(now)
    }

    /// Whether it has no penalty.
    #[cfg(test)]
    pub(super) fn is_trusted(&self, now: Instant) -> bool {
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
}

/// All members. The choice is sticky: one member is asked until it fails, then the next that is not penalised.
#[derive(Debug)]
pub struct Roster {
    members: Vec<Arc<Member>>,
    pinned: AtomicUsize,
}

impl Roster {
    /// The first of `endpoints` is the first choice, as the header promises: whoever has a member nearby names it first.
    pub fn new(endpoints: &[Endpoint], settings: &Settings) -> Roster {
        let members: Vec<_> = endpoints
            .iter()
            .map(|e| Arc::new(Member::new(e.clone(), settings)))
            .collect();
        Roster {
            members,
            pinned: AtomicUsize::new(0),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member with this URL.
    pub fn find(&self, url: &str) -> Option<&Arc<Member>> {
        self.members.iter().find(|m| **m.url() == *url)
    }

    /// Whom to ask next: the pinned member, else the next without a penalty, else the one whose penalty ends first.
    /// `tried` holds the positions that this round has used up; `None` when that is all of them.
    pub fn pick(&self, now: Instant, tried: &[usize]) -> Option<(usize, &Arc<Member>)> {
        let start = self.pinned.load(Ordering::Relaxed);
        let mut best: Option<(Instant, usize)> = None;
        for offset in 0..self.members.len() {
            let i = (start + offset) % self.members.len();
            let Some(member) = self.members.get(i).filter(|_| !tried.contains(&i)) else {
                continue;
            };
            match member.penalised_until(now) {
                None => return Some((i, member)),
                Some(until) if best.is_none_or(|(b, _)| until < b) => best = Some((until, i)),
                Some(_) => {}
            }
        }
        best.and_then(|(_, i)| Some((i, self.members.get(i)?)))
    }

    /// Member `i` answered: it is asked first from now on.
    pub fn pin(&self, i: usize) {
        if self.pinned.load(Ordering::Relaxed) != i {
            self.pinned.store(i, Ordering::Relaxed);
        }
    }
}
