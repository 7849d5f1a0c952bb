//! Single rules.

use super::said::{fault, head, verdict};
use super::script::*;
use crate::cluster::members::continuity::Standing;
use crate::error::Phase;
use crate::protocol::http_request::ResponseKind;
use crate::protocol::key::Key;
use crate::status::Status;
use crate::transport::fault::FaultKind::{Connection, Timeout};
use crate::watch::driver::{HeaderDecision, MemberPreference, MemberVerdict, PollAction, Purpose};
use crate::watch::event::{EventKind, Loss};
use crate::watch::machine::Machine;
use crate::watch::options::{OnLost, WatchOptions};
use crate::watch::state::State;
use std::time::{Duration, Instant};

#[test]
fn the_first_head_anchors_and_the_next_poll_follows_at_once() {
    let mut s = Script::new(|_| {});
    assert_eq!(
        (s.asked(), s.exchange.preference),
        (0, MemberPreference::Any)
    );
    assert!(matches!(s.head(41), HeaderDecision::Stay(_)));
    assert_eq!(s.machine.next_index(), 42);
    // cut before anything came: the explicit index is kept
    assert_eq!(s.fail(Connection, Phase::Body), MemberVerdict::Neither);
    assert!(s.next() >= Duration::from_millis(25));
    assert_eq!(s.asked(), 42);
    assert_eq!(s.event(50), MemberVerdict::Good);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(
        (s.asked(), s.exchange.preference),
        (51, MemberPreference::Same)
    );
    let codes: Vec<_> = s.states.iter().map(State::code).collect();
    assert_eq!(codes, [2, 3, 2]);
}

#[test]
fn only_a_poll_that_is_ended_in_order_carries_the_place_forward() {
    let mut s = Script::new(|o| o.set_start_index(10).unwrap());
    s.head(500);
    s.machine
        .on_fault(s.now, &fault(Timeout, Phase::Body, true));
    s.next();
    assert_eq!(s.asked(), 10);
    s.head(600);
    s.fail(Connection, Phase::Body);
    s.next();
    assert_eq!(s.asked(), 10);
    // a cut after a long silence is an idle cut: nobody's failure, and no proof
    s.head(700);
    s.now += MINUTE;
    assert_eq!(s.fail(Connection, Phase::Body), MemberVerdict::Neither);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(
        (s.asked(), s.exchange.preference),
        (10, MemberPreference::Same)
    );
    // silence is no proof either, nor is an empty answer that we did not ask for
    s.head(701);
    s.now += MINUTE;
    assert_eq!(s.fail(Timeout, Phase::Body), MemberVerdict::Neither);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(
        (s.asked(), s.exchange.preference),
        (10, MemberPreference::Other)
    );
    s.head(702);
    s.now += MINUTE;
    s.answer(200, 702, "");
    s.next();
    assert_eq!(s.asked(), 10);
    // a bare end after ours: something in between
    s.head(703);
    s.now += MINUTE;
    s.machine.on_finish(s.now);
    assert_eq!(s.fail(Connection, Phase::Body), MemberVerdict::Good);
    s.next();
    assert_eq!(s.asked(), 10);
    // too soon after the head: etcd may choose the end though there is an event
    s.head(704);
    s.now += Duration::from_millis(999);
    s.finish(704);
    s.next();
    assert_eq!(s.asked(), 10);
    s.head(705);
    s.now += Duration::from_millis(1000);
    assert_eq!(s.finish(705), MemberVerdict::Good);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(s.asked(), 706);
    assert!(s.told().is_empty());
}

#[test]
fn a_place_that_nothing_proves_is_renewed_by_a_read() {
    let node = |modified: u64| set("/w", modified).replace("set", "get");
    for (modified, asked) in [(99, 701), (100, 100), (650, 100)] {
        let mut s = Script::new(|o| {
            o.set_recursive(false);
            o.set_start_index(100).unwrap();
            o.set_progress(true);
        });
        for (index, purpose) in [(499, Purpose::Poll), (500, Purpose::Snapshot)] {
            s.head(index);
            s.now += MINUTE;
            s.fail(Connection, Phase::Body);
            s.next();
            assert_eq!(
                (s.asked() == 100, s.exchange.purpose),
                (purpose == Purpose::Poll, purpose)
            );
        }
        s.answer(200, 700, &node(modified));
        s.next();
        assert_eq!(s.asked(), asked, "{modified}");
        assert_eq!(s.told().len(), usize::from(asked > 100));
    }
}

#[test]
fn polls_last_as_told_give_or_take_a_quarter() {
    let mut seen = Vec::new();
    for _ in 0..40 {
        let mut s = Script::new(|o| o.set_max_poll_ms(4000).unwrap());
        s.machine.seen(1);
        for index in 1..20 {
            let HeaderDecision::Stay(quiet) = s.head(index) else {
                panic!("left")
            };
            match index {
                // the store's speed is not known yet
                1 => assert!((1000..=1250).contains(&quiet.as_millis())),
                _ => seen.push(quiet.as_millis()),
            }
            s.now += MINUTE;
            s.finish(index);
            s.next();
        }
    }
    assert!(seen.iter().all(|ms| (3000..=5000).contains(ms)));
    seen.sort_unstable();
    assert!(seen[0] < 3200 && seen[seen.len() - 1] > 4800);
    // what is too short would prove nothing
    let mut s = Script::new(|o| o.set_max_poll_ms(100).unwrap());
    assert_eq!(s.head(1), HeaderDecision::Stay(Duration::from_secs(1)));
}

#[test]
fn progress_is_told_when_asked_for() {
    let mut s = Script::new(|o| o.set_progress(true));
    s.head(70);
    s.now += MINUTE;
    s.finish(70);
    let told = s.told();
    assert_eq!(
        (told.len(), told[0].kind(), told[0].index()),
        (1, EventKind::Progress, 70)
    );
}

/// Three members, each of which has restored its store from a snapshot since.
#[test]
fn history_that_no_member_has_is_one_gap_and_the_poll_goes_on_after_it() {
    let mut s = Script::new(|o| o.set_start_index(5).unwrap());
    let restored = |standing| Standing {
        floor: 10,
        ..standing
    };
    s.standing = s.standing.map(restored);
    for _ in 0..3 {
        s.event(12);
        s.next();
    }
    let gaps: Vec<_> = s.told().iter().map(|e| (e.from(), e.index())).collect();
    assert_eq!(gaps, [(5, 12)]);
    assert_eq!(s.asked(), 13);
    assert_eq!(s.machine.counters().reconnects, 3);
}

#[test]
fn cleared_history_is_a_gap_and_never_the_same_index() {
    let mut s = Script::new(|o| o.set_start_index(5).unwrap());
    s.answer(400, 3000, &outdated(3000));
    let told = s.told();
    assert_eq!(
        (told[0].kind(), told[0].loss()),
        (EventKind::Gap, Some(Loss::Cleared))
    );
    assert_eq!((told[0].from(), told[0].index()), (5, 3000));
    assert!(s.next() > Duration::ZERO);
    assert_eq!(s.asked(), 3001);
    // nothing new in it: from now, and the gap is told when "now" is known
    s.answer(400, 3000, &outdated(3000));
    s.next();
    assert_eq!(s.asked(), 0);
    assert!(s.told().is_empty());
    s.head(3300);
    let told = s.told();
    assert_eq!((told[0].from(), told[0].index()), (3001, 3300));
    assert_eq!(s.machine.next_index(), 3301);
}

#[test]
fn a_single_key_that_did_not_change_loses_nothing() {
    let single = |o: &mut WatchOptions| {
        o.set_recursive(false);
        o.set_start_index(100).unwrap();
    };
    let node = |modified: u64| set("/w", modified).replace("set", "get");
    for (modified, next, gaps) in [(99, 3001, 0), (100, 3001, 1), (2999, 3001, 1)] {
        let mut s = Script::new(single);
        s.answer(400, 2900, &outdated(2900));
        s.next();
        assert_eq!(s.exchange.purpose, Purpose::Snapshot);
        s.answer(200, 3000, &node(modified));
        s.next();
        assert_eq!((s.asked(), s.told().len()), (next, gaps), "{modified}");
    }
    // a missing key may have come and gone
    let mut s = Script::new(single);
    s.answer(400, 2900, &outdated(2900));
    s.next();
    s.answer(
        404,
        3000,
        r#"{"errorCode":100,"message":"Key not found","cause":"/w","index":3000}"#,
    );
    let told = s.told();
    assert_eq!((told[0].from(), told[0].index()), (100, 3000));
}

#[test]
fn fail_ends_with_an_error_that_names_the_index() {
    let mut s = Script::new(|o| {
        o.set_start_index(5).unwrap();
        o.set_on_lost(OnLost::Fail);
    });
    s.answer(400, 3000, &outdated(3000));
    assert_eq!(s.closed(), Status::HISTORY_CLEARED);
    assert!(matches!(s.machine.poll(s.now), PollAction::Closed));
}

#[test]
fn another_cluster_is_seen_at_its_first_head() {
    let mut s = Script::new(|_| {});
    s.event(900);
    s.next();
    assert_eq!(
        s.machine.on_head(s.now, &head(200, 12, 2)),
        HeaderDecision::Leave
    );
    s.next();
    assert_eq!(s.asked(), 13);
    let told = s.told();
    assert_eq!(
        (told[1].loss(), told[1].from(), told[1].index()),
        (Some(Loss::Recreated), 901, 12)
    );
    let again = head(200, 12, 2);
    assert!(matches!(
        s.machine.on_head(s.now, &again),
        HeaderDecision::Stay(_)
    ));
    assert_eq!(
        s.machine.on_answer(
            s.now,
            verdict(head(200, 12, 2), &set("/w/x", 13), Purpose::Poll)
        ),
        MemberVerdict::Good
    );
    assert_eq!(s.told().len(), 1);
}

#[test]
fn members_that_lag_are_left_and_a_store_that_never_catches_up_is_another_one() {
    let mut s = Script::new(|o| o.set_start_index(5000).unwrap());
    let begun = s.now;
    while s.asked() == 5000 {
        assert!(s.now - begun < Duration::from_secs(30));
        match s.head(40) {
            HeaderDecision::Leave => {}
            HeaderDecision::Stay(quiet) => {
                s.now += quiet;
                s.fail(Timeout, Phase::Body);
            }
        }
        s.next();
        assert_eq!(s.exchange.preference, MemberPreference::Other);
    }
    assert!(s.now - begun >= Duration::from_secs(15));
    assert!(s.starts < 30);
    assert_eq!(s.asked(), 41);
    assert_eq!(s.told()[0].loss(), Some(Loss::Recreated));
    // one that catches up is nothing special
    let mut s = Script::new(|o| o.set_start_index(5000).unwrap());
    s.head(4000);
    s.machine.on_answer(
        s.now,
        verdict(head(200, 4000, 1), &set("/w/x", 5000), Purpose::Poll),
    );
    assert_eq!(s.told().len(), 1);
    assert_eq!(s.machine.state().code(), 2);
}

#[test]
fn withheld_heads_cost_a_probe_and_then_patience() {
    let mut s = Script::new(|_| {});
    let patience = s.exchange.head;
    assert!(patience < Duration::from_secs(5));
    s.now += patience;
    assert_eq!(s.fail(Timeout, Phase::Head), MemberVerdict::Neither);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(
        (s.exchange.purpose, s.exchange.preference),
        (Purpose::Probe, MemberPreference::Same)
    );
    s.answer(200, 77, "");
    s.next();
    assert_eq!((s.asked(), s.exchange.purpose), (78, Purpose::Poll));
    assert!(s.exchange.head > MINUTE / 2);
    // a member that answers the probe neither is to blame
    let mut s = Script::new(|_| {});
    s.fail(Timeout, Phase::Head);
    s.next();
    assert_eq!(s.fail(Timeout, Phase::Head), MemberVerdict::Bad);
    s.next();
    assert_eq!(
        (s.exchange.purpose, s.exchange.preference),
        (Purpose::Poll, MemberPreference::Other)
    );
}

#[test]
fn a_mute_member_and_a_stale_one_are_left() {
    let mut s = Script::new(|_| {});
    let mut preference = Vec::new();
    for _ in 0..4 {
        s.head(100);
        s.now += MINUTE;
        s.finish(100);
        s.next();
        preference.push(s.exchange.preference);
    }
    assert_eq!(
        preference,
        [
            MemberPreference::Same,
            MemberPreference::Same,
            MemberPreference::Other,
            MemberPreference::Same
        ]
    );
    s.head(101);
    s.finish(101);
    s.machine.seen(150);
    s.next();
    s.head(120);
    s.finish(120);
    s.next();
    assert_eq!(s.exchange.preference, MemberPreference::Other);
}

#[test]
fn what_is_not_watched_and_what_was_told_is_left_out() {
    let mut s = Script::new(|o| o.set_start_index(10).unwrap());
    for (key, index) in [("/w/_h/x", 11), ("/w/a", 12), ("/wide", 13)] {
        s.answer(200, 20, &set(key, index));
        assert_eq!(s.next(), Duration::ZERO);
        assert_eq!(s.asked(), index + 1);
    }
    let gone =
        r#"{"action":"delete","node":{"key":"/","dir":true,"modifiedIndex":14,"createdIndex":1}}"#;
    s.answer(200, 20, &gone.replace("\"/\"", "\"/wi\""));
    s.next();
    assert_eq!(s.answer(200, 20, &set("/w/a", 12)), MemberVerdict::Bad);
    assert!(s.next() > Duration::ZERO);
    assert_eq!(s.asked(), 15);
    let told = s.told();
    assert_eq!((told.len(), told[0].index()), (1, 12));
    assert_eq!(s.machine.counters().filtered, 4);
}

#[test]
fn definite_refusals_end_it_and_lost_rights_may_come_back() {
    let denied = r#"{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}"#;
    let mut s = Script::new(|_| {});
    s.answer(401, 0, denied);
    assert_eq!(s.closed(), Status::UNAUTHORIZED);
    let mut s = Script::new(|_| {});
    s.event(9);
    s.next();
    assert_eq!(s.answer(401, 0, denied), MemberVerdict::Good);
    assert!(s.next() > Duration::ZERO);
    assert_eq!(s.asked(), 10);
    let malformed = r#"{"errorCode":209,"message":"Invalid field","cause":"x","index":9}"#;
    let mut s = Script::new(|_| {});
    for _ in 1..5 {
        s.answer(400, 9, malformed);
        assert!(s.next() > Duration::ZERO);
        assert_eq!(s.exchange.preference, MemberPreference::Other);
    }
    s.answer(400, 9, malformed);
    assert_eq!(s.closed(), Status(209));
}

#[test]
fn a_paused_machine_starts_nothing_and_a_closed_one_stays_so() {
    let mut s = Script::new(|_| {});
    s.event(5);
    s.machine.pause();
    assert!(matches!(s.machine.poll(s.now), PollAction::Wait(None)));
    s.machine.resume();
    s.next();
    s.machine.close(None);
    s.machine.close(None);
    s.collect();
    assert_eq!(s.event(6), MemberVerdict::Neither);
    assert_eq!(s.head(6), HeaderDecision::Leave);
    s.collect();
    assert_eq!(s.states.iter().filter(|state| state.code() == 5).count(), 1);
}

#[test]
fn an_idle_machine_is_small() {
    assert!(size_of::<Machine>() <= 512, "{}", size_of::<Machine>());
}

#[test]
fn cuts_are_excused_but_not_for_ever() {
    let mut s = Script::new(|o| o.set_start_index(10).unwrap());
    let mut seen = Vec::new();
    for _ in 0..4 {
        s.head(30);
        let cut = fault(Connection, Phase::Body, true);
        seen.push(s.machine.on_fault(s.now, &cut));
        s.next();
        assert_eq!(s.asked(), 10);
    }
    assert_eq!(seen[2..], [MemberVerdict::Neither, MemberVerdict::Bad]);
    assert_eq!(s.exchange.preference, MemberPreference::Other);
}

#[test]
fn an_answer_about_another_key_neither_moves_the_place_nor_fills_the_table() {
    let limits = crate::protocol::decode_limits::DecodeLimits { depth: 9, nodes: 9 };
    let told = |key: &str| {
        let body = format!(
            r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":12,"createdIndex":12}}}}"#
        );
        let head = crate::protocol::response_head::Head {
            etcd_index: 12,
            ..crate::protocol::response_head::Head::new(200)
        };
        crate::protocol::answer::judge(head, Vec::from(body), ResponseKind::Keys, &limits)
    };
    for snapshot in [false, true] {
        for (key, fits) in [
            ("/a/b", true),
            ("/a/b/c", !snapshot),
            ("/a", !snapshot),
            ("/other", false),
            ("/a/c", false),
        ] {
            let now = Instant::now();
            let mut options = WatchOptions::default();
            options.set_recursive(true);
            match snapshot {
                true => options.set_on_lost(OnLost::Resync),
                false => options.set_start_index(7).unwrap(),
            }
            let asked = Key::parse("key", "/a/b").unwrap();
            let mut machine = Machine::new(&asked, &options, Duration::from_secs(60), 1).unwrap();
            let PollAction::Start(_) = machine.poll(now) else {
                panic!("no exchange");
            };
            let verdict = machine.on_answer(now, told(key));
            assert_eq!(
                verdict != MemberVerdict::Bad,
                fits,
                "{key}, snapshot: {snapshot}"
            );
        }
    }
}
