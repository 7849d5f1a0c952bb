//! One client, many threads: right answers, no lost write, no more connections than threads.

use crate::api;
use crate::support;

use api::{Verbs, client, node_json, value};
use etcd_v2::protocol::request::Operation;
use std::time::Duration;
use support::{CProgram, Cluster, Etcd, Output, Program, Scripted, Step, Version, tools};

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

/// A race on purpose shows that the sanitizer looks.
#[test]
fn no_data_race_is_found() {
    if tools::gcc().is_none() {
        return;
    }
    let build = |name: &str, more: &[&str]| {
        let program = CProgram::new(name).with_thread_sanitizer();
        let program = program.expect("gcc").flags(more).build();
        program.limit(Duration::from_secs(180))
    };
    let run = |program: &Program| {
        let etcd = Etcd::start(Version::V3_4);
        let port = etcd.port().to_string();
        program.run(&[etcd.url(), "8", "300", &port])
    };
    let racing = run(&build("threads", &["-DRACE"]));
    assert!(!racing.status.success());
    assert_eq!(
        racing
            .stderr
            .matches("WARNING: ThreadSanitizer: data race")
            .count(),
        1,
        "{}",
        racing.stderr
    );
    assert!(racing.stderr.contains("threads.c"), "{}", racing.stderr);

    let output = run(&build("threads", &[])).success();
    assert_eq!(output.stderr, "");

    let switching = while_members_switch(&build("switching", &[]), Version::V3_4).success();
    eprintln!("with ThreadSanitizer: {}", switching.stdout);
    assert_eq!(switching.stderr, "");
}

/// Runs a program on a cluster whose members die, stop and come back until it ends.
fn while_members_switch(program: &Program, version: Version) -> Output {
    let cluster = Cluster::start(version, 3);
    let endpoints = cluster.endpoints();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| program.run(&[&endpoints, "16", "10"]));
        for i in (0..3).cycle() {
            cluster.member(i).pause();
            std::thread::sleep(Duration::from_millis(300));
            cluster.member(i).resume();
            cluster.member((i + 1) % 3).restart_unready();
            cluster.wait_until_healthy();
            if running.is_finished() {
                break;
            }
        }
        running.join().unwrap()
    })
}

#[test]
fn sixteen_threads_while_members_switch() {
    let program = CProgram::new("switching").build();
    let output = while_members_switch(&program, Version::V3_5).success();
    eprintln!("{}", output.stdout);
    assert_eq!(output.stderr, "");
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
