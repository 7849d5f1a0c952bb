//! Auth
//!
//! Turns authentication on and off. While it is on, everything in this chapter and the next two
//! requires the credentials of a user with the role "root", except etcd_v2_auth_is_enabled().
//! Servers older than 2.1 return ETCD_V2_UNSUPPORTED. Changes are sent at most once. Without a
//! quorum etcd can take 14 seconds to refuse one: with a shorter deadline the status is
//! ETCD_V2_OUTCOME_UNKNOWN.
//!
//! To enable it, create the user "root" (it gets the role "root" by itself), then call
//! etcd_v2_auth_enable(). From then on, requests without credentials have the role "guest". If that
//! role does not exist, etcd creates it with read and write access to every key, so nothing is
//! protected until that access is revoked: call etcd_v2_role_revoke(client, "guest", ...) for "/",
//! then for "*". Users do not inherit the permissions of "guest".
//!
//! Wrong credentials and missing permissions both give ETCD_V2_UNAUTHORIZED (110); etcd does not
//! distinguish them. etcd checks passwords with bcrypt, about 50 ms of CPU time per request.
use super::{
    client::etcd_v2_client,
    convert::{borrow, null, put},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
};

/// Writes to `out` whether auth is on; false when it fails. Needs no credentials.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_auth_is_enabled(
    client: *const etcd_v2_client,
    out: *mut bool,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks, out is NULL or a place for a bool
    unsafe {
        guard(err, || {
            put(out, false);
            if out.is_null() {
                return Err(null("out"));
            }
            put(out, borrow("client", client)?.0.auth_is_enabled()?);
            Ok(())
        })
    }
}

/// Turns auth on; set the client's credentials to root's for what comes next.
/// Also returns ETCD_V2_CONFLICT when it is on, or when there is no user root: etcd says that also
/// when it could not look for lack of quorum.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_auth_enable(
    client: *const etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { guard(err, || borrow("client", client)?.0.set_auth(true)) }
}

/// Turns auth off; users and roles stay.
/// Also returns ETCD_V2_CONFLICT when it is off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_auth_disable(
    client: *const etcd_v2_client,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and err as the header asks
    unsafe { guard(err, || borrow("client", client)?.0.set_auth(false)) }
}
