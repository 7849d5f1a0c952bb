//! Calls that nobody waits for: each is answered once, whatever happens, and all of them on one thread.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

mod addresses;
mod calls;
mod connections;
#[path = "../chaos/dice.rs"]
#[allow(dead_code, unreachable_pub)]
mod dice;
mod ends;
mod floods;
mod headers;
mod large;
mod last_word;
#[path = "../support/names.rs"]
mod names;
mod polls;
mod queue;
#[path = "../support/mod.rs"]
mod support;
mod waiters;

use api::submit;
use etcd_v2::client::{Ask, Call, Client, Options};
use etcd_v2::error::Result;
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request};
use etcd_v2::protocol::response::Response;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use support::api;

/// It excludes a hang, not a slow machine.
const LONG: Duration = Duration::from_secs(100);

fn options(endpoints: &str) -> Options {
    api::options(endpoints, LONG.as_millis() as i64)
}

fn client(endpoints: &str) -> Client {
    Client::new(&options(endpoints)).unwrap()
}

fn set(key: &str, value: &str) -> Call {
    let mut request = Request::new(Operation::Set, Key::parse("key", key).unwrap());
    request.set_value(value.as_bytes()).unwrap();
    Call::new(Ask::Keys(request))
}

fn get(key: &str) -> Call {
    api::call(Operation::Get, key)
}

/// A long poll, as a raw request: it lasts until somebody writes.
fn poll(key: &str, index: u64) -> Call {
    let target = format!("/v2/keys{key}?wait=true&waitIndex={index}");
    Call::new(Ask::Raw(
        HttpRequest::raw("GET", &target, None, None).unwrap(),
    ))
}

/// The one result.
#[track_caller]
fn only(told: &Receiver<Result<Response>>) -> Result<Response> {
    let result = told.recv_timeout(LONG).expect("a result");
    assert!(told.recv_timeout(LONG).is_err(), "a second result");
    result
}
