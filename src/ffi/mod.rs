//! The C boundary: pointers, strings, handles and panics, and nothing else. It only calls the
//! public Rust API below.
//!
//! | file | what lives there |
//! |---|---|
//! | `preamble.h` | first page of the header, in C: conventions, includes, macros |
//! | [`version`], [`status`], [`error`], [`cancel`], [`options`], [`client`], [`endpoints`], [`tls_options`], [`credentials`], [`selection`], [`keys`], [`request`], [`response`], [`node`], [`consistency`], [`outcome`], [`watch`], [`watch_options`], [`watcher`], [`event`], [`submit`], [`queue`], [`completion`], [`members`], [`stats`], [`health`], [`auth`], [`users`], [`roles`], [`config`], [`diagnostics`], [`trace`], [`retry`], [`counters`] | one chapter of the header each, in its order |
//! | `panic_boundary`, `fallible` | panics and errors become statuses; every fallible function runs inside them |
//! | `userdata` | what a callback gets back, and its end |
//! | `convert` | every conversion of a pointer: text, bytes, out parameters, handles |
//! | `texts` | lists of text, in both directions |
//!
//! `build.rs` makes `include/etcd_v2.h` of them: the `//!` lines of a file open its chapter, the
//! `///` lines are the manual. So both are written for readers of C: what it does, who owns what,
//! NULL, threads, units, statuses, in this order; what holds for every function stands once, in
//! `preamble.h`.
//!
//! Handles never form a `&mut` from a pointer that C holds: what changes behind a pointer is
//! locked, so that even a misused handle is no data race.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]
// constants are for the header
#![cfg_attr(not(feature = "internals"), allow(dead_code))]

mod convert;
mod fallible;
mod panic_boundary;
mod texts;
mod userdata;

pub mod auth;
pub mod cancel;
pub mod client;
pub mod completion;
pub mod config;
pub mod consistency;
pub mod counters;
pub mod credentials;
pub mod diagnostics;
pub mod endpoints;
pub mod error;
pub mod event;
pub mod health;
pub mod keys;
pub mod members;
pub mod node;
pub mod options;
pub mod outcome;
pub mod queue;
pub mod request;
pub mod response;
pub mod retry;
pub mod roles;
pub mod selection;
pub mod stats;
pub mod status;
pub mod submit;
#[cfg(feature = "test-hooks")]
pub mod test_hooks;
pub mod tls_options;
pub mod trace;
pub mod users;
pub mod version;
pub mod watch;
pub mod watch_options;
pub mod watcher;

#[cfg(test)]
mod header_tests;
