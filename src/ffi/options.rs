//! Options
//!
//! Configuration of a client. Create them, change what should differ from the defaults, make the
//! client, free them. Every setter takes `options` from etcd_v2_options_new(). A value outside the
//! documented range gives ETCD_V2_INVALID_ARGUMENT and changes nothing.
use super::{
    convert::{self, Handle, borrow, optional_text, text},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};
use crate::{client::Options, error::Result};
use std::{
    ffi::c_char,
    sync::{Mutex, PoisonError},
};

// enum etcd_v2_timeout: What a timeout or an interval can be, beside milliseconds; see "Timeouts" above.
/// No limit.
pub const ETCD_V2_TIMEOUT_INFINITE: i64 = -1;
/// In a call: the client's. In a setter: the library's.
pub const ETCD_V2_TIMEOUT_DEFAULT: i64 = -2;

/// Settings of a client. One thread at a time.
pub struct etcd_v2_options(Mutex<Options>);

impl Handle for etcd_v2_options {}

impl etcd_v2_options {
    pub(super) fn copy(&self) -> Options {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Every setter: NULL checks, the lock, and the answer as a status. What `change` gives back is dropped with nothing
/// locked, since `free_user` may call anything.
///
/// # Safety
/// `options` is NULL or alive, `err` is NULL or a place for a pointer.
pub(super) unsafe fn set<T>(
    options: *mut etcd_v2_options,
    err: *mut *mut etcd_v2_error,
    change: impl FnOnce(&mut Options) -> Result<T>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            let options = borrow("options", options)?;
            let changed = change(&mut options.0.lock().unwrap_or_else(PoisonError::into_inner));
            changed.map(drop)
        })
    }
}

/// Makes options with the defaults; free them with etcd_v2_options_free().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_new(
    out: *mut *mut etcd_v2_options,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: out and err are NULL or places for pointers, see the header
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let options = Options::default();
            convert::give(out, || etcd_v2_options(Mutex::new(options)));
            Ok(())
        })
    }
}

/// Adds a member: "http://host:port", "https://host:port", "host:port" without TLS (an IPv6 address
/// in brackets, port 2379 if none is given) or "unix:///path". Members are asked in this order, the
/// next one when one fails; one that is there already counts once. Default: http://127.0.0.1:2379,
/// as long as none is added.
/// Also returns ETCD_V2_TLS for "https://" when the library was built without TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_add_endpoint(
    options: *mut etcd_v2_options,
    url: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe { set(options, err, |o| o.add_endpoint("url", text("url", url)?)) }
}

/// Timeout of a call, all attempts together; default 10000. A server that has no quorum for a write
/// reports that after 7 s; with a shorter timeout the error does not contain the reason for the
/// unknown outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_timeout_ms(
    options: *mut etcd_v2_options,
    timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_deadline_ms(timeout_ms)) }
}

/// Timeout of one attempt at one member. ETCD_V2_TIMEOUT_DEFAULT: an equal share of what is left of
/// the timeout of the call for requests that may be sent again, all of it for others, and with an
/// infinite timeout at most 10 s. A write that is sent and then given up has an unknown outcome.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_attempt_timeout_ms(
    options: *mut etcd_v2_options,
    attempt_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_attempt_timeout_ms(attempt_timeout_ms)
        })
    }
}

/// Timeout of name lookup, connection and TLS handshake together; default 2000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_connect_timeout_ms(
    options: *mut etcd_v2_options,
    connect_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_connect_timeout_ms(connect_timeout_ms)
        })
    }
}

/// Longest long poll of a watch, with ±25 % jitter: 100 or more, default 45000. After this
/// time without an event the watch starts a new long poll, which keeps a quiet watch within etcd's
/// history and leaves members that do not respond. Polls are shorter at first, and while other keys
/// change so fast that the history would run out: with few watches, down to one second.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_poll_timeout_ms(
    options: *mut etcd_v2_options,
    poll_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_poll_ms(poll_timeout_ms)) }
}

/// Interval of the membership sync (see etcd_v2_sync()), with ±25 % jitter: 100 or more;
/// ETCD_V2_TIMEOUT_INFINITE, the default, disables it. The background thread starts with the client
/// and syncs at once. Each sync costs one request to one member and one to each new member; a failed
/// sync does not stop the next one. If the interval is set, or after etcd_v2_sync() was called, a
/// call that has failed at all members also searches for new ones, within its deadline, by asking
/// the members that responded; watchers start the same search.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_sync_interval_ms(
    options: *mut etcd_v2_options,
    sync_interval_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_sync_interval_ms(sync_interval_ms)) }
}

/// Discovers members by DNS SRV: records of `_etcd-client-ssl._tcp.` and `_etcd-client._tcp.` below
/// `domain`, ordered by priority and weight. Members with TLS are used if there are any. Members
/// without TLS are used only if the DNS has reported that there are none with TLS (no such name, no
/// such records, or a single record with the target "."), never because a look-up failed or its
/// records cannot be used. Without DNSSEC this is only as trustworthy as the path to the name
/// server; if that matters, configure `https://` endpoints instead. `service_name` selects one of
/// several clusters of the domain (`_etcd-client-NAME._tcp.`); NULL means the only one. The records
/// are looked up by the first call or watcher, within its deadline, and again after all members
/// have failed; if a look-up fails, the previous result stays valid. Members added with
/// etcd_v2_options_add_endpoint() are tried first; none is required.
/// Also returns ETCD_V2_UNSUPPORTED when the library was built without it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_discovery_srv(
    options: *mut etcd_v2_options,
    domain: *const c_char,
    service_name: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, texts and err as the header asks
    unsafe {
        set(options, err, |o| {
            let domain = text("domain", domain)?;
            o.set_discovery_srv(domain, optional_text("service_name", service_name)?)
        })
    }
}

/// Which name server is asked for SRV records: `10.0.0.1:53`, `[::1]:53`. Default: those of
/// /etc/resolv.conf. Addresses of host names are always looked up by the system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_dns_server(
    options: *mut etcd_v2_options,
    address: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_dns_server(text("address", address)?)
        })
    }
}

/// Largest response that is read: 1024 to 4294967294 bytes, default 512 MiB. A larger one gives
/// ETCD_V2_TOO_LARGE. For responses about members, users, roles and the like the limit is 64 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_response_bytes(
    options: *mut etcd_v2_options,
    max_response_bytes: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_max_response_bytes(max_response_bytes)
        })
    }
}

/// Most nodes in one answer: 1 to 100000000, default 2000000. More end as ETCD_V2_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_nodes(
    options: *mut etcd_v2_options,
    max_nodes: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_nodes(max_nodes)) }
}

/// Most levels of directories in one answer: 1 to 1000000, default 1000. More end as
/// ETCD_V2_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_depth(
    options: *mut etcd_v2_options,
    max_depth: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_depth(max_depth)) }
}

/// Idle connections kept per member: 0 to 10000, default 32. About as many as there are threads
/// that call at once; 0 closes each after its answer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_idle_connections(
    options: *mut etcd_v2_options,
    max_idle_connections: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_max_idle_connections(max_idle_connections)
        })
    }
}

/// Limit of connections per member for submitted calls: 1 to 10000, default 64. Further calls wait
/// for a free connection. Blocking calls and watchers are not counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_connections(
    options: *mut etcd_v2_options,
    max_connections: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_connections(max_connections)) }
}

/// Submitted calls that have not ended, or whose completions are still in a queue: 1 to 1000000,
/// default 10000. Beyond that etcd_v2_submit() answers ETCD_V2_LIMIT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_in_flight(
    options: *mut etcd_v2_options,
    max_in_flight: u64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_in_flight(max_in_flight)) }
}

/// How long an idle connection is kept; default 60000.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_idle_timeout_ms(
    options: *mut etcd_v2_options,
    idle_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_idle_timeout_ms(idle_timeout_ms)) }
}

/// Maximum age of a connection, with ±10 % jitter; default 300000. An older connection is closed as
/// soon as it is idle; a request or a long poll in progress is not interrupted, and the next one
/// uses a new connection. A new connection resolves the name again, so that a busy client follows
/// changes of the DNS, and a load balancer can redistribute its clients.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_max_connection_age_ms(
    options: *mut etcd_v2_options,
    age_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_max_connection_age_ms(age_ms)) }
}

/// Makes every get a quorum read, as with ETCD_V2_QUORUM: it is linearizable, so it returns
/// everything written before it was sent. Default false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_quorum_reads(
    options: *mut etcd_v2_options,
    quorum_reads: bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_quorum_reads(quorum_reads);
            Ok(())
        })
    }
}

/// TCP keepalive: idle seconds before the first probe (1 to 32767, default 30), seconds between
/// probes (1 to 32767, default 10), and the number of unanswered probes after which the connection
/// is lost (1 to 127, default 3). `idle_s` 0 disables keepalive; the other arguments are then
/// ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_tcp_keepalive(
    options: *mut etcd_v2_options,
    idle_s: i64,
    interval_s: i64,
    count: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_keepalive(idle_s, interval_s, count)) }
}

/// TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged; default 20000.
/// ETCD_V2_TIMEOUT_INFINITE leaves it to the system.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_tcp_user_timeout_ms(
    options: *mut etcd_v2_options,
    user_timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, |o| o.set_user_timeout_ms(user_timeout_ms)) }
}

/// Frees the options. Clients made of them have their own copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_free(options: *mut etcd_v2_options) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(options) }
}
