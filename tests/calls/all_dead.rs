//! No member lives, then all are back: nobody has to do anything, and nobody is asked all the time meanwhile.

use crate::api;
use crate::support;

use api::{Client, Verbs, client, key, refused, value};
use etcd_v2::client::Listener;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::time::{Duration, Instant};
use support::{Cluster, Proxy, Version};

/// Each member is asked twice in one call at most.
const ROUNDS: usize = 2;

/// How often somebody may have tried in this time who pauses at least half of 50 ms, then of twice that, of 3 s at last.
fn tries_in(time: Duration) -> usize {
    let (mut tries, mut nominal, mut passed) = (1, 50, Duration::ZERO);
    while passed < time {
        passed += Duration::from_millis(nominal / 2);
        nominal = (2 * nominal).min(3_000);
        tries += 1;
    }
    tries
}

/// A cluster, and a client that reaches each of its members through a wire.
struct Bench {
    cluster: Cluster,
    proxies: Vec<Proxy>,
    client: Client,
}

impl Bench {
    fn new(version: Version) -> Bench {
        let cluster = Cluster::start(version, 3);
        let members = cluster.members().iter();
        let proxies: Vec<Proxy> = members.map(|m| Proxy::to(m.url())).collect();
        let urls: Vec<&str> = proxies.iter().map(Proxy::url).collect();
        let client = client(&urls.join(","), 20_000);
        Bench {
            cluster,
            proxies,
            client,
        }
    }

    /// All that were made so far: the wires accept what the members would not.
    fn connections(&self) -> usize {
        self.proxies.iter().map(Proxy::connections).sum()
    }

    fn kill_all(&self) {
        for member in self.cluster.members() {
            member.kill();
        }
    }

    fn restart_all(&self) {
        for member in self.cluster.members() {
            member.restart_unready();
        }
        self.cluster.wait_until_healthy();
    }
}

#[test]
fn all_are_dead_then_back() {
    let bench = Bench::new(Version::V3_5);
    let client = &bench.client;
    bench.cluster.member(0).set_in_the_end("/a", "value=before");
    client.get("/a").unwrap();

    bench.kill_all();
    let before = bench.connections();
    let calls = 8;
    for i in 0..calls {
        match i % 2 {
            0 => refused(client.get("/a"), Status::UNREACHABLE),
            _ => client.set("/a", "dead").expect_err("nobody lives"),
        };
    }
    let asked = bench.connections() - before;
    assert!(asked <= calls * ROUNDS * 3, "{asked} connections");
    eprintln!("{calls} calls made {asked} connections to 3 dead members");

    bench.restart_all();
    assert_eq!(value(client.get("/a")), "before");
    // they may be at an election once more
    support::wait_for("a write", Duration::ZERO, || client.set("/a", "after").ok());
    assert_eq!(value(client.get("/a")), "after");
}

#[test]
fn a_watcher_waits_for_members_that_are_all_dead() {
    let bench = Bench::new(Version::V3_4);
    let client = &bench.client;
    let watcher = client
        .watch(&key("/a"), &WatchOptions::default(), Listener::default())
        .unwrap();
    let next = || {
        let event = watcher.next(Some(Instant::now() + Duration::from_secs(60)));
        let event = event.unwrap().expect("an event");
        event.node().unwrap().value().unwrap().to_owned()
    };
    // until it succeeds, so that there may be several changes: an election loses answers
    let write = |value: &str| {
        support::wait_for("a write", Duration::ZERO, || client.set("/a", value).ok());
    };
    support::wait_for("it watches", Duration::from_secs(20), || {
        (watcher.state().code() == 2).then_some(())
    });
    write("before");
    assert_eq!(next(), "before");

    bench.kill_all();
    let (before, since) = (bench.connections(), Instant::now());
    std::thread::sleep(Duration::from_secs(5));
    let asked = bench.connections() - before;
    let bound = tries_in(since.elapsed());
    eprintln!("a watcher made {asked} connections to 3 dead members in 5 s, at most {bound}");
    assert!(asked <= bound, "{asked} connections, {bound} allowed");

    bench.restart_all();
    write("after");
    let mut told = next();
    while told == "before" {
        told = next();
    }
    assert_eq!(told, "after");
}
