//! Writes a request and reads its answer of 452 bytes again and again: `http [iterations]`. Made to be run under an
//! instruction counter: the difference between two numbers of iterations is the cost of the client's half of HTTP/1.1.
#![allow(clippy::print_stdout)]

use etcd_v2::protocol::{
    http::{
        request,
        response_reader::{ReaderEvent, ResponseReader},
    },
    http_request::HttpRequest,
    method::Method,
};
use std::hint::black_box;
use std::time::Instant;

/// As etcd 3.5 answers to a read.
fn answer() -> Vec<u8> {
    let value = "v".repeat(133);
    let body = format!(
        "{{\"action\":\"get\",\"node\":{{\"key\":\"/services/web/0001\",\"value\":\"{value}\",\
         \"modifiedIndex\":1234567,\"createdIndex\":1234567}}}}\n"
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\n\
         X-Etcd-Index: 1234567\r\nX-Raft-Index: 1345678\r\nX-Raft-Term: 7\r\n\
         Date: Mon, 05 Jan 2026 12:34:56 GMT\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn main() {
    // cargo bench adds --bench
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let iterations: usize = numbers.next().unwrap_or(100_000);
    let answer = answer();
    let http_request = HttpRequest::get("/v2/keys/services/web/0001");
    let (mut out, mut complete) = (Vec::new(), 0);
    let start = Instant::now();
    for _ in 0..iterations {
        out.clear();
        if request::write(black_box(&http_request), "127.0.0.1:2379", &[], &mut out).is_err() {
            println!("the request was refused");
        }
        let mut exchange = ResponseReader::new(Method::Get, 1 << 20);
        let mut input = black_box(&answer[..]);
        loop {
            match exchange.advance(&mut input) {
                Ok(ReaderEvent::End { .. }) => {
                    complete += 1;
                    break;
                }
                Ok(ReaderEvent::More) | Err(_) => break,
                Ok(event) => drop(black_box(event)),
            }
        }
    }
    let took = start.elapsed();
    println!(
        "{} bytes, {complete} of {iterations} complete, {:.1} ns each",
        answer.len(),
        took.as_nanos() as f64 / iterations.max(1) as f64
    );
}
