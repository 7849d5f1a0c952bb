//! Members without the v2 API, for watchers and the calls of administration.

use crate::api::{client, key};
use crate::support::etcd::Setup;
use crate::support::{Etcd, Version, wait_for};
use etcd_v2::client::{Client, Listener, Options, Patience, Watcher};
use etcd_v2::error::Error;
use etcd_v2::status::Status;
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

fn plain(endpoints: &str) -> Client {
    let mut options = Options::default();
    options.add_endpoints("endpoints", endpoints).unwrap();
    Client::new(&options).unwrap()
}

#[track_caller]
fn names_what_to_do(error: &Error) {
    let text = error.to_string();
    assert_eq!(error.status(), Status::UNSUPPORTED, "{text}");
    assert!(
        text.contains("3.6") && text.contains("--enable-v2"),
        "{text}"
    );
    assert!(!error.detail().outcome_unknown, "{error:?}");
}

#[test]
fn watchers_go_on_with_the_others() {
    let cluster = Setup::new(Version::V3_5Newest)
        .timing(50, 500)
        .without_v2(&[1, 2])
        .cluster(3);
    let client = plain(&cluster.endpoints());
    let watchers = [OnLost::Gap, OnLost::Resync].map(|on_lost| watch(&client, on_lost));
    for watcher in &watchers {
        wait_for("it is live", AMPLE, || {
            (watcher.state().code() == 2).then_some(())
        });
    }
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

fn where_no_member_has_it(version: Version) {
    let etcd = Setup::new(version).without_v2(&[1]).start();
    let calls = client(etcd.url(), 20_000);
    names_what_to_do(&calls.members().unwrap_err());
    names_what_to_do(&calls.leader().unwrap_err());
    names_what_to_do(&calls.users().unwrap_err());
    names_what_to_do(&calls.auth_is_enabled().unwrap_err());
    names_what_to_do(&calls.add_member("http://127.0.0.1:1").unwrap_err());
    names_what_to_do(&calls.remove_member("ab").unwrap_err());
    names_what_to_do(&calls.delete_user("al").unwrap_err());
    names_what_to_do(&calls.set_auth(true).unwrap_err());
    let client = plain(etcd.url());
    for on_lost in [OnLost::Gap, OnLost::Resync] {
        let watcher = watch(&client, on_lost);
        let told = watcher.next(Some(Instant::now() + AMPLE));
        names_what_to_do(&told.expect_err("it has ended"));
    }
    let told = client.watch_once(&key("/a"), false, 0, Patience::For(AMPLE), None);
    names_what_to_do(&told.expect_err("it has ended"));
}

#[test]
fn where_no_member_has_it_watchers_end_on_3_4() {
    where_no_member_has_it(Version::V3_4);
}

#[test]
fn where_no_member_has_it_watchers_end_on_the_newest_3_5() {
    where_no_member_has_it(Version::V3_5Newest);
}
