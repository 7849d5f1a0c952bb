//! A cluster: its members, and requests that find their way to one of them. Rules without I/O; time is an argument.
//!
//! * [`members`]: the member set, which member is asked first, backoff of failing ones, and what their responses prove.
//! * [`retry`]: what every procedure of several requests needs: deadline budget, retry policy, attempt log.
//! * [`discovery`]: membership sync, and which advertised URLs may be used.
//! * [`failover`]: one request over all members, and the driver that runs it on the calling thread.
//! * [`evidence`]: what the store and its history say about a write whose outcome is unknown.
#![forbid(unsafe_code)]

pub mod discovery;
pub mod evidence;
pub mod failover;
pub mod members;
pub mod retry;
