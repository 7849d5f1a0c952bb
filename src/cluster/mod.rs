//! The members of a cluster: which one to ask, for how long, and what a failure means.
//!
//! Rules without I/O, time is an argument: [`health`], [`budget`], [`backoff`] and [`outcome`] are the small ones,
//! [`visit`] is one try at one member, [`pursuit`] is one request on its way over all of them, [`trail`] what it has been
//! through, [`errand`] all the requests that one call takes. [`guard`] is what the answers have told of the cluster,
//! [`evidence`] what the store says about a write whose outcome is unknown. [`roster`] keeps the members, each a
//! [`member`], [`selection`] says which of them comes first, [`census`] finds more of them, [`admission`] says which may be
//! used; [`search`] is what a call does about it when all have failed, [`scout`] how often. [`failover`] drives an errand on
//! the thread of the caller. [`continuity`] is what makes the word of a watcher one that can be relied on, [`rule`] names
//! its rules. [`diary`] is told of all of it.
#![forbid(unsafe_code)]

pub mod admission;
pub mod backoff;
pub mod budget;
pub mod census;
pub mod continuity;
pub mod diary;
pub mod errand;
pub mod evidence;
pub mod failover;
pub mod guard;
pub mod health;
pub mod identity;
pub mod member;
pub mod outcome;
pub mod pursuit;
pub mod roster;
pub mod rule;
pub mod scout;
pub mod search;
pub mod selection;
pub mod trail;
pub mod visit;
pub mod watermark;
