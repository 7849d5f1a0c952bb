//! Thousands of exchanges that wait: they cost no turn of the loop and little memory.

use super::*;
use etcd_v2::status::Status;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;
use support::{Etcd, Version};

/// Resident memory of this process without what belongs to files, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:"));
    let kib: usize = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

fn patient(etcd: &Etcd, connections: u64) -> Client {
    let mut options = options(etcd.url());
    options.set_max_connections(connections).unwrap();
    options.set_deadline_ms(600_000).unwrap();
    Client::new(&options).unwrap()
}

/// Returns when the server has so many polls on `key`, by the number of its connections.
fn wait_until_open(etcd: &Etcd, n: usize) {
    let port = format!(":{:04X} ", etcd.port());
    support::wait_for("open polls", LONG, || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let ours = |line: &&str| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().unwrap_or_default();
            let state = words.nth(1).unwrap_or_default();
            format!("{local} ").ends_with(&port) && state == "01"
        };
        (table.lines().filter(ours).count() >= n).then_some(())
    });
}

#[test]
fn an_idle_thread_does_not_turn() {
    const ALL: usize = 1_000;
    let etcd = Etcd::start(Version::V3_4);
    let next = etcd.index() + 1;
    let client = patient(&etcd, ALL as u64);
    let calls: Vec<_> = (0..ALL)
        .map(|_| submit(&client, &poll("/idle", next)))
        .collect();
    wait_until_open(&etcd, ALL);
    // heads come in for a while; who turns for nothing never has so long without a turn
    let turns = support::wait_for("quiet", LONG, || {
        let before = client.turns();
        std::thread::sleep(Duration::from_millis(600));
        (client.turns() == before).then_some(before)
    });
    etcd.set("/idle", "value=x");
    for call in &calls {
        assert_eq!(api::value(only(call)), "x");
    }
    assert!(client.turns() > turns);
}

/// Runs this test in a process of its own, where no other one takes memory; false there.
#[track_caller]
fn runs_alone_elsewhere(test: &str) -> bool {
    const ALONE: &str = "ETCD_V2_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return false;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = support::process::spawn(command).unwrap();
    let output = child.wait_with_output().unwrap();
    let [said, told] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    eprintln!("{told}");
    assert!(said.contains("1 passed"), "{said}\n{told}");
    true
}

#[test]
fn five_thousand_exchanges_fit_on_one_thread() {
    const ALL: usize = 5_000;
    if runs_alone_elsewhere("polls::five_thousand_exchanges_fit_on_one_thread") {
        return;
    }
    let etcd = Etcd::start(Version::V3_5);
    let next = etcd.index() + 1;
    let client = patient(&etcd, ALL as u64);
    let before = resident();
    let (tell, told) = channel();
    for _ in 0..ALL {
        let tell = tell.clone();
        let done = move |result: Result<Response>| tell.send(result.map(|_| ())).unwrap();
        client.submit(&poll("/many", next), done).unwrap();
    }
    wait_until_open(&etcd, ALL);
    let each = resident().saturating_sub(before) / ALL;
    eprintln!("{each} bytes of resident memory for each idle exchange");
    assert!(each < 16 * 1024, "{each}");
    let written = Instant::now();
    etcd.set("/many", "value=x");
    for _ in 0..ALL {
        told.recv_timeout(LONG).unwrap().unwrap();
    }
    eprintln!("{ALL} answers after {:?}", written.elapsed());
    let late = poll("/many", next + 1);
    let late: Vec<_> = (0..10).map(|_| submit(&client, &late)).collect();
    drop(client);
    for call in &late {
        api::refused(only(call), Status::CANCELLED);
    }
}
