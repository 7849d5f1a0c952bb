//! The members of a cluster: which one to ask, for how long, and what a failure means.
//!
//! Rules without I/O, time is an argument: [`health`], [`budget`], [`backoff`] and [`retry_policy`] are the small ones,
//! [`attempt`] is one try at one member, [`failover`] is one request on its way over all of them, [`attempt_log`] what it has been
//! through, [`request_sequence`] all the requests that one call takes. [`staleness`] is what the answers have told of the cluster,
//! [`evidence`] what the store says about a write whose outcome is unknown. [`member_set`] keeps the members, each a
//! [`member`], [`balancer`] says which of them comes first, [`membership_sync`] finds more of them, [`endpoint_filter`] says which may be
//! used; [`on_demand_sync`] is what a call does about it when all have failed, [`sync_limiter`] how often. [`blocking`] drives an call on
//! the thread of the caller. [`continuity`] is what makes the word of a watcher one that can be relied on, [`rule`] names
//! its rules. [`telemetry`] is told of all of it.
#![forbid(unsafe_code)]

pub mod attempt;
pub mod attempt_log;
pub mod backoff;
pub mod balancer;
pub mod blocking;
pub mod budget;
pub mod continuity;
pub mod endpoint_filter;
pub mod evidence;
pub mod failover;
pub mod health;
pub mod identity;
pub mod member;
pub mod member_set;
pub mod membership_sync;
pub mod on_demand_sync;
pub mod request_sequence;
pub mod retry_policy;
pub mod rule;
pub mod staleness;
pub mod sync_limiter;
pub mod telemetry;
pub mod watermark;
