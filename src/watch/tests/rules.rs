//! Single rules, each with a server that keeps to a script.

use super::world::{fault, head, verdict, wait_index};
use crate::error::Phase;
use crate::protocol::answer::Head;
use crate::protocol::key::Key;
use crate::status::Status;
use crate::transport::fault::FaultKind::{Connection, Timeout};
use crate::watch::event::{Event, Kind, Loss};
use crate::watch::exchange::{Action, Exchange, Heed, Output, Purpose, Regard, Whom};
use crate::watch::machine::Machine;
use crate::watch::options::{OnLost, WatchOptions};
use crate::watch::queue::Queue;
use crate::watch::state::State;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

struct Script {
    machine: Machine,
    now: Instant,
    exchange: Box<Exchange>,
    states: Vec<State>,
    queue: Queue,
    starts: u32,
}

impl Script {
    fn new(set: impl FnOnce(&mut WatchOptions)) -> Script {
        let mut options = WatchOptions::default();
        options.set_recursive(true);
        set(&mut options);
        let key = Key::parse("key", "/w").unwrap();
        let mut machine = Machine::new(&key, &options, MINUTE, 7).unwrap();
        let now = Instant::now();
        let Action::Start(exchange) = machine.poll(now) else {
            panic!("nothing to start")
        };
        Script {
            machine,
            now,
            exchange,
            states: Vec::new(),
            queue: Queue::new(1000, options.on_full),
            starts: 1,
        }
    }

    fn collect(&mut self) {
        while let Some(output) = self.machine.output() {
            match output {
                Output::State(state) => self.states.push(state),
                other => {
                    self.queue.push(other);
                }
            }
        }
    }

    /// Waits as the machine wants and takes the next exchange; how long it waited.
    fn next(&mut self) -> Duration {
        self.collect();
        let since = self.now;
        loop {
            match self.machine.poll(self.now) {
                Action::Start(exchange) => {
                    self.exchange = exchange;
                    self.starts += 1;
                    return self.now - since;
                }
                Action::Wait(Some(until)) => self.now = until,
                Action::Wait(None) => panic!("it waits for ever"),
                Action::Closed => panic!("closed: {:?}", self.machine.state()),
            }
        }
    }

    fn asked(&self) -> u64 {
        wait_index(&self.exchange.wire.target)
    }

    fn head(&mut self, index: u64) -> Heed {
        self.machine.on_head(self.now, &head(200, index, 1))
    }

    fn answer(&mut self, status: u16, index: u64, body: &str) -> Regard {
        let head = head(status, index, 1);
        self.machine.on_head(self.now, &head);
        let verdict = verdict(head, body, self.exchange.purpose);
        self.machine.on_answer(self.now, verdict)
    }

    fn event(&mut self, index: u64) -> Regard {
        self.answer(200, index - 1, &set("/w/a", index))
    }

    fn fail(&mut self, kind: crate::transport::fault::FaultKind, phase: Phase) -> Regard {
        self.machine.on_fault(self.now, &fault(kind, phase, false))
    }

    fn told(&mut self) -> Vec<Event> {
        self.collect();
        std::iter::from_fn(|| self.queue.pop()).collect()
    }

    fn closed(&mut self) -> Status {
        self.collect();
        match self.machine.state() {
            State::Closed(Some(error)) => error.status(),
            other => panic!("{other:?}"),
        }
    }
}

fn set(key: &str, index: u64) -> String {
    format!(
        r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":{index},"createdIndex":{index}}}}}"#
    )
}

fn outdated(index: u64) -> String {
    format!(r#"{{"errorCode":401,"message":"outdated","cause":"[x/y]","index":{index}}}"#)
}

#[test]
fn the_first_head_anchors_and_the_next_poll_follows_at_once() {
    let mut s = Script::new(|_| {});
    assert_eq!((s.asked(), s.exchange.whom), (0, Whom::Any));
    assert!(matches!(s.head(41), Heed::Stay(_)));
    assert_eq!(s.machine.next_index(), 42);
    // cut before anything came: the explicit index is kept
    assert_eq!(s.fail(Connection, Phase::Body), Regard::Neither);
    assert!(s.next() >= Duration::from_millis(25));
    assert_eq!(s.asked(), 42);
    assert_eq!(s.event(50), Regard::Good);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!((s.asked(), s.exchange.whom), (51, Whom::Same));
    let codes: Vec<_> = s.states.iter().map(State::code).collect();
    assert_eq!(codes, [2, 3, 2]);
}

#[test]
fn only_silence_after_the_head_carries_the_place_forward() {
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
    // a cut after a long silence is an idle cut, nobody's failure
    s.head(700);
    s.now += MINUTE;
    assert_eq!(s.fail(Connection, Phase::Body), Regard::Neither);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!((s.asked(), s.exchange.whom), (701, Whom::Same));
    s.head(800);
    s.now += MINUTE;
    assert_eq!(s.fail(Timeout, Phase::Body), Regard::Good);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(s.asked(), 801);
    // short silences prove nothing but together, and then only what the first one saw
    for (index, asked) in [(810, 801), (820, 801), (830, 811), (840, 811)] {
        s.head(index);
        s.now += Duration::from_millis(400);
        assert_eq!(s.fail(Timeout, Phase::Body), Regard::Good);
        assert_eq!(s.next(), Duration::ZERO);
        assert_eq!(s.asked(), asked);
    }
    // an empty answer is nothing
    s.now += MINUTE;
    s.answer(200, 900, "");
    s.next();
    assert_eq!(s.asked(), 901);
    assert!(s.told().is_empty());
}

#[test]
fn polls_last_as_told_give_or_take_a_quarter() {
    let mut seen = Vec::new();
    for _ in 0..40 {
        let mut s = Script::new(|o| o.set_max_poll_ms(1000).unwrap());
        s.machine.seen(1);
        for index in 1..20 {
            let Heed::Stay(quiet) = s.head(index) else {
                panic!("left")
            };
            seen.push(quiet.as_millis());
            s.now += MINUTE;
            s.fail(Timeout, Phase::Body);
            s.next();
        }
    }
    assert!(seen.iter().all(|ms| (750..=1250).contains(ms)));
    seen.sort_unstable();
    assert!(seen[0] < 800 && seen[seen.len() - 1] > 1200);
}

#[test]
fn progress_is_told_when_asked_for() {
    let mut s = Script::new(|o| o.set_progress(true));
    s.head(70);
    s.now += MINUTE;
    s.fail(Timeout, Phase::Body);
    let told = s.told();
    assert_eq!(
        (told.len(), told[0].kind(), told[0].index()),
        (1, Kind::Progress, 70)
    );
}

#[test]
fn cleared_history_is_a_gap_and_never_the_same_index() {
    let mut s = Script::new(|o| o.set_start_index(5).unwrap());
    s.answer(400, 3000, &outdated(3000));
    let told = s.told();
    assert_eq!(
        (told[0].kind(), told[0].loss()),
        (Kind::Gap, Some(Loss::Cleared))
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
    assert!(matches!(s.machine.poll(s.now), Action::Closed));
}

#[test]
fn another_cluster_is_seen_at_its_first_head() {
    let mut s = Script::new(|_| {});
    s.event(900);
    s.next();
    assert_eq!(s.machine.on_head(s.now, &head(200, 12, 2)), Heed::Leave);
    s.next();
    assert_eq!(s.asked(), 13);
    let told = s.told();
    assert_eq!(
        (told[1].loss(), told[1].from(), told[1].index()),
        (Some(Loss::Recreated), 901, 12)
    );
    let again = head(200, 12, 2);
    assert!(matches!(s.machine.on_head(s.now, &again), Heed::Stay(_)));
    assert_eq!(
        s.machine.on_answer(
            s.now,
            verdict(head(200, 12, 2), &set("/w/x", 13), Purpose::Poll)
        ),
        Regard::Good
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
            Heed::Leave => {}
            Heed::Stay(quiet) => {
                s.now += quiet;
                s.fail(Timeout, Phase::Body);
            }
        }
        s.next();
        assert_eq!(s.exchange.whom, Whom::Other);
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
    assert_eq!(s.fail(Timeout, Phase::Head), Regard::Neither);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(
        (s.exchange.purpose, s.exchange.whom),
        (Purpose::Probe, Whom::Same)
    );
    s.answer(200, 77, "");
    s.next();
    assert_eq!((s.asked(), s.exchange.purpose), (78, Purpose::Poll));
    assert!(s.exchange.head > MINUTE / 2);
    // a member that answers the probe neither is to blame
    let mut s = Script::new(|_| {});
    s.fail(Timeout, Phase::Head);
    s.next();
    assert_eq!(s.fail(Timeout, Phase::Head), Regard::Bad);
    s.next();
    assert_eq!(
        (s.exchange.purpose, s.exchange.whom),
        (Purpose::Poll, Whom::Other)
    );
}

#[test]
fn a_mute_member_and_a_stale_one_are_left() {
    let mut s = Script::new(|_| {});
    let mut whom = Vec::new();
    for _ in 0..4 {
        s.head(100);
        s.now += MINUTE;
        s.fail(Timeout, Phase::Body);
        s.next();
        whom.push(s.exchange.whom);
    }
    assert_eq!(whom, [Whom::Same, Whom::Same, Whom::Other, Whom::Same]);
    s.head(101);
    s.fail(Timeout, Phase::Body);
    s.machine.seen(150);
    s.next();
    s.head(120);
    s.fail(Timeout, Phase::Body);
    s.next();
    assert_eq!(s.exchange.whom, Whom::Other);
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
    assert_eq!(s.answer(200, 20, &set("/w/a", 12)), Regard::Bad);
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
    assert_eq!(s.answer(401, 0, denied), Regard::Good);
    assert!(s.next() > Duration::ZERO);
    assert_eq!(s.asked(), 10);
    let mut s = Script::new(|_| {});
    s.answer(
        400,
        9,
        r#"{"errorCode":209,"message":"Invalid field","cause":"x","index":9}"#,
    );
    assert_eq!(s.closed(), Status(209));
}

/// What a broken server does for ever, on every exchange.
#[test]
fn no_server_makes_a_hot_loop() {
    type Turn = fn(&mut Script) -> Regard;
    let turns: [(&str, Turn); 9] = [
        ("401", |s| match s.exchange.purpose {
            Purpose::Poll => s.answer(400, 3000, &outdated(3000)),
            _ => s.answer(200, 3000, &set("/w", 2)),
        }),
        ("401 with index 0", |s| match s.exchange.purpose {
            Purpose::Poll => s.answer(400, 0, &outdated(0)),
            _ => s.answer(200, 3000, &set("/w", 2)),
        }),
        ("500", |s| s.answer(500, 0, r#"{"message":"no"}"#)),
        ("empty", |s| s.answer(200, 30, "")),
        ("html", |s| {
            let page = Head::new(200);
            s.machine.on_head(s.now, &page);
            let verdict = verdict(page, "<html>", s.exchange.purpose);
            s.machine.on_answer(s.now, verdict)
        }),
        ("half events", |s| {
            s.head(30);
            s.machine
                .on_fault(s.now, &fault(Connection, Phase::Body, true))
        }),
        ("backwards", |s| s.answer(200, 30, &set("/w/a", 3))),
        ("refused", |s| s.fail(Connection, Phase::Connect)),
        ("stale", |s| {
            let mut fault = fault(Connection, Phase::Head, false);
            fault.reused = true;
            s.machine.on_fault(s.now, &fault)
        }),
    ];
    for on_lost in [OnLost::Gap, OnLost::Resync] {
        for recursive in [true, false] {
            for (name, turn) in turns {
                let mut s = Script::new(|o| {
                    o.set_recursive(recursive);
                    o.set_on_lost(on_lost);
                    if on_lost == OnLost::Gap {
                        o.set_start_index(10).unwrap();
                    }
                });
                let begun = s.now;
                while s.now - begun < 10 * MINUTE {
                    s.now += Duration::from_micros(100);
                    turn(&mut s);
                    if s.machine.is_closed() {
                        break;
                    }
                    s.next();
                }
                // after a pause at most a snapshot and a poll
                assert!(s.starts < 700, "{name}: {} in ten minutes", s.starts);
                assert!(s.states.iter().any(|state| state.code() == 3), "{name}");
                assert!(s.told().len() < 450, "{name}");
            }
        }
    }
}

#[test]
fn a_paused_machine_starts_nothing_and_a_closed_one_stays_so() {
    let mut s = Script::new(|_| {});
    s.event(5);
    s.machine.pause();
    assert!(matches!(s.machine.poll(s.now), Action::Wait(None)));
    s.machine.resume();
    s.next();
    s.machine.close(None);
    s.machine.close(None);
    s.collect();
    assert_eq!(s.event(6), Regard::Neither);
    assert_eq!(s.head(6), Heed::Leave);
    s.collect();
    assert_eq!(s.states.iter().filter(|state| state.code() == 5).count(), 1);
}

#[test]
fn an_idle_machine_is_small() {
    assert!(size_of::<Machine>() <= 640, "{}", size_of::<Machine>());
}

#[test]
fn resync_tells_what_changed_and_refuses_what_is_older() {
    let listing = |nodes: &[&str]| {
        format!(
            r#"{{"action":"get","node":{{"key":"/w","dir":true,"modifiedIndex":2,"createdIndex":2,"nodes":[{}]}}}}"#,
            nodes.join(",")
        )
    };
    let file = |key: &str, value: &str, index: u64| {
        format!(
            r#"{{"key":"{key}","value":"{value}","modifiedIndex":{index},"createdIndex":{index}}}"#
        )
    };
    let mut s = Script::new(|o| o.set_on_lost(OnLost::Resync));
    assert_eq!(s.exchange.purpose, Purpose::Snapshot);
    let (a, b) = (file("/w/a", "1", 50), file("/w/b", "1", 60));
    s.answer(200, 100, &listing(&[&a, &b]));
    let told = s.told();
    assert!(
        told.iter()
            .all(|e| e.kind() == Kind::Snapshot && e.index() == 100)
    );
    assert_eq!(told.len(), 3);
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(s.asked(), 101);
    s.answer(200, 149, &set("/w/c", 150));
    s.next();
    s.answer(400, 2000, &outdated(2000));
    assert!(s.next() > Duration::ZERO);
    assert_eq!(s.exchange.purpose, Purpose::Snapshot);
    // a member that does not even know what was told
    assert_eq!(s.answer(200, 120, &listing(&[&a, &b])), Regard::Neither);
    assert!(s.next() > Duration::ZERO);
    assert_eq!(
        (s.exchange.purpose, s.exchange.whom),
        (Purpose::Snapshot, Whom::Other)
    );
    assert_eq!(s.told().len(), 1);
    let new = file("/w/a", "2", 1900);
    s.answer(200, 2100, &listing(&[&new, &b]));
    let told = s.told();
    let row = |e: &Event| {
        let response = e.response().expect("an answer");
        (
            response.action_text().to_owned(),
            e.node().map(|n| n.key().to_owned()),
            e.index(),
        )
    };
    assert_eq!(
        told.iter().map(row).collect::<Vec<_>>(),
        [
            ("delete".to_owned(), Some("/w/c".to_owned()), 2100),
            ("set".to_owned(), Some("/w/a".to_owned()), 2100),
        ]
    );
    assert!(told.iter().all(|e| e.kind() == Kind::Synthetic));
    assert_eq!(told[0].prev_node().map(|n| n.modified_index()), Some(150));
    assert_eq!(
        told[1]
            .response()
            .map(|r| (r.head().etcd_index, r.body().len())),
        Some((2100, 0))
    );
    assert_eq!(s.next(), Duration::ZERO);
    assert_eq!(s.asked(), 2101);
    s.head(2100);
    s.collect();
    let codes: Vec<_> = s.states.iter().map(State::code).collect();
    assert_eq!(codes[codes.len() - 2..], [4, 2]);
    assert_eq!(s.machine.counters().resyncs, 1);
}
