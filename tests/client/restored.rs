//! The outcome of a write is resolved at a follower that was restored from a snapshot: its history can hide or garble the
//! events that it missed, so that a missing event proves nothing.

use crate::api::{Client, Verbs, call, client, quorum_get, refused, request, submit_many};
use crate::support::etcd::Setup;
use crate::support::{Mode, Proxy, Version, http, wait_for};
use etcd_v2::client::{Ask, Call, Fate, Lookout};
use etcd_v2::error::Error;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use std::time::Duration;

const AMPLE: Duration = Duration::from_secs(120);
const ONCE: Lookout = Lookout {
    timeout: Some(AMPLE),
    settle: Duration::ZERO,
};

/// So many of one call. The update of a key that is not there takes a place in the log and none in the store.
fn write(client: &Client, call: &Call, count: usize) {
    submit_many(client, call, count, |result| {
        let error = result.err();
        let expected = error
            .as_ref()
            .is_none_or(|e| e.status() == Status::KEY_NOT_FOUND);
        assert!(expected, "{error:?}");
    });
}

/// A write whose answer is lost between the leader and the client, which knew the store as it was just before.
fn lose(proxy: &Proxy, call: &Call) -> Error {
    proxy.set(Mode::Pass);
    let client = client(proxy.url(), 60_000);
    client.get("/kept").unwrap();
    proxy.set(Mode::CutAnswer(1));
    let error = refused(client.execute(call), Status::OUTCOME_UNKNOWN);
    assert!(error.detail().known.index > 1_000, "{error:?}");
    error
}

fn what_a_restored_member_hides_is_not_denied(version: Version) {
    // thousands of writes at once, on a busy machine, cost no leader its place
    let mut setup = Setup::new(version)
        .timing(100, 2000)
        .isolatable()
        .argument("--snapshot-count=200")
        .argument("--log-level=info");
    let mut log = 6_000;
    if version != Version::V3_4 {
        setup = setup.argument("--experimental-snapshot-catchup-entries=10");
        log = 600;
    }
    let cluster = setup.cluster(3);
    let (leader, away) = (cluster.leader(), cluster.followers()[0]);
    let (leader, follower) = (cluster.member(leader), cluster.member(away));
    let proxy = Proxy::to(leader.url());
    let others = client(leader.url(), 60_000);
    others.set("/kept", "old").unwrap();

    // an event takes the place of the one a thousand changes before, and a refresh leaves it hidden
    let mut lease = request(Operation::Set, "/lease");
    lease.set_ttl(1_000).unwrap();
    others.execute(&Call::new(Ask::Keys(lease))).unwrap();
    write(&others, &call(Operation::Refresh, "/lease"), 40);
    write(&others, &call(Operation::Set, "/noise"), 970);
    let far = others.get("/kept").unwrap().head().etcd_index;
    let index = || Some(http::get(&follower.key_url("/kept")).ok()?.etcd_index());
    wait_for("the follower has it all", AMPLE, || {
        (index()? >= far).then_some(())
    });

    assert!(!follower.has_taken_a_snapshot());
    cluster.isolate(away);
    let before = leader.raft_index();
    let lost = |operation, key: &str| {
        let call = call(operation, key);
        let error = lose(&proxy, &call);
        (call, error)
    };
    let kept = lost(Operation::Set, "/shown");
    let overwritten = lost(Operation::Set, "/overwritten");
    others.set("/overwritten", "by another").unwrap();
    let removed = lost(Operation::Create, "/removed");
    others.run(Operation::Delete, "/removed").unwrap();
    let taken = lost(Operation::CreateInOrder, "/queue");
    let child = format!("/queue/{:020}", leader.index());
    others.run(Operation::Delete, &child).unwrap();
    // this one was never sent
    proxy.set(Mode::Pass);
    let knows = client(proxy.url(), 60_000);
    knows.get("/kept").unwrap();
    proxy.set(Mode::BlackHole);
    let mut never = call(Operation::Set, "/kept");
    never.deadline = Some(Duration::from_secs(5));
    let error = refused(knows.execute(&never), Status::OUTCOME_UNKNOWN);
    write(&others, &call(Operation::Update, "/none"), log);
    cluster.fill_until_compacted(away, before, || {
        write(&others, &call(Operation::Update, "/none"), 300)
    });
    cluster.rejoin(away);
    wait_for("the follower is restored", AMPLE, || {
        follower.has_taken_a_snapshot().then_some(())
    });

    let asked = client(follower.url(), 60_000);
    // it has a snapshot before it has found its leader again
    wait_for("a quorum read of the follower", AMPLE, || {
        asked.execute(&quorum_get("/kept")).ok()
    });
    let find = &|(call, error): &(Call, Error)| {
        // it fails as a read does while the follower has lost its leader again
        let finding = wait_for("an outcome", AMPLE, || {
            asked.resolve_outcome(call, error, ONCE, None).ok()
        });
        let told = format!("{version}, {call:?}: {finding:?}");
        (finding.fate, told)
    };
    std::thread::scope(|scope| {
        for (one, right) in [((never, error), Fate::NotApplied), (kept, Fate::Applied)] {
            scope.spawn(move || {
                let (fate, told) = find(&one);
                assert_eq!(fate, right, "{told}");
            });
        }
        for hidden in [overwritten, removed, taken] {
            scope.spawn(move || {
                let (fate, told) = find(&hidden);
                assert_ne!(fate, Fate::NotApplied, "{told}");
            });
        }
    });
}

#[test]
fn what_a_restored_member_hides_is_not_denied_on_3_4() {
    what_a_restored_member_hides_is_not_denied(Version::V3_4);
}

#[test]
fn what_a_restored_member_hides_is_not_denied_on_the_newest_3_5() {
    what_a_restored_member_hides_is_not_denied(Version::V3_5Newest);
}
