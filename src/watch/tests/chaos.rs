//! Whatever goes wrong: nothing is lost without being told, nothing comes twice, and nobody is asked without end.

use super::store::Op;
use super::world::World;
use crate::watch::options::{OnFull, OnLost, WatchOptions};
use std::time::Duration;

/// Keys that are watched, that only look like it, hidden ones and strangers.
const KEYS: [&str; 12] = [
    "/pre/a",
    "/pre/b",
    "/pre/sub/c",
    "/pre/sub/d",
    "/pre/_h/x",
    "/pre/sub/_y",
    "/pre",
    "/prefix/a",
    "/prefix",
    "/p/q",
    "/other/z",
    "/pre/sub/deep/e",
];

fn random_op(world: &mut World) -> Op {
    let key = KEYS[world.roll(KEYS.len() as u64) as usize].to_owned();
    let value = format!("v{}", world.roll(4));
    match world.roll(14) {
        0 => Op::Internal,
        1 => Op::Delete(key),
        2 => Op::Delete(["/pre/sub", "/pre", "/p", "/prefix"][world.roll(4) as usize].to_owned()),
        3 | 4 => Op::Refresh(key),
        5 | 6 => Op::Update(key, value),
        7 | 8 => Op::Set("/other/z".to_owned(), value),
        _ if key == "/pre" || key == "/prefix" => Op::Internal,
        _ => Op::Set(key, value),
    }
}

struct Terms {
    bursts: bool,
    recreate: bool,
    proxy: bool,
}

fn run(seed: u64, options: &WatchOptions, terms: &Terms) -> World {
    let key = ["/pre", "/pre/sub", "/pre/a", "/"][seed as usize % 4];
    let mut options = options.clone();
    options.recursive = key != "/pre/a";
    let mut world = World::new(seed, 1 + seed as usize % 3, key, &options);
    world.chaos = seed % 5 != 0;
    world.proxy = terms.proxy;
    let mut quiet_until = None;
    let limit = 40;
    for step in 0..250 {
        let still = quiet_until.is_some_and(|until| world.now < until);
        for _ in 0..world.roll(6) {
            if !still {
                let op = random_op(&mut world);
                world.write(op);
            }
        }
        if terms.bursts && world.roll(60) == 0 && !still {
            for _ in 0..1300 {
                world.write(Op::Internal);
            }
            for _ in 0..world.roll(40) {
                let op = random_op(&mut world);
                world.write(op);
            }
        }
        if terms.recreate && step == 120 && world.machine.next_index() > 100 {
            world.recreate(seed % 2 == 0);
            for _ in 0..20 {
                let op = random_op(&mut world);
                world.write(op);
            }
            quiet_until = Some(world.now + Duration::from_secs(90));
        }
        let time = match world.roll(20) {
            0 => 30_000,
            1 | 2 => world.roll(3000),
            _ => world.roll(150),
        };
        let appetite = world.roll(if options.queue_limit < limit { 6 } else { 40 });
        world.pass(Duration::from_millis(time), appetite);
    }
    // the storm is over
    world.chaos = false;
    for pass in 0..20_000 {
        world.pass(Duration::from_millis(100), 10_000);
        // behind a proxy that keeps heads back, quiet polls do not tell how far they looked
        let done = world.proxy && pass > 1000 && world.queue.is_empty();
        if done || world.queue.is_empty() && world.machine.next_index() > world.leader().index {
            world.check_requests();
            return world;
        }
    }
    let (next, index) = (world.machine.next_index(), world.leader().index);
    panic!(
        "seed {seed} never arrives: {next} of {index}, {:?}",
        world.machine.state()
    );
}

fn calm(seed: u64) {
    let mut options = WatchOptions::default();
    options.set_start_index(1).unwrap();
    options.set_queue_limit(1 + seed % 50).unwrap();
    let terms = Terms {
        bursts: false,
        recreate: false,
        proxy: seed % 7 == 0,
    };
    let world = run(seed, &options, &terms);
    if world.cleared == 0 {
        assert_eq!(world.consumer.gaps, [], "seed {seed}");
    }
    world.check_changes(1);
}

#[test]
fn every_index_once_while_history_lasts() {
    (0..300).for_each(calm);
}

#[test]
fn every_gap_is_told() {
    let mut gaps = 0;
    for seed in 0..200 {
        let mut options = WatchOptions::default();
        options.set_start_index(1).unwrap();
        options.set_queue_limit(1 + seed % 30).unwrap();
        options.set_on_full([OnFull::Block, OnFull::Gap][seed as usize % 2]);
        let terms = Terms {
            bursts: true,
            recreate: false,
            proxy: seed % 11 == 0,
        };
        let world = run(seed, &options, &terms);
        world.check_changes(1);
        gaps += world.consumer.gaps.len();
        let cleared = world.cleared;
        if seed % 2 == 0 {
            assert!(world.consumer.gaps.len() as u64 <= cleared, "seed {seed}");
        }
    }
    assert!(gaps > 50, "{gaps}");
}

#[test]
fn resync_ends_with_the_state_of_the_store() {
    let (mut resyncs, mut synthetic) = (0, 0);
    for seed in 0..200 {
        let mut options = WatchOptions::default();
        options.set_on_lost(OnLost::Resync);
        options.set_progress(seed % 3 == 0);
        options.set_queue_limit(1 + seed % 60).unwrap();
        let terms = Terms {
            bursts: true,
            recreate: seed % 3 == 0,
            proxy: seed % 11 == 0,
        };
        let world = run(seed, &options, &terms);
        world.check_table();
        assert_eq!(world.consumer.gaps, []);
        resyncs += world.machine.counters().resyncs;
        synthetic += world.consumer.synthetic;
    }
    assert!(resyncs > 200 && synthetic > 500, "{resyncs} {synthetic}");
}
