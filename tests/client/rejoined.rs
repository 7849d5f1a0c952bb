//! Watchers of a member whose store is replaced: a follower that is restored from a snapshot, and a server that is wiped
//! and restarted under its old name. Events that were missed are reported as lost.

use crate::api::{Client, Verbs, call, client, key, submit_many, wait_until_live};
use crate::support::etcd::Setup;
use crate::support::{Etcd, Version, http, wait_for};
use etcd_v2::client::{Listener, Watcher};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::watch::event::{Event, EventKind, Loss};
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const AMPLE: Duration = Duration::from_secs(120);

fn watch(client: &Client, path: &str, on_lost: OnLost) -> Watcher {
    let mut options = WatchOptions::default();
    options.set_on_lost(on_lost);
    options.set_recursive(true);
    // what is not woken by an event looks so soon
    options.set_max_poll_ms(2_000).unwrap();
    let watcher = client.watch(&key(path), &options, Listener::default());
    let watcher = watcher.unwrap();
    wait_until_live(&watcher);
    watcher
}

/// What a watcher tells until that is enough.
fn told_until(
    watcher: &Watcher,
    is_enough: impl Fn(&[Event]) -> bool,
) -> Result<Vec<Event>, Status> {
    let mut told = Vec::new();
    while !is_enough(&told) {
        let event = watcher.next(Some(Instant::now() + AMPLE));
        let event = event.map_err(|error| error.status())?;
        told.push(event.unwrap_or_else(|| panic!("no more than {told:?}, {:?}", watcher.state())));
    }
    Ok(told)
}

/// Everything up to an index is told.
fn up_to(index: u64) -> impl Fn(&[Event]) -> bool {
    move |told| told.last().is_some_and(|event| event.index() >= index)
}

/// What is there as far as events tell.
fn table<'a>(told: impl IntoIterator<Item = &'a Event>) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for event in told {
        let Some(node) = event.node() else { continue };
        let key = node.key().to_owned();
        match (event.response().map(|r| r.action_text()), node.value()) {
            (Some("delete"), _) => {
                table.retain(|k: &String, _| *k != key && !k.starts_with(&format!("{key}/")))
            }
            (_, Some(value)) => {
                table.insert(key, value.to_owned());
            }
            _ => {}
        }
    }
    table
}

fn a_follower_comes_back_by_a_snapshot(version: Version) {
    let mut setup = Setup::new(version)
        .isolatable()
        .argument("--snapshot-count=50")
        .argument("--log-level=info");
    let mut log = 5_500;
    if version != Version::V3_4 {
        setup = setup.argument("--experimental-snapshot-catchup-entries=10");
        log = 1_200;
    }
    let cluster = setup.cluster(3);
    let away = cluster.followers()[0];
    let (leader, follower) = (cluster.member(cluster.leader()), cluster.member(away));
    let writer = client(leader.url(), 60_000);
    writer.set("/w/kept", "kept").unwrap();
    let first = writer.set("/w/key", "one").unwrap().head().etcd_index;
    let index = || Some(http::get(&follower.key_url("/w/key")).ok()?.etcd_index());
    wait_for("the follower has it all", AMPLE, || {
        (index()? >= first).then_some(())
    });
    let watching = client(follower.url(), 60_000);
    let policies = [OnLost::Gap, OnLost::Resync, OnLost::Fail];
    let watchers = policies.map(|policy| watch(&watching, "/w", policy));
    let second = writer.set("/w/key", "two").unwrap().head().etcd_index;
    for watcher in &watchers {
        told_until(watcher, up_to(second)).unwrap();
    }

    cluster.isolate(away);
    let known = leader.raft_index();
    let missed = writer.set("/w/missed", "three").unwrap().head().etcd_index;
    // each takes a place in the log, and none in the store
    let update = call(Operation::Update, "/none");
    submit_many(&writer, &update, log, drop);
    cluster.fill_until_compacted(away, known, || submit_many(&writer, &update, 300, drop));
    cluster.rejoin(away);
    wait_for("the follower is restored", AMPLE, || {
        follower.has_taken_a_snapshot().then_some(())
    });
    let fourth = writer.set("/w/key", "four").unwrap().head().etcd_index;

    let [gap, resync, fail] = watchers;
    let covers = |event: &Event| match event.kind() {
        EventKind::Gap => event.from() <= missed && missed <= event.index(),
        _ => event.node().and_then(|node| node.value()) == Some("three"),
    };
    let told = told_until(&gap, up_to(fourth)).unwrap();
    assert!(told.iter().any(covers), "{version}: {told:?}");
    told_until(&resync, |told| {
        let table = table(told);
        let has = |name: &str, value: &str| table.get(name).is_some_and(|v| v == value);
        has("/w/missed", "three") && has("/w/key", "four")
    })
    .unwrap();
    match told_until(&fail, up_to(fourth)) {
        Ok(told) => assert!(told.iter().any(covers), "{version}: {told:?}"),
        Err(status) => assert_eq!(status, Status::HISTORY_CLEARED, "{version}"),
    }
}

#[test]
fn a_follower_comes_back_by_a_snapshot_on_3_4() {
    a_follower_comes_back_by_a_snapshot(Version::V3_4);
}

#[test]
fn a_follower_comes_back_by_a_snapshot_on_the_newest_3_5() {
    a_follower_comes_back_by_a_snapshot(Version::V3_5Newest);
}

fn a_store_begins_anew_and_overtakes(version: Version) {
    let etcd = Etcd::start(version);
    let watching = client(etcd.url(), 60_000);
    let policies = [OnLost::Gap, OnLost::Resync, OnLost::Fail];
    let watchers = policies.map(|policy| watch(&watching, "/w", policy));
    let writes = [
        ("kept", "1"),
        ("changed", "1"),
        ("removed", "1"),
        ("kept", "2"),
    ];
    for (name, value) in writes {
        etcd.set(&format!("/w/{name}"), &format!("value={value}"));
    }
    let place = etcd.index();
    let told = watchers
        .each_ref()
        .map(|watcher| told_until(watcher, up_to(place)).unwrap());
    let id = http::get(&etcd.key_url("/w")).unwrap();
    let id = id.header("x-etcd-cluster-id").map(str::to_owned);

    etcd.kill();
    std::fs::remove_dir_all(etcd.dir().join("data")).unwrap();
    etcd.restart();
    for (name, value) in [("kept", "2"), ("new", "1"), ("changed", "2")] {
        etcd.set(&format!("/w/{name}"), &format!("value={value}"));
    }
    while etcd.index() <= place + 1 {
        etcd.set("/elsewhere", "value=1");
    }
    let again = http::get(&etcd.key_url("/w")).unwrap();
    assert_eq!(again.header("x-etcd-cluster-id").map(str::to_owned), id);

    let [gap, resync, fail] = watchers;
    let loss = |event: &Event| event.loss() == Some(Loss::Recreated);
    told_until(&gap, |told| told.iter().any(loss)).unwrap();
    let there = [("changed", "2"), ("kept", "2"), ("new", "1")];
    let there = there.map(|(name, value)| (format!("/w/{name}"), value.to_owned()));
    let there = BTreeMap::from(there);
    let [_, before, _] = told;
    told_until(&resync, |told| table(before.iter().chain(told)) == there).unwrap();
    let end = told_until(&fail, |_| false).map(|told| told.len());
    assert_eq!(end, Err(Status::HISTORY_CLEARED), "{version}");
}

#[test]
fn a_store_begins_anew_and_overtakes_on_3_4() {
    a_store_begins_anew_and_overtakes(Version::V3_4);
}

#[test]
fn a_store_begins_anew_and_overtakes_on_the_newest_3_5() {
    a_store_begins_anew_and_overtakes(Version::V3_5Newest);
}
