//! The event loop: one background thread per client for submitted calls and long polls.
//!
//! `handle` starts and stops the thread, `life` is its main function, `commands` the queue into it, `core` the loop.
//! The loop runs `task`s: state machines that say which request to send to which member, and decide on the response. A
//! submitted `call` is one, a `hedge` is a pair of them, `periodic_sync` looks for members, the auditor checks a
//! member's store for watchers. `dial` makes connections, `pool` keeps and lends them, `exchange` is a request in
//! flight, `transfer` reads and writes its bytes over a `connection`, `ending` completes it and starts the next one.
//! `slab`, `timers` and `capacity` are the data structures below.
//!
//! `watch_registry` holds the watchers of the client. Each `shared_poll`, a long poll that several watchers may share, is a
//! task; its events are delivered through a [`mailbox`].
//!
//! mio provides readiness: edge-triggered on every supported system, with a waker. Each connection is registered once,
//! which saves a system call per change of interest.
#![forbid(unsafe_code)]

mod auditor;
pub(crate) mod call;
mod capacity;
pub(crate) mod commands;
mod connection;
pub(crate) mod core;
mod decoder;
mod dial;
mod ending;
mod exchange;
pub(crate) mod handle;
mod handshake;
pub(crate) mod hedge;
mod life;
pub mod mailbox;
pub(crate) mod periodic_sync;
mod pool;
pub(crate) mod shared_poll;
mod slab;
pub(crate) mod task;
mod timers;
mod transfer;
pub(crate) mod watch_registry;

#[cfg(test)]
mod tests;
