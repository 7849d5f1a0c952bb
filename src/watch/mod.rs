//! The rules of watching as pure data: no I/O, no clock, no thread; times and answers come in, decisions go out.
//!
//! [`machine`] follows one upstream from poll to poll and keeps its [`wait_index`], [`poll_schedule`] and [`mirror`]; [`driver`] is
//! how it talks to whoever moves the bytes. What it tells are [`event`]s and [`batch`]es of them, filtered by [`event_filter`];
//! they wait in the [`queue`] of each watcher. [`fanout`] lets watchers share a machine, [`once`] drives one for
//! a single change, and [`places`] keeps the positions of such calls.
#![forbid(unsafe_code)]

pub mod batch;
pub mod counters;
pub mod driver;
pub mod event;
pub mod event_filter;
pub mod fanout;
pub mod machine;
pub mod mirror;
pub mod once;
pub mod options;
pub mod places;
pub mod poll_schedule;
pub mod queue;
pub mod state;
pub mod wait_index;

#[cfg(test)]
mod tests;
