//! The library as its users meet it: header, exports, C and Python programs, examples, `etcd2ctl`, documents.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

mod docs;
mod etcd2ctl;
mod examples;
mod exports;
mod harness;
mod header;
mod host;
mod inside;
mod install;
mod keys;
mod licences;
mod misuse;
mod process;
mod python;
mod unwind;
mod watch_c;

use support::api;
