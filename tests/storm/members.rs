//! Three members that are killed, paused and started again, one after the other.

use super::crowd::Crowd;
use super::ledger::{KEYS, Ledger};
use super::support::{Cluster, Version};
use super::{Clear, Dice, api, judge, size};
use etcd_v2::watch::event::Loss;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn members(version: Version) {
    let duration = Duration::from_secs(size("ETCD_V2_STORM_SECONDS", 8));
    let cluster = Cluster::start(version, 3);
    let (writer, watching) = (
        api::client(&cluster.endpoints(), 3_000),
        api::client(&cluster.endpoints(), 30_000),
    );
    let ledger = Ledger::default();
    ledger.fill(&writer, KEYS, |number| number < 50);
    let crowd = Crowd::gather(&watching);
    // a follower may have told some of them where it stood before it had all that was written
    let begin = crowd.next_index().max(ledger.last() + 1);
    let storm = AtomicBool::new(true);
    let (mut killed, mut paused, mut restarted) = (0, 0, 0);
    std::thread::scope(|scope| {
        let writers = scope.spawn(|| ledger.fill(&writer, KEYS, |_| storm.load(Ordering::SeqCst)));
        let clear = Clear(&storm);
        let mut dice = Dice::new();
        let end = Instant::now() + duration;
        for turn in 0.. {
            if Instant::now() >= end {
                break;
            }
            let member = cluster.member(turn % 3);
            let down = Duration::from_millis(200 + dice.below(1_300));
            match turn / 3 % 3 {
                0 => {
                    member.kill();
                    std::thread::sleep(down);
                    member.restart();
                    killed += 1;
                }
                1 => {
                    member.pause();
                    std::thread::sleep(down);
                    member.resume();
                    paused += 1;
                }
                _ => {
                    member.restart();
                    restarted += 1;
                }
            }
            std::thread::sleep(Duration::from_millis(dice.below(500)));
        }
        drop(clear);
        writers.join().unwrap();
    });
    eprintln!(
        "{version}: {}, {killed} kills, {paused} pauses, {restarted} restarts",
        ledger.summary()
    );
    let end = ledger.close(&writer);
    // a member that began again while a thousand changes passed cannot show that its store is still the same
    let losses = [Loss::Cleared, Loss::Recreated];
    // its reads must succeed: the deadline of the writer is too short for that
    let whole = judge::judge(crowd, &ledger, &watching, begin..=end, &losses);
    eprintln!("{whole} of 20 were told everything");
}

#[test]
fn nothing_is_lost_while_members_of_3_4_come_and_go() {
    members(Version::V3_4);
}

#[test]
fn nothing_is_lost_while_members_of_3_5_come_and_go() {
    members(Version::V3_5);
}
