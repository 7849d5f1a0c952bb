//! A client of the etcd v2 API, made to be linked from C and loaded from everywhere else.
//!
//! The layers, top to bottom; imports run down only:
//!
//! | layer | what it contains |
//! |---|---|
//! | [`ffi`] | the C boundary: pointers, strings, handles, panics; one file per noun of the header |
//! | [`client`] | what a caller can ask for, in Rust terms: [`client::Client`], options, calls, watches |
//! | [`cluster`] | the members: choice, retry, failover, discovery, staleness, telemetry |
//! | [`outcome`] | what became of a write: which answers and ends prove what; its `proof` is part of the ground |
//! | [`reactor`] | the event loop: one background thread per client for submitted calls and long polls |
//! | [`watch`] | the rules of watching, without I/O: the long-poll state machine, shared polls, event queues |
//! | [`transport`] | one exchange with one member: endpoint, connection, cancel token, what was sent and received |
//! | [`protocol`] | pure data, no I/O, no clock: key, request to bytes, bytes to answer |
//! | [`error`], [`status`], [`display`] | errors, status codes, and text that is safe to show |
//!
//! A call passes each layer once: `ffi` copies its inputs into a [`client::Call`], `client` turns it into a
//! [`protocol::http_request::HttpRequest`], `cluster` picks members and decides on retries, `transport` moves the
//! bytes. For a submitted call [`reactor`] moves them instead.

pub mod client;
pub mod cluster;
pub mod display;
pub mod error;
pub mod ffi;
mod memory;
pub mod outcome;
mod panics;
pub mod protocol;
pub mod reactor;
pub mod status;
pub mod transport;
mod unwind;
pub mod watch;
