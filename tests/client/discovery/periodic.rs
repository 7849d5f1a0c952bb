//! Members that are found without a call for it.

use super::*;
use api::{Verbs, options, value};
use std::sync::Arc;
use std::sync::Mutex;
use support::{Cluster, Version, http, wait_for};

fn looking(endpoints: &str, interval_ms: i64) -> Client {
    let mut options = options(endpoints, LONG.as_millis() as i64);
    options.set_sync_interval_ms(interval_ms).unwrap();
    Client::new(&options).unwrap()
}

/// P33: one endpoint is enough, also when the cluster changes.
#[test]
fn a_cluster_that_changes_is_followed() {
    let cluster = Cluster::start(Version::V3_5, 3);
    let members: Vec<&str> = cluster.members().iter().map(|m| m.url()).collect();
    let client = looking(members[0], 100);
    wait_for("all members", LONG, || {
        (urls(&client).len() == 3).then_some(())
    });
    let list = http::get(&format!("{}/v2/members", members[0]))
        .unwrap()
        .json();
    let is_last = |m: &&serde_json::Value| m["clientURLs"][0] == members[2];
    let last = list["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(is_last)
        .unwrap();
    let (id, peer) = (
        last["id"].as_str().unwrap(),
        last["peerURLs"][0].as_str().unwrap(),
    );
    let folder = format!("{}/v2/members", members[0]);
    wait_for("removal", LONG, || {
        http::request("DELETE", &format!("{folder}/{id}"), &[], b"")
            .is_ok_and(|reply| reply.status == 204 || reply.status == 410)
            .then_some(())
    });
    wait_for("two members", LONG, || {
        (urls(&client).len() == 2).then_some(())
    });
    // a member that was added and has not started has no URL: it is passed over
    let json = [("Content-Type", "application/json")];
    let body = format!(r#"{{"peerURLs":["{peer}"]}}"#);
    wait_for("one more", LONG, || {
        let reply = http::request("POST", &folder, &json, body.as_bytes());
        reply.is_ok_and(|reply| reply.status == 201).then_some(())
    });
    client.sync(None, None).unwrap();
    assert_eq!(urls(&client).len(), 2);
    assert_eq!(
        value(client.get("/none").or_else(|_| client.set("/none", "1"))),
        "1"
    );
}

/// Errors do not end it, and what it costs is bounded.
#[test]
fn it_goes_on_after_errors() {
    let body = Arc::new(Mutex::new("<html>".to_owned()));
    let others = listing(200, "c1", &list(&[]));
    let theirs = body.clone();
    let server = Scripted::tcp(move |conversation: &mut Conversation| -> io::Result<()> {
        while conversation.request()?.is_some() {
            let body = theirs.lock().unwrap().clone();
            conversation.answer(200, &[("X-Etcd-Cluster-Id", "c1")], body)?;
        }
        Ok(())
    });
    let client = looking(server.url(), 100);
    server.wait_for_requests(5);
    assert_eq!(urls(&client), [server.url()]);
    *body.lock().unwrap() = list(&[others.url()]);
    wait_for("another member", LONG, || {
        (urls(&client).len() == 2).then_some(())
    });
    *body.lock().unwrap() = list(&[]);
    let before = server.requests().len();
    server.wait_for_requests(before + 3);
    assert_eq!(urls(&client), [server.url(), others.url()]);
}

/// A client that was not told to look does not, whatever happens.
#[test]
fn never_is_never() {
    let ill = listing(200, "c1", &list(&["http://127.0.0.1:1"]));
    let client = client(&format!("{},{}", api::dead_endpoint(), ill.url()));
    value(client.get("/a"));
    let broken = Scripted::steps(vec![
        support::Step::Read,
        support::Step::Answer(500, vec![], b"no".to_vec()),
        support::Step::Again,
    ]);
    client.set_endpoints("urls", broken.url()).unwrap();
    client.get("/a").unwrap_err();
    let lines = [ill.request_lines(), broken.request_lines()].concat();
    assert!(
        lines.len() >= 2 && lines.iter().all(|line| line.starts_with("GET /v2/keys/a")),
        "{lines:?}"
    );
}
