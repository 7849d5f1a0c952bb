//! The members of a cluster and what is known of them.
//!
//! [`member_set`] holds each [`member`] with its [`penalty`], the backoff after failures; [`balancer`] chooses the first
//! one; [`sync_limiter`] limits how often members are looked for. What responses prove: [`staleness`] and [`watermark`]
//! for reads, [`continuity`] and its [`rule`]s for watches, [`identity`] for whose they are, [`without_api`] for members
//! that do not serve.

pub mod balancer;
pub mod continuity;
pub mod identity;
pub mod member;
pub mod member_set;
pub mod penalty;
pub mod rule;
pub mod staleness;
pub mod sync_limiter;
pub mod watermark;
pub mod without_api;
