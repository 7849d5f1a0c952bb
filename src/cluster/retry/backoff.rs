//! Pauses between tries: they double, and no two clients keep the same beat.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A growing pause; it ends at a longest one and starts again after a success.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    step: u32,
    random: RandomState,
}

impl Backoff {
    /// Pauses from `first` to `longest`, each between half and all of its nominal length.
    pub fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff {
            first,
            longest,
            step: 0,
            random: RandomState::new(),
        }
    }

    /// The next pause.
    pub fn pause(&mut self) -> Duration {
        let nominal = self
            .first
            .saturating_mul(1 << self.step.min(16))
            .min(self.longest);
        self.step = self.step.saturating_add(1);
        let half = nominal / 2;
        half + fraction(half, self.random.hash_one(self.step))
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.step = 0;
    }

    /// `nominal` give or take a quarter.
    pub fn around(&self, nominal: Duration) -> Duration {
        nominal - nominal / 4 + fraction(nominal / 2, self.random.hash_one((self.step, nominal)))
    }
}

/// A part of `whole` chosen by 16 bits of `random`.
fn fraction(whole: Duration, random: u64) -> Duration {
    whole.saturating_mul(u32::from(random as u16)) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_their_bounds() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));
        for nominal in [100, 200, 400, 800, 1600, 3000, 3000] {
            let pause = backoff.pause().as_millis();
            assert!(
                (nominal / 2..=nominal).contains(&pause),
                "{pause} of {nominal}"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
        let around = backoff.around(Duration::from_secs(40)).as_secs_f64();
        assert!((30.0..=50.0).contains(&around), "{around}");
    }
}
