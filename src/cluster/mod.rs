//! Members of a cluster: choice, retry, failover, discovery, staleness and telemetry, as rules.
//!
//! No I/O in the rules, and time is an argument.
//!
//! * One request: [`attempt`] is one try at one member with its redirects; [`failover`] is the state machine of one request
//!   over all members, with [`budget`], [`backoff`], [`retry_policy`] and the [`attempt_log`] that becomes its error;
//!   [`request_sequence`] adds the preflight requests that some calls need. [`blocking`] drives all of them on the calling
//!   thread.
//! * Members: [`member_set`] holds each [`member`] with its [`penalty`]; [`balancer`] chooses the first one.
//! * Discovery: [`membership_sync`] fetches, checks and probes the member list, [`endpoint_filter`] decides which advertised
//!   URLs may be used, [`on_demand_sync`] runs it inside a failing call, [`sync_limiter`] limits how often.
//! * What responses prove: [`staleness`] and [`watermark`] for reads, [`continuity`] and its [`rule`]s for watches,
//!   [`identity`] for whose they are, [`without_api`] for members that do not serve, [`evidence`] for a write whose outcome
//!   is unknown.
//! * [`telemetry`]: metrics, log, trace, curl lines and hooks.
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
pub mod identity;
pub mod member;
pub mod member_set;
pub mod membership_sync;
pub mod on_demand_sync;
pub mod penalty;
pub mod procedure;
pub mod request_sequence;
pub mod retry_policy;
pub mod rule;
pub mod staleness;
pub mod sync_limiter;
pub mod telemetry;
pub mod watermark;
pub mod without_api;
