//! Configuration
//!
//! Reads and writes options as JSON. A document has the version of the format, 1, and any of the
//! options; each is named like its function, without etcd_v2_options_set_ or etcd_v2_options_:
//!
//!   {
//!     "etcd_v2": 1,
//!     "endpoints": ["http://a:2379", "http://b:2379"],
//!     "timeout_ms": 10000,
//!     "tcp_keepalive": {"idle_s": 30, "interval_s": 10, "count": 3},
//!     "credentials": {"user": "me", "password": "..."}
//!   }
//!
//! Several parameters of one function form an object ("client_cert_files": {"cert_file",
//! "key_file"}, "client_cert_pem": {"cert", "key"}, "discovery_srv": {"domain", "service_name"});
//! options that can be added repeatedly form a list ("endpoints", "pinned_sha256"); "stale_policy" is
//! "ignore", "report" or "reject"; "selection" is "sticky", "leader" or "round_robin".
//!
//! Files saved by go-etcd are read, too: {"config": {"certFile", "keyFile", "caCertFiles",
//! "timeout", "consistency"}, "cluster": {"leader", "machines"}}.
use super::{
    client::etcd_v2_client,
    convert::{borrow, bytes, c_string, null, text},
    error::etcd_v2_error,
    fallible::guard,
    options::{etcd_v2_options, set},
    status::etcd_v2_status,
    userdata::UserData,
};
use crate::{
    client::{Options, config::OnConfig},
    error::{Error, Result},
};
use std::{
    ffi::{c_char, c_void},
    path::Path,
    sync::Arc,
};

// enum etcd_v2_config_flag: What is written beside the settings.
/// Passwords and keys are written, too.
pub const ETCD_V2_CONFIG_SECRETS: u32 = 1;

/// Receives a document as read by etcd_v2_options_load_json(), on the thread that made the change:
/// the calling thread, or the background thread of the client. Changes made meanwhile are reported
/// together by the same thread when it returns, so calls never overlap, and it may make changes
/// itself. It may call every function except etcd_v2_client_free() of its client.
pub type etcd_v2_autosave_fn =
    Option<unsafe extern "C-unwind" fn(json: *const c_char, user: *mut c_void)>;

fn secrets(flags: u32) -> Result<bool> {
    match flags {
        0 => Ok(false),
        ETCD_V2_CONFIG_SECRETS => Ok(true),
        other => Err(Error::invalid(
            "flags",
            format_args!("0x{other:x} has other bits than ETCD_V2_CONFIG_SECRETS"),
        )),
    }
}

/// Takes over what a file says, and leaves all other settings; its endpoints replace those that were
/// added before. When anything is wrong nothing changes, and the error names the file, the line and
/// the setting: an unknown or duplicate key, a value of the wrong type or out of range, truncated
/// or trailing text, more than 1 MiB.
/// Also returns ETCD_V2_UNSUPPORTED for a document of a newer version, ETCD_V2_TLS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_load_file(
    options: *mut etcd_v2_options,
    path: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.load_file("path", Path::new(text("path", path)?))
        })
    }
}

/// The same for `length` bytes of text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_load_json(
    options: *mut etcd_v2_options,
    json: *const c_char,
    length: usize,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, bytes and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.load_json("json", bytes("json", json.cast(), length)?)
        })
    }
}

/// Saves every change of the members (by etcd_v2_client_set_endpoints(), etcd_v2_sync() or
/// discovery) and of the credentials to this file, as etcd_v2_client_save() does, before the
/// function that made the change returns. A failure is logged, see
/// etcd_v2_options_set_log_callback(). The background thread of the client does not wait for the
/// disk: changes that it makes, or that a callback makes, are saved a moment later by a helper
/// thread, for which etcd_v2_client_free() waits. If another process holds the lock of the file for
/// longer than the deadline of the client, saving is retried while the client exists.
///
///   `flags`  0 or ETCD_V2_CONFIG_SECRETS
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_autosave_file(
    options: *mut etcd_v2_options,
    path: *const c_char,
    flags: u32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_config_file(Path::new(text("path", path)?), secrets(flags)?)
        })
    }
}

/// Reports every such change to `callback`, which must not be NULL, with the whole document that a
/// file would have. Replaces an earlier callback.
///
///   `flags`      0 or ETCD_V2_CONFIG_SECRETS
///   `user`       given to `callback`; may be NULL
///   `free_user`  gets `user` when neither these options nor a client that was made of them have it any
///                more; at once when this fails; may be NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_autosave_callback(
    options: *mut etcd_v2_options,
    flags: u32,
    callback: etcd_v2_autosave_fn,
    user: *mut c_void,
    free_user: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    let user = UserData::new(user, free_user);
    let change = |o: &mut Options| {
        let secrets = secrets(flags)?;
        let function = callback.ok_or_else(|| null("callback"))?;
        let told: OnConfig = Arc::new(move |json| {
            let json = c_string(json);
            // SAFETY: the header asks for a function of this type; the text lives until it returns
            unsafe { function(json.as_ptr(), user.data()) };
        });
        Ok(o.set_config_callback(told, secrets))
    };
    // SAFETY: handle and err as the header asks
    unsafe { set(options, err, change) }
}

/// Saves the settings of a client and its current members to a file that only its owner can read.
/// The file is replaced atomically: after a crash of the process or the machine it has either the
/// old or the new content. A symbolic link is followed. A temporary file ".NAME.etcd_v2-new" is
/// created in the same directory; an existing file of that name is removed and never written to.
///
///   `flags`  0 or ETCD_V2_CONFIG_SECRETS
///
/// Also returns ETCD_V2_LIMIT when the disk is full, ETCD_V2_TIMEOUT when another process saves to
/// the same file and has not ended after the deadline of the client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_save(
    client: *const etcd_v2_client,
    path: *const c_char,
    flags: u32,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            let (path, secrets) = (text("path", path)?, secrets(flags)?);
            client.0.save(Path::new(path), secrets)
        })
    }
}
