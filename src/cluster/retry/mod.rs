//! What every procedure of several requests needs.
//!
//! A [`procedure`] is driven step by step. [`budget`] shares its deadline out over attempts, [`retry_policy`] decides what
//! follows from a failure, [`backoff`] how long to wait before the next round, and [`attempt_log`] becomes its error.

pub mod attempt_log;
pub mod backoff;
pub mod budget;
pub mod procedure;
pub mod retry_policy;
