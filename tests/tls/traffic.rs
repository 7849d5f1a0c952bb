//! What goes over connections with TLS once they are there.

use super::api;
use super::server::{Manner, TlsServer};
use super::support::etcd::Setup;
use super::support::{Authority, Version, Wish, wait_for};
use super::ways::{LONG, client, set, trust};
use etcd_v2::client::Listener;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::sync::mpsc::channel;
use std::time::Instant;

#[test]
fn large_values_and_long_keys_by_both_drivers() {
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server());
    for version in Version::ALL {
        let etcd = Setup::new(version).secure(&server).start();
        let client = client(etcd.secure_url(), |options| trust(&authority, options));
        let value = "0123456789abcdef".repeat(70_000);
        // a request line that a server in clear would not take as the first of a connection
        let key = format!("/long/{}", "k".repeat(6_000));
        let (tell, told) = channel();
        client
            .submit(&api::call(Operation::Set, &key), move |result| {
                tell.send(result.map(drop)).unwrap();
            })
            .unwrap();
        told.recv_timeout(LONG).unwrap().unwrap();
        set(&client, "/large", &value).unwrap();
        let read = client
            .execute(&api::call(Operation::Get, "/large"))
            .unwrap();
        assert_eq!(read.node().unwrap().value(), Some(value.as_str()));
        let mut again = api::request(Operation::Set, "/larger");
        again.set_value(value.as_bytes()).unwrap();
        let call = etcd_v2::client::Call::new(etcd_v2::client::Ask::Keys(again));
        let (tell, told) = channel();
        client
            .submit(&call, move |result| {
                let value = result.map(|answer| answer.node().unwrap().value().unwrap().len());
                tell.send(value).unwrap();
            })
            .unwrap();
        assert_eq!(told.recv_timeout(LONG).unwrap().unwrap(), value.len());
        let fresh = super::ways::client(etcd.secure_url(), |options| trust(&authority, options));
        fresh.execute(&api::call(Operation::Get, &key)).unwrap();
    }
}

#[test]
fn a_watcher_goes_on_over_a_restart_and_misses_nothing() {
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server());
    let etcd = Setup::new(Version::V3_5).secure(&server).start();
    let client = client(etcd.secure_url(), |options| trust(&authority, options));
    let key = Key::parse("key", "/w").unwrap();
    let watcher = client
        .watch(&key, &WatchOptions::default(), Listener::default())
        .unwrap();
    wait_for("the watcher is live", LONG, || {
        (watcher.state().code() == 2).then_some(())
    });
    for round in 0..3 {
        etcd.set("/w", &format!("value={round}"));
        etcd.restart();
    }
    for round in 0..3 {
        let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
        let event = event.expect("an event in time");
        let value = event.node().and_then(|node| node.value());
        assert_eq!(value, Some(round.to_string().as_str()));
    }
}

/// In TLS 1.3 a request may have left before the server says that it does not want the client.
#[test]
fn a_request_of_an_unwanted_client_is_known_not_to_have_run() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let server = authority.issue(&Wish::server());
    let etcd = Setup::new(Version::V3_4).secure(&server);
    let etcd = etcd.client_authority(&authority).start();
    let forged = stranger.issue(&Wish::client("root"));
    let only = TlsServer::start(&server, Some(&authority), Manner::Leave);
    for url in [etcd.secure_url(), &only.url] {
        for round in 0..20 {
            let client = client(url, |options| {
                trust(&authority, options);
                if round % 2 == 0 {
                    super::ways::show(&forged, options);
                }
            });
            let error = client
                .execute(&api::big_set("/a", round * 1_000))
                .unwrap_err();
            assert_eq!(error.status(), Status::TLS, "{error:?}");
            assert!(!error.detail().outcome_unknown, "{error:?}");
        }
    }
    assert_eq!(etcd.value("/a"), None);
    assert!(only.visits().is_empty());
}
