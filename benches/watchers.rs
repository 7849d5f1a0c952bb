//! Many idle watchers on one client: `watchers URL [keys] [identical] [CA file]`. Prints the resident memory of each, then how long
//! one event takes to all of the identical ones.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use etcd_v2::client::{Ask, Call, Client, Listener, Options, Watcher};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request};
use etcd_v2::transport::tls::settings::PemSource;
use etcd_v2::watch::options::WatchOptions;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::time::{Duration, Instant};

/// Each watcher has a connection: as many descriptors as this process may have; the server is another one, with its own.
fn descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let _ = setrlimit(Resource::Nofile, all);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

fn watch(client: &Client, key: &str) -> Watcher {
    let key = Key::parse("key", key).expect("a key");
    client
        .watch(&key, &WatchOptions::default(), Listener::default())
        .expect("a watcher")
}

fn wait_until_live(watchers: &[Watcher]) {
    for watcher in watchers {
        while watcher.state().code() != 2 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn set(client: &Client, key: &str) {
    let mut request = Request::new(Operation::Set, Key::parse("key", key).expect("a key"));
    request.set_value(b"x").expect("a value");
    client
        .execute(&Call::new(Ask::Keys(request)))
        .expect("a write");
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let Some(url) = arguments.first() else {
        return println!("usage: watchers URL [keys] [identical] [CA file]");
    };
    let number = |i: usize, default: usize| {
        arguments
            .get(i)
            .and_then(|a| a.parse().ok())
            .unwrap_or(default)
    };
    let (keys, identical) = (number(1, 10_000), number(2, 5_000));
    let limit = descriptors();
    if limit < keys as u64 + 100 {
        return println!(
            "{keys} watchers need as many descriptors, and this process may have {limit}"
        );
    }

    let mut options = Options::default();
    options.add_endpoints("endpoints", url).expect("a URL");
    if let Some(file) = arguments.get(3) {
        let source = PemSource::file("ca_file", file);
        options.tls_mut().set_authorities(source).expect("a file");
    }
    let client = Client::new(&options).expect("a client");
    set(&client, "/warm");
    drop(watch(&client, "/warm"));
    let before = resident_kib();
    let began = Instant::now();
    let watchers: Vec<Watcher> = (0..keys)
        .map(|i| watch(&client, &format!("/many/{i}")))
        .collect();
    wait_until_live(&watchers);
    let idle = resident_kib() - before;
    println!(
        "{keys} idle watchers: live after {:?}, {:.2} KiB resident each, {} threads",
        began.elapsed(),
        idle as f64 / keys as f64,
        threads()
    );
    let began = Instant::now();
    for i in 0..keys {
        set(&client, &format!("/many/{i}"));
    }
    for watcher in &watchers {
        watcher
            .next(Some(Instant::now() + Duration::from_secs(60)))
            .expect("alive")
            .expect("an event");
    }
    println!(
        "each got its event: {:?} for writing and waiting, {:.2} KiB resident each",
        began.elapsed(),
        (resident_kib() - before) as f64 / keys as f64
    );
    drop(watchers);

    let watchers: Vec<Watcher> = (0..identical).map(|_| watch(&client, "/one")).collect();
    wait_until_live(&watchers);
    for _ in 0..3 {
        let began = Instant::now();
        set(&client, "/one");
        for watcher in &watchers {
            watcher
                .next(Some(Instant::now() + Duration::from_secs(60)))
                .expect("alive")
                .expect("an event");
        }
        println!(
            "one event to {identical} identical watchers: {:?} from the write to the last",
            began.elapsed()
        );
    }
}
