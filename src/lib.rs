//! A client of the etcd v2 API, made to be linked from C and loaded from everywhere else.
//!
//! The C interface, with its manual, is `include/etcd_v2.h`. This crate is what it calls, and can be used from Rust, too:
//!
//! ```no_run
//! use etcd_v2::{Ask, Call, Client, Key, Operation, Options, Request, Result};
//!
//! fn main() -> Result<()> {
//!     let mut options = Options::default();
//!     options.add_endpoint("url", "http://127.0.0.1:2379")?;
//!     let client = Client::new(&options)?;
//!
//!     let key = Key::parse("key", "/greeting")?;
//!     let mut set = Request::new(Operation::Set, key.clone());
//!     set.set_value(b"hello")?;
//!     client.execute(&Call::new(Ask::Keys(set)))?;
//!
//!     let get = Request::new(Operation::Get, key);
//!     let response = client.execute(&Call::new(Ask::Keys(get)))?;
//!     println!("{:?}", response.node().map(|node| node.value()));
//!     Ok(())
//! }
//! ```
//!
//! The layers, top to bottom; imports run down only:
//!
//! | layer | what it contains |
//! |---|---|
//! | `ffi` | the C boundary: pointers, strings, handles, panics; one file per noun of the header |
//! | `client` | what a caller can ask for, in Rust terms: `client::Client`, options, calls, watches |
//! | `cluster` | the members: choice, retry, failover, discovery, staleness |
//! | `telemetry` | metrics, log, traces, curl lines, hooks |
//! | `outcome` | what became of a write: which answers and ends prove what; its `proof` is part of the ground |
//! | `reactor` | the event loop: one background thread per client for submitted calls and long polls |
//! | `watch` | the rules of watching, without I/O: the long-poll state machine, shared polls, event queues |
//! | `transport` | one exchange with one member: endpoint, connection, cancel token, what was sent and received |
//! | `protocol` | pure data, no I/O, no clock: key, request to bytes, bytes to answer |
//! | `sys` | what the operating system and the host process demand: fork, signals, wake-ups, threads, panics |
//! | `error`, `status`, `display` | errors, status codes, and text that is safe to show |
//!
//! A call passes each layer once: `ffi` copies its inputs into a `client::Call`, `client` turns it into a
//! `protocol::http_request::HttpRequest`, `cluster` picks members and decides on retries, `transport` moves the
//! bytes. For a submitted call `reactor` moves them instead.

#![cfg_attr(not(feature = "internals"), allow(unreachable_pub))]

#[cfg(not(feature = "internals"))]
pub(crate) mod client;
#[cfg(feature = "internals")]
pub mod client;
#[cfg(not(feature = "internals"))]
pub(crate) mod cluster;
#[cfg(feature = "internals")]
pub mod cluster;
#[cfg(not(feature = "internals"))]
pub(crate) mod display;
#[cfg(feature = "internals")]
pub mod display;
#[cfg(not(feature = "internals"))]
pub(crate) mod error;
#[cfg(feature = "internals")]
pub mod error;
#[cfg(not(feature = "internals"))]
pub(crate) mod ffi;
#[cfg(feature = "internals")]
pub mod ffi;
#[cfg(not(feature = "internals"))]
pub(crate) mod outcome;
#[cfg(feature = "internals")]
pub mod outcome;
#[cfg(not(feature = "internals"))]
pub(crate) mod protocol;
#[cfg(feature = "internals")]
pub mod protocol;
#[cfg(not(feature = "internals"))]
pub(crate) mod reactor;
#[cfg(feature = "internals")]
pub mod reactor;
#[cfg(not(feature = "internals"))]
pub(crate) mod status;
#[cfg(feature = "internals")]
pub mod status;
#[cfg(not(feature = "internals"))]
pub(crate) mod sys;
#[cfg(feature = "internals")]
pub mod sys;
#[cfg(not(feature = "internals"))]
pub(crate) mod telemetry;
#[cfg(feature = "internals")]
pub mod telemetry;
#[cfg(not(feature = "internals"))]
pub(crate) mod transport;
#[cfg(feature = "internals")]
pub mod transport;
#[cfg(not(feature = "internals"))]
pub(crate) mod watch;
#[cfg(feature = "internals")]
pub mod watch;

pub use client::admin::{HealthState, UrlFailure};
pub use client::{
    Ask, Call, Client, ClientCounters, Completed, CompletionQueue, Fate, Finding, KnownMember,
    Listener, Lookout, OnEvent, OnState, Options, Patience, Row, Selection, StalenessPolicy,
    Watcher,
};
pub use error::{Error, Phase, Result};
pub use protocol::action::Action;
pub use protocol::key::Key;
pub use protocol::request::{Operation, Request, Ttl, flags};
pub use protocol::response::Response;
pub use protocol::tree::NodeRef;
pub use status::Status;
pub use transport::cancel::Cancel;
pub use transport::credentials::Authorization;
pub use transport::tls::settings::{PemSource, TlsSettings};
pub use watch::event::{Event, EventKind, Loss};
pub use watch::options::{OnFull, OnLost, WatchOptions};
pub use watch::state::State;
