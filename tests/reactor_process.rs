//! Descriptors and threads of a process with asynchronous calls, and what its forked child sees. One test alone in its
//! process, since it counts what the process has, and forks.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use etcd_v2::client::{Client, CompletionQueue};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::fs::{read_dir, read_to_string};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;
use support::api;

const LONG: Duration = Duration::from_secs(30);

fn descriptors() -> usize {
    read_dir("/proc/self/fd").unwrap().count()
}

/// Names of the threads, and the signals that those of the library take.
fn threads() -> Vec<(String, bool)> {
    let tasks = read_dir("/proc/self/task").unwrap();
    let mut threads: Vec<_> = tasks
        .filter_map(|task| {
            let task = task.unwrap().path();
            let name = read_to_string(task.join("comm")).ok()?.trim().to_owned();
            let status = read_to_string(task.join("status")).ok()?;
            let blocked = status.lines().find_map(|l| l.strip_prefix("SigBlk:\t"))?;
            let blocked = u64::from_str_radix(blocked, 16).ok()?;
            Some((name, blocked & (1 << (libc::SIGTERM - 1)) != 0))
        })
        .collect();
    threads.sort();
    threads
}

/// A thread that has just begun blocks signals for a moment, whoever made it: only the names are compared.
fn names() -> Vec<String> {
    threads().into_iter().map(|(name, _)| name).collect()
}

fn in_a_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child uses only its own copy of memory, takes no lock that another thread may hold, and ends.
    match unsafe { libc::fork() } {
        0 => {
            let code = if child() { 0 } else { 1 };
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for the child made above; the pointer is to a live local value.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

#[test]
fn nothing_is_left_and_a_child_keeps_its_hands_off() {
    // a server that is there already, with a thread for each connection
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut part = [0; 4096];
                while matches!(stream.read(&mut part), Ok(n) if n > 0) {
                    // the key says what is wanted
                    if part.starts_with(b"GET /v2/keys/silent") {
                        continue;
                    }
                    let body = api::node_json("1");
                    let length = body.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let call = |key| api::call(Operation::Get, key);
    let options = api::options(&url, 30_000);
    let before = (descriptors(), names());
    let idle = Client::new(&options).unwrap();
    assert_eq!((descriptors(), names()), before);
    drop(idle);
    for _ in 0..20 {
        let client = Client::new(&options).unwrap();
        let queue = CompletionQueue::new();
        let token = Cancel::new().unwrap();
        let mut cancelled = call("/silent");
        cancelled.cancel = Some(token.clone());
        for _ in 0..10 {
            client.submit_to(&call("/a"), &queue, ()).unwrap();
            client.submit_to(&cancelled, &queue, ()).unwrap();
        }
        queue.descriptor().unwrap();
        for _ in 0..10 {
            let completed = queue.next(Some(LONG)).unwrap().unwrap();
            assert_eq!(api::value(completed.result), "1");
        }
        let own: Vec<_> = threads()
            .into_iter()
            .filter(|(name, _)| name.starts_with("etcd_v2"))
            .collect();
        assert_eq!(own, [("etcd_v2".to_owned(), true)], "one, without signals");
        token.fire();
        for _ in 0..10 {
            let completed = queue.next(Some(LONG)).unwrap().unwrap();
            api::refused(completed.result, Status::CANCELLED);
        }
        client.submit_to(&call("/silent"), &queue, ()).unwrap();
    }
    // the server sees the ends of its connections a little later
    support::wait_for("descriptors and threads as before", LONG, || {
        ((descriptors(), names()) == before).then_some(())
    });

    // a child has the memory, but neither the thread nor the right to its connections
    let client = Client::new(&options).unwrap();
    let queue = CompletionQueue::new();
    let token = Cancel::new().unwrap();
    let mut silent = call("/silent");
    silent.cancel = Some(token.clone());
    client.submit_to(&silent, &queue, 1).unwrap();
    client.submit_to(&call("/a"), &queue, 2).unwrap();
    assert_eq!(queue.next(Some(LONG)).unwrap().unwrap().user, 2);
    let mut client = Some(client);
    let mut queue = Some(queue);
    for ends in [false, true] {
        assert!(in_a_child(|| {
            let mine = client.as_ref().unwrap();
            let theirs = queue.as_ref().unwrap();
            let submitted = mine.submit_to(&call("/a"), theirs, 3);
            let forked = |status| status == Status::FORKED;
            token.fire();
            let told = submitted.is_err_and(|e| forked(e.status()))
                && theirs.next(None).is_err_and(|e| forked(e.status()));
            if ends {
                drop(client.take());
                drop(queue.take());
            }
            told
        }));
    }
    let (client, queue) = (client.unwrap(), queue.unwrap());
    assert!(queue.next(Some(Duration::ZERO)).unwrap().is_none());
    client.submit_to(&call("/a"), &queue, 4).unwrap();
    let completed = queue.next(Some(LONG)).unwrap().unwrap();
    assert_eq!(
        (completed.user, api::value(completed.result)),
        (4, "1".into())
    );
    token.fire();
    let completed = queue.next(Some(LONG)).unwrap().unwrap();
    assert_eq!(completed.user, 1);
    api::refused(completed.result, Status::CANCELLED);
}
