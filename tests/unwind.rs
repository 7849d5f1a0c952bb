//! Threads that the host ends inside a callback, or cancels inside a call: the process lives, and nothing hangs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Etcd, Version, root, tools};

/// Callbacks in which an interpreter may end, and calls that wait meanwhile.
const INSIDE: [&str; 11] = [
    "event",
    "state",
    "completion",
    "free_user",
    "log",
    "log_on_a_thread",
    "curl",
    "trace",
    "retry",
    "config",
    "waiting",
];

/// Up to 3.13 the interpreter ends a foreign thread with pthread_exit() when it asks for the interpreter too late.
#[test]
fn an_interpreter_ends_while_a_callback_runs() {
    let Some(python) = tools::python() else {
        return;
    };
    let etcd = Etcd::start(Version::V3_5);
    for round in 0..10 {
        for (i, kind) in INSIDE.into_iter().enumerate() {
            // every one in both ways, and the others ten times
            if round > 1 && !matches!(kind, "event" | "completion" | "log") {
                continue;
            }
            let how = ["plain", "frees"][(round + i) % 2];
            let mut child = Command::new(&python)
                .arg("-B")
                .arg(root().join("tests/python/ends_inside.py"))
                .arg(tools::library().join("libetcd_v2.so"))
                .args([etcd.url(), kind, how])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let end = Instant::now() + Duration::from_secs(60);
            while child.try_wait().unwrap().is_none() {
                if end < Instant::now() {
                    child.kill().unwrap();
                    panic!("{kind}, {how}: it hangs");
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            let complained = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{kind}, {how}: {complained}");
            assert_eq!((said.trim(), complained.trim()), ("ends", ""), "{kind}");
        }
    }
}
