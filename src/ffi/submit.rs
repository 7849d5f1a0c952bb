//! Asynchronous calls
//!
//! Submitting a request does not block: the background thread of the client runs it, any number at
//! once. The result is a completion, delivered exactly once, to a completion queue, from which any
//! thread can take it, or to a callback.
//!
//! Calls in flight run concurrently, so they may reach etcd, and complete, in any order: if one
//! must follow another, submit it when the first has completed. Deadline, cancellation token and
//! consent to repeat are those of the request; the completion has a status of etcd_v2_execute().
use super::{
    client::etcd_v2_client,
    completion::{UserToken, etcd_v2_completion},
    convert::{borrow, free, null},
    error::etcd_v2_error,
    fallible::guard,
    queue::etcd_v2_queue,
    request::etcd_v2_request,
    status::etcd_v2_status,
    userdata::UserData,
};
use std::ffi::c_void;

/// Told once how a submitted call ended, on the thread of the client, one at a time; it may come
/// before etcd_v2_submit_callback() has returned. `completion` and all that is read from it live
/// until this returns: copy what is to be kept. May submit the next call and call everything else
/// but what waits for a watcher or a submitted call of the same client; may free the client. Must
/// not free `completion`.
pub type etcd_v2_completion_fn =
    Option<unsafe extern "C-unwind" fn(completion: *const etcd_v2_completion, user: *mut c_void)>;

/// A completion while a callback has it.
struct LentCompletion(*mut etcd_v2_completion);

impl Drop for LentCompletion {
    fn drop(&mut self) {
        // SAFETY: made by this library; the callback has ended, or its thread
        unsafe { free(self.0) }
    }
}

/// Runs `request` in the background; how it ends is put into `queue`. Waits for nothing.
///
///   `request`  as it is now: it may be changed, submitted again and freed meanwhile
///   `user`     comes back with the completion; may be NULL
///
/// When this fails no completion comes. Also returns ETCD_V2_LIMIT when too many are in flight, see
/// etcd_v2_options_set_max_in_flight(): take completions out of the queue first; ETCD_V2_CLOSED
/// while the client is being freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_submit(
    client: *const etcd_v2_client,
    request: *const etcd_v2_request,
    queue: *const etcd_v2_queue,
    user: *mut c_void,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            let call = borrow("request", request)?.call();
            let queue = borrow("queue", queue)?;
            client.0.submit_to(&call, &queue.0, UserToken(user))
        })
    }
}

/// Runs `request` in the background and calls `callback`, which must not be NULL, when it has ended.
/// Waits for nothing.
///
///   `request`    as it is now: it may be changed, submitted again and freed meanwhile
///   `user`       given to `callback`; may be NULL
///   `free_user`  gets `user` after that; at once when this fails; may be NULL
///
/// When this fails `callback` is not called. Also returns ETCD_V2_LIMIT when too many are in flight,
/// see etcd_v2_options_set_max_in_flight(); ETCD_V2_CLOSED while the client is being freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_submit_callback(
    client: *const etcd_v2_client,
    request: *const etcd_v2_request,
    callback: etcd_v2_completion_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // before anything can fail
    let user = UserData::new(user, free_user);
    // SAFETY: handles and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            let call = borrow("request", request)?.call();
            let callback = callback.ok_or_else(|| null("callback"))?;
            client.0.submit_foreign(&call, move |result| {
                let told = LentCompletion(etcd_v2_completion::raw(user.data(), result));
                callback(told.0, user.data());
            })
        })
    }
}
