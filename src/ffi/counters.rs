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
};

/// Requests that began: calls and polls.
pub const ETCD_V2_COUNTER_REQUESTS: usize = 0;
/// Exchanges with members.
pub const ETCD_V2_COUNTER_ATTEMPTS: usize = 1;
/// Of them, those that brought no answer.
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
/// Requests that had no answer in time.
pub const ETCD_V2_COUNTER_TIMEOUTS: usize = 8;
/// Requests that were cancelled, or given up.
pub const ETCD_V2_COUNTER_CANCELLED: usize = 9;
/// Requests whose outcome is unknown.
pub const ETCD_V2_COUNTER_OUTCOME_UNKNOWN: usize = 10;
/// Requests that failed in any other way.
pub const ETCD_V2_COUNTER_FAILED: usize = 11;
/// Requests, or exchanges, without an end.
pub const ETCD_V2_COUNTER_IN_FLIGHT: usize = 12;
/// Bytes of requests.
pub const ETCD_V2_COUNTER_BYTES_SENT: usize = 13;
/// Bytes of answers.
pub const ETCD_V2_COUNTER_BYTES_RECEIVED: usize = 14;
/// Connections that were made.
pub const ETCD_V2_COUNTER_CONNECTIONS_OPENED: usize = 15;
/// Connections that there are.
pub const ETCD_V2_COUNTER_CONNECTIONS_OPEN: usize = 16;
/// Of them, those that carry nothing.
pub const ETCD_V2_COUNTER_CONNECTIONS_IDLE: usize = 17;
/// Requests of watches.
pub const ETCD_V2_COUNTER_WATCH_POLLS: usize = 18;
/// Watchers that have not ended.
pub const ETCD_V2_COUNTER_WATCHERS: usize = 19;
/// Of them, those that are live.
pub const ETCD_V2_COUNTER_WATCHERS_LIVE: usize = 20;
/// Of them, those that reconnect.
pub const ETCD_V2_COUNTER_WATCHERS_RECONNECTING: usize = 21;
/// Events that watchers handed out.
pub const ETCD_V2_COUNTER_EVENTS_DELIVERED: usize = 22;
/// Events that found no room.
pub const ETCD_V2_COUNTER_EVENTS_DROPPED: usize = 23;
/// Gaps that watchers told.
pub const ETCD_V2_COUNTER_WATCH_GAPS: usize = 24;
/// Reads that were sent to a second member, too.
pub const ETCD_V2_COUNTER_HEDGES: usize = 25;
/// Answers that were refused because they were stale.
pub const ETCD_V2_COUNTER_STALE_REJECTED: usize = 26;

/// Numbers of a client at one time. Read-only: any number of threads may read them at once.
pub struct etcd_v2_counters {
    whole: Row,
    names: Vec<CString>,
    members: Vec<(CString, Row)>,
}

impl Handle for etcd_v2_counters {}

/// Takes the numbers of a client; free them with etcd_v2_counters_free(). Nothing is sent, and nothing
/// waits.
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
            convert::give(out, || etcd_v2_counters {
                whole: taken.whole,
                names: counters::NAMES.iter().map(|name| c_string(name)).collect(),
                members: taken
                    .members
                    .iter()
                    .map(|(url, row)| (c_string(url), *row))
                    .collect(),
            });
            Ok(())
        })
    }
}

/// How many counters there are: those named ETCD_V2_COUNTER_..., and in later versions more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_count(counters: *const etcd_v2_counters) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(counters) }.map_or(0, |c| c.names.len())
}

/// Name of counter `i`, in lower case, such as "bytes_sent"; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counter_name(
    counters: *const etcd_v2_counters,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let counters = unsafe { look(counters) };
    counters
        .and_then(|c| c.names.get(i))
        .map_or(ptr::null(), |name| name.as_ptr())
}

/// Counter `i`, one of ETCD_V2_COUNTER_..., of the whole client; 0 beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_at(counters: *const etcd_v2_counters, i: usize) -> u64 {
    // SAFETY: NULL or alive, see the header
    let counters = unsafe { look(counters) };
    counters
        .and_then(|c| c.whole.get(i))
        .copied()
        .unwrap_or_default()
}

/// How many members the client knew.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint_count(
    counters: *const etcd_v2_counters,
) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(counters) }.map_or(0, |c| c.members.len())
}

/// URL of member `member`; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint_at(
    counters: *const etcd_v2_counters,
    member: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let counters = unsafe { look(counters) };
    counters
        .and_then(|c| c.members.get(member))
        .map_or(ptr::null(), |(url, _)| url.as_ptr())
}

/// Counter `i`, one of ETCD_V2_COUNTER_..., of member `member`; 0 beyond the end. A member has
/// attempts, those that failed, those in flight, bytes and connections; all others are 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_counters_endpoint_value_at(
    counters: *const etcd_v2_counters,
    member: usize,
    i: usize,
) -> u64 {
    // SAFETY: NULL or alive, see the header
    let counters = unsafe { look(counters) };
    counters
        .and_then(|c| c.members.get(member)?.1.get(i))
        .copied()
        .unwrap_or_default()
}

/// Frees the numbers.
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
        assert_eq!(names[ETCD_V2_COUNTER_HEDGES], "hedges");
        assert_eq!(names.len(), ETCD_V2_COUNTER_STALE_REJECTED + 1);
        assert_eq!(names[ETCD_V2_COUNTER_STALE_REJECTED], "stale_refused");
        assert_eq!(names[ETCD_V2_COUNTER_BYTES_SENT], "bytes_sent");
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), names.len());
    }
}
