//! Members whose history came with a snapshot, and stores that may be another one.

use super::said::always;
use super::script::*;
use crate::cluster::members::continuity::Standing;
use crate::watch::driver::MemberPreference;
use crate::watch::event::{Event, EventKind, Loss};
use std::time::Duration;

/// Has told of index 9, and then meets a member of which nothing is known but this.
fn told_of_nine_and_then(change: impl FnOnce(&mut Standing)) -> Script {
    let mut s = Script::new(|_| {});
    s.event(9);
    assert_eq!(s.told().len(), 1);
    s.now += Duration::from_secs(1);
    // the client has seen more elsewhere: the member is left as soon as it has said what it knows
    s.machine.seen(50);
    let mut standing = always(s.now).unwrap();
    change(&mut standing);
    s.standing = Some(standing);
    s.next();
    s
}

fn another_nine() -> String {
    set("/w/a", 9).replace("\"v\"", "\"other\"")
}

#[test]
fn the_member_whose_store_is_in_question_is_asked_for_the_last_event_and_no_other() {
    for (heard, gaps) in [(set("/w/a", 9), 0), (another_nine(), 1)] {
        let mut s = told_of_nine_and_then(|s| s.life = 2);
        let since = s.now;
        s.standing.as_mut().unwrap().since = since;
        s.head(10);
        s.event(10);
        s.next();
        assert_eq!(
            (s.asked(), s.exchange.preference),
            (9, MemberPreference::Only)
        );
        s.answer(200, 10, &heard);
        let told = s.told();
        assert_eq!(told.len(), gaps, "{heard}");
    }
}

#[test]
fn a_restored_history_with_another_event_recognises_no_store() {
    let mut s = told_of_nine_and_then(|s| (s.life, s.floor) = (2, 9));
    let since = s.now;
    s.standing.as_mut().unwrap().since = since;
    for turn in 1..=3 {
        s.event(10);
        s.next();
        assert_eq!(
            (s.asked(), s.exchange.preference),
            (9, MemberPreference::Only)
        );
        assert!(s.told().is_empty());
        s.answer(200, 10, &another_nine());
        s.next();
        if turn < 3 {
            assert_eq!(
                (s.asked(), s.exchange.preference),
                (10, MemberPreference::Other)
            );
        }
    }
    let told = s.told();
    assert_eq!(
        (told[0].kind(), told[0].loss()),
        (EventKind::Gap, Some(Loss::Recreated))
    );
}

#[test]
fn a_restored_history_is_not_believed_unchecked_where_no_event_was_told() {
    let mut s = Script::new(|_| {});
    for index in [4, 7] {
        s.head(index);
        s.now += MINUTE;
        s.finish(index);
        assert!(s.told().is_empty());
        s.next();
    }
    let mut standing = always(s.now).unwrap();
    (standing.life, standing.floor, standing.since) = (2, 6, s.now);
    s.standing = Some(standing);
    for turn in 1..=3 {
        assert_eq!(s.asked(), 8);
        s.event(9);
        let told: Vec<_> = s.told().iter().map(Event::loss).collect();
        assert_eq!(told, [Some(Loss::Recreated)][usize::from(turn < 3)..]);
        s.next();
        if turn < 3 {
            assert_eq!(s.exchange.preference, MemberPreference::Other);
        }
    }
    assert_eq!(s.asked(), 9);
}
