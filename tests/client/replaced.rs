//! A cluster is replaced member by member while a client reads and writes: in the end none of those that it was told of is
//! left, and nobody had to do anything but sync.

use crate::api;
use crate::support;

use api::{Verbs, client, quorum_get, value};
use etcd_v2::status::Status;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Cluster, Version};

#[test]
fn a_cluster_is_replaced_under_calls() {
    let mut cluster = Cluster::start(Version::V3_5, 3);
    let first: Vec<String> = cluster
        .members()
        .iter()
        .map(|m| m.url().to_owned())
        .collect();
    let client = client(&cluster.endpoints(), 60_000);
    let over = AtomicBool::new(false);
    let (calls, unknown) = std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            let (mut calls, mut unknown) = (0, 0);
            while !over.load(Ordering::SeqCst) {
                let number = calls.to_string();
                // what is unknown may still come: its key is given up
                let key = format!("/a/{unknown}");
                match client.set(&key, &number) {
                    Ok(_) => assert_eq!(value(client.execute(&quorum_get(&key))), number),
                    Err(error) => {
                        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN, "{error:?}");
                        unknown += 1;
                    }
                }
                calls += 1;
            }
            (calls, unknown)
        });
        for _ in 0..3 {
            cluster.add();
            client.sync(None, None).unwrap();
            cluster.remove(0);
            cluster.wait_until_healthy();
        }
        client.sync(None, None).unwrap();
        over.store(true, Ordering::SeqCst);
        working.join().unwrap()
    });
    eprintln!("three members replaced under {calls} writes: {unknown} unknown, no read failed");
    let response = client.set("/b", "last").unwrap();
    assert!(!first.iter().any(|url| **url == **response.endpoint()));
    assert_eq!(value(client.execute(&quorum_get("/b"))), "last");
    let new = cluster.members().iter().map(|m| m.url());
    let known = client.endpoints().unwrap();
    for url in new {
        assert!(known.iter().any(|k| *k.url == *url), "{url} in {known:?}");
    }
}
