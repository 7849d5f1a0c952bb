//! Endpoints
//!
//! The members that a client sends requests to. Those it was made with, and those set by
//! etcd_v2_client_set_endpoints(), are its seeds: they are never removed, however often they fail.
//! A failing member is skipped with exponential backoff (500 ms, doubling to 30 s). When every
//! member is backing off, they are tried anyway.
//!
//! etcd_v2_sync() discovers the other members of the cluster through one that is known. A
//! discovered URL is used only after a member of the same cluster has answered there, and is
//! removed when the cluster removes it. These are ignored: unroutable addresses (0.0.0.0,
//! link-local), loopback addresses unless the member that reports them is itself on loopback, unix
//! sockets, and URLs without TLS reported by a member with TLS. Behind a proxy or a virtual address
//! there is nothing to discover: do not call it there.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, text},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};
use crate::client::{KnownMember, Patience};
use crate::cluster::members::member_set::Source;
use std::{
    ffi::{CString, c_char},
    ptr,
};

// enum etcd_v2_source: How a member became known.
/// configured
pub const ETCD_V2_ENDPOINT_SEED: i32 = 0;
/// found by DNS SRV
pub const ETCD_V2_ENDPOINT_DNS: i32 = 1;
/// found by membership sync
pub const ETCD_V2_ENDPOINT_SYNCED: i32 = 2;

/// The members that a client knew at one moment. Read-only: any number of threads may read one list
/// at once.
pub struct etcd_v2_endpoints(Vec<etcd_v2_endpoint>);

impl Handle for etcd_v2_endpoints {}

/// One of them, which the list owns.
pub struct etcd_v2_endpoint {
    url: CString,
    known: KnownMember,
}

impl etcd_v2_endpoint {
    fn new(known: KnownMember) -> etcd_v2_endpoint {
        // a URL has no control characters
        let url = CString::new(&*known.url).unwrap_or_default();
        etcd_v2_endpoint { url, known }
    }
}

/// Writes a list of the members that the client knows now, in the order in which they are tried
/// when no member is backing off, to `out`; free it with etcd_v2_endpoints_free(). Nothing is sent.
/// Members that are discovered by DNS are unknown until the first call.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_endpoints(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_endpoints,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let known = borrow("client", client)?.0.endpoints()?;
            let list = known.into_iter().map(etcd_v2_endpoint::new).collect();
            convert::give(out, || etcd_v2_endpoints(list));
            Ok(())
        })
    }
}

/// How many there are; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoints_count(endpoints: *const etcd_v2_endpoints) -> usize {
    // SAFETY: NULL or alive
    unsafe { look(endpoints) }.map_or(0, |endpoints| endpoints.0.len())
}

/// Member `i`, counted from 0; NULL beyond the end. Borrowed from the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoints_at(
    endpoints: *const etcd_v2_endpoints,
    i: usize,
) -> *const etcd_v2_endpoint {
    // SAFETY: NULL or alive, see the header
    let found = unsafe { look(endpoints) }.and_then(|list| list.0.get(i));
    found.map_or(ptr::null(), ptr::from_ref)
}

/// Its URL: scheme, host and port; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoint_url(endpoint: *const etcd_v2_endpoint) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { endpoint.as_ref() }.map_or(ptr::null(), |endpoint| endpoint.url.as_ptr())
}

/// How it became known: one of ETCD_V2_ENDPOINT_...; -1 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoint_source(endpoint: *const etcd_v2_endpoint) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { endpoint.as_ref() }.map_or(-1, |endpoint| match endpoint.known.source {
        Source::Seed => ETCD_V2_ENDPOINT_SEED,
        Source::Dns => ETCD_V2_ENDPOINT_DNS,
        Source::Synced => ETCD_V2_ENDPOINT_SYNCED,
    })
}

/// Its remaining backoff in milliseconds when the list was made; 0 if it was not backing off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoint_backoff_ms(endpoint: *const etcd_v2_endpoint) -> i64 {
    // SAFETY: NULL or alive, see the header
    unsafe { endpoint.as_ref() }.map_or(0, |endpoint| {
        // what is left of a millisecond counts
        i64::try_from(endpoint.known.penalty.as_micros().div_ceil(1000)).unwrap_or(i64::MAX)
    })
}

/// Frees the list. The URLs that were read from it end with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_endpoints_free(endpoints: *mut etcd_v2_endpoints) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(endpoints) }
}

/// Replaces all members of the client, discovered ones included, by the comma-separated `urls`,
/// each as in etcd_v2_options_add_endpoint(). Members that stay keep their connections, and the
/// preferred member stays preferred. Calls and watchers in progress at a removed member finish
/// there, or continue at another member if they have to. Nothing is sent. If one URL is invalid,
/// nothing changes.
/// Also returns what etcd_v2_options_add_endpoint() does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_set_endpoints(
    client: *const etcd_v2_client,
    urls: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            client.0.set_endpoints("urls", text("urls", urls)?)
        })
    }
}

/// Looks up the DNS SRV records, if etcd_v2_options_set_discovery_srv() was called, then requests
/// the member list of the cluster and adds the new members that respond. Discovered members that
/// are no longer listed are removed; seeds stay. A list that is empty, malformed, of another
/// cluster or without usable members changes nothing. Blocks the calling thread, at most until the
/// deadline of the client.
/// Also returns ETCD_V2_PROTOCOL when the response is not a member list of this cluster, and the
/// statuses of a read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_sync(
    client: *const etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { guard(err, || borrow("client", client)?.0.sync(None, None)) }
}

/// Blocks until a linearizable read succeeds at some member, so that programs and clusters may start
/// in any order. Retries with exponential backoff, 100 ms to 2 s.
///
///   `timeout_ms`  as in "Timeouts" above; 0 is refused
///
/// Also returns ETCD_V2_TIMEOUT; the error contains the reason of the last failed attempt.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_wait_ready(
    client: *const etcd_v2_client,
    timeout_ms: i64,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            client
                .0
                .wait_ready(Patience::parse("timeout_ms", timeout_ms)?, None)
        })
    }
}
