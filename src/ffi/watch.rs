//! Watch
//!
//! To follow a key without losing a change: read it, take i = etcd_v2_response_etcd_index() of the
//! response, and wait from i + 1; after each change, wait from the node's modified index + 1. Every
//! member keeps the last 1000 changes of the cluster; a wait from an older index returns
//! ETCD_V2_HISTORY_CLEARED (401): read again.
use super::{
    client::etcd_v2_client,
    convert::{self, borrow, text},
    error::etcd_v2_error,
    fallible::guard,
    keys::ETCD_V2_RECURSIVE,
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::{client::Patience, error::Error, protocol::key::Key};
use std::ffi::c_char;

/// Blocks until the first change of `key` at or after `wait_index`; 0 means from now. The key need
/// not exist. The wait continues across lost connections and failing members. Setting the same value
/// again counts as a change, a refresh does not. The deletion or expiry of a directory is a single
/// change, also if `key` is inside it; the node is then that directory. Hidden keys below `key` are
/// ignored.
///
///   `flags`       ETCD_V2_RECURSIVE for changes below the key, too, or 0
///   `timeout_ms`  as in "Timeouts" above; 0 is refused
///   `out`         what happened, in action, node and previous node; to be freed with
///                 etcd_v2_response_free(); may be NULL
///
/// Returns ETCD_V2_TIMEOUT when there was no change. The key is then proven not to have changed up
/// to etcd_v2_error_etcd_index() (0: nothing is proven); pass that index + 1 next. The proof takes
/// more than one second without data: a shorter call returns `wait_index` - 1, and after 1000
/// changes of other keys etcd's history no longer reaches back to `wait_index`. Before a change is
/// returned, the event history of the member is checked for completeness, which can extend the call
/// by up to 100 ms beyond its timeout.
///
/// Returns ETCD_V2_HISTORY_CLEARED (401) when changes since `wait_index` are lost: read the key and
/// wait from etcd_v2_response_etcd_index() + 1. Responses that are not etcd's do not end the call,
/// see etcd_v2_watcher_next().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_once(
    client: *const etcd_v2_client,
    key: *const c_char,
    wait_index: u64,
    flags: u32,
    timeout_ms: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::clear(out);
            let client = borrow("client", client)?;
            let key = Key::parse("key", text("key", key)?)?;
            if flags & !ETCD_V2_RECURSIVE != 0 {
                let why = format!("{flags:#x} is not ETCD_V2_RECURSIVE or 0");
                return Err(Error::invalid("flags", why));
            }
            let response = client.0.watch_once(
                &key,
                flags & ETCD_V2_RECURSIVE != 0,
                wait_index,
                Patience::parse("timeout_ms", timeout_ms)?,
                None,
            )?;
            etcd_v2_response::give(out, response);
            Ok(())
        })
    }
}
