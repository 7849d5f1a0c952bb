//! Sets and gets from one thread, one after the other and with many in flight, against one real etcd and against three,
//! and what `wrk` reaches with as many connections in the same run: `submit [calls [window]]`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use etcd_v2::client::{Ask, Call, Client, CompletionQueue, Options};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::etcd::Setup;
use support::{TempDir, Version, tools};

const VALUE: &str = "0123456789abcdef";

fn call(operation: Operation, n: usize) -> Call {
    let key = Key::parse("key", &format!("/bench/{}", n % 100)).unwrap();
    let mut request = Request::new(operation, key);
    if operation == Operation::Set {
        request.set_value(VALUE.as_bytes()).unwrap();
    }
    Call::new(Ask::Keys(request))
}

fn sequential(client: &Client, operation: Operation, calls: usize) -> f64 {
    let began = Instant::now();
    for n in 0..calls {
        client.execute(&call(operation, n)).unwrap();
    }
    calls as f64 / began.elapsed().as_secs_f64()
}

fn submitted(client: &Client, operation: Operation, calls: usize, window: usize) -> f64 {
    let queue = CompletionQueue::new();
    let began = Instant::now();
    let (mut begun, mut done) = (0, 0);
    while done < calls {
        while begun < calls && begun < done + window {
            client
                .submit_to(&call(operation, begun), &queue, ())
                .unwrap();
            begun += 1;
        }
        let completed = queue.next(Some(Duration::from_secs(20))).unwrap();
        completed.expect("a result in time").result.unwrap();
        done += 1;
    }
    calls as f64 / began.elapsed().as_secs_f64()
}

/// Requests a second of `wrk`, on one thread like ours.
fn wrk(program: &Path, url: &str, operation: Operation, window: usize, script: &Path) -> f64 {
    let mut command = Command::new(program);
    command.args(["-t1", &format!("-c{window}"), "-d5s"]);
    if operation == Operation::Set {
        command.arg("-s").arg(script);
    }
    let said = tools::run(command.arg(format!("{url}/v2/keys/bench/1")));
    let line = said.lines().find_map(|l| l.strip_prefix("Requests/sec:"));
    line.and_then(|rate| rate.trim().parse().ok())
        .expect("requests a second")
}

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not, and has no use for it
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let mut number = |default| arguments.next().map_or(default, |n| n.parse().unwrap());
    let (calls, window) = (number(50_000), number(256));
    let program = tools::script("wrk.sh", &[]).expect("wrk");
    let folder = TempDir::new("wrk");
    let script = folder.join("set.lua");
    let lua = format!(
        "wrk.method = 'PUT'\nwrk.body = 'value={VALUE}'\n\
         wrk.headers['Content-Type'] = 'application/x-www-form-urlencoded'\n"
    );
    std::fs::write(&script, lua).unwrap();
    println!("calls a second; window and connections of wrk: {window}");
    println!("etcd       | one by one | submitted | wrk   | of one by one | of wrk");
    for (name, members) in [("one", 1), ("three", 3)] {
        // a member of three that is late is no reason to elect another leader
        let setup = Setup::new(Version::V3_4).timing(100, 1_000);
        let cluster = setup.cluster(members);
        let mut options = Options::default();
        options
            .add_endpoints("endpoints", &cluster.endpoints())
            .unwrap();
        options.set_max_connections(window as u64).unwrap();
        options.set_max_idle_connections(window as u64).unwrap();
        let client = Client::new(&options).unwrap();
        for (verb, operation) in [("set", Operation::Set), ("get", Operation::Get)] {
            sequential(&client, operation, 500);
            submitted(&client, operation, 2_000, window);
            let one = sequential(&client, operation, calls / 10);
            let many = submitted(&client, operation, calls, window);
            let url = cluster.member(0).url();
            let theirs = wrk(&program, url, operation, window, &script);
            println!(
                "{name:5} {verb:4} | {one:10.0} | {many:9.0} | {theirs:5.0} | {:13.1} | {:.2}",
                many / one,
                many / theirs
            );
        }
    }
}
