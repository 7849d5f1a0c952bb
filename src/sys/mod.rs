//! What the operating system and the host process demand: no layer of its own, used by all.
//!
//! [`fork_guard`] notices a forked child, [`notifier`] is a descriptor that wakes a poll, [`monitor`] a lock with a
//! condition, [`thread`] a thread of the library, with its [`signals`] blocked. `panics` catches them, `unwind` survives
//! the forced end of a host's thread, `memory` reserves without aborting.

pub mod fork_guard;
pub(crate) mod memory;
pub(crate) mod monitor;
pub(crate) mod notifier;
pub(crate) mod panics;
pub(crate) mod signals;
pub(crate) mod thread;
pub(crate) mod unwind;
