//! Watchers behind gateways that remove headers of etcd, or keep the heads of polls back: each change once and in order,
//! as far as etcd's history goes.

use super::*;
use etcd_v2::client::{Listener, Watcher};
use etcd_v2::watch::event::{Event, EventKind};
use etcd_v2::watch::options::{OnLost, WatchOptions};
use etcd_v2::watch::state::State;
use std::collections::BTreeMap;
use std::time::Instant;
use support::gateway::{Answer, without};
use support::{Etcd, Gateway, Version, wait_for};

const ALL: [&str; 4] = [
    "X-Etcd-Index",
    "X-Etcd-Cluster-Id",
    "X-Raft-Index",
    "X-Raft-Term",
];

fn watch(client: &Client, key: &str, on_lost: OnLost, recursive: bool) -> Watcher {
    let mut options = WatchOptions::default();
    options.set_on_lost(on_lost);
    options.set_recursive(recursive);
    let key = Key::parse("key", key).unwrap();
    client.watch(&key, &options, Listener::default()).unwrap()
}

fn next(watcher: &Watcher) -> Event {
    let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
    event.unwrap_or_else(|| panic!("no event: {:?}", watcher.state()))
}

fn value(event: &Event) -> &str {
    let node = event.node().and_then(|node| node.value());
    node.unwrap_or_default()
}

fn until_live(what: &str, watcher: &Watcher) {
    wait_for(what, LONG, || (watcher.state().code() == 2).then_some(()));
}

/// What a gateway does.
#[derive(Clone, Debug)]
struct Habit {
    removes: Vec<&'static str>,
    withholds: bool,
}

fn habits() -> Vec<Habit> {
    let mut removed: Vec<Vec<&str>> = ALL.iter().map(|name| vec![*name]).collect();
    removed.push(vec!["Content-Type"]);
    removed.push(vec!["X-Etcd-Index", "X-Etcd-Cluster-Id"]);
    removed.push(ALL.to_vec());
    removed.push([&ALL[..], &["Content-Type"]].concat());
    removed
        .into_iter()
        .flat_map(|removes| {
            [false, true].map(|withholds| Habit {
                removes: removes.clone(),
                withholds,
            })
        })
        .collect()
}

/// Ends with the first byte of an event, as a gateway that buffers does.
fn stripping(etcd: &str, habit: Habit) -> Gateway {
    Gateway::to(etcd, move |line, head| {
        let head = habit.removes.iter().fold(head, |h, name| without(&h, name));
        match habit.withholds && line.contains("wait=true") {
            true => Answer::Buffered(head),
            false => Answer::Head(head),
        }
    })
}

#[test]
fn no_removed_header_costs_a_change() {
    let etcd = Etcd::start(Version::V3_5);
    let styles = [
        (OnLost::Gap, false),
        (OnLost::Gap, true),
        (OnLost::Fail, false),
        (OnLost::Resync, true),
    ];
    std::thread::scope(|scope| {
        for (number, habit) in habits().into_iter().enumerate() {
            let etcd = &etcd;
            scope.spawn(move || {
                let gateway = stripping(etcd.url(), habit.clone());
                let client = client(gateway.url());
                for (style, (on_lost, recursive)) in styles.into_iter().enumerate() {
                    for exists in [false, true] {
                        let key = format!("/habit-{number}-{style}-{exists}");
                        let name = format!("{habit:?} {on_lost:?} {recursive} {exists}");
                        one_by_one(etcd, &client, &key, &name, on_lost, recursive, exists);
                    }
                }
            });
        }
    });
}

fn one_by_one(
    etcd: &Etcd,
    client: &Client,
    key: &str,
    name: &str,
    on_lost: OnLost,
    recursive: bool,
    exists: bool,
) {
    if exists {
        etcd.set(key, "value=before");
    }
    let watcher = watch(client, key, on_lost, recursive);
    until_live(name, &watcher);
    if on_lost == OnLost::Resync && exists {
        assert_eq!(next(&watcher).kind(), EventKind::Snapshot, "{name}");
    }
    // otherwise what happens between two polls would be lost
    assert_ne!(watcher.next_index(), 0, "{name}");
    for i in 0..3 {
        etcd.set(key, &format!("value={i}"));
    }
    let mut last = 0;
    for i in 0..3 {
        let event = next(&watcher);
        assert_eq!(event.kind(), EventKind::Change, "{name}: {event:?}");
        assert_eq!(value(&event), i.to_string(), "{name}");
        assert!(event.index() > last, "{name}");
        last = event.index();
    }
    let more = watcher.next(Some(Instant::now())).unwrap();
    assert!(more.is_none(), "{name}: {more:?}");
}

/// What a table of events comes to.
fn apply(table: &mut BTreeMap<String, String>, event: &Event) {
    let Some(node) = event.node() else { return };
    let action = event.response().map_or("", |r| r.action_text());
    match action {
        "delete" | "expire" => drop(table.remove(node.key())),
        _ if node.is_dir() => {}
        _ => drop(table.insert(node.key().into(), node.value().unwrap_or_default().into())),
    }
}

/// More foreign changes than etcd remembers, while the way is blocked: what is lost is told, by each policy in its way, and
/// the watch goes on.
#[test]
fn lost_history_is_made_up_for_without_the_index_header() {
    let etcd = Etcd::start(Version::V3_4);
    let gateway = Gateway::to(etcd.url(), |_, head| {
        Answer::Head(ALL.iter().fold(head, |h, name| without(&h, name)))
    });
    let client = client(gateway.url());
    etcd.set("/lost/same", "value=same");
    etcd.set("/lost/gone", "value=gone");
    etcd.set("/lost/new", "value=old");
    let same = watch(&client, "/lost/same", OnLost::Gap, false);
    let gap = watch(&client, "/lost", OnLost::Gap, true);
    let resync = watch(&client, "/lost", OnLost::Resync, true);
    for watcher in [&same, &gap, &resync] {
        until_live("live", watcher);
    }
    let mut table = BTreeMap::new();
    for _ in 0..4 {
        apply(&mut table, &next(&resync));
    }
    gateway.block(true);
    support::http::request("DELETE", &etcd.key_url("/lost/gone"), &[], b"").unwrap();
    etcd.set("/lost/new", "value=new");
    etcd.change("/other", 1100);
    gateway.block(false);
    wait_for("a new place", LONG, || {
        (same.next_index() > 1000).then_some(())
    });
    let event = next(&gap);
    assert_eq!(event.kind(), EventKind::Gap, "{event:?}");
    while table.get("/lost/new").is_none_or(|value| value != "new") || table.len() > 2 {
        let event = next(&resync);
        assert_eq!(event.kind(), EventKind::Synthetic, "{event:?}");
        apply(&mut table, &event);
    }
    etcd.set("/lost/same", "value=changed");
    // nothing was lost of a key that did not change
    for watcher in [&same, &gap, &resync] {
        let event = next(watcher);
        assert_eq!(
            (event.kind(), value(&event)),
            (EventKind::Change, "changed"),
            "{event:?}"
        );
    }
}

/// Where the index cannot be read either, it is said what is missing.
#[test]
fn what_is_missing_is_said() {
    let etcd = Etcd::start(Version::V3_4);
    let gateway = Gateway::to(etcd.url(), |line, head| {
        match line.contains("no-such-key") {
        true => Answer::Instead(
            b"HTTP/1.1 403 no\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"message\":\"no\"}"
                .to_vec(),
        ),
        false => Answer::Head(without(&head, "X-Etcd-Index")),
    }
    });
    let client = client(gateway.url());
    let watcher = watch(&client, "/missing", OnLost::Gap, false);
    wait_for("a reason", LONG, || match watcher.state() {
        State::Reconnecting { why, .. } => why
            .contains("X-Etcd-Index header is missing, perhaps removed by a proxy")
            .then_some(()),
        _ => None,
    });
}
