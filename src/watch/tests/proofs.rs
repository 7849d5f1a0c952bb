//! Every short history, many random ones, and each of them without one of the rules.

use super::histories::{Act, FAULTS, run};
use super::tally::{ConnectionMetrics, Part, is_long, seeds};
use crate::cluster::members::rule::Rule;
use crate::watch::options::OnLost;
use crate::watch::poll_schedule::PollSchedule;
use std::panic::UnwindSafe;

const POLICIES: [OnLost; 3] = [OnLost::Gap, OnLost::Resync, OnLost::Fail];

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
    let (part, mut tally) = (Part::asked_for(), ConnectionMetrics::default());
    histories(writes, most, 2, &mut |number, acts| {
        // without the long form each history is run once, with a policy and a number of members by turns
        let all = if is_long() { 6 } else { 1 };
        if !is_long() && number % 151 != 0 && acts.len() > 3 || !part.has(number) {
            return;
        }
        for n in number..number + all {
            let policy = POLICIES[n as usize % 3];
            tally.add(match run(n, acts, 1 + (n / 3) as usize % 2, policy) {
                Err(why) => Some(why),
                Ok(sim) if acts.iter().all(is_path) && sim.gaps() > 0 && !sim.is_misled() => {
                    Some(format!("seed {n}, {acts:?}: a loss is told that is none"))
                }
                Ok(_) => None,
            });
        }
    });
    tally.end("short histories of watchers");
}

/// A history of up to twenty acts.
pub(super) fn random(seed: u64) -> (Vec<Act>, usize, OnLost) {
    let mut dice = PollSchedule::new(seed ^ 0xabcd);
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

#[test]
fn random_long_histories() {
    let (part, mut tally) = (Part::asked_for(), ConnectionMetrics::default());
    for seed in seeds().filter(|seed| part.has(*seed)) {
        let (acts, members, policy) = random(seed);
        tally.add(run(seed, &acts, members, policy).err());
    }
    tally.end("random histories of watchers");
}

/// The number of a random history in ETCD_V2_TEST_SEED; or of another, with its acts in ETCD_V2_TEST_ACTS, separated by
/// commas, and the number of members in ETCD_V2_TEST_MEMBERS.
pub(super) fn asked_for() -> (u64, Vec<Act>, usize, OnLost) {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seed = number("ETCD_V2_TEST_SEED").unwrap_or(1);
    let (acts, members, policy) = random(seed);
    let Ok(names) = std::env::var("ETCD_V2_TEST_ACTS") else {
        return (seed, acts, members, policy);
    };
    use Act::{Delete, Entries, Foreign, Watched};
    let all = [Watched, Foreign, Delete, Entries]
        .into_iter()
        .chain(FAULTS);
    let find = |name: &str| {
        let mut all = all.clone();
        let found = all.find(|act| format!("{act:?}") == name.trim());
        found.unwrap_or_else(|| panic!("{name}"))
    };
    let acts = names.split(',').map(find).collect();
    let members = number("ETCD_V2_TEST_MEMBERS").unwrap_or(2) as usize;
    (seed, acts, members, POLICIES[seed as usize % 3])
}

/// The one that is asked for.
#[test]
fn one_history() {
    let (seed, acts, members, policy) = asked_for();
    if let Err(why) = run(seed, &acts, members, policy) {
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
