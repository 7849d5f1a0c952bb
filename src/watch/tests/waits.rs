//! The same histories, seen by a caller who waits for one change after the other.

use super::histories::Act;
use super::histories::calls::{run, run_forgetfully, run_late};
use super::proofs::{asked_for, fails_without, histories, random};
use super::tally::{ConnectionMetrics, Part, is_long, seeds};
use crate::cluster::members::rule::Rule;

/// Whether history may be lost by it.
fn loses(act: &Act) -> bool {
    matches!(act, Act::Wipe | Act::Twin | Act::Lag)
}

/// Up to four writes and two faults: all of up to three acts and a sample of the others; all with the long form.
#[test]
fn short_histories_seen_by_a_caller() {
    let writes: &[Act] = match is_long() {
        true => &[Act::Watched, Act::Foreign, Act::Delete],
        false => &[Act::Watched, Act::Foreign],
    };
    let (part, mut tally, mut losses) = (Part::asked_for(), ConnectionMetrics::default(), 0);
    histories(writes, 4, 2, &mut |number, acts| {
        if !is_long() && number % 151 != 0 && acts.len() > 3 || !part.has(number) {
            return;
        }
        for n in number..number + if is_long() { 2 } else { 1 } {
            tally.add(match run(n, acts, 1 + n as usize % 2) {
                Err(why) => Some(why),
                Ok(sim) if !acts.iter().any(loses) && sim.gaps() > 0 && !sim.is_misled() => {
                    Some(format!("seed {n}, {acts:?}: a loss is told that is none"))
                }
                Ok(sim) => {
                    losses += sim.gaps();
                    None
                }
            });
        }
    });
    println!("{losses} losses told");
    tally.end("short histories of callers");
}

#[test]
fn random_long_histories_seen_by_a_caller() {
    let (part, mut tally) = (Part::asked_for(), ConnectionMetrics::default());
    for seed in seeds().filter(|seed| part.has(*seed)) {
        let (acts, members, _) = random(seed);
        tally.add(run(seed, &acts, members).err());
        if seed % 3 == 0 {
            let late = run_late(seed, &acts, members);
            tally.add(late.err().map(|why| format!("late, {why}")));
        }
    }
    tally.end("random histories of callers");
}

/// The one that is asked for.
#[test]
fn one_history_seen_by_a_caller() {
    let (seed, acts, members, _) = asked_for();
    if let Err(why) = run(seed, &acts, members) {
        panic!("{why}");
    }
}

#[test]
fn one_history_late() {
    let (seed, acts, members, _) = asked_for();
    if let Err(why) = run_late(seed, &acts, members) {
        panic!("{why}");
    }
}

/// Without one of these rules one of these random histories ends in a loss, with all of them in none. (Of `Before` and
/// `Recheck` no such history is known yet, `Reached` is about the next poll, of which a call has none, and `LaterHead` stands
/// in a test of its own.)
const KNOWN: [(Rule, u64); 9] = [
    (Rule::InOrder, 243),
    (Rule::Silence, 16),
    (Rule::Growth, 67),
    (Rule::Process, 3),
    (Rule::FirstContact, 41),
    (Rule::Identity, 281),
    (Rule::Floor, 67),
    (Rule::LastEvent, 2),
    (Rule::Barrier, 67),
];

fn is_lost_without(rule: Rule, seed: u64) -> bool {
    let (acts, members, _) = random(seed);
    fails_without(rule, || run(seed, &acts, members).is_err())
}

#[test]
fn without_any_one_rule_a_caller_loses_something() {
    assert_eq!(KNOWN.len() + 4, Rule::ALL.len());
    for (rule, seed) in KNOWN {
        let (acts, members, _) = random(seed);
        assert!(run(seed, &acts, members).is_ok(), "{rule:?}");
        assert!(is_lost_without(rule, seed), "{rule:?}");
    }
}

/// An event that came over the hole that a snapshot left.
#[test]
fn without_a_later_head_a_caller_loses_what_a_snapshot_brought() {
    let acts = [Act::Lag, Act::Watched, Act::Foreign, Act::Watched];
    assert!(run(19, &acts, 2).is_ok());
    assert!(fails_without(Rule::LaterHead, || run(19, &acts, 2).is_err()));
}

/// A member that had restored its store before the client knew it, and an index from elsewhere.
#[test]
fn without_a_look_at_first_contact_a_caller_believes_a_restored_history() {
    let acts = [Act::Lag, Act::Watched, Act::Foreign];
    assert!(run_late(0, &acts, 2).is_ok());
    assert!(fails_without(Rule::FirstContact, || run_late(0, &acts, 2).is_err()));
}

/// Who reads after a loss gets an index at which he had been before, in the store that was.
#[test]
fn a_caller_is_not_told_of_one_loss_for_ever() {
    use Act::{Delete, Foreign, Restart, Twin};
    let acts = [Delete, Delete, Foreign, Restart, Foreign, Twin];
    assert_eq!(run(141_756, &acts, 1).map(|_| ()), Ok(()));
}

/// What a call has learnt of the store belongs to the next one, too.
#[test]
fn without_its_place_a_caller_misses_that_a_store_was_wiped() {
    let forgets = |seed| {
        let (acts, members, _) = random(seed);
        run_forgetfully(seed, &acts, members).is_err()
    };
    assert!((0..100).any(forgets));
}

/// For who changes a rule: finds the seeds of [`KNOWN`] anew, in the range of ETCD_V2_TEST_HISTORIES.
#[test]
fn seeds_of_the_rules_of_a_caller() {
    if std::env::var_os("ETCD_V2_TEST_HISTORIES").is_none_or(|form| form == "long") {
        return;
    }
    for rule in Rule::ALL {
        let whole = |seed: &u64| {
            let (acts, members, _) = random(*seed);
            run(*seed, &acts, members).is_ok()
        };
        let seed = seeds().find(|seed| is_lost_without(rule, *seed) && whole(seed));
        println!("{rule:?} {seed:?}");
    }
}
