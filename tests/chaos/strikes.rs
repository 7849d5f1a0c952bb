//! What is done to the cluster.

use super::dice::Dice;
use crate::support::Cluster;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// From one strike to the next.
const EVERY: Duration = Duration::from_secs(2);

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strike {
    /// A member is killed and comes back before the next strike.
    Killed,
    /// A member is stopped with its connections open.
    Paused,
    /// A member is killed and started again at once.
    Restarted,
    /// The leader is stopped until there is another.
    LeaderMoved,
    /// A member is killed and another one stopped: no quorum.
    QuorumLost,
}

impl Strike {
    fn draw(dice: &mut Dice) -> Strike {
        match dice.below(9) {
            0 | 1 => Strike::Killed,
            2 | 3 => Strike::Paused,
            4 | 5 => Strike::Restarted,
            6 | 7 => Strike::LeaderMoved,
            _ => Strike::QuorumLost,
        }
    }
}

/// Strikes until the time is over, one member at a time nearly always, and leaves the cluster healthy. Returns how often
/// each was done.
pub fn strike(cluster: &Cluster, mut dice: Dice, end: Instant) -> BTreeMap<Strike, usize> {
    let mut done = BTreeMap::new();
    let mut next = Instant::now() + EVERY;
    while next < end {
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let strike = Strike::draw(&mut dice);
        let place = dice.below(3) as usize;
        let (victim, second) = (cluster.member(place), cluster.member((place + 1) % 3));
        let time = dice.between(200, 1500);
        match strike {
            Strike::Killed => {
                victim.kill();
                std::thread::sleep(time);
                victim.restart_unready();
            }
            Strike::Paused => {
                victim.pause();
                std::thread::sleep(time);
                victim.resume();
            }
            Strike::Restarted => victim.restart_unready(),
            Strike::LeaderMoved => {
                cluster.move_leader();
            }
            Strike::QuorumLost => {
                victim.kill();
                second.pause();
                std::thread::sleep(time);
                second.resume();
                victim.restart_unready();
            }
        }
        *done.entry(strike).or_default() += 1;
        // the next one meets a cluster that has its quorum, or it would be gone for longer than anybody asked for
        cluster.wait_until_healthy();
        next = Instant::now().max(next + EVERY);
    }
    done
}
