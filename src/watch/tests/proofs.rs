//! Every short history, many random ones, and each of them without one of the rules.

use super::histories::{Act, FAULTS, run};
use crate::cluster::rule::Rule;
use crate::watch::options::OnLost;
use crate::watch::pace::Pace;
use std::ops::Range;
use std::panic::UnwindSafe;

const POLICIES: [OnLost; 3] = [OnLost::Gap, OnLost::Resync, OnLost::Fail];

/// The long form is for who has minutes.
pub(super) fn is_long() -> bool {
    std::env::var_os("ETCD_V2_TEST_HISTORIES").is_some_and(|form| form == "long")
}

/// All orders of so many writes of these kinds and so many faults, each told to `each` with its number.
pub(super) fn histories(
    writes: &[Act],
    most: usize,
    faults: usize,
    each: &mut impl FnMut(u64, &[Act]),
) {
    fn go(
        so_far: &mut Vec<Act>,
        (writes, left, faults): (&[Act], usize, usize),
        number: &mut u64,
        each: &mut impl FnMut(u64, &[Act]),
    ) {
        *number += 1;
        each(*number, so_far);
        if left > 0 {
            for write in writes {
                so_far.push(*write);
                go(so_far, (writes, left - 1, faults), number, each);
                so_far.pop();
            }
        }
        if faults > 0 {
            for fault in FAULTS {
                so_far.push(fault);
                go(so_far, (writes, left, faults - 1), number, each);
                so_far.pop();
            }
        }
    }
    go(&mut Vec::new(), (writes, most, faults), &mut 0, each);
}

/// Whether only the way is at fault, and not the store.
pub(super) fn is_path(act: &Act) -> bool {
    use Act::*;
    matches!(
        act,
        Cut | Half | Drop | Bare | Repeat | Withhold | Slow | Watched | Foreign
    )
}

/// Of up to four acts, two of them faults: all of up to three acts and a sample of the others; all with the long form.
#[test]
fn short_histories_of_writes_and_faults() {
    let (writes, most): (&[Act], usize) = match is_long() {
        true => (&[Act::Watched, Act::Foreign, Act::Delete], 4),
        false => (&[Act::Watched, Act::Foreign], 4),
    };
    let (mut runs, mut failed) = (0, Vec::new());
    histories(writes, most, 2, &mut |number, acts| {
        // without the long form each history is run once, with a policy and a number of members by turns
        let all = if is_long() { 6 } else { 1 };
        if !is_long() && number % 151 != 0 && acts.len() > 3 {
            return;
        }
        for turn in 0..all {
            let n = number + turn;
            let policy = POLICIES[n as usize % 3];
            runs += 1;
            match run(n, acts, 1 + (n / 3) as usize % 2, policy) {
                Err(why) => failed.push(why),
                Ok(sim) if acts.iter().all(is_path) && sim.gaps() > 0 => {
                    failed.push(format!("seed {n}, {acts:?}: a loss is told that is none"));
                }
                Ok(_) => {}
            }
        }
    });
    println!("{runs} histories");
    failed.sort_by_key(String::len);
    failed.truncate(5);
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A history of up to twenty acts.
pub(super) fn random(seed: u64) -> (Vec<Act>, usize, OnLost) {
    let mut dice = Pace::new(seed ^ 0xabcd);
    let mut roll = |sides: u64| (dice.dice() >> 16) % sides;
    let acts = (0..5 + roll(16)).map(|_| match roll(5) {
        0 => FAULTS[roll(FAULTS.len() as u64) as usize],
        1 => Act::Foreign,
        2 => [Act::Entries, Act::Delete, Act::Foreign][roll(3) as usize],
        _ => Act::Watched,
    });
    let acts = acts.collect();
    (acts, 1 + roll(3) as usize, POLICIES[roll(3) as usize])
}

/// Of random histories: ETCD_V2_TEST_HISTORIES is `long`, or says from which to which, such as `1200..2400`.
pub(super) fn seeds() -> Range<u64> {
    let form = std::env::var("ETCD_V2_TEST_HISTORIES").unwrap_or_default();
    let part = form.split_once("..");
    let part = part.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    part.unwrap_or(0..if is_long() { 100_000 } else { 300 })
}

#[test]
fn random_long_histories() {
    let mut failed = Vec::new();
    for seed in seeds() {
        let (acts, members, policy) = random(seed);
        if let Err(why) = run(seed, &acts, members, policy) {
            failed.push(why);
        }
    }
    let count = failed.len();
    failed.sort_by_key(String::len);
    failed.truncate(5);
    assert!(failed.is_empty(), "{count}: {failed:#?}");
}

/// One of the random ones, by the number in ETCD_V2_TEST_SEED.
#[test]
fn one_history() {
    let seed = std::env::var("ETCD_V2_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let (acts, members, policy) = random(seed.unwrap_or(1));
    if let Err(why) = run(seed.unwrap_or(1), &acts, members, policy) {
        panic!("{why}");
    }
}

/// Each rule is there for a reason: without it one of these random histories ends in a loss, with it in none.
const KNOWN: [(Rule, u64); 9] = [
    (Rule::InOrder, 114),
    (Rule::Growth, 29),
    (Rule::Process, 18),
    (Rule::Identity, 24),
    (Rule::Floor, 1491),
    (Rule::LaterHead, 292),
    (Rule::LastEvent, 16),
    (Rule::Recheck, 281),
    (Rule::Barrier, 29),
];

/// And what no short search finds, in one of a few histories of these acts. (`Silence` is missed by callers.)
const RARE: [(Rule, &[Act]); 3] = [
    (
        Rule::FirstContact,
        &[
            Act::Lag,
            Act::Watched,
            Act::Drop,
            Act::Watched,
            Act::Foreign,
            Act::Foreign,
        ],
    ),
    (
        Rule::Before,
        &[
            Act::Delete,
            Act::Lag,
            Act::Watched,
            Act::Watched,
            Act::Watched,
            Act::Restart,
            Act::Watched,
        ],
    ),
    (
        Rule::Reached,
        &[
            Act::Watched,
            Act::Foreign,
            Act::Watched,
            Act::Wipe,
            Act::Repeat,
            Act::Watched,
            Act::Watched,
        ],
    ),
];
const FEW: u64 = 600;

fn is_lost_without(rule: Rule, seed: u64) -> bool {
    let (acts, members, policy) = random(seed);
    fails_without(rule, || run(seed, &acts, members, policy).is_err())
}

/// Whether `fails` says so, or panics, when that rule is missing.
pub(super) fn fails_without(rule: Rule, fails: impl FnOnce() -> bool + UnwindSafe) -> bool {
    Rule::set_missing(Some(rule));
    let without = std::panic::catch_unwind(fails);
    Rule::set_missing(None);
    without.unwrap_or(true)
}

#[test]
fn without_any_one_rule_something_is_lost() {
    assert_eq!(KNOWN.len() + RARE.len() + 1, Rule::ALL.len());
    for (rule, seed) in KNOWN {
        let (acts, members, policy) = random(seed);
        assert!(run(seed, &acts, members, policy).is_ok(), "{rule:?}");
        assert!(is_lost_without(rule, seed), "{rule:?}");
    }
    for (rule, acts) in RARE {
        let one = |seed| run(seed, acts, 2, POLICIES[seed as usize % 3]);
        let lost = (0..FEW).find(|seed| fails_without(rule, || one(*seed).is_err()));
        println!("{rule:?} {lost:?}");
        let lost = lost.unwrap_or_else(|| panic!("{rule:?}"));
        assert_eq!(one(lost).map(|_| ()), Ok(()), "{rule:?}");
    }
}

/// For who changes a rule: finds the seeds of [`KNOWN`] anew, in the range of ETCD_V2_TEST_HISTORIES.
#[test]
fn seeds_of_rules() {
    if std::env::var_os("ETCD_V2_TEST_HISTORIES").is_none_or(|form| form == "long") {
        return;
    }
    let only = std::env::var("ETCD_V2_TEST_RULE").unwrap_or_default();
    for (rule, _) in KNOWN {
        if !format!("{rule:?}").contains(&only) {
            continue;
        }
        let seed = seeds().find(|seed| is_lost_without(rule, *seed));
        println!("{rule:?} {seed:?}");
    }
    for (rule, acts) in RARE {
        if !format!("{rule:?}").contains(&only) {
            continue;
        }
        let one = |seed| run(seed, acts, 2, POLICIES[seed as usize % 3]);
        let seed = seeds().find(|seed| fails_without(rule, || one(*seed).is_err()));
        println!("{rule:?} {seed:?}");
    }
}
