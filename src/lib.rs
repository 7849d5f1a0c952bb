//! A client of the etcd v2 API, made to be linked from C and loaded from everywhere else.
//!
//! The map, from the street to the cellar; imports run down only:
//!
//! | floor | what lives there |
//! |---|---|
//! | [`ffi`] | the C boundary: pointers, strings, handles, panics; one file per noun of the header |
//! | [`client`] | what a caller can ask for, in Rust terms: [`client::Client`], options, calls, watches |
//! | [`cluster`] | the members: which one to ask, penalties, shares of the deadline, what may be repeated |
//! | [`outcome`] | what became of a write: which answers and ends prove what; its `proof` is part of the ground |
//! | [`reactor`] | one thread per client for everything that nobody waits for: calls with a completion, long polls |
//! | [`watch`] | the rules of watching, without I/O: what to ask next, what to tell, who shares |
//! | [`transport`] | one exchange with one member: endpoint, connection, cancel token, what was sent and received |
//! | [`protocol`] | pure data, no I/O, no clock: key, request to bytes, bytes to answer |
//! | [`error`], [`status`], [`display`] | the ground: how everything above says no |
//!
//! A call walks down once: `ffi` copies its inputs into a [`client::Call`], `client` turns it into a
//! [`protocol::http_request::HttpRequest`], `cluster` picks members and judges outcomes, `transport` moves the bytes.
//! A call that is submitted goes the same way, only that [`reactor`] moves its bytes.

pub mod client;
pub mod cluster;
pub mod display;
pub mod error;
pub mod ffi;
pub mod outcome;
mod panics;
pub mod protocol;
pub mod reactor;
pub mod status;
pub mod transport;
mod unwind;
pub mod watch;
