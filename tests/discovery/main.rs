//! Which members a client knows, and how it finds more of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

#[path = "../api/mod.rs"]
mod api;
mod endpoints;
mod lists;
#[path = "../support/mod.rs"]
mod support;

use api::Client;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

fn client(endpoints: &str) -> Client {
    api::client(endpoints, LONG.as_millis() as i64)
}

/// URLs of the members that it knows, in order.
fn urls(client: &Client) -> Vec<String> {
    let known = client.endpoints().unwrap();
    known.iter().map(|known| known.url.to_string()).collect()
}
