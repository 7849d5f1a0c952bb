//! One member, which knows everything of itself.

use super::{api, on_each};
use crate::support::{Etcd, Version, wait_for};
use api::Verbs;
use etcd_v2::client::admin::HealthState;
use etcd_v2::protocol::admin::page::StatsKind;
use etcd_v2::protocol::admin::stats::{Stats, read};
use std::time::Duration;

on_each!(tells_its_version tells_its_health tells_its_numbers lists_itself);

fn tells_its_version(version: Version) {
    let etcd = Etcd::shared(version);
    let client = api::client(etcd.url(), 20_000);
    // a cluster that has just begun has not agreed yet
    wait_for(
        "the version of the cluster",
        Duration::from_secs(30),
        || {
            let (versions, _) = client.server_version(None).unwrap();
            (versions.cluster != "not_decided").then_some(())
        },
    );
    for endpoint in [None, Some(etcd.url())] {
        let (versions, from) = client.server_version(endpoint).unwrap();
        let minor = version.minor();
        assert!(versions.server.starts_with(&format!("{minor}.")));
        assert_eq!(versions.cluster, format!("{minor}.0"));
        assert_eq!(&*from, etcd.url());
    }
}

fn tells_its_health(version: Version) {
    let etcd = Etcd::shared(version);
    let client = api::client(etcd.url(), 20_000);
    let own = client.health(None).unwrap();
    let of_all = client.cluster_health().unwrap();
    for (report, name) in [(&own, ""), (&of_all, "n1")] {
        assert_eq!((report.state, report.rows.len()), (HealthState::Healthy, 1));
        let row = &report.rows[0];
        assert_eq!((row.state, &*row.name), (HealthState::Healthy, name));
        assert_eq!((row.url.as_deref(), &*row.reason), (Some(etcd.url()), ""));
        assert!(row.failures.is_empty());
    }
}

fn tells_its_numbers(version: Version) {
    let etcd = Etcd::shared(version);
    let client = api::client(etcd.url(), 20_000);
    let stats = |kind| {
        let response = client.stats(kind, None).unwrap();
        assert_eq!(&**response.endpoint(), etcd.url());
        read(kind, response.body()).unwrap()
    };
    let sets = |stats: &Stats| {
        let mut each = stats.numbers.iter();
        each.find(|(name, _)| name == "setsSuccess").unwrap().1
    };
    let before = sets(&stats(StatsKind::Store));
    client.set("/counted", "v").unwrap();
    client.set("/counted", "v").unwrap();
    assert!(sets(&stats(StatsKind::Store)) >= before + 2.0);
    let own = stats(StatsKind::Own);
    assert_eq!((own.text("name"), own.text("state")), ("n1", "StateLeader"));
    assert!(own.text("leaderInfo.uptime").ends_with('s') && own.text("startTime").ends_with('Z'));
    assert_eq!(own.text("leaderInfo.leader"), own.text("id"));
    let leader = stats(StatsKind::Leader);
    assert_eq!(
        (leader.text("leader"), leader.followers.len()),
        (own.text("id"), 0)
    );
}

fn lists_itself(version: Version) {
    let etcd = Etcd::shared(version);
    let client = api::client(etcd.url(), 20_000);
    let all = client.members().unwrap();
    assert_eq!(all, client.leader().unwrap());
    assert_eq!((all.list.len(), &all.list[0].id), (1, &all.leader));
    assert_eq!(all.list[0].client_urls, [etcd.url()]);
    assert_eq!(all.list[0].peer_urls, [etcd.peer_url()]);
}
