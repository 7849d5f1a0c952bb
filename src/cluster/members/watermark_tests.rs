//! The mark in worlds made by chance: honest members that lag, one that lies, one that is cut off.

use super::*;

const MS: Duration = Duration::from_millis(1);
/// longest lag of an honest member
const LAG: Duration = Duration::from_millis(200);

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Never,
    Once,
    Always,
    /// every other answer, more every time
    Growing,
    /// by chance
    Often,
}

#[derive(Debug, Default)]
struct Seen {
    /// longest time at a stretch in which the mark was beyond the truth, and all of it
    stretch: Duration,
    wrong: Duration,
    refused: u32,
    answers: u32,
}

/// Members 0.. are honest, 100 lies, 200 is cut off.
fn run(dice: &mut Dice, honest: u64, lie: Lie, cut_off: bool) -> Seen {
    let mut mark = Watermark::default();
    let mut now = Duration::ZERO;
    let mut index = 1_000 + dice.below(1_000_000);
    // when the store got how far
    let mut history = vec![(now, index)];
    let old = index;
    let (busy, mut lies, mut seen) = (dice.below(3), 0, Seen::default());
    let base = [1 << 50, 1 << 61, u64::MAX, index + 1_000_000_000][dice.below(4) as usize];
    let mut since = None;
    // the highest of each honest member
    let mut told = vec![0; honest as usize];
    for _ in 0..400 {
        let step = MS * (1 + dice.below(400) as u32);
        now += step;
        if dice.below(3) < busy {
            index += 1 + dice.below(20);
            history.push((now, index));
        }
        let member = match dice.below(honest + 2) {
            n if n < honest => n,
            n if n == honest && lie != Lie::Never => 100,
            _ if cut_off => 200,
            _ => dice.below(honest),
        };
        let view = mark.value();
        let lagging = MS * dice.below(LAG.as_millis() as u64) as u32;
        let at = history.iter().rfind(|(when, _)| *when + lagging <= now);
        let truth = at.map_or(old, |(_, index)| *index);
        let answer = match member {
            200 => old,
            100 => {
                lies += 1;
                let lying = match lie {
                    Lie::Never => false,
                    Lie::Once => lies == 1,
                    Lie::Always => true,
                    Lie::Growing => lies % 2 == 1,
                    Lie::Often => dice.below(2) == 0,
                };
                let grown = base.saturating_add(if lie == Lie::Growing { lies } else { 0 });
                if lying { grown } else { truth }
            }
            _ => truth,
        };
        mark.see(member, answer, now);
        if member < honest {
            let own = &mut told[member as usize];
            *own = answer.max(*own);
            seen.answers += 1;
            seen.refused += u32::from(answer < view);
        }
        // what two honest members have told, or one twice in a world without lies, stays
        let mut sorted = told.clone();
        sorted.sort_unstable();
        let sure = sorted.iter().rev().nth(1).copied().unwrap_or(0);
        assert!(mark.value() >= sure, "{mark:?} forgot {sure}");
        if mark.value() > index {
            since.get_or_insert(now);
            seen.wrong += step;
        } else {
            since = None;
        }
        seen.stretch = seen
            .stretch
            .max(since.map_or(Duration::ZERO, |since| now - since));
    }
    seen
}

/// Several honest members and one that lies: honest answers are refused for a bounded time, however it lies.
#[test]
fn a_lie_is_believed_for_a_bounded_time() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for lie in [Lie::Once, Lie::Always, Lie::Growing, Lie::Often] {
        for round in 0..250 {
            let honest = 2 + dice.below(3);
            let seen = run(&mut dice, honest, lie, false);
            assert!(seen.stretch < 2 * DOUBT, "{lie:?}, {round}: {seen:?}");
            assert!(seen.wrong < 4 * DOUBT, "{lie:?}, {round}: {seen:?}");
            assert!(seen.refused < seen.answers, "{lie:?}, {round}: {seen:?}");
        }
    }
}

/// Without a lie nothing is ever beyond the truth, and what is cut off stays behind what was told twice.
#[test]
fn a_member_that_is_cut_off_is_never_believed() {
    let mut dice = Dice(77);
    for _ in 0..500 {
        let honest = 1 + dice.below(4);
        let seen = run(&mut dice, honest, Lie::Never, true);
        assert_eq!(seen.wrong, Duration::ZERO);
    }
    // the one that told more has gone
    for (told, believed) in [(1, false), (2, true)] {
        let mut mark = Watermark::default();
        for _ in 0..told {
            mark.see(1, 100, MS);
        }
        for second in 0..3_600 {
            let now = Duration::from_secs(second);
            mark.see(2, 90, now);
            let refused = mark.value() > 90;
            assert_eq!(refused, believed || now < DOUBT, "{told}, {second} s");
        }
    }
}

/// One member alone: what it takes back is given up.
#[test]
fn a_single_member_may_take_it_back() {
    for lies in [1, 2, 5] {
        let mut mark = Watermark::default();
        mark.see(1, 50, MS);
        for _ in 0..lies {
            mark.see(1, 1 << 50, MS);
        }
        assert_eq!(mark.value(), 1 << 50);
        mark.see(1, 51, 2 * MS);
        assert_eq!(mark.value(), 1 << 50);
        mark.see(1, 52, 2 * MS + DOUBT);
        assert_eq!(mark.value(), 52, "{lies}");
        mark.see(1, 53, 3 * MS + DOUBT);
        assert_eq!(mark.value(), 53, "{lies}");
    }
}

#[test]
fn who_was_outvoted_is_heard_again_when_another_gets_as_far() {
    let mut mark = Watermark::default();
    for _ in 0..3 {
        mark.see(1, 100, MS);
    }
    for second in 0..=11 {
        mark.see(2, 90, Duration::from_secs(second));
        mark.see(3, 90, Duration::from_secs(second));
    }
    assert_eq!(mark.value(), 90);
    let now = Duration::from_secs(12);
    mark.see(1, 101, now);
    assert_eq!(mark.value(), 90);
    mark.see(2, 100, now);
    assert_eq!(mark.value(), 101);
}

#[test]
fn consensus_refutes_at_once() {
    let mut mark = Watermark::default();
    mark.see(1, 1 << 40, MS);
    mark.see(1, 1 << 40, MS);
    mark.see(2, 70, MS);
    mark.refute(1 << 40, 71);
    assert_eq!(mark.value(), 71);
}
