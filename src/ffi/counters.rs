//! Counters
//!
//! A snapshot of what a client has done so far. Everything read from it is borrowed and valid until
//! it is freed.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, c_string, look},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};
use crate::client::{Row, counters};
use std::{
    ffi::{CString, c_char},
    ptr,
    sync::Arc,
};

// enum etcd_v2_counter: What is counted.
/// Requests that began: calls and polls.
pub const ETCD_V2_COUNTER_REQUESTS: usize = 0;
/// Attempts at members.
pub const ETCD_V2_COUNTER_ATTEMPTS: usize = 1;
/// Of them, those without a response.
pub const ETCD_V2_COUNTER_FAILED_ATTEMPTS: usize = 2;
/// Attempts after the first of a request.
pub const ETCD_V2_COUNTER_RETRIES: usize = 3;
/// Of them, those at another member.
pub const ETCD_V2_COUNTER_FAILOVERS: usize = 4;
/// Of them, those at the same member.
pub const ETCD_V2_COUNTER_RECONNECTS: usize = 5;
/// Requests that succeeded.
pub const ETCD_V2_COUNTER_SUCCEEDED: usize = 6;
/// Requests that etcd refused.
pub const ETCD_V2_COUNTER_REFUSED: usize = 7;
/// Requests that timed out.
pub const ETCD_V2_COUNTER_TIMEOUTS: usize = 8;
/// Requests that were cancelled, or given up.
pub const ETCD_V2_COUNTER_CANCELLED: usize = 9;
/// Requests whose outcome is unknown.
pub const ETCD_V2_COUNTER_OUTCOME_UNKNOWN: usize = 10;
/// Requests that failed in any other way.
pub const ETCD_V2_COUNTER_FAILED: usize = 11;
/// Requests, or attempts, in progress.
pub const ETCD_V2_COUNTER_IN_FLIGHT: usize = 12;
/// Bytes sent.
pub const ETCD_V2_COUNTER_BYTES_SENT: usize = 13;
/// Bytes received.
pub const ETCD_V2_COUNTER_BYTES_RECEIVED: usize = 14;
/// Connections opened.
pub const ETCD_V2_COUNTER_CONNECTIONS_OPENED: usize = 15;
/// Connections open now.
pub const ETCD_V2_COUNTER_CONNECTIONS_OPEN: usize = 16;
/// Of them, those that are idle.
pub const ETCD_V2_COUNTER_CONNECTIONS_IDLE: usize = 17;
/// Long polls sent.
pub const ETCD_V2_COUNTER_WATCH_POLLS: usize = 18;
/// Watchers that have not ended.
pub const ETCD_V2_COUNTER_WATCHERS: usize = 19;
/// Of them, those that are live.
pub const ETCD_V2_COUNTER_WATCHERS_LIVE: usize = 20;
/// Of them, those that reconnect.
pub const ETCD_V2_COUNTER_WATCHERS_RECONNECTING: usize = 21;
/// Events delivered.
pub const ETCD_V2_COUNTER_EVENTS_DELIVERED: usize = 22;
/// Events dropped because a queue was full.
pub const ETCD_V2_COUNTER_EVENTS_DROPPED: usize = 23;
/// Gaps reported by watchers.
pub const ETCD_V2_COUNTER_WATCH_GAPS: usize = 24;
/// Reads also sent to a second member.
pub const ETCD_V2_COUNTER_HEDGES: usize = 25;
/// Stale responses rejected.
pub const ETCD_V2_COUNTER_STALE_REJECTED: usize = 26;
/// Listings taken because history was lost.
pub const ETCD_V2_COUNTER_WATCH_RESYNCS: usize = 27;
/// Polls that failed and were tried again.
pub const ETCD_V2_COUNTER_WATCH_RECONNECTS: usize = 28;
/// Events that were left out, such as repetitions.
pub const ETCD_V2_COUNTER_EVENTS_FILTERED: usize = 29;

/// Counters of a client, a member or a watcher at one moment. Thread-safe, since read-only.
pub struct etcd_v2_counters {
    endpoint: CString,
    row: Row,
    members: Vec<etcd_v2_counters>,
}

impl Handle for etcd_v2_counters {}

impl etcd_v2_counters {
    /// Of what has no members.
    pub(super) fn new(endpoint: &str, row: Row) -> etcd_v2_counters {
        etcd_v2_counters {
            endpoint: c_string(endpoint),
            row,
            members: Vec::new(),
        }
    }
}

/// Takes the numbers of a client; free them with etcd_v2_counters_free(). Nothing is sent, and
/// nothing waits.
/// Also returns ETCD_V2_FORKED.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_counters(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_counters,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let taken = borrow("client", client)?.0.counters()?;
            convert::give(out, || {
                let of = |(url, row): &(Arc<str>, Row)| etcd_v2_counters::new(url, *row);
                etcd_v2_counters {
                    members: taken.members.iter().map(of).collect(),
                    ..etcd_v2_counters::new("", taken.whole)
                }
            });
            Ok(())
        })
    }
}

/// How many counters there are: those named ETCD_V2_COUNTER_..., and in later versions more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_count(counters: *const etcd_v2_counters) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(counters) }.map_or(0, |c| c.row.len())
}

/// Name of counter `i`, in lower case, such as "bytes_sent". Lives for ever; NULL beyond the
/// end.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_counter_name(i: usize) -> *const c_char {
    counters::NAMES
        .get(i)
        .map_or(ptr::null(), |name| name.as_ptr())
}

/// Counter `i`, one of ETCD_V2_COUNTER_...; 0 beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_at(counters: *const etcd_v2_counters, i: usize) -> u64 {
    // SAFETY: NULL or alive, see the header
    let counters = unsafe { look(counters) };
    counters
        .and_then(|c| c.row.get(i))
        .copied()
        .unwrap_or_default()
}

/// Number of members (of a client's counters); 0 for those of a member or a watcher.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint_count(
    counters: *const etcd_v2_counters,
) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(counters) }.map_or(0, |c| c.members.len())
}

/// Counters of member `i`, borrowed; NULL beyond the end. A member has attempts, those that failed,
/// those in flight, bytes and connections; all others are 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint_at(
    counters: *const etcd_v2_counters,
    i: usize,
) -> *const etcd_v2_counters {
    // SAFETY: NULL or alive, see the header
    let found = unsafe { look(counters) }.and_then(|c| c.members.get(i));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// URL of the member they belong to; "" for those of a client or a watcher, NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint(
    counters: *const etcd_v2_counters,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(counters) }.map_or(ptr::null(), |c| c.endpoint.as_ptr())
}

/// Frees the counters. Counters of a member are borrowed and must not be freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_free(counters: *mut etcd_v2_counters) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(counters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_constant_is_the_last_name() {
        let names = counters::NAMES;
        assert_eq!(names[ETCD_V2_COUNTER_HEDGES], c"hedges");
        assert_eq!(names[ETCD_V2_COUNTER_STALE_REJECTED], c"stale_rejected");
        assert_eq!(names[ETCD_V2_COUNTER_BYTES_SENT], c"bytes_sent");
        assert_eq!(names.len(), ETCD_V2_COUNTER_EVENTS_FILTERED + 1);
        assert_eq!(names[ETCD_V2_COUNTER_EVENTS_FILTERED], c"events_filtered");
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    }
}
