//! A read that is sent to a second member when the first one keeps it waiting: two calls, the first complete answer wins,
//! and the other is cancelled.

use super::task::{TaskHandle, TaskId};
use crate::cluster::members::member::Member;
use crate::error::{Error, Result};
use crate::protocol::response::Response;
use crate::status::Status;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    First,
    Second,
}

/// What the two know of each other.
#[derive(Debug, Default)]
struct Pair {
    first: Option<TaskHandle>,
    second: Option<TaskHandle>,
    /// whom the first one asks
    asked: Option<Arc<Member>>,
    begun: bool,
    decided: bool,
    /// how the one ended that did not win
    lost: Option<Result<Response>>,
}

/// One of the two calls.
#[derive(Clone, Debug)]
pub(crate) struct Hedge {
    side: Side,
    pair: Arc<Mutex<Pair>>,
    delay: Duration,
}

impl Hedge {
    /// The two of one read; the second waits for `delay` first.
    pub(crate) fn both(delay: Duration) -> [Hedge; 2] {
        let pair = Arc::default();
        [Side::First, Side::Second].map(|side| Hedge {
            side,
            pair: Arc::clone(&pair),
            delay,
        })
    }

    fn pair(&self) -> MutexGuard<'_, Pair> {
        self.pair.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has reached the loop. Says how long it waits before it begins.
    pub(crate) fn arrive(&self, handle: TaskHandle) -> Option<Duration> {
        let mut pair = self.pair();
        match self.side {
            Side::First => pair.first = Some(handle),
            Side::Second => pair.second = Some(handle),
        }
        (self.side == Side::Second).then_some(self.delay)
    }

    /// The first one asks this member now.
    pub(crate) fn asks(&self, member: &Arc<Member>) {
        if self.side == Side::First {
            self.pair().asked = Some(member.clone());
        }
    }

    /// Whether this is the second one, and begins now; whom it need not ask.
    pub(crate) fn begin(&self) -> Option<Arc<Member>> {
        let mut pair = self.pair();
        let begins = self.side == Side::Second && !std::mem::replace(&mut pair.begun, true);
        pair.asked.clone().filter(|_| begins)
    }

    /// The task of the first call, while it waits for this member.
    pub(crate) fn beside(&self, member: &Arc<Member>) -> Option<TaskId> {
        let pair = self.pair();
        let same = pair
            .asked
            .as_ref()
            .is_some_and(|asked| Arc::ptr_eq(asked, member));
        let first = pair
            .first
            .as_ref()
            .filter(|_| same && self.side == Side::Second);
        first.map(TaskHandle::task)
    }

    /// One has ended: what is to be told now, if anything.
    pub(crate) fn end(&self, result: Result<Response>) -> Option<Result<Response>> {
        let mut pair = self.pair();
        if pair.decided {
            return None;
        }
        let complete = result.as_ref().err().is_none_or(is_definite);
        let alone = self.side == Side::First && !pair.begun;
        if !complete && !alone && pair.lost.is_none() {
            pair.lost = Some(result);
            return None;
        }
        pair.decided = true;
        let other = match self.side {
            Side::First => pair.second.take(),
            Side::Second => pair.first.take(),
        };
        // of two failures that of the first one, which has asked everybody
        let first = match (complete, self.side) {
            (false, Side::Second) => pair.lost.take(),
            _ => None,
        };
        drop(pair);
        if let Some(handle) = other {
            handle.cancel();
        }
        Some(first.unwrap_or(result))
    }
}

/// Etcd's own refusals are answers, and so is the end that the caller made; what another member may do better is none.
fn is_definite(error: &Error) -> bool {
    let elsewhere = matches!(
        error.status(),
        Status::UNREACHABLE
            | Status::PROTOCOL
            | Status::REDIRECT
            | Status::SERVER_ERROR
            | Status::TLS
    );
    !elsewhere && !error.detail().retriable
}
