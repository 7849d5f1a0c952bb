//! Watch
//!
//! To follow a key without losing a change: read it, note the answer's
//! etcd_v2_response_etcd_index() as i, then wait from i + 1; after each change wait from the node's
//! modified index + 1. Every member keeps the last 1000 changes of the cluster; whoever comes later
//! gets ETCD_V2_HISTORY_CLEARED (401) and reads again.
use super::{
    cancel::etcd_v2_cancel,
    client::etcd_v2_client,
    convert::{self, borrow, look, text},
    error::etcd_v2_error,
    guard::guard,
    response::etcd_v2_response,
    status::etcd_v2_status,
    verbs::ETCD_V2_RECURSIVE,
};
use crate::{
    client::{Options, Patience},
    error::{Error, Result},
    protocol::key::Key,
};
use std::ffi::c_char;

fn patience(timeout_ms: i64) -> Result<Patience> {
    match timeout_ms {
        -1 => Ok(Patience::Forever),
        0 => Ok(Patience::Default),
        ms => Options::deadline_ms("timeout_ms", ms).map(Patience::For),
    }
}

/// Waits for the first change of `key` at or after `wait_index`; 0 means from now. With
/// ETCD_V2_RECURSIVE in `flags`, the only one allowed, also for changes below the key; without it a
/// directory's children are not watched. The key need not exist. Lost connections and failing
/// members are replaced without the caller noticing. The answer, to be freed with
/// etcd_v2_response_free(), tells what happened in its action, node and previous node; `out` may be
/// NULL. `timeout_ms`: 1 to 2147483647 milliseconds, 0 for the client's deadline, -1 to wait until
/// something changes or `cancel` is fired. `cancel` may be NULL.
/// ETCD_V2_TIMEOUT when nothing came, ETCD_V2_CANCELLED, ETCD_V2_HISTORY_CLEARED (401).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_watch_once(
    client: *const etcd_v2_client,
    key: *const c_char,
    wait_index: u64,
    flags: u32,
    timeout_ms: i64,
    cancel: *const etcd_v2_cancel,
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
                let why = format_args!("{flags:#x} is not ETCD_V2_RECURSIVE or 0");
                return Err(Error::invalid("flags", why));
            }
            let response = client.0.watch_once(
                &key,
                flags & ETCD_V2_RECURSIVE != 0,
                wait_index,
                patience(timeout_ms)?,
                look(cancel).map(|token| &token.0),
            )?;
            etcd_v2_response::give(out, response);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use std::time::Duration;

    #[test]
    fn patience_has_three_forms_and_nothing_else() {
        assert!(matches!(patience(-1), Ok(Patience::Forever)));
        assert!(matches!(patience(0), Ok(Patience::Default)));
        assert!(matches!(patience(7), Ok(Patience::For(t)) if t == Duration::from_millis(7)));
        for ms in [-2, i64::MIN, i64::MAX] {
            assert_eq!(patience(ms).unwrap_err().status(), Status::INVALID_ARGUMENT);
        }
    }
}
