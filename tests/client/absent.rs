//! Members without the v2 API, for watchers and the calls of administration.

use crate::api::{client, is_unsupported, key, wait_until_live};
use crate::support::etcd::Setup;
use crate::support::{Etcd, Proxy, Version};
use etcd_v2::client::{Client, Listener, Patience, Watcher};
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::time::{Duration, Instant};

const AMPLE: Duration = Duration::from_secs(120);

fn watch(client: &Client, on_lost: OnLost) -> Watcher {
    let mut options = WatchOptions::default();
    options.set_on_lost(on_lost);
    client
        .watch(&key("/a"), &options, Listener::default())
        .unwrap()
}

#[test]
fn watchers_go_on_with_the_others() {
    let cluster = Setup::new(Version::V3_5Newest)
        .timing(50, 500)
        .without_v2(&[1, 2])
        .cluster(3);
    let client = client(&cluster.endpoints(), 10_000);
    let watchers = [OnLost::Gap, OnLost::Resync].map(|on_lost| watch(&client, on_lost));
    watchers.iter().for_each(wait_until_live);
    let serves: &Etcd = cluster.member(2);
    let index = serves.set("/a", "value=1");
    for watcher in &watchers {
        let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap();
        let event = event.expect("an event");
        assert_eq!(event.node().unwrap().modified_index(), index);
    }
    let told = client.watch_once(&key("/a"), false, index, Patience::For(AMPLE), None);
    assert_eq!(told.unwrap().node().unwrap().modified_index(), index);
    assert!(client.users().unwrap().is_empty());
    assert_eq!(client.members().unwrap().list.len(), 3);
    client.create_user("al", "pw", &[]).unwrap();
}

/// As many answers as end a watch where nobody has the API; the one member that has it comes last.
#[test]
fn every_member_is_asked_before_a_watch_ends() {
    let absent = Setup::new(Version::V3_5Newest).without_v2(&[1]).start();
    let serves = Etcd::start(Version::V3_5Newest);
    let ways: Vec<Proxy> = (0..8).map(|_| Proxy::to(absent.url())).collect();
    let urls = ways.iter().map(Proxy::url).chain([serves.url()]);
    let urls = urls.collect::<Vec<_>>().join(",");
    let first = serves.set("/b", "value=1");
    // each has to find it out by itself
    let clients: [_; 4] = std::array::from_fn(|_| client(&urls, 20_000));
    std::thread::scope(|scope| {
        let once = scope
            .spawn(|| clients[3].watch_once(&key("/b"), false, first, Patience::For(AMPLE), None));
        let policies = [OnLost::Gap, OnLost::Resync, OnLost::Fail];
        let watchers = std::array::from_fn::<_, 3, _>(|i| watch(&clients[i], policies[i]));
        watchers.iter().for_each(wait_until_live);
        let second = serves.set("/a", "value=2");
        for watcher in &watchers {
            let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap();
            assert_eq!(event.unwrap().node().unwrap().modified_index(), second);
        }
        let told = once.join().unwrap().unwrap();
        assert_eq!(told.node().unwrap().modified_index(), first);
    });
}

fn where_no_member_has_it(version: Version) {
    let etcd = Setup::new(version).without_v2(&[1]).start();
    let calls = client(etcd.url(), 20_000);
    is_unsupported(&calls.members().unwrap_err());
    is_unsupported(&calls.leader().unwrap_err());
    is_unsupported(&calls.users().unwrap_err());
    is_unsupported(&calls.auth_is_enabled().unwrap_err());
    is_unsupported(&calls.add_member("http://127.0.0.1:1").unwrap_err());
    is_unsupported(&calls.remove_member("ab").unwrap_err());
    is_unsupported(&calls.delete_user("al").unwrap_err());
    is_unsupported(&calls.set_auth(true).unwrap_err());
    let client = client(etcd.url(), 10_000);
    for on_lost in [OnLost::Gap, OnLost::Resync] {
        let watcher = watch(&client, on_lost);
        let told = watcher.next(Some(Instant::now() + AMPLE));
        is_unsupported(&told.expect_err("it has ended"));
    }
    let told = client.watch_once(&key("/a"), false, 0, Patience::For(AMPLE), None);
    is_unsupported(&told.expect_err("it has ended"));
}

#[test]
fn where_no_member_has_it_watchers_end_on_3_4() {
    where_no_member_has_it(Version::V3_4);
}

#[test]
fn where_no_member_has_it_watchers_end_on_the_newest_3_5() {
    where_no_member_has_it(Version::V3_5Newest);
}
