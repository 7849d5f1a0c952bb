//! The wall clock may jump: nothing waits by it. What it says is only needed to judge certificates, which is rustls's affair.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{CProgram, Cluster, Scripted, Step, Version, root, tools};

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn nothing_asks_the_wall_clock() {
    let sources = sources(&root().join("src"));
    assert!(sources.len() > 50);
    for path in sources {
        // what certificates are held against
        if path.ends_with("src/transport/tls/clock.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["SystemTime", "gettimeofday", "CLOCK_REALTIME", "Realtime"] {
            assert!(!text.contains(word), "{word} in {path:?}");
        }
    }
}

#[test]
fn calls_deadlines_and_tokens_do_not_care_for_a_clock_that_jumps() {
    let clock = CProgram::new("jumping_clock")
        .without_library()
        .flags(&["-shared", "-fPIC"])
        .build();
    let preload = clock.path().to_str().unwrap();
    // it really jumps
    let year = |preload: &str| {
        let mut date = Command::new("date");
        let year = tools::run(date.arg("+%Y").env("LD_PRELOAD", preload));
        year.trim().parse::<i32>().unwrap()
    };
    assert_ne!(year(preload), year(""));

    let mute = Scripted::steps(vec![Step::Read, Step::Silent]);
    let head = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    let quiet = Scripted::steps(vec![Step::Read, Step::Write(head.to_vec()), Step::Silent]);
    let node =
        r#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#;
    let healthy = Scripted::json(node);
    let deadline = CProgram::new("deadline").build();
    deadline
        .env("LD_PRELOAD", preload)
        .run(&[mute.url(), quiet.url(), healthy.url()])
        .success();

    let cluster = Cluster::start(Version::V3_5, 3);
    let endpoints = cluster.endpoints();
    let switching = CProgram::new("switching").build();
    let switching = switching.env("LD_PRELOAD", preload);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| switching.run(&[&endpoints, "4", "4"]).success());
        std::thread::sleep(Duration::from_secs(1));
        cluster.member(0).kill();
        let output = running.join().unwrap();
        assert!(output.stdout.contains(" 0 failed"), "{}", output.stdout);
    });
}
