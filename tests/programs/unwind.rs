//! Threads that the host ends inside a callback, or cancels inside a call: the process lives, and nothing hangs.

use crate::support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{CProgram, Etcd, Scripted, Step, TempDir, Version, header, root, tools};

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
            let end = Instant::now() + Duration::from_secs(240);
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

/// A callback that ends its thread: of the client, of the host, and in a call that a callback of the client makes.
#[test]
fn a_callback_ends_its_thread() {
    let etcd = Etcd::start(Version::V3_4);
    let program = CProgram::new("exits_inside").build();
    let listeners = ["log", "curl", "trace", "retry", "config"];
    let own = ["event", "state", "completion", "free_user"];
    let on_client = own.iter().chain(&listeners[..4]).map(|k| (*k, "client"));
    let on_host = listeners.iter().map(|k| (*k, "host"));
    for (kind, place) in on_client.chain(on_host).chain([("config", "nested")]) {
        let output = program.run(&[etcd.url(), kind, place]);
        assert!(output.status.success(), "{kind}, {place}: {output:?}");
        assert_eq!(output.stderr, "", "{kind}, {place}");
    }
}

#[test]
fn a_thread_is_cancelled_when_its_call_has_returned() {
    let mute = Scripted::steps(vec![Step::Silent]);
    let etcd = Etcd::start(Version::V3_5);
    let folder = TempDir::new("cancelled");
    let saved = folder.join("client.json");
    CProgram::new("cancelled")
        .build()
        .run(&[mute.url(), etcd.url(), saved.to_str().unwrap()])
        .success();
}

/// What takes a client, a watcher or a queue, and does not wait for anybody.
const AT_ONCE: [&str; 22] = [
    "etcd_v2_client_counters",
    "etcd_v2_client_endpoints",
    "etcd_v2_client_is_insecure",
    "etcd_v2_client_new",
    "etcd_v2_client_open",
    "etcd_v2_client_reload_tls",
    "etcd_v2_client_save",
    "etcd_v2_client_set_credentials",
    "etcd_v2_client_set_endpoints",
    "etcd_v2_client_with",
    "etcd_v2_queue_fd",
    "etcd_v2_queue_free",
    "etcd_v2_queue_new",
    "etcd_v2_submit",
    "etcd_v2_submit_callback",
    "etcd_v2_watch",
    "etcd_v2_watcher_counters",
    "etcd_v2_watcher_fd",
    "etcd_v2_watcher_next_index",
    "etcd_v2_watcher_state",
    // with the thread that has called it already
    "etcd_v2_client_free",
    "etcd_v2_watcher_free",
];

/// A new function that waits gets a row in tests/c/cancelled.c.
#[test]
fn every_function_that_waits_is_cancelled() {
    let source = std::fs::read_to_string(root().join("tests/c/cancelled.c")).unwrap();
    let nouns = ["etcd_v2_client *", "etcd_v2_watcher *", "etcd_v2_queue *"];
    let mut missing = Vec::new();
    for function in header::functions() {
        let takes = nouns.iter().any(|n| function.declaration.contains(n));
        let short = function.name.trim_start_matches("etcd_v2_");
        let row = source.contains(&format!("R({short})"));
        if takes && !row && !AT_ONCE.contains(&function.name.as_str()) {
            missing.push(function.name);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
