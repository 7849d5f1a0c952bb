//! What a client does besides single calls: its members, options, files, watchers, and what it makes of hostile peers.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

#[path = "../support/mod.rs"]
mod support;

mod absent;
mod admin;
mod bench_of_faults;
mod config;
mod credentials;
mod curl;
mod decoding;
mod derived;
mod discovery;
mod dropped;
mod hostile;
mod paths;
mod rejoined;
mod replaced;
mod restored;
mod saving;
mod threads;
mod update_dir;
mod watch_once;
mod watcher;

use support::api;
