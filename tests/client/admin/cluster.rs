//! Three members: which come and go, lead and die.

use super::{api, on_each, refused, refused_so};
use crate::support::{Cluster, Version, wait_for};
use etcd_v2::client::admin::{HealthState, Report};
use etcd_v2::error::Result;
use etcd_v2::protocol::admin::page::StatsKind;
use etcd_v2::protocol::admin::stats::read;
use etcd_v2::status::Status;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// Where nobody listens, nor has to.
const NEW: &str = "http://127.0.0.1:9";
const OTHER: &str = "http://127.0.0.1:19";

/// Etcd 3.5 may lose a change of members that comes right after another; it says that it failed, some seconds later.
fn settled<T>(call: impl Fn() -> Result<T>) -> Result<T> {
    wait_for("a change that is not lost", LONG, || match call() {
        Err(error) if error.detail().http_status == 500 => {
            assert_eq!(error.status(), Status::OUTCOME_UNKNOWN, "{error:?}");
            None
        }
        result => Some(result),
    })
}

on_each!(members_come_and_go a_member_removes_itself the_leader_is_found health_is_told_row_by_row);

fn members_come_and_go(version: Version) {
    let cluster = Cluster::start(version, 3);
    let client = api::client(&cluster.endpoints(), 20_000);
    let known = cluster.member(0).peer_url();
    // refused before all have been connected for 5 s, whatever it is
    let error = settled(|| client.add_member(known));
    refused_so(error, Status::CONFLICT, 409, "membership: peerURL exists");

    let added = settled(|| client.add_member(NEW)).unwrap();
    let [new] = &added.list[..] else {
        panic!("{added:?}");
    };
    assert_eq!(
        (&*new.name, &new.peer_urls[..]),
        ("", &[NEW.to_owned()][..])
    );
    if version == Version::V3_5Newest {
        // it no longer minds one that has not started
        let other = client.add_member(OTHER).unwrap();
        settled(|| client.remove_member(&other.list[0].id)).unwrap();
    } else {
        let error = refused(client.add_member(OTHER), Status::OUTCOME_UNKNOWN);
        assert_eq!(error.detail().http_status, 500);
        assert!(error.to_string().contains("has not started"), "{error}");
    }
    let list = client.members().unwrap().list;
    assert_eq!(list.len(), 4);
    assert!(list.windows(2).all(|two| {
        let id = |i: usize| u64::from_str_radix(&two[i].id, 16).unwrap();
        id(0) < id(1)
    }));
    assert!(list.contains(new));
    // it counts for the quorum and cannot be asked
    let report = client.cluster_health().unwrap();
    assert_eq!(report.state, HealthState::Degraded);
    let row = report.rows.iter().find(|row| row.id == new.id).unwrap();
    assert_eq!(
        (row.state, row.failures.len()),
        (HealthState::NoClientUrls, 0)
    );

    for _ in 0..2 {
        settled(|| client.update_member(&new.id, OTHER)).unwrap();
    }
    let list = client.members().unwrap().list;
    let moved = list.iter().find(|member| member.id == new.id).unwrap();
    assert_eq!(moved.peer_urls, [OTHER]);
    let error = settled(|| client.update_member(&new.id, known));
    refused_so(error, Status::CONFLICT, 409, "membership: peerURL exists");
    let error = client.update_member(&new.id, "http://127.0.0.1:9/path");
    assert_eq!(
        refused(error, Status::SERVER_ERROR).detail().http_status,
        400
    );

    settled(|| client.remove_member(&new.id)).unwrap();
    let words = format!("Member permanently removed: {}", new.id);
    // success, if a copy before was one of those that are lost
    let error = wait_for("a word about the member", LONG, || {
        Some(settled(|| client.remove_member(&new.id))).filter(Result::is_err)
    });
    refused_so(error, Status::GONE, 410, &words);
    let words = "No such member: abcd";
    let error = settled(|| client.remove_member("abcd"));
    refused_so(error, Status::NOT_FOUND, 404, words);
    let error = settled(|| client.update_member("abcd", NEW));
    refused_so(error, Status::NOT_FOUND, 404, words);
    assert_eq!(client.members().unwrap().list.len(), 3);
}

fn a_member_removes_itself(version: Version) {
    let cluster = Cluster::start(version, 3);
    // it is asked first, and ends soon after it has answered, or before
    let client = api::client(&cluster.endpoints(), 20_000);
    let id = cluster.id(cluster.member(0));
    settled(|| client.remove_member(&id)).unwrap();
    let left = wait_for("a list without it", LONG, || {
        let list = client.members().unwrap().list;
        (list.len() == 2).then_some(list)
    });
    assert!(left.iter().all(|member| member.id != id));
}

fn the_leader_is_found(version: Version) {
    let cluster = Cluster::start(version, 3);
    let leader = cluster.leader();
    let id = cluster.id(cluster.member(leader));
    let follower = cluster.member(cluster.followers()[0]);
    let client = api::client(follower.url(), 20_000);
    let all = client.members().unwrap();
    assert_eq!((all.list.len(), &all.leader), (3, &id));
    assert_eq!(
        client.leader().unwrap().list[0].name,
        cluster.member(leader).name()
    );

    // a follower does not have these numbers, so its leader is asked
    let response = client.stats(StatsKind::Leader, None).unwrap();
    assert_eq!(&**response.endpoint(), cluster.member(leader).url());
    let stats = read(StatsKind::Leader, response.body()).unwrap();
    assert_eq!((stats.text("leader"), stats.followers.len()), (&*id, 2));
    let numbers = &stats.followers[0].numbers;
    assert!(
        numbers.iter().any(|(name, _)| name == "latency.average"),
        "{numbers:?}"
    );
    // and a member is asked about itself, whoever is first on the list
    for member in cluster.members() {
        let response = client.stats(StatsKind::Own, Some(member.url())).unwrap();
        assert_eq!(
            read(StatsKind::Own, response.body()).unwrap().text("name"),
            member.name()
        );
        let (_, from) = client.server_version(Some(member.url())).unwrap();
        assert_eq!(&*from, member.url());
    }

    cluster.member(leader).kill();
    cluster.member(cluster.all_but(leader)[0]).kill();
    let survivor = cluster.member(cluster.all_but(leader)[1]);
    let client = api::client(&cluster.endpoints(), 20_000);
    let error = wait_for("a member that misses its leader", LONG, || {
        client.leader().err()
    });
    let error: Result<()> = Err(error);
    assert!(error.as_ref().is_err_and(|e| e.detail().retriable));
    refused_so(error, Status::LEADER_ELECTION, 503, "During election");
    // what it knows it still tells
    let all = client.members().unwrap();
    assert_eq!((all.list.len(), &*all.leader), (3, ""));
    refused(
        client.stats(StatsKind::Leader, None),
        Status::LEADER_ELECTION,
    );
    assert!(client.stats(StatsKind::Store, None).is_ok());
    let error = refused(client.add_member(NEW), Status::OUTCOME_UNKNOWN);
    assert_eq!(error.detail().endpoint.as_deref(), Some(survivor.url()));
}

fn states(report: &Report) -> Vec<(&str, HealthState)> {
    let mut states: Vec<_> = report.rows.iter().map(|r| (&*r.name, r.state)).collect();
    states.sort_by_key(|(name, _)| name.to_owned());
    states
}

fn health_is_told_row_by_row(version: Version) {
    use HealthState::*;
    let cluster = Cluster::start(version, 3);
    let client = api::client(&cluster.endpoints(), 6_000);
    let report = client.cluster_health().unwrap();
    assert_eq!(report.state, Healthy);
    let all_well = [("n1", Healthy), ("n2", Healthy), ("n3", Healthy)];
    assert_eq!(states(&report), all_well);

    // a member that is silent leaves time for the others
    let leader = cluster.leader();
    let [one, other] = cluster.followers()[..] else {
        panic!("three members");
    };
    cluster.member(one).pause();
    let report = client.cluster_health().unwrap();
    cluster.member(one).resume();
    assert_eq!(report.state, Degraded);
    let rows: Vec<_> = report
        .rows
        .iter()
        .filter(|r| r.state == Unreachable)
        .collect();
    assert_eq!(rows.len(), 1, "{report:?}");
    assert_eq!(
        (&*rows[0].name, rows[0].url.as_ref()),
        (cluster.member(one).name(), None)
    );
    assert_eq!(rows[0].failures[0].url, cluster.member(one).url());

    cluster.member(one).kill();
    cluster.member(leader).kill();
    let survivor = cluster.member(other);
    let report = wait_for("a member that knows of its trouble", LONG, || {
        let report = client.cluster_health().unwrap();
        (report.state == Unhealthy).then_some(report)
    });
    for row in &report.rows {
        let alive = row.name == survivor.name();
        assert_eq!(row.state, if alive { Unhealthy } else { Unreachable });
        assert_eq!(row.failures.len(), usize::from(!alive));
        assert_eq!(row.url.as_deref(), alive.then_some(survivor.url()));
        let tells = alive && version.minor() == "3.5";
        assert_eq!(row.reason.is_empty(), !tells, "{row:?}");
    }
    let report = client.health(Some(survivor.url())).unwrap();
    assert_eq!((report.state, report.rows.len()), (Unhealthy, 1));
    let dead = cluster.member(leader).url();
    let error = refused(client.health(Some(dead)), Status::UNREACHABLE);
    assert!(error.to_string().contains(dead), "{error}");
}
