//! Auth
//!
//! Since etcd 2.1 a cluster may ask who somebody is. Everything here and in the two chapters that
//! follow needs, once auth is on, the credentials of a user with the role root, but for
//! etcd_v2_auth_is_enabled(). Servers without auth give ETCD_V2_UNSUPPORTED. No change is sent twice,
//! and without quorum it can take etcd 14 seconds to refuse one: with a shorter deadline that is
//! ETCD_V2_OUTCOME_UNKNOWN.
//!
//! To turn it on: create the user "root", which gets the role root by itself; then enable. From then on
//! whoever sends no credentials acts with the role "guest". If there is none, etcd makes one that may
//! read and write everything: so nothing is protected before that is taken away, with
//! etcd_v2_role_revoke(client, "guest", ...) of "/" followed by "*". Users do not have the rights of
//! guests.
//!
//! Wrong credentials and missing rights are both ETCD_V2_UNAUTHORIZED (110); etcd does not tell which.
//! Passwords are checked with bcrypt for each request, which takes etcd some 50 ms.
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
/// Also returns ETCD_V2_CONFLICT when it is on, or when there is no user root: etcd says that also when
/// it could not look for lack of quorum.
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
