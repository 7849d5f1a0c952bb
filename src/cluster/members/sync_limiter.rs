//! When members are looked for without the caller asking for it: only if that is wanted at all, never by two at once, and
//! not again and again while nobody answers.

use crate::cluster::members::member::Member;
use crate::cluster::retry::backoff::Backoff;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// From the end of one look to the next.
const FIRST: Duration = Duration::from_secs(1);
/// The same after many that nobody answered.
const LONGEST: Duration = Duration::from_secs(5);
/// Before asking again whether the look of another call has ended.
const GLANCE: Duration = Duration::from_millis(25);

/// Shared by all calls of a client.
pub struct SyncLimiter {
    wanted: AtomicBool,
    state: Mutex<LimiterState>,
    alarm: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

struct LimiterState {
    running: bool,
    not_before: Option<Instant>,
    pauses: Backoff,
}

/// Whether to look.
#[derive(Debug)]
pub enum SyncDecision {
    /// yes
    Go(SyncPermit),
    /// somebody does
    Later,
    /// no
    No,
}

/// Leave to look, for one at a time.
#[derive(Debug)]
pub struct SyncPermit {
    sync_limiter: Arc<SyncLimiter>,
    end: Option<(Instant, bool)>,
}

impl fmt::Debug for SyncLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncLimiter").finish_non_exhaustive()
    }
}

impl Default for SyncLimiter {
    fn default() -> SyncLimiter {
        SyncLimiter {
            wanted: AtomicBool::new(false),
            state: Mutex::new(LimiterState {
                running: false,
                not_before: None,
                pauses: Backoff::new(FIRST, LONGEST),
            }),
            alarm: OnceLock::new(),
        }
    }
}

impl SyncLimiter {
    /// The cluster may be asked for its members from now on.
    pub fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// Whether it may. Behind a proxy members are not to be looked for.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Asks for leave to look.
    pub fn begin(self: &Arc<SyncLimiter>, now: Instant) -> SyncDecision {
        if self.state().not_before.is_some_and(|time| now < time) {
            return SyncDecision::No;
        }
        self.take().map_or(SyncDecision::Later, SyncDecision::Go)
    }

    /// Leave for who looks at fixed times, however short ago the last look was; `None`: somebody does.
    pub fn take(self: &Arc<SyncLimiter>) -> Option<SyncPermit> {
        let mut state = self.state();
        if std::mem::replace(&mut state.running, true) {
            return None;
        }
        drop(state);
        Some(SyncPermit {
            sync_limiter: self.clone(),
            end: None,
        })
    }

    /// How long to wait before asking again, while somebody looks; `None`: nobody does.
    pub fn glance(&self) -> Option<Duration> {
        self.state().running.then_some(GLANCE)
    }

    /// Who is to be told when watchers have no member left.
    pub fn set_alarm(&self, alarm: Box<dyn Fn() + Send + Sync>) {
        // a client has one thread in its life
        let _ = self.alarm.set(alarm);
    }

    /// A member has failed for somebody who does not look himself.
    pub fn notice(&self, members: impl FnOnce() -> Vec<Arc<Member>>, now: Instant) {
        let Some(alarm) = self.alarm.get() else {
            return;
        };
        if members().iter().all(|m| m.penalised_until(now).is_some()) {
            alarm();
        }
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SyncPermit {
    /// It is over; whether anybody gave a list.
    pub fn end(mut self, now: Instant, good: bool) {
        self.end = Some((now, good));
    }
}

impl Drop for SyncPermit {
    fn drop(&mut self) {
        let mut state = self.sync_limiter.state();
        state.running = false;
        // whoever gave up has looked nowhere, and leaves it to the next
        if let Some((now, good)) = self.end {
            if good {
                state.pauses.reset();
            }
            state.not_before = now.checked_add(state.pauses.pause());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_looks_at_a_time_and_pauses_grow_while_nobody_answers() {
        let sync_limiter = Arc::new(SyncLimiter::default());
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let SyncDecision::Go(turn) = sync_limiter.begin(now) else {
                panic!()
            };
            assert!(matches!(sync_limiter.begin(now), SyncDecision::Later));
            turn.end(now, false);
            assert!(matches!(sync_limiter.begin(now), SyncDecision::No));
            let until = sync_limiter.state().not_before.unwrap();
            pauses.push(until - now);
            now = until;
        }
        assert!(pauses.iter().all(|p| (FIRST / 2..=LONGEST).contains(p)));
        assert!(pauses[5] > FIRST, "{pauses:?}");
        let SyncDecision::Go(turn) = sync_limiter.begin(now) else {
            panic!()
        };
        turn.end(now, true);
        assert!(sync_limiter.state().not_before.unwrap() - now <= FIRST);
        // who gives up does not keep the others from it
        now += FIRST;
        let SyncDecision::Go(turn) = sync_limiter.begin(now) else {
            panic!()
        };
        drop(turn);
        assert!(matches!(sync_limiter.begin(now), SyncDecision::Go(_)));
    }
}
