//! Exponential backoff of a failing member: 500 ms, doubling to 30 s, reset by the first response.

use std::time::{Duration, Instant};

/// Pause after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest pause; a member is never given up.
const LONGEST: Duration = Duration::from_secs(30);

/// The penalty of one member.
#[derive(Clone, Copy, Debug, Default)]
pub struct Penalty {
    failures: u32,
    until: Option<Instant>,
}

impl Penalty {
    /// The end of the present pause, if there is one.
    pub fn penalised_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|&until| until > now)
    }

    /// One more failure. Those that arrive during a pause belong to the same trouble and do not lengthen it:
    /// sixteen threads that meet one dead member count once.
    pub fn fail(&mut self, now: Instant) {
        if self.penalised_until(now).is_some() {
            return;
        }
        let pause = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(pause);
    }

    /// It answered: all is forgiven.
    pub fn succeed(&mut self) {
        *self = Penalty::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let mut now = Instant::now();
        let mut penalty = Penalty::default();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            penalty.fail(now);
            let until = penalty.penalised_until(now).expect("a pause");
            pauses.push((until - now).as_millis());
            now = until;
            assert!(penalty.penalised_until(now).is_none());
        }
        assert_eq!(
            pauses,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
    }

    #[test]
    fn a_burst_counts_once_and_success_forgives() {
        let now = Instant::now();
        let mut penalty = Penalty::default();
        for _ in 0..16 {
            penalty.fail(now);
        }
        assert_eq!(penalty.penalised_until(now), Some(now + FIRST));
        penalty.succeed();
        assert_eq!(penalty.penalised_until(now), None);
        penalty.fail(now);
        assert_eq!(penalty.penalised_until(now), Some(now + FIRST));
    }
}
