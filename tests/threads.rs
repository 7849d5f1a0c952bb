//! One client, many threads: right answers, no lost write, no more connections than threads.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod api;
mod support;

use api::{Verbs, client, node_json, value};
use etcd_v2::protocol::request::Operation;
use std::time::Duration;
use support::{CProgram, Etcd, Scripted, Step, Version};

const THREADS: usize = 8;

fn mixed_operations(version: Version, operations: u32) {
    let etcd = Etcd::start(version);
    let output = CProgram::new("threads")
        .build()
        .limit(Duration::from_secs(180))
        .run(&[
            etcd.url(),
            &THREADS.to_string(),
            &operations.to_string(),
            &etcd.port().to_string(),
        ])
        .success();
    eprintln!("etcd {version}: {}", output.stdout);
    assert_eq!(output.stderr, "");
}

#[test]
fn mixed_operations_on_3_4() {
    mixed_operations(Version::V3_4, 10_000);
}

#[test]
fn mixed_operations_on_3_5() {
    mixed_operations(Version::V3_5, 2_000);
}

#[test]
fn connections_are_kept_and_shared() {
    let server = Scripted::json(&node_json("1"));
    let client = client(server.url(), 60_000);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(value(client.get("/a")), "1");
                }
            });
        }
    });
    assert_eq!(server.requests().len(), THREADS * 200);
    assert!(
        server.connections() <= THREADS,
        "{} connections for {THREADS} threads",
        server.connections()
    );

    // one thread keeps to one
    let before = server.connections();
    for _ in 0..100 {
        assert_eq!(value(client.get("/a")), "1");
    }
    assert_eq!(server.connections(), before);
    assert!(server.open_connections() <= THREADS);
    drop(client);
    server.wait_until_idle();
}

#[test]
fn every_thread_gets_its_own_answer() {
    // the answer tells which key was asked for, and comes late enough for answers to be mixed up
    let server = Scripted::tcp(|c| {
        while let Some(request) = c.read_request()? {
            let text = String::from_utf8_lossy(&request).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            c.wait(Duration::from_millis(1));
            c.follow(&[Step::json(&node_json(&path))])?;
        }
        Ok(())
    });
    let client = client(server.url(), 60_000);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let client = &client;
            scope.spawn(move || {
                for i in 0..50 {
                    let key = format!("/{thread}/{i}");
                    let got = value(client.run(Operation::Get, &key));
                    assert_eq!(got, format!("/v2/keys{key}"));
                }
            });
        }
    });
}
