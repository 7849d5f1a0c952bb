//! One deadline per call, shared out over the members that are left.

use crate::transport::exchange_limits::ExchangeLimits;
use std::time::{Duration, Instant};

/// Longest attempt of a call without a deadline: a member that is paused must not keep it for ever.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(10);
/// More than any deadline that can be set.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(60 * 24 * 3600);

/// The time that a call has.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Nothing goes on beyond it.
    pub deadline: Instant,
    /// Longest time of one attempt, if it was set.
    pub attempt: Option<Duration>,
    /// Longest time to reach one member.
    pub connect: Duration,
    /// Bytes of one answer.
    pub max_body: u64,
}

impl Budget {
    /// What is left of it.
    pub fn left(&self, now: Instant) -> Duration {
        self.deadline.saturating_duration_since(now)
    }

    /// Limits of the next exchange when `attempts` are left in this round, this one included. A repeatable request waits for
    /// an equal share of the time left, so that a paused member leaves time for the healthy ones. Any other request gets that
    /// share until it is sent and then all the time left, since giving up early would turn a definite result into an unknown
    /// one. `again`: the only attempt of a round leaves a quarter of the time for another round. It is not more, since etcd
    /// reports a missing quorum after 7 of the usual 10 seconds. No attempt is longer than was asked for; without a deadline
    /// all of them have a limit.
    pub fn limits(
        &self,
        now: Instant,
        attempts: usize,
        again: bool,
        repeatable: bool,
    ) -> ExchangeLimits {
        let left = self.left(now);
        let most = match self.attempt {
            Some(attempt) => attempt,
            None if left > WITHOUT_DEADLINE => LONGEST_ATTEMPT,
            None => left,
        };
        let share = match attempts {
            0 | 1 if again => left / 4 * 3,
            0 | 1 => left,
            _ => left / u32::try_from(attempts).unwrap_or(u32::MAX),
        };
        let share = share.min(most);
        let silence = if repeatable { share } else { left.min(most) };
        ExchangeLimits {
            deadline: self.deadline,
            connect: self.connect.min(share),
            send: share,
            head: silence,
            body: silence,
            max_body: self.max_body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_shrink_for_repeatable_requests_only() {
        let now = Instant::now();
        let budget = Budget {
            deadline: now + Duration::from_secs(9),
            attempt: None,
            connect: Duration::from_secs(2),
            max_body: 1,
        };
        let read = budget.limits(now, 3, true, true);
        assert_eq!(
            (read.head, read.body, read.connect),
            (
                Duration::from_secs(3),
                Duration::from_secs(3),
                Duration::from_secs(2)
            )
        );
        let write = budget.limits(now, 3, true, false);
        assert_eq!(
            (write.head, write.body),
            (Duration::from_secs(9), Duration::from_secs(9))
        );
        assert_eq!(write.send, Duration::from_secs(3));
        let alone = [true, false].map(|again| budget.limits(now, 1, again, true).head);
        assert_eq!(alone.map(|head| head.as_millis()), [6750, 9000]);
        let last = budget.limits(now + Duration::from_secs(8), 2, true, false);
        assert_eq!(
            (last.head, last.connect),
            (Duration::from_secs(1), Duration::from_millis(500))
        );
        assert_eq!(
            budget
                .limits(now + Duration::from_secs(10), 0, false, true)
                .head,
            Duration::ZERO
        );
    }

    #[test]
    fn an_attempt_has_its_own_limit() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        for (deadline, attempt, repeatable, wanted) in [
            (10, Some(1), true, 1),
            (10, Some(1), false, 1),
            (8, Some(100), true, 4),
            (8, Some(100), false, 8),
            // a year is no deadline
            (365 * 24 * 3600, None, true, 10),
            (365 * 24 * 3600, None, false, 10),
            (365 * 24 * 3600, Some(70), false, 70),
        ] {
            let budget = Budget {
                deadline: now + seconds(deadline),
                attempt: attempt.map(seconds),
                connect: seconds(2),
                max_body: 1,
            };
            let limits = budget.limits(now, 2, true, repeatable);
            assert_eq!(
                (limits.head, limits.body),
                (seconds(wanted), seconds(wanted))
            );
            assert!(limits.send <= seconds(wanted));
        }
    }
}
