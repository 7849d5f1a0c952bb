//! Client
//!
//! A client is thread-safe. One per cluster is enough for a whole program: it keeps a pool of
//! connections and remembers which members fail.
use super::{
    cancel::etcd_v2_cancel_token,
    convert::{self, Handle, borrow, look, optional_text},
    error::etcd_v2_error,
    fallible::guard,
    options::etcd_v2_options,
    panic_boundary::shield,
    status::etcd_v2_status,
};
use crate::client::{Client, Options, Patience};
use std::ffi::c_char;

/// A client of one cluster. Safe from any number of threads.
pub struct etcd_v2_client(pub(super) Client);

impl Handle for etcd_v2_client {}

/// A client that is being freed, which this does when it is dropped.
struct Remains(*mut etcd_v2_client);

// SAFETY: a client may be freed on any thread
unsafe impl Send for Remains {}

impl Drop for Remains {
    fn drop(&mut self) {
        // SAFETY: NULL, or made by this library, and this is its only end
        unsafe { convert::free(self.0) }
    }
}

/// Makes a client with default options; free it with etcd_v2_client_free(). `endpoints` are
/// comma-separated URLs as in etcd_v2_options_add_endpoint(); NULL means http://127.0.0.1:2379.
/// Nothing is sent yet.
/// Also returns what etcd_v2_options_add_endpoint() does when one of them is no endpoint, and
/// ETCD_V2_TLS for "https://" on a system without certificate authorities.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_open(
    endpoints: *const c_char,
    out: *mut *mut etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: text, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let mut options = Options::default();
            if let Some(urls) = optional_text("endpoints", endpoints)? {
                options.add_endpoints("endpoints", urls)?;
            }
            let client = Client::new(&options)?;
            convert::give(out, || etcd_v2_client(client));
            Ok(())
        })
    }
}

/// Makes a client; free it with etcd_v2_client_free(). `options` are copied: they may be changed
/// and freed afterwards. Nothing is sent yet, unless etcd_v2_options_set_sync_interval_ms() asks for
/// it.
/// Also returns ETCD_V2_TLS when a certificate or key that they name is not good (any more).
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_new(
    options: *const etcd_v2_options,
    out: *mut *mut etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let client = Client::new(&borrow("options", options)?.copy())?;
            convert::give(out, || etcd_v2_client(client));
            Ok(())
        })
    }
}

/// Makes another handle of the same client, with its own timeout and cancellation token, like a
/// derived context in Go; free it with etcd_v2_client_free(). Connections, members, settings and the
/// background thread are shared.
///
///   `timeout_ms`  of each call made with `*out` that does not set one itself;
///                 ETCD_V2_TIMEOUT_DEFAULT: as that of `client`; 0 is refused
///   `cancel`      optional cancellation token for calls and watchers made with `*out`, in addition to
///                 that of `client`
///
/// Freeing `*out` ends no call or watcher. When the first handle is freed, blocking calls made with
/// the others end with ETCD_V2_CLOSED, or with ETCD_V2_OUTCOME_UNKNOWN if a write had been sent.
/// Also returns ETCD_V2_LIMIT when the process has no descriptor left.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_with(
    client: *const etcd_v2_client,
    timeout_ms: i64,
    cancel: *const etcd_v2_cancel_token,
    out: *mut *mut etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, out and err as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let client = borrow("client", client)?;
            let timeout = Patience::parse("timeout_ms", timeout_ms)?;
            let derived = client.0.with(timeout, look(cancel).map(|token| &token.0))?;
            convert::give(out, || etcd_v2_client(derived));
            Ok(())
        })
    }
}

/// Frees the client and closes its connections. Of a handle of etcd_v2_client_with(), only the
/// handle. No blocking call may be in progress: cancel such calls first. Before this function
/// returns, submitted calls end with ETCD_V2_CANCELLED, or with ETCD_V2_OUTCOME_UNKNOWN if a write
/// had been sent, watchers end with ETCD_V2_CLOSED, and the `free_user` functions of their callbacks
/// are called. It may be called inside a callback of the client: all this then happens right after
/// that callback, and the callbacks that still run may use the client. A callback that runs while
/// another thread frees the client may use it, too. Responses, requests, watchers, queues and
/// everything read from them stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_free(client: *mut etcd_v2_client) {
    shield((), || {
        let remains = Remains(client);
        // SAFETY: NULL, or made by this library and not freed yet, see the header
        let Some(client) = (unsafe { look(client) }) else {
            return;
        };
        if client.0.is_derived() {
            return;
        }
        // a callback may use the client until everything has ended
        match client.0.is_on_its_thread() {
            true => client.0.bury(Box::new(remains)),
            false => client.0.close(),
        }
    });
}
