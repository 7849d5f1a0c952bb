//! Servers that mean no good, or are none of etcd's: a clear status for each, never a success that was none, never a crash,
//! never a word beyond the deadline. All calls go through the C functions, the large tables under valgrind, too.

use crate::support;

mod bodies;
mod framing;
mod large;
mod noise;
mod play;
mod redirects;
mod watch;
mod watcher;

use play::*;
use support::Scripted;

#[test]
fn answers_that_are_not_etcds() {
    judge(&program(), &bodies::foreign());
}

#[test]
fn errors_of_etcd_in_every_shape() {
    judge(&program(), &bodies::errors_of_etcd());
}

#[test]
fn what_etcd_says_is_told() {
    let body = r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":9}"#;
    let headers = format!(
        "Content-Type: application/json\r\nX-Etcd-Cluster-Id: 7e27652122e8b2ae\r\n\
         X-Etcd-Index: 9\r\nContent-Length: {}\r\n",
        body.len()
    );
    let bytes = with_headers(404, &headers, body);
    let server = Scripted::tcp(move |c| {
        while c.read_request()?.is_some() {
            c.write(&bytes)?;
        }
        Ok(())
    });
    for verb in ["get", "delete"] {
        let told = one(&program(), verb, server.url(), "/k");
        assert_eq!(
            (told.http_status, told.etcd_code, told.index),
            (404, 100, 9)
        );
        assert_eq!(told.text, "key not found: /k");
    }
    // once each: another member would say the same
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn json_of_other_shapes() {
    judge(&program(), &bodies::shapes());
}

#[test]
fn odd_answers() {
    judge(&program(), &framing::odd());
}

#[test]
fn broken_answers() {
    judge(&program(), &framing::broken());
}

#[test]
fn answers_without_end() {
    judge(&program(), &framing::endless_ones());
}

#[test]
fn everything_under_valgrind() {
    let Some(program) = program().under_valgrind() else {
        return;
    };
    let mut cases = bodies::foreign();
    cases.extend(bodies::errors_of_etcd());
    cases.extend(bodies::shapes());
    cases.extend(framing::odd());
    cases.extend(framing::broken());
    judge(&program, &cases);
}

/// An answer that was cut is none, wherever it was cut.
#[test]
fn every_prefix_of_an_answer() {
    for chunked in [false, true] {
        let whole = good(chunked);
        let head = whole.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let mut cases: Vec<Case> = (1..whole.len())
            .map(|n| {
                let name = format!(
                    "{n} bytes, {:?}",
                    String::from_utf8_lossy(&whole[n.saturating_sub(20)..n])
                );
                let get = if n < head { "UNREACHABLE" } else { "PROTOCOL" };
                raw(name, &whole[..n], get, UNKNOWN)
            })
            .collect();
        cases.push(raw("all", &whole[..], "OK", DONE));
        judge(&program(), &cases);
    }
}
