//! Version and health
//!
//! What a member runs, and whether members are healthy. No credentials are required.
//!
//! `endpoint` is the URL of the one member to ask; it need not be one of the client's, and then no
//! credentials are sent to it. With NULL, the client chooses a member.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, c_string, look, optional_text, put},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};
use crate::client::{
    Client,
    admin::{MemberRow, Report},
};
use crate::error::Result;
use std::{
    ffi::{CString, c_char},
    ptr,
};

// enum etcd_v2_health_status: How a member or the cluster is.
/// The member reports so; of a report: all members are healthy.
pub const ETCD_V2_HEALTH_HEALTHY: i32 = 1;
/// Of a report: some members are healthy.
pub const ETCD_V2_HEALTH_DEGRADED: i32 = 2;
/// The member reports so; of a report: no member is healthy.
pub const ETCD_V2_HEALTH_UNHEALTHY: i32 = 3;
/// Of a member: no response from any of its client URLs.
pub const ETCD_V2_HEALTH_UNREACHABLE: i32 = 4;
/// Of a member: it has never started.
pub const ETCD_V2_HEALTH_NO_CLIENT_URLS: i32 = 5;

/// What a member runs. Read-only: any number of threads may read one at once.
pub struct etcd_v2_version_info {
    server: CString,
    cluster: CString,
    endpoint: CString,
}

impl Handle for etcd_v2_version_info {}

/// How members are. Read-only: any number of threads may read one report at once.
pub struct etcd_v2_health_report {
    state: i32,
    rows: Vec<etcd_v2_health>,
}

impl Handle for etcd_v2_health_report {}

/// How one member is; the report owns it.
pub struct etcd_v2_health {
    state: i32,
    id: CString,
    name: CString,
    url: CString,
    reason: CString,
    failures: Vec<[CString; 2]>,
}

impl etcd_v2_health {
    fn new(row: &MemberRow) -> etcd_v2_health {
        let failures = row.failures.iter();
        etcd_v2_health {
            state: row.state as i32,
            id: c_string(&row.id),
            name: c_string(&row.name),
            url: c_string(row.url.as_deref().unwrap_or_default()),
            reason: c_string(&row.reason),
            failures: failures
                .map(|f| [c_string(&f.url), c_string(&f.text)])
                .collect(),
        }
    }
}

/// Asks a member for its version; free the answer with etcd_v2_version_info_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_server_version(
    client: *const etcd_v2_client,
    endpoint: *const c_char,
    out: *mut *mut etcd_v2_version_info,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::clear(out);
            let client = borrow("client", client)?;
            let endpoint = optional_text("endpoint", endpoint)?;
            let (versions, endpoint) = client.0.server_version(endpoint)?;
            convert::give(out, || etcd_v2_version_info {
                server: c_string(&versions.server),
                cluster: c_string(&versions.cluster),
                endpoint: c_string(&endpoint),
            });
            Ok(())
        })
    }
}

/// Version of the member, such as "3.4.23".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_version_info_server(
    info: *const etcd_v2_version_info,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(info) }.map_or(ptr::null(), |i| i.server.as_ptr())
}

/// Version that all members can do, such as "3.4.0"; "not_decided" while they start, "" before
/// etcd 2.1, which does not tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_version_info_cluster(
    info: *const etcd_v2_version_info,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(info) }.map_or(ptr::null(), |i| i.cluster.as_ptr())
}

/// URL of the member that answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_version_info_endpoint(
    info: *const etcd_v2_version_info,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { look(info) }.map_or(ptr::null(), |i| i.endpoint.as_ptr())
}

/// Frees a version with its text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_version_info_free(info: *mut etcd_v2_version_info) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(info) }
}

/// # Safety
/// The handle is NULL or alive, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_health_report,
    err: *mut *mut etcd_v2_error,
    call: impl FnOnce(&Client) -> Result<Report>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let report = call(&borrow("client", client)?.0)?;
            convert::give(out, || etcd_v2_health_report {
                state: report.state as i32,
                rows: report.rows.iter().map(etcd_v2_health::new).collect(),
            });
            Ok(())
        })
    }
}

/// Asks one member whether it is healthy, which means that a linearizable read succeeds within one
/// second. Returns a report with one row; free it with etcd_v2_health_report_free(). ETCD_V2_OK also
/// if it is unhealthy: an error means that there was no answer.
/// Also returns ETCD_V2_UNSUPPORTED before etcd 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_check(
    client: *const etcd_v2_client,
    endpoint: *const c_char,
    out: *mut *mut etcd_v2_health_report,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            client.health(optional_text("endpoint", endpoint)?)
        })
    }
}

/// Lists the members, then asks each at the client URLs that it publishes until one answers: a
/// report with a row for each member, in order of their ids; free it with
/// etcd_v2_health_report_free(). The deadline is shared out, so that a member that is silent leaves
/// time for the others. ETCD_V2_OK whatever the members say: an error means that there was no list
/// of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_check_cluster(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_health_report,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, out, err, Client::cluster_health) }
}

/// The whole of it: ETCD_V2_HEALTH_HEALTHY, ETCD_V2_HEALTH_DEGRADED or ETCD_V2_HEALTH_UNHEALTHY; 0
/// for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_report_state(report: *const etcd_v2_health_report) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(report) }.map_or(0, |r| r.state)
}

/// Number of members in the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_report_count(
    report: *const etcd_v2_health_report,
) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(report) }.map_or(0, |r| r.rows.len())
}

/// Member `i`, counted from 0; NULL beyond the end. Borrowed from the report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_report_at(
    report: *const etcd_v2_health_report,
    i: usize,
) -> *const etcd_v2_health {
    // SAFETY: NULL or alive, see the header
    let found = unsafe { look(report) }.and_then(|r| r.rows.get(i));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// How the member is: ETCD_V2_HEALTH_HEALTHY, ETCD_V2_HEALTH_UNHEALTHY,
/// ETCD_V2_HEALTH_UNREACHABLE or ETCD_V2_HEALTH_NO_CLIENT_URLS; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_state(health: *const etcd_v2_health) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(0, |h| h.state)
}

/// Its id; "" from etcd_v2_health_check(), NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_id(health: *const etcd_v2_health) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(ptr::null(), |h| h.id.as_ptr())
}

/// Its name; "" from etcd_v2_health_check() and if it has never started, NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_name(health: *const etcd_v2_health) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(ptr::null(), |h| h.name.as_ptr())
}

/// URL that responded; "" if none did, NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_endpoint(health: *const etcd_v2_health) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(ptr::null(), |h| h.url.as_ptr())
}

/// Why it is unhealthy, such as "RAFT NO LEADER" or "ALARM NOSPACE"; "" if it is healthy, and before
/// etcd 3.5. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_reason(health: *const etcd_v2_health) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(ptr::null(), |h| h.reason.as_ptr())
}

/// Number of its client URLs that were tried and did not respond.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_attempt_count(health: *const etcd_v2_health) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { health.as_ref() }.map_or(0, |h| h.failures.len())
}

/// Failed attempt `i`, in order: the URL and a one-line reason. Each out pointer may be NULL.
/// Returns false, and writes NULL, beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_attempt_at(
    health: *const etcd_v2_health,
    i: usize,
    endpoint: *mut *const c_char,
    message: *mut *const c_char,
) -> bool {
    // SAFETY: NULL or alive, see the header
    let found = unsafe { health.as_ref() }.and_then(|h| h.failures.get(i));
    let [e, m] = found.map_or([ptr::null(); 2], |[e, m]| [e.as_ptr(), m.as_ptr()]);
    // SAFETY: each out pointer is NULL or a place for a pointer, see the header
    unsafe {
        put(endpoint, e);
        put(message, m);
    }
    found.is_some()
}

/// Frees a report with all text read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_health_report_free(report: *mut etcd_v2_health_report) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(report) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::admin::HealthState;

    #[test]
    fn states_are_those_of_the_core() {
        for (state, code) in [
            (HealthState::Healthy, ETCD_V2_HEALTH_HEALTHY),
            (HealthState::Degraded, ETCD_V2_HEALTH_DEGRADED),
            (HealthState::Unhealthy, ETCD_V2_HEALTH_UNHEALTHY),
            (HealthState::Unreachable, ETCD_V2_HEALTH_UNREACHABLE),
            (HealthState::NoClientUrls, ETCD_V2_HEALTH_NO_CLIENT_URLS),
        ] {
            assert_eq!(state as i32, code);
        }
    }
}
