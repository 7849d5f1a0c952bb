//! Decodes a listing of N nodes again and again: `decode [nodes] [iterations]`. Made to be run under an instruction
//! counter: the difference between two numbers of iterations is the cost of decoding, without that of making the body.
#![allow(clippy::print_stdout)]

use etcd_v2::protocol::{decode::decode, decode_limits::DecodeLimits};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

/// Directories of a hundred keys; a quarter of the values holds JSON, so has escapes; about 140 bytes for a key.
fn listing(nodes: usize) -> String {
    let mut body = String::from(r#"{"action":"get","node":{"dir":true,"nodes":["#);
    for i in 0..nodes {
        let dir = i / 100;
        if i % 100 == 0 {
            let comma = if i > 0 { "]}," } else { "" };
            let _ = write!(
                body,
                r#"{comma}{{"key":"/services/{dir:05}","dir":true,"modifiedIndex":{dir},"createdIndex":{dir},"nodes":["#
            );
        } else {
            body.push(',');
        }
        let value = match i % 4 {
            0 => r#"{\"host\":\"10.0.0.7\",\"port\":8080}"#,
            _ => "http://10.0.0.7:8080/of-usual-length",
        };
        let index = 1_000_000 + i;
        let _ = write!(
            body,
            r#"{{"key":"/services/{dir:05}/instance-{i:07}","value":"{value}","modifiedIndex":{index},"createdIndex":{index}}}"#
        );
    }
    body.push_str(if nodes > 0 { "]}]}}\n" } else { "]}}\n" });
    body
}

fn main() {
    // cargo bench adds --bench
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let nodes: usize = numbers.next().unwrap_or(100_000);
    let iterations: usize = numbers.next().unwrap_or(10);
    let body = listing(nodes);
    let limits = DecodeLimits {
        depth: 64,
        nodes: u32::MAX,
    };
    let start = Instant::now();
    for _ in 0..iterations {
        match decode(black_box(body.as_bytes()), &limits) {
            Ok(tree) => drop(black_box(tree)),
            Err(error) => println!("{error}"),
        }
    }
    let took = start.elapsed();
    println!(
        "{nodes} nodes, {} bytes, {iterations} iterations, {:.1} ns per node",
        body.len(),
        took.as_nanos() as f64 / (nodes * iterations).max(1) as f64
    );
}
