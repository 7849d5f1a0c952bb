//! Answers in clear text that have no end: deadlines, tokens, other calls and the end of a client do not wait for them.
//! What TLS adds to that is in `tests/tls/flood.rs`.

use super::api::{self, call, call_with, node_json, options, run, submit, value};
use super::support::Scripted;
use etcd_v2::client::{Call, Client, Listener};
use etcd_v2::error::Result;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Arc;
use std::time::Duration;

/// It excludes a hang, not a slow machine.
const LONG: Duration = Duration::from_secs(100);

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Index: 7\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";

/// What comes first, then what comes again and again.
fn floods() -> Vec<(&'static str, String, &'static str)> {
    let after = |rest: &str| format!("{HEAD}{rest}");
    let chunked = |rest: &str| format!("{HEAD}{CHUNKED}{rest}");
    vec![
        (
            "interim answers",
            String::new(),
            "HTTP/1.1 100 Continue\r\n\r\n",
        ),
        (
            "early hints",
            String::new(),
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
        ),
        ("headers", after(""), "X-A: b\r\n"),
        ("one header", after("X-A: "), "aaaaaaaa"),
        ("a status line", "HTTP/1.1 200 ".into(), "aaaaaaaa"),
        ("empty lines", String::new(), "\r\n"),
        ("a chunk extension", chunked("1;"), "aaaaaaaa"),
        ("a chunk length", chunked(""), "00000000"),
        ("small chunks", chunked(""), "1\r\n \r\n"),
        ("trailers", chunked("0\r\n"), "X-A: b\r\n"),
        ("one trailer", chunked("0\r\nX-A: "), "aaaaaaaa"),
        ("a body", after("\r\n"), "        "),
        ("a nest", after("\r\n"), "[[[[[[[["),
    ]
}

fn flood(first: &str, again: &str) -> Scripted {
    let (first, block) = (first.to_owned(), again.repeat(8_192 / again.len()));
    Scripted::tcp(move |conversation| {
        conversation.read_request()?;
        conversation.write(&first)?;
        loop {
            conversation.write(&block)?;
        }
    })
}

fn client(url: &str, deadline_ms: i64) -> Arc<Client> {
    let mut options = options(url, deadline_ms);
    options.set_max_response_bytes(8 << 20).unwrap();
    Arc::new(Client::new(&options).unwrap())
}

fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    api::in_time(what, LONG, work)
}

fn get() -> Call {
    call(Operation::Get, "/a")
}

#[track_caller]
fn ends(what: &str, outcome: Result<Response>, also: Status) {
    let status = outcome.expect_err(what).status();
    let known = [
        Status::PROTOCOL,
        Status::TIMEOUT,
        Status::TOO_LARGE,
        Status::UNREACHABLE,
        also,
    ];
    assert!(known.contains(&status), "{what}: {status:?}");
}

#[test]
fn nobody_waits_for_the_end_of_an_answer_that_has_none() {
    let good = Scripted::json(&node_json("1"));
    for (kind, first, again) in floods() {
        let server = flood(&first, again);
        // a deadline, by both drivers
        for submitted in [false, true] {
            let what = format!("{kind}, deadline, submitted: {submitted}");
            let made = client(server.url(), 1_000);
            let outcome = in_time(&what, move || run(&made, &get(), submitted));
            ends(&what, outcome, Status::TIMEOUT);
        }
        // a token, by both drivers, with a watcher on the same thread, and another call of the same client
        let made = client(server.url(), 90_000);
        let watcher = made
            .watch(
                &Key::parse("key", "/a").unwrap(),
                &WatchOptions::default(),
                Listener::default(),
            )
            .unwrap();
        let token = Cancel::new().unwrap();
        let told = submit(&made, &call_with(Operation::Get, "/a", &token));
        let (theirs, fires) = (made.clone(), token.clone());
        let blocked =
            std::thread::spawn(move || theirs.execute(&call_with(Operation::Get, "/a", &fires)));
        server.wait_for_connections(3);
        made.set_endpoints("urls", good.url()).unwrap();
        let asks = made.clone();
        let answer = in_time(&format!("{kind}: another call"), move || {
            submit(&asks, &get()).recv().unwrap()
        });
        assert_eq!(value(answer), "1");
        token.fire();
        let what = format!("{kind}: a cancelled call");
        match in_time(&what, move || told.recv().unwrap()) {
            // it found the other member in the meantime
            Ok(_) => {}
            outcome => ends(&what, outcome, Status::CANCELLED),
        }
        match in_time(&what, move || blocked.join().unwrap()) {
            Ok(_) => {}
            outcome => ends(&what, outcome, Status::CANCELLED),
        }
        in_time(&format!("{kind}: the end of the watcher"), move || {
            drop(watcher)
        });
        in_time(&format!("{kind}: the end of the client"), move || {
            drop(made)
        });
        server.wait_until_idle();
    }
}
