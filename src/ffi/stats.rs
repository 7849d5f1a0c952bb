//! Stats
//!
//! Statistics of members. etcd_v2_stats_self() and etcd_v2_stats_store() return those of the member
//! that answers; etcd_v2_stats_leader() returns those of the followers, as the leader sees them. No
//! credentials are required. Everything read from them is borrowed and valid until they are freed;
//! texts and numbers are read by etcd's own names.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, optional_text, put, text, try_c_string},
    error::etcd_v2_error,
    fallible::guard,
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::protocol::admin::{
    page::StatsKind,
    stats::{self, Stats},
};
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// What a member counts, or a follower by itself. Read-only: any number of threads may read one at
/// once.
pub struct etcd_v2_stats {
    /// a NUL follows the last byte
    json: Vec<u8>,
    endpoint: CString,
    texts: Vec<(CString, CString)>,
    numbers: Vec<(CString, f64)>,
    followers: Vec<etcd_v2_stats>,
}

impl Handle for etcd_v2_stats {}

/// What is called `name`.
///
/// # Safety
/// `name` is NULL or text.
unsafe fn find<T>(all: &[(CString, T)], name: *const c_char) -> Option<&T> {
    // SAFETY: the caller's promise
    let name = unsafe { text("name", name) }.ok()?;
    let found = all.iter().find(|(n, _)| n.as_bytes() == name.as_bytes())?;
    Some(&found.1)
}

impl etcd_v2_stats {
    fn new(body: &[u8], endpoint: &str, stats: &Stats) -> Result<etcd_v2_stats, OutOfMemory> {
        let mut json = Vec::new();
        json.try_reserve_exact(body.len() + 1)?;
        json.extend_from_slice(body);
        json.push(0);
        let text = |(name, text): &(String, String)| Ok((try_c_string(name)?, try_c_string(text)?));
        let number = |(name, number): &(String, f64)| Ok((try_c_string(name)?, *number));
        Ok(etcd_v2_stats {
            json,
            endpoint: try_c_string(endpoint)?,
            texts: memory::each(&stats.texts, text)?,
            numbers: memory::each(&stats.numbers, number)?,
            followers: memory::each(&stats.followers, |follower| {
                etcd_v2_stats::new(b"", endpoint, follower)
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
            convert::try_give(out, || {
                etcd_v2_stats::new(response.body(), response.endpoint(), &stats)
            })
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
/// etcd_v2_stats_self(). Numbers: "watchers", "expireCount", and "...Success" and "...Fail" of
/// "gets", "sets", "create", "update", "delete", "compareAndSwap", "compareAndDelete". Reads of
/// etcd's own are among them.
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

/// Text by etcd's own name, with dots into objects. Of etcd_v2_stats_self(): "name",
/// "id", "state" ("StateLeader" or "StateFollower"), "startTime", "leaderInfo.leader",
/// "leaderInfo.uptime" (such as "1m0.45s"), "leaderInfo.startTime"; of etcd_v2_stats_leader():
/// "leader"; of a follower: "id". NULL when there is none, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_text(
    stats: *const etcd_v2_stats,
    name: *const c_char,
) -> *const c_char {
    shield(ptr::null(), || {
        // SAFETY: handle and text are NULL or alive, see the header
        let found = unsafe { look(stats).and_then(|s| find(&s.texts, name)) };
        found.map_or(ptr::null(), |text| text.as_ptr())
    })
}

/// How many numbers there are, without those of followers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number_count(stats: *const etcd_v2_stats) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(0, |s| s.numbers.len())
}

/// Name of number `i`, and the number itself; NULL, and 0, beyond the end. `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number_at(
    stats: *const etcd_v2_stats,
    i: usize,
    out: *mut f64,
) -> *const c_char {
    // SAFETY: NULL or alive, out is NULL or a place for a number, see the header
    unsafe {
        let found = look(stats).and_then(|s| s.numbers.get(i));
        put(out, found.map_or(0.0, |(_, number)| *number));
        found.map_or(ptr::null(), |(name, _)| name.as_ptr())
    }
}

/// Number by etcd's own name, with dots into objects. Returns false, and writes 0, when there is
/// none; `out` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_number(
    stats: *const etcd_v2_stats,
    name: *const c_char,
    out: *mut f64,
) -> bool {
    shield(false, || {
        // SAFETY: handle and text are NULL or alive, out is NULL or a place for a number, see the header
        unsafe {
            let found = look(stats).and_then(|s| find(&s.numbers, name));
            put(out, found.copied().unwrap_or_default());
            found.is_some()
        }
    })
}

/// How many followers the leader has; of etcd_v2_stats_leader().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_follower_count(stats: *const etcd_v2_stats) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(stats) }.map_or(0, |s| s.followers.len())
}

/// Follower `i` as stats of its own, borrowed; NULL beyond the end. It has the text "id" and the
/// numbers "latency.current", "latency.average", "latency.standardDeviation", "latency.minimum" and
/// "latency.maximum" in milliseconds, "counts.success" and "counts.fail"; no JSON.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_follower_at(
    stats: *const etcd_v2_stats,
    i: usize,
) -> *const etcd_v2_stats {
    // SAFETY: NULL or alive, see the header
    let found = unsafe { look(stats) }.and_then(|s| s.followers.get(i));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// Frees stats with all text read from them. Stats of a follower are borrowed and must not be
/// freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_stats_free(stats: *mut etcd_v2_stats) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(stats) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_follower_has_stats_of_its_own() {
        let body = br#"{"leader":"1","followers":{"2":{"latency":{"current":0.5},"counts":{"fail":3}},"4":{}}}"#;
        let read = stats::read(StatsKind::Leader, body).unwrap();
        let all: *const etcd_v2_stats = &etcd_v2_stats::new(body, "http://a:1", &read).unwrap();
        let text = |stats, name: &CStr| {
            // SAFETY: alive to the end of the test
            let found = unsafe { etcd_v2_stats_text(stats, name.as_ptr()) };
            // SAFETY: text of stats that are alive
            (!found.is_null()).then(|| unsafe { CStr::from_ptr(found) })
        };
        let mut number = 7.0;
        // SAFETY: alive to the end of the test, number is a place for one
        unsafe {
            assert_eq!(text(all, c"leader"), Some(c"1"));
            assert_eq!(etcd_v2_stats_follower_count(all), 2);
            let [two, four] = [0, 1].map(|i| etcd_v2_stats_follower_at(all, i));
            assert_eq!(
                (text(two, c"id"), text(four, c"id")),
                (Some(c"2"), Some(c"4"))
            );
            assert!(etcd_v2_stats_number(
                two,
                c"latency.current".as_ptr(),
                &mut number
            ));
            assert_eq!(number, 0.5);
            assert!(etcd_v2_stats_number(
                two,
                c"counts.fail".as_ptr(),
                &mut number
            ));
            assert_eq!(number, 3.0);
            assert!(!etcd_v2_stats_number(
                four,
                c"counts.fail".as_ptr(),
                &mut number
            ));
            assert_eq!((number, text(two, c"leader")), (0.0, None));
            assert_eq!(etcd_v2_stats_number_count(two), 2);
            // it is not a page by itself
            assert_eq!(
                CStr::from_ptr(etcd_v2_stats_json(two, ptr::null_mut())),
                c""
            );
            assert_eq!(CStr::from_ptr(etcd_v2_stats_endpoint(two)), c"http://a:1");
            assert_eq!(etcd_v2_stats_follower_count(two), 0);
            assert!(etcd_v2_stats_follower_at(all, 2).is_null());
        }
    }
}
