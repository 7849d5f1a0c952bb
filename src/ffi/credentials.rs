//! Credentials
//!
//! A user name and a password, sent with every request as HTTP basic authentication. They are sent
//! to the members that the client was given or has discovered, and to nobody else: a redirect to
//! another host is followed without them. They never appear in error messages or logs. Without TLS
//! they can be read on the network. etcd checks passwords with bcrypt, about 50 ms of CPU time per
//! request; client certificates avoid that cost.
//!
//! Both functions return ETCD_V2_INVALID_ARGUMENT if `user` is empty or contains a colon, if
//! `password` is NULL, or if either contains control characters (such as a trailing newline) or is
//! longer than 1024 bytes. The credentials are not checked here: if they are wrong, requests fail
//! with ETCD_V2_UNAUTHORIZED.
use super::{
    client::etcd_v2_client,
    convert::{borrow, optional_text, text},
    error::etcd_v2_error,
    fallible::guard,
    options::{etcd_v2_options, set},
    status::etcd_v2_status,
};
use crate::{
    error::{Error, Result},
    transport::credentials::Authorization,
};
use std::ffi::c_char;

/// # Safety
/// Both are NULL or text as [`text`] wants it.
unsafe fn authorization(
    user: *const c_char,
    password: *const c_char,
) -> Result<Option<Authorization>> {
    // SAFETY: the caller's promise
    unsafe {
        match optional_text("user", user)? {
            Some(user) => Authorization::basic(user, text("password", password)?).map(Some),
            None if password.is_null() => Ok(None),
            None => Err(Error::invalid("user", "must not be NULL with a password")),
        }
    }
}

/// Sets the user name and password of all requests. Default: none. NULL for both removes them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_options_set_credentials(
    options: *mut etcd_v2_options,
    user: *const c_char,
    password: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, texts and err as the header asks
    unsafe {
        set(options, err, |o| {
            o.set_authorization(authorization(user, password)?);
            Ok(())
        })
    }
}

/// Changes the credentials of a client; other threads may use it meanwhile. NULL for both removes
/// them. Requests already sent are not affected; a watcher uses the new credentials from its next
/// long poll, which starts after its next event or after etcd_v2_options_set_poll_timeout_ms() at
/// the latest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_client_set_credentials(
    client: *const etcd_v2_client,
    user: *const c_char,
    password: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, texts and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            client.0.set_authorization(authorization(user, password)?)
        })
    }
}
