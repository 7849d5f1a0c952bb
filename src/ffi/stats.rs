//! Stats
//!
//! Statistics of members. etcd_v2_stats_self() and etcd_v2_stats_store() return those of the member
//! that answers; etcd_v2_stats_leader() returns those of the followers, as the leader sees them. No
//! credentials are required. Everything read from them is borrowed and valid until they are freed;
//! a text that this kind of statistics does not have is "", a number is absent.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, optional_text, put, text, try_c_string},
    error::etcd_v2_error,
    fallible::guard,
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::protocol::{
    admin::{
        page::StatsKind,
        stats::{self, Stats},
    },
    response::Response,
};
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// What a member counts. Read-only: any number of threads may read one at once.
pub struct etcd_v2_stats {
    /// a NUL follows the last byte
    json: Vec<u8>,
    endpoint: CString,
    name: CString,
    id: CString,
    state: CString,
    start_time: CString,
    leader_id: CString,
    leader_uptime: CString,
    leader_start_time: CString,
    numbers: Numbers,
    followers: Vec<(CString, Numbers)>,
}

struct Numbers(Vec<(CString, f64)>);

impl Handle for etcd_v2_stats {}

impl Numbers {
    fn new(numbers: &[(String, f64)]) -> Result<Numbers, OutOfMemory> {
        let each = |(name, n): &(String, f64)| Ok((try_c_string(name)?, *n));
        Ok(Numbers(memory::each(numbers, each)?))
    }

    /// # Safety
    /// `name` is NULL or text, `out` is NULL or a place for a number.
    unsafe fn tell(numbers: Option<&Numbers>, name: *const c_char, out: *mut f64) -> bool {
        // SAFETY: the caller's promise
        let name = unsafe { text("name", name) }.ok();
        let found = numbers.zip(name).and_then(|(numbers, name)| {
            let mut each = numbers.0.iter();
            each.find(|(n, _)| n.as_bytes() == name.as_bytes())
        });
        // SAFETY: the caller's promise
        unsafe { put(out, found.map_or(0.0, |(_, number)| *number)) };
        found.is_some()
    }
}

impl etcd_v2_stats {
    fn new(response: &Response, stats: &Stats) -> Result<etcd_v2_stats, OutOfMemory> {
        let mut json = Vec::new();
        json.try_reserve_exact(response.body().len() + 1)?;
        json.extend_from_slice(response.body());
        json.push(0);
        Ok(etcd_v2_stats {
            json,
            endpoint: try_c_string(response.endpoint())?,
            name: try_c_string(&stats.name)?,
            id: try_c_string(&stats.id)?,
            state: try_c_string(&stats.state)?,
            start_time: try_c_string(&stats.start_time)?,
            leader_id: try_c_string(&stats.leader_id)?,
            leader_uptime: try_c_string(&stats.leader_uptime)?,
            leader_start_time: try_c_string(&stats.leader_start_time)?,
            numbers: Numbers::new(&stats.numbers)?,
            followers: memory::each(&stats.followers, |f| {
                Ok((try_c_string(&f.id)?, Numbers::new(&f.numbers)?))
            })?,
        })
    }
}

/// # Safety
/// The handle is NULL or alive, `endpoint` is NULL or text, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    kind: StatsKind,
    endpoint: *const c_char,
    out: *mut *mut etcd_v2_stats,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let client = borrow("client", client)?;
            let response = client.0.stats(kind, optional_text("endpoint", endpoint)?)?;
            let stats = stats::read(kind, response.body())?;
            convert::try_give(out, || etcd_v2_stats::new(&response, &stats))
        })
    }
}

/// Asks a member about itself; free the answer with etcd_v2_stats_free(). `endpoint` is the URL of
/// the member, which is asked and no other; NULL: whichever the client asks first. Numbers:
/// "recvAppendRequestCnt", "sendAppendRequestCnt", and while they are not 0 "recvPkgRate",
/// "recvBandwidthRate", "sendPkgRate", "sendBandwidthRate". A member without leader tells an old
/// state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_self(
    client: *const etcd_v2_client,
    endpoint: *const c_char,
    out: *mut *mut etcd_v2_stats,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe { run(client, StatsKind::Own, endpoint, out, err) }
}

/// Asks a member about its store; free the answer with etcd_v2_stats_free(). `endpoint` as in
/// etcd_v2_stats_self(). Numbers: "watchers", "expireCount", and "...Success" and "...Fail" of "gets",
/// "sets", "create", "update", "delete", "compareAndSwap", "compareAndDelete". Reads of etcd's own
/// are among them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_store(
    client: *const etcd_v2_client,
    endpoint: *const c_char,
    out: *mut *mut etcd_v2_stats,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe { run(client, StatsKind::Store, endpoint, out, err) }
}

/// Asks the leader about its followers; free the answer with etcd_v2_stats_free(). When a follower
/// says that it does not lead, the leader is looked for and asked at the client URLs that it
/// publishes.
/// Also returns ETCD_V2_LEADER_ELECTION (301) while there is no leader, ETCD_V2_FORBIDDEN when it
/// changes again and again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_leader(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_stats,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, StatsKind::Leader, ptr::null(), out, err) }
}

/// The answer as it came, followed by a NUL. `length`, without that NUL, may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_json(
    stats: *const etcd_v2_stats,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: the handle is NULL or alive, length is NULL or a place for a size, see the header
    unsafe {
        let json = look(stats).map(|s| s.json.as_slice());
        put(length, json.map_or(0, |j| j.len().saturating_sub(1)));
        json.map_or(ptr::null(), |j| j.as_ptr().cast())
    }
}

/// URL of the member that answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_endpoint(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.endpoint.as_ptr())
}

/// Name of the member; of etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_name(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.name.as_ptr())
}

/// Id of the member; of etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_id(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.id.as_ptr())
}

/// "StateLeader" or "StateFollower"; of etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_state(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.state.as_ptr())
}

/// When the member started, in etcd's own text, such as "2026-11-22T18:56:22.600441953Z"; of
/// etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_start_time(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.start_time.as_ptr())
}

/// Id of the leader; of etcd_v2_stats_self() and etcd_v2_stats_leader().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_leader_id(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.leader_id.as_ptr())
}

/// How long the member has had its leader, in etcd's own text, such as "1m0.45s"; of
/// etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_leader_uptime(stats: *const etcd_v2_stats) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.leader_uptime.as_ptr())
}

/// Since when, as in etcd_v2_stats_start_time(); of etcd_v2_stats_self().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_leader_start_time(
    stats: *const etcd_v2_stats,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(ptr::null(), |s| s.leader_start_time.as_ptr())
}

/// How many numbers there are, without those of followers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number_count(stats: *const etcd_v2_stats) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(0, |s| s.numbers.0.len())
}

/// Name of one of them, as etcd writes it; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number_at(
    stats: *const etcd_v2_stats,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }
        .and_then(|s| s.numbers.0.get(i))
        .map_or(ptr::null(), |(name, _)| name.as_ptr())
}

/// The number called `name`. Returns false, and writes 0, when there is none; `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number(
    stats: *const etcd_v2_stats,
    name: *const c_char,
    out: *mut f64,
) -> bool {
    shield(false, || {
        // SAFETY: handle and text are NULL or alive, out is NULL or a place for a number, see the header
        unsafe { Numbers::tell(look(stats).map(|s| &s.numbers), name, out) }
    })
}

/// How many followers the leader has; of etcd_v2_stats_leader().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_follower_count(stats: *const etcd_v2_stats) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(0, |s| s.followers.len())
}

/// Id of a follower; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_follower_at(
    stats: *const etcd_v2_stats,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }
        .and_then(|s| s.followers.get(i))
        .map_or(ptr::null(), |(id, _)| id.as_ptr())
}

/// A number of a follower: the latency in milliseconds as "current", "average",
/// "standardDeviation", "minimum" and "maximum", and how many messages were a "success" or a "fail".
/// Returns false, and writes 0, when there is none, also beyond the end; `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_follower_number(
    stats: *const etcd_v2_stats,
    i: usize,
    name: *const c_char,
    out: *mut f64,
) -> bool {
    shield(false, || {
        // SAFETY: handle and text are NULL or alive, out is NULL or a place for a number, see the header
        unsafe {
            let follower = look(stats).and_then(|s| s.followers.get(i));
            Numbers::tell(follower.map(|(_, numbers)| numbers), name, out)
        }
    })
}

/// Frees stats with all text read from them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_free(stats: *mut etcd_v2_stats) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(stats) }
}
