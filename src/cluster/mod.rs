//! The members of a cluster: which one to ask, for how long, and what a failure means.
//!
//! [`health`], [`budget`] and [`outcome`] are rules without I/O, time is an argument; [`roster`] keeps the members;
//! [`failover`] walks one request over them until it has an answer or may not go on.
#![forbid(unsafe_code)]

pub mod backoff;
pub mod budget;
pub mod failover;
pub mod health;
pub mod outcome;
pub mod roster;
pub mod trail;
