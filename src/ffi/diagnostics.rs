//! Diagnostics
//!
//! Listeners are set in the options, before the client is made. They run on the thread that does
//! the work: the calling thread, or the background thread of the client. Unlike other callbacks, a
//! listener may therefore run on several threads at once, and it delays the request it is called
//! for. Without a listener nothing is formatted.
//!
//! A listener may call any function, but must not free the client it is called for. Requests that
//! it makes are not reported to listeners on that thread. Its arguments are borrowed until it
//! returns. Passwords, private keys and the Authorization header are never passed to listeners;
//! values of keys only to the listener of etcd_v2_options_set_curl_callback().
use super::{
    convert::{c_string, null},
    error::etcd_v2_error,
    options::{etcd_v2_options, set},
    retry::etcd_v2_retry,
    status::etcd_v2_status,
    trace::etcd_v2_trace,
    userdata::{FreeUser, UserData},
};
use crate::client::Options;
use crate::error::{Error, Result};
use crate::telemetry::hooks::{Advice, Level};
use std::{
    ffi::{c_char, c_void},
    sync::Arc,
    time::Duration,
};

// enum etcd_v2_log_level: How much is logged: each level with those above it.
/// A call failed.
pub const ETCD_V2_LOG_ERROR: i32 = 1;
/// And attempts that failed, after which something else is tried.
pub const ETCD_V2_LOG_WARN: i32 = 2;
/// And what changed: members, credentials.
pub const ETCD_V2_LOG_INFO: i32 = 3;
/// And every request.
pub const ETCD_V2_LOG_DEBUG: i32 = 4;

// enum etcd_v2_retry_decision: What a retry callback returns, beside a delay in milliseconds.
/// As if there were no hook.
pub const ETCD_V2_RETRY_DEFAULT: i64 = 0;
/// No further attempt: the call fails now.
pub const ETCD_V2_RETRY_STOP: i64 = -1;

/// Gets one line of the log, without a newline. `level` is one of ETCD_V2_LOG_...
pub type etcd_v2_log_fn =
    Option<unsafe extern "C-unwind" fn(level: i32, line: *const c_char, user: *mut c_void)>;

/// Gets one command for a POSIX shell.
pub type etcd_v2_curl_fn =
    Option<unsafe extern "C-unwind" fn(command: *const c_char, user: *mut c_void)>;

/// Gets one moment of a request.
pub type etcd_v2_trace_fn =
    Option<unsafe extern "C-unwind" fn(trace: *const etcd_v2_trace, user: *mut c_void)>;

/// Answers ETCD_V2_RETRY_DEFAULT, ETCD_V2_RETRY_STOP, or for how many ms to pause before the next
/// attempt.
pub type etcd_v2_retry_fn =
    Option<unsafe extern "C-unwind" fn(retry: *const etcd_v2_retry, user: *mut c_void) -> i64>;

fn level(level: i32) -> Result<Level> {
    match level {
        ETCD_V2_LOG_ERROR => Ok(Level::Error),
        ETCD_V2_LOG_WARN => Ok(Level::Warn),
        ETCD_V2_LOG_INFO => Ok(Level::Info),
        ETCD_V2_LOG_DEBUG => Ok(Level::Debug),
        other => Err(Error::invalid(
            "level",
            format_args!("{other} is none of ETCD_V2_LOG_..."),
        )),
    }
}

fn required<F>(callback: Option<F>) -> Result<F> {
    callback.ok_or_else(|| null("callback"))
}

/// Passes log lines to `callback`, which must not be NULL. Replaces an earlier callback.
///
///   `level`      the least severe ETCD_V2_LOG_... level that is passed
///   `user`       given to `callback`; may be NULL
///   `free_user`  gets `user` when neither these options nor a client that was made of them have it any
///                more; at once when this fails; may be NULL
///
/// A line names the request by a number that is its own within the client, so that its lines can be
/// found again, and the key, but no value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_log_callback(
    options: *mut etcd_v2_options,
    level: i32,
    callback: etcd_v2_log_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let user = held(user, free_user);
    let change = |o: &mut Options| {
        let (level, function) = (self::level(level)?, required(callback)?);
        Ok(o.set_log(
            level,
            Arc::new(move |level, line| {
                let line = c_string(line);
                // SAFETY: the header asks for a function of this type; the text lives until it returns
                unsafe { function(level as i32, line.as_ptr(), user.data()) };
            }),
        ))
    };
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, change) }
}

/// Passes every attempt of every request, also of watchers, to `callback` as a POSIX shell command
/// that repeats it, using curl and for some bodies printf. The password is masked and has to be
/// filled in. The command contains the key and the value. Everything else as in
/// etcd_v2_options_set_log_callback().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_curl_callback(
    options: *mut etcd_v2_options,
    callback: etcd_v2_curl_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let user = held(user, free_user);
    let change = |o: &mut Options| {
        let function = required(callback)?;
        Ok(o.set_curl(Arc::new(move |command| {
            let command = c_string(command);
            // SAFETY: the header asks for a function of this type; the text lives until it returns
            unsafe { function(command.as_ptr(), user.data()) };
        })))
    };
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, change) }
}

/// Reports every request, also of watchers, to `callback`: once when it begins, after every exchange
/// with a member, and once when it ends. Everything else as in etcd_v2_options_set_log_callback().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_trace_callback(
    options: *mut etcd_v2_options,
    callback: etcd_v2_trace_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let user = held(user, free_user);
    let change = |o: &mut Options| {
        let function = required(callback)?;
        Ok(o.set_trace(Arc::new(move |trace| {
            let trace = etcd_v2_trace::new(trace);
            // SAFETY: the header asks for a function of this type; the trace lives until it returns
            unsafe { function(&trace, user.data()) };
        })))
    };
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, change) }
}

/// Calls `callback` after a failed attempt of a call, blocking or submitted, before the next
/// attempt. The callback can stop the call, or set a pause: the call then continues after it, until
/// its deadline, even if every member was tried as often as it would be without a hook. It is not
/// called if no further attempt is possible, so it cannot cause a write that may have been applied
/// to be resent, unless etcd_v2_request_set_idempotent() allows that. Watches are not affected.
/// Everything else as in etcd_v2_options_set_log_callback().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_retry_callback(
    options: *mut etcd_v2_options,
    callback: etcd_v2_retry_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let user = held(user, free_user);
    let change = |o: &mut Options| {
        let function = required(callback)?;
        Ok(o.set_retry_hook(Arc::new(move |retry| {
            let retry = etcd_v2_retry::new(retry);
            // SAFETY: the header asks for a function of this type; what it is given lives until it returns
            match unsafe { function(&retry, user.data()) } {
                ETCD_V2_RETRY_DEFAULT => Advice::Default,
                ms @ 1.. => Advice::Pause(Duration::from_millis(ms.unsigned_abs())),
                _ => Advice::Stop,
            }
        })))
    };
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, change) }
}

/// Whatever happens to it, it is let go once.
fn held(user: *mut c_void, free_user: FreeUser) -> Arc<UserData> {
    Arc::new(UserData::new(user, free_user))
}
