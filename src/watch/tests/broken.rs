//! Servers that never do right, and history that is lost.

use super::said::{fault, verdict};
use super::script::*;
use crate::error::Phase;
use crate::protocol::response_head::Head;
use crate::transport::fault::FaultKind::Connection;
use crate::watch::driver::{MemberPreference, MemberVerdict, Purpose};
use crate::watch::event::{Event, EventKind};
use crate::watch::options::OnLost;
use crate::watch::state::State;
use std::time::Duration;

/// What a broken server does for ever, on every exchange.
#[test]
fn no_server_makes_a_hot_loop() {
    type Turn = fn(&mut Script) -> MemberVerdict;
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
            .all(|e| e.kind() == EventKind::Snapshot && e.index() == 100)
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
    assert_eq!(
        s.answer(200, 120, &listing(&[&a, &b])),
        MemberVerdict::Neither
    );
    assert!(s.next() > Duration::ZERO);
    assert_eq!(
        (s.exchange.purpose, s.exchange.preference),
        (Purpose::Snapshot, MemberPreference::Other)
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
    assert!(told.iter().all(|e| e.kind() == EventKind::Synthetic));
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
