//! Member selection
//!
//! Which member a request is sent to first. With every policy, a failing member is skipped with
//! exponential backoff (500 ms, doubling to 30 s); when every member is backing off, they are tried
//! anyway. A call whose member fails goes on to the next one, within its deadline.
use super::{
    error::etcd_v2_error,
    options::{etcd_v2_options, set},
    status::etcd_v2_status,
};
use crate::cluster::members::balancer::Selection;
use crate::error::{Error, Result};

// enum etcd_v2_selection: Which member is tried first.
/// One member until it fails, then the next. The default.
pub const ETCD_V2_SELECT_STICKY: i32 = 1;
/// Each call another.
pub const ETCD_V2_SELECT_ROUND_ROBIN: i32 = 2;
/// The one that leads the cluster.
pub const ETCD_V2_SELECT_LEADER: i32 = 3;

fn selection(number: i32) -> Result<Selection> {
    match number {
        ETCD_V2_SELECT_STICKY => Ok(Selection::Sticky),
        ETCD_V2_SELECT_ROUND_ROBIN => Ok(Selection::RoundRobin),
        ETCD_V2_SELECT_LEADER => Ok(Selection::Leader),
        other => Err(Error::invalid(
            "selection",
            format_args!("{other} is none of ETCD_V2_SELECT_..."),
        )),
    }
}

/// Which member a call asks first:
///
///   ETCD_V2_SELECT_STICKY       the member that answered last: few connections, and a thread reads
///                               what it wrote
///   ETCD_V2_SELECT_ROUND_ROBIN  the next member for each call, which spreads reads; a member may
///                               lag behind another, see etcd_v2_options_set_stale_policy()
///   ETCD_V2_SELECT_LEADER       the leader, which answers writes and quorum reads fastest. The
///                               first call looks the leader up, and so does the next call after a
///                               new term was seen or the leader failed; this takes at most one
///                               second. If the leader is unknown or not a member of the client:
///                               as STICKY
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_selection(
    options: *mut etcd_v2_options,
    selection: i32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_selection(self::selection(selection)?);
            Ok(())
        })
    }
}

/// Whether a client begins with any of its members, so that many clients with one list do not all
/// ask the same; default false: with the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_random_start(
    options: *mut etcd_v2_options,
    random_start: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_random_start(random_start);
            Ok(())
        })
    }
}

/// Delay of hedged reads: a read without an answer after this time is also sent to a second member;
/// the first complete answer is used and the other request is abandoned. ETCD_V2_TIMEOUT_INFINITE,
/// the default, disables hedging. A slow, paused or distant member then delays a read by at most
/// this time. Each hedged read costs two requests: choose a time that few reads exceed.
///
/// With hedging, reads run on the background thread of the client, which the first read starts; a
/// blocking read waits for that thread. ETCD_V2_COUNTER_HEDGES counts hedged reads. Writes are never
/// hedged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_hedge_delay_ms(
    options: *mut etcd_v2_options,
    hedge_delay_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_hedge_ms(hedge_delay_ms)) }
}
