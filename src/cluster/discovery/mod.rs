//! Other members than those that the caller gave.
//!
//! [`membership_sync`] fetches, checks and probes the member list, [`endpoint_filter`] decides which advertised URLs may be
//! used, [`on_demand_sync`] runs it inside a failing call.

pub mod endpoint_filter;
pub mod membership_sync;
pub mod on_demand_sync;
