//! How fast a watcher asks: pauses that double, poll times that no two watchers share, and how soon the history runs out.

use std::time::{Duration, Instant};

/// Pause before the second try.
const FIRST: Duration = Duration::from_millis(50);
/// Longest pause.
pub(crate) const LONGEST: Duration = Duration::from_secs(3);
/// Half of the history of a server: a watcher that is quiet for so many foreign events renews its place.
const HALF_WINDOW: u32 = 500;

/// Pauses, jitter and the speed of the store's index. All randomness comes from the seed.
#[derive(Clone, Debug)]
pub struct PollSchedule {
    random: u64,
    step: u32,
    /// the last head: index and time
    pulse: Option<(u64, Instant)>,
    /// how long half the history lasts at the speed seen last; `None`: no speed was seen yet
    window: Option<Duration>,
}

impl PollSchedule {
    /// Two watchers with the same seed keep the same beat.
    pub fn new(seed: u64) -> PollSchedule {
        // spreads small seeds over all bits
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        PollSchedule {
            // 0 is the one state that xorshift never leaves
            random: (mixed ^ mixed >> 32).max(1),
            step: 0,
            pulse: None,
            window: None,
        }
    }

    /// A number.
    pub fn dice(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// A part of `whole`.
    fn fraction(&mut self, whole: Duration) -> Duration {
        let part = (self.dice() >> 48) as u32;
        whole.saturating_mul(part) / u32::from(u16::MAX)
    }

    /// The pause before the next try: between half and all of its nominal length, which doubles.
    pub fn pause(&mut self) -> Duration {
        let nominal = FIRST.saturating_mul(1 << self.step.min(10)).min(LONGEST);
        self.step = self.step.saturating_add(1);
        nominal / 2 + self.fraction(nominal / 2)
    }

    /// Tries since something worked.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// Something worked.
    pub fn reset(&mut self) {
        self.step = 0;
    }

    /// The store of a member was at `index`.
    pub fn beat(&mut self, now: Instant, index: u64) {
        let Some((from, since)) = self.pulse else {
            self.pulse = Some((index, now));
            return;
        };
        let took = now.saturating_duration_since(since);
        // too short to tell a speed
        if took < Duration::from_millis(50) {
            return;
        }
        self.pulse = Some((index, now));
        self.window = match u32::try_from(index.saturating_sub(from)) {
            Ok(0) => Some(Duration::MAX),
            Ok(events) => Some(took.saturating_mul(HALF_WINDOW) / events),
            Err(_) => Some(Duration::ZERO),
        };
    }

    /// Duration of the next long poll: `longest` ±25 % jitter, or less when the store moves so fast
    /// that the index of a quiet watcher would fall out of etcd's history, but at least `shortest`.
    /// The first poll is short, too: its end shows how fast the store changes.
    pub fn poll(&mut self, longest: Duration, shortest: Duration) -> Duration {
        let around = longest - longest / 4 + self.fraction(longest / 2);
        match self.window {
            None => around.min(shortest + self.fraction(shortest / 4)),
            // a renewal would find the history gone each time, the poll itself does not need it
            Some(window) if window.saturating_mul(3) / 2 < shortest => around,
            Some(window) => around.min(window.max(shortest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_between_half_and_all() {
        let mut pace = PollSchedule::new(0);
        for nominal in [50, 100, 200, 400, 800, 1600, 3000, 3000] {
            let pause = pace.pause().as_millis();
            assert!(
                (nominal / 2..=nominal).contains(&pause),
                "{pause} {nominal}"
            );
        }
        assert_eq!(pace.step(), 8);
        pace.reset();
        assert!(pace.pause() <= FIRST);
        let (mut a, mut b) = (PollSchedule::new(1), PollSchedule::new(2));
        assert_ne!(a.pause(), b.pause());
    }

    #[test]
    fn polls_keep_a_quiet_place_inside_the_history() {
        let start = Instant::now();
        let (longest, shortest) = (Duration::from_secs(40), Duration::from_secs(1));
        let mut pace = PollSchedule::new(9);
        let first = pace.poll(longest, shortest);
        assert!((shortest..=shortest * 5 / 4).contains(&first), "{first:?}");
        pace.beat(start, 1000);
        pace.beat(start + Duration::from_secs(1), 1000);
        let mut seen = (Duration::MAX, Duration::ZERO);
        for _ in 0..200 {
            let poll = pace.poll(longest, shortest);
            seen = (seen.0.min(poll), seen.1.max(poll));
        }
        assert!(seen.0 >= Duration::from_secs(30) && seen.0 < Duration::from_secs(32));
        assert!(seen.1 <= Duration::from_secs(50) && seen.1 > Duration::from_secs(48));
        pace.beat(start + Duration::from_secs(11), 2000);
        assert_eq!(pace.poll(longest, shortest), Duration::from_secs(5));
        pace.beat(start + Duration::from_secs(21), 8000);
        assert_eq!(pace.poll(longest, shortest), shortest);
        pace.beat(start + Duration::from_secs(31), 90_000_000_000);
        assert!(pace.poll(longest, shortest) >= Duration::from_secs(30));
        pace.beat(start + Duration::from_secs(41), 7);
        assert!(pace.poll(longest, shortest) >= Duration::from_secs(30));
    }
}
