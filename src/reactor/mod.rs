//! One thread per client for everything that nobody waits for: calls that are submitted, and long polls.
//!
//! [`handle`] starts and ends the thread, [`life`] is how it gets from the one to the other, [`commands`] is the way to it, [`core`] its loop. The loop knows owners
//! ([`owner`], of which [`call`] is one; two of them make a [`hedge`]), which say what to exchange with whom, and what an
//! answer means; it moves the bytes: `dial` makes connections, [`pool`] keeps and shares them out, [`exchange`] is one
//! request in flight, `transfer` writes and reads it over a [`connection`], `ending` ends it and serves the next, and a
//! [`decoder`] reads what would hold up the loop. [`slab`]
//! and [`timers`] hold it all together.
//!
//! The [`periodic_sync`] is an owner, too: it looks for members. Watchers come by way of the [`watch_registry`]: each [`upstream`] of theirs is an owner, what it tells waits in a [`mailbox`].
//!
//! `mio` waits for readiness: one crate more (libc is here anyway), and in return edge-triggered readiness of sockets, a
//! waker and their counterparts on systems without epoll, none of which would be smaller over rustix alone. Registering
//! once per connection saves a system call per change of interest.
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
mod slab;
pub(crate) mod task;
mod timers;
mod transfer;
pub(crate) mod upstream;
pub(crate) mod watch_registry;

#[cfg(test)]
mod tests;
