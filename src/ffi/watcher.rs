//! Watcher
//!
//! A watcher delivers every change once and in order, across reconnects, failovers and changes of
//! leader; if changes are lost for good, it delivers an event that says so. Take events with
//! etcd_v2_watcher_next(), which blocks up to its timeout, or when the descriptor of
//! etcd_v2_watcher_fd() is readable, or set a callback in the options.
//!
//! Behind a proxy that removes X-Etcd-Index, a watcher needs an extra read when it starts and when
//! history is lost, and a key that does not change during 1000 changes of other keys counts as lost
//! history: configure the proxy to pass this header.
//!
//! All watchers of a client run on its background thread. Watchers of the same key with the same
//! options share one connection; an idle watcher costs a few hundred bytes.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, text, timeout},
    counters::etcd_v2_counters,
    error::etcd_v2_error,
    event::etcd_v2_event,
    fallible::guard,
    panic_boundary::shield,
    status::etcd_v2_status,
    watch_options::{WatchSettings, etcd_v2_watch_options},
};
use crate::{
    client::{Watcher, counters},
    display,
    error::Error,
    protocol::key::Key,
    status::Status,
};
use std::{
    ffi::{c_char, c_int},
    time::Instant,
};

// enum etcd_v2_watch_state: States of a watcher.
/// No response yet.
pub const ETCD_V2_WATCHER_CONNECTING: i32 = 1;
/// Watching: no change is missed from here on.
pub const ETCD_V2_WATCHER_LIVE: i32 = 2;
/// A poll failed and is retried automatically.
pub const ETCD_V2_WATCHER_RECONNECTING: i32 = 3;
/// History was lost; the state was restored from a snapshot.
pub const ETCD_V2_WATCHER_RESYNCED: i32 = 4;
/// It has ended.
pub const ETCD_V2_WATCHER_CLOSED: i32 = 5;

/// A continuous watch. Thread-safe.
pub struct etcd_v2_watcher(Watcher);

impl Handle for etcd_v2_watcher {}

/// Starts a watcher of `key`, which need not exist; free it with etcd_v2_watcher_free(). Waits for
/// nothing: what goes wrong is tried again, and told as a state.
///
///   `options`  are copied; NULL means the defaults: the key alone, from now on
///
/// Also returns ETCD_V2_LIMIT when there is no descriptor or thread left; ETCD_V2_CLOSED while the
/// client is being freed.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch(
    client: *const etcd_v2_client,
    key: *const c_char,
    options: *const etcd_v2_watch_options,
    out: *mut *mut etcd_v2_watcher,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let client = borrow("client", client)?;
            let key = Key::parse("key", text("key", key)?)?;
            let settings = look(options).map_or_else(WatchSettings::default, |o| o.copy());
            let watcher = client
                .0
                .watch(&key, &settings.options, settings.listener())?;
            convert::give(out, || etcd_v2_watcher(watcher));
            Ok(())
        })
    }
}

/// Takes the next event; free it with etcd_v2_event_free(). If several threads wait, each event goes
/// to one of them. For a watcher with a callback, this function returns only the end of the watcher.
///
///   `timeout_ms`  as in "Timeouts" above; 0: does not block
///
/// Also returns ETCD_V2_TIMEOUT when none came; and when it has ended, this time and ever after:
/// ETCD_V2_CANCELLED by etcd_v2_watcher_cancel(), ETCD_V2_CLOSED by the end of its client,
/// ETCD_V2_HISTORY_CLEARED (401) with ETCD_V2_ON_LOST_FAIL, ETCD_V2_UNAUTHORIZED (110) if it never
/// had the permission. The error of these two holds etcd's code and cause, the HTTP status and the
/// endpoint; there is no cause if the client found out itself that the store is another one. A
/// watcher also ends after five consecutive responses of etcd that call the request malformed (200
/// to 299) or exceed the client's limits (ETCD_V2_TOO_LARGE), and after eight consecutive etcd 3
/// members without the v2 API (ETCD_V2_UNSUPPORTED); meanwhile other members are tried, and the
/// state gives the reason. It ends with ETCD_V2_LIMIT when memory runs out for its queue or its
/// cache. Nothing else ends it, in particular no response that is not etcd's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_next(
    watcher: *const etcd_v2_watcher,
    timeout_ms: i64,
    out: *mut *mut etcd_v2_event,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let watcher = borrow("watcher", watcher)?;
            // an end that no clock can show is no end
            let timeout = timeout(timeout_ms, Some(watcher.0.timeout()))?;
            let end = timeout.and_then(|time| Instant::now().checked_add(time));
            let event = watcher.0.next(end)?.ok_or_else(|| {
                let waited = display::seconds(timeout.unwrap_or_default());
                Error::new(
                    Status::TIMEOUT,
                    format!("watcher: no event within {waited}"),
                )
            })?;
            convert::give(out, || etcd_v2_event::new(event));
            Ok(())
        })
    }
}

/// Writes to `out` a descriptor for poll(2), epoll and event loops; -1 when it fails. It is readable
/// as long as etcd_v2_watcher_next() has an event or the end to tell: take until ETCD_V2_TIMEOUT, or
/// one at a time. It is made at the first call and belongs to the watcher: neither read nor close
/// it, and take it out of the loop before the watcher is freed.
/// Also returns ETCD_V2_LIMIT when the process has none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_fd(
    watcher: *const etcd_v2_watcher,
    out: *mut c_int,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::descriptor(out, || borrow("watcher", watcher)?.0.fd())
        })
    }
}

/// Ends the watcher. Thread-safe and idempotent; not async-signal-safe. Queued events are dropped,
/// and a thread in etcd_v2_watcher_next() gets ETCD_V2_CANCELLED. When this function returns, no
/// callback of the watcher is running and none will run. Inside a callback of the watcher it
/// returns at once, and that call of the callback is the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_cancel(watcher: *const etcd_v2_watcher) {
    // SAFETY: NULL or alive, see the header
    let watcher = unsafe { look(watcher) };
    shield((), || watcher.into_iter().for_each(|w| w.0.cancel()));
}

/// Where it is in its life, as one of ETCD_V2_WATCHER_...; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_state(watcher: *const etcd_v2_watcher) -> i32 {
    // SAFETY: NULL or alive, see the header
    let watcher = unsafe { look(watcher) };
    shield(0, || watcher.map_or(0, |w| w.0.state().code()))
}

/// The first index that was not handed out: a watcher that starts there, in this program or the
/// next, misses nothing. 0 while that is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_next_index(watcher: *const etcd_v2_watcher) -> u64 {
    // SAFETY: NULL or alive, see the header
    let watcher = unsafe { look(watcher) };
    shield(0, || watcher.map_or(0, |w| w.0.next_index()))
}

/// Snapshot of the watcher's counters, numbered as those of a client: WATCH_POLLS, EVENTS_DELIVERED,
/// EVENTS_DROPPED, WATCH_GAPS, WATCH_RESYNCS, WATCH_RECONNECTS, EVENTS_FILTERED; all others are 0.
/// Polls, resyncs, reconnects and filtered events are those of the connection, which watchers may
/// share. Free them with etcd_v2_counters_free().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_counters(
    watcher: *const etcd_v2_watcher,
    out: *mut *mut etcd_v2_counters,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let taken = borrow("watcher", watcher)?.0.counters();
            convert::give(out, || {
                etcd_v2_counters::new("", counters::of_watcher(&taken))
            });
            Ok(())
        })
    }
}

/// Ends the watcher as etcd_v2_watcher_cancel() does, also inside its own callback, and frees it.
/// Events that were taken stay good. No thread may be in etcd_v2_watcher_next() any more: cancel
/// first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watcher_free(watcher: *mut etcd_v2_watcher) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(watcher) }
}
