//! Sets and gets of one server, one after the other and with many in flight: `submit URL [calls [window [connections]]]`.
//! Prints calls per second. The server is whatever listens there; `submit.sh` starts one, and compares with `wrk`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use etcd_v2::client::{Ask, Call, Client, Options, Queue};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request};
use std::time::{Duration, Instant};

fn call(operation: Operation, n: usize) -> Call {
    let key = Key::parse("key", &format!("/bench/{}", n % 100)).unwrap();
    let mut request = Request::new(operation, key);
    if operation == Operation::Set {
        request.set_value(b"0123456789abcdef").unwrap();
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
    let queue = Queue::new();
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

fn main() {
    // `cargo bench` says so; `cargo test --benches` does not, and has no server
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let Some(url) = arguments.next() else {
        println!("submit URL [calls [window [connections]]]");
        return;
    };
    let mut number = |default| arguments.next().map_or(default, |n| n.parse().unwrap());
    let (calls, window, connections) = (number(50_000), number(256), number(256));
    let mut options = Options::default();
    options.add_endpoint("url", &url).unwrap();
    options.set_max_connections(connections as u64).unwrap();
    options
        .set_max_idle_connections(connections as u64)
        .unwrap();
    let client = Client::new(&options).unwrap();
    for (name, operation) in [("set", Operation::Set), ("get", Operation::Get)] {
        sequential(&client, operation, 500);
        submitted(&client, operation, 2_000, window);
        let one = sequential(&client, operation, calls / 10);
        let many = submitted(&client, operation, calls, window);
        let ratio = many / one;
        println!("{name}: {one:.0}/s one after the other, {many:.0}/s submitted, {ratio:.1} times");
    }
}
