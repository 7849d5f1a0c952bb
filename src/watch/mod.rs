//! The rules of watching as pure data: no I/O, no clock, no thread; times and answers come in, decisions go out.
//!
//! [`machine`] follows one upstream from poll to poll and keeps its [`position`], [`pace`] and [`mirror`]; [`exchange`] is
//! how it talks to whoever moves the bytes. What it tells are [`event`]s and [`batch`]es of them, filtered by [`scope`];
//! they wait in the [`queue`] of each watcher. [`fanout`] lets watchers share a machine, [`once`] drives one for
//! a single change, and [`places`] keeps the positions of such calls.
#![forbid(unsafe_code)]

pub mod batch;
pub mod counters;
pub mod event;
pub mod exchange;
pub mod fanout;
pub mod machine;
pub mod mirror;
pub mod once;
pub mod options;
pub mod pace;
pub mod places;
pub mod position;
pub mod queue;
pub mod scope;
pub mod state;

#[cfg(test)]
mod tests;
