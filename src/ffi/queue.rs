//! Queue
//!
//! A completion queue holds completions, in the order in which calls ended, until they are taken
//! out. One queue can serve several clients, and one client several queues.
use super::{
    completion::{UserToken, etcd_v2_completion},
    convert::{self, Handle, borrow, timeout},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};
use crate::{client::CompletionQueue, error::Error, status::Status};
use std::ffi::c_int;

/// Where completions wait. Safe from any number of threads.
pub struct etcd_v2_queue(pub(super) CompletionQueue<UserToken>);

impl Handle for etcd_v2_queue {}

/// Makes a queue; free it with etcd_v2_queue_free().
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_queue_new(
    out: *mut *mut etcd_v2_queue,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: out and err are NULL or places for pointers, see the header
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            convert::give(out, || etcd_v2_queue(CompletionQueue::new()));
            Ok(())
        })
    }
}

/// Takes out the oldest completion; free it with etcd_v2_completion_free(). Of several threads in
/// here each completion goes to one.
///
///   `timeout_ms`  as in "Timeouts" above; 0: does not block. There is no default, since a queue may
///                 serve several clients. ETCD_V2_TIMEOUT_INFINITE never returns if nothing was submitted
///
/// Also returns ETCD_V2_TIMEOUT when none came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_queue_next(
    queue: *const etcd_v2_queue,
    timeout_ms: i64,
    out: *mut *mut etcd_v2_completion,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::required("out", out)?;
            let queue = borrow("queue", queue)?;
            let completed = queue.0.next(timeout(timeout_ms, None)?)?.ok_or_else(|| {
                let text = format!("queue: no completion within {timeout_ms} ms");
                Error::new(Status::TIMEOUT, text)
            })?;
            out.write(etcd_v2_completion::raw(completed.user.0, completed.result));
            Ok(())
        })
    }
}

/// Writes to `out` a descriptor for poll(2), epoll and event loops; -1 when it fails. It is readable
/// as long as there are completions. It is made at the first call and belongs to the queue: neither
/// read nor close it, and take it out of the loop before the queue is freed.
/// Also returns ETCD_V2_LIMIT when the process has none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_queue_fd(
    queue: *const etcd_v2_queue,
    out: *mut c_int,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe {
        guard(err, || {
            convert::descriptor(out, || borrow("queue", queue)?.0.descriptor())
        })
    }
}

/// Frees the queue with the completions in it. Calls in flight continue; their results are
/// discarded. No thread may be in etcd_v2_queue_next() any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_queue_free(queue: *mut etcd_v2_queue) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(queue) }
}
