//! The rules of watching, without I/O, clock or threads: times and responses come in, decisions go out.
//!
//! [`machine`] is the long-poll state machine: it keeps the [`wait_index`], its [`poll_schedule`], and for RESYNC a
//! [`mirror`] of the subtree. [`driver`] defines what it and its drivers exchange. It delivers [`event`]s and [`batch`]es of
//! them, filtered by [`event_filter`], into the [`event_queue`] of each watcher. [`fanout`] lets watchers share a machine. [`once`]
//! drives one machine for a single change, and [`places`] remembers where such a wait ended.
#![forbid(unsafe_code)]

pub mod batch;
pub mod cached_node;
pub mod counters;
pub mod driver;
pub mod event;
pub mod event_filter;
pub mod event_queue;
pub mod fanout;
pub mod machine;
pub mod mirror;
pub mod once;
pub mod options;
pub mod places;
pub mod poll_schedule;
pub mod state;
pub mod wait_index;

#[cfg(test)]
mod tests;
