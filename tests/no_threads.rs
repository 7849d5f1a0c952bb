//! Calls to addresses make no thread. One test alone in its process, since it counts the threads of the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]
mod exchange;
mod support;

use exchange::*;

fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let mut names: Vec<String> = tasks
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .collect();
    names.sort();
    names
}

#[test]
fn addresses_need_no_thread_and_names_one_that_ends() {
    // the server answers one connection after the other on one thread that is there already
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut part = [0; 4096];
            while matches!(stream.read(&mut part), Ok(n) if n > 0) {
                let inside = threads().join(",");
                let length = inside.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{inside}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    let before = threads();
    let by_address = channel(&url);
    for _ in 0..20 {
        let inside = get(&by_address, "/").unwrap().body;
        assert_eq!(String::from_utf8(inside).unwrap(), before.join(","));
    }
    drop(by_address);
    let by_name = channel(&url.replace("127.0.0.1", "localhost"));
    get(&by_name, "/").unwrap();
    let end = std::time::Instant::now() + LONG;
    while threads() != before {
        assert!(std::time::Instant::now() < end, "{:?}", threads());
        std::thread::yield_now();
    }
}
