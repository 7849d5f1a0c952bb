//! Users
//!
//! The users of the cluster and their roles. `name` contains no "/" and is not "." or ".."; a user
//! whose name contains ":" can authenticate with a certificate only, not with a password. Lists are
//! passed as pointer and count. Everything read from a list is borrowed and valid until the list is
//! freed.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, text, try_c_string},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
    texts::{Texts, texts},
};
use crate::client::Client;
use crate::error::Result;
use crate::protocol::admin::users::User;
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr,
};

/// A list of users. Read-only: any number of threads may read one list at once.
pub struct etcd_v2_users(Vec<etcd_v2_user>);

/// A user; belongs to its list.
pub struct etcd_v2_user {
    name: CString,
    roles: Texts,
}

impl Handle for etcd_v2_users {}

impl etcd_v2_users {
    fn new(users: &[User]) -> std::result::Result<etcd_v2_users, OutOfMemory> {
        let user = |user: &User| {
            Ok(etcd_v2_user {
                name: try_c_string(&user.name)?,
                roles: Texts::new(&user.roles)?,
            })
        };
        Ok(etcd_v2_users(memory::each(users, user)?))
    }
}

/// Every call with a list as its answer.
///
/// # Safety
/// The handle is NULL or alive, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
    call: impl FnOnce(&Client) -> Result<Vec<User>>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let users = call(&borrow("client", client)?.0)?;
            convert::try_give(out, || etcd_v2_users::new(&users))
        })
    }
}

/// Lists the users in order of their names, each with its roles; free the list with
/// etcd_v2_users_free(). etcd leaves out roles that do not exist. Before etcd 2.3 it tells names
/// only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_list(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, out, err, Client::users) }
}

/// Reads one user: a list of one. Free it with etcd_v2_users_free().
/// Also returns ETCD_V2_NOT_FOUND, also when it has a role that does not exist.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_get(
    client: *const etcd_v2_client,
    name: *const c_char,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            Ok(vec![client.user(text("name", name)?)?])
        })
    }
}

/// Makes a user with a password, which is not empty, and `role_count` roles; `roles` may be NULL
/// when that is 0. `*out` is a list of one; free it with etcd_v2_users_free(). A user that exists is
/// not changed: without roles etcd would take the request for a new password, so it is looked for
/// first.
/// Also returns ETCD_V2_CONFLICT when it exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_create(
    client: *const etcd_v2_client,
    name: *const c_char,
    password: *const c_char,
    roles: *const *const c_char,
    role_count: usize,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text, list and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            let (name, password) = (text("name", name)?, text("password", password)?);
            let roles = texts("roles", roles, role_count)?;
            Ok(vec![client.create_user(name, password, &roles)?])
        })
    }
}

/// Gives a user another password, which is not empty. The client's own credentials stay as they are.
/// Also returns ETCD_V2_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_set_password(
    client: *const etcd_v2_client,
    name: *const c_char,
    password: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            let client = borrow("client", client)?;
            client
                .0
                .set_user_password(text("name", name)?, text("password", password)?)
        })
    }
}

/// Gives a user more roles, all or none of them; etcd does not ask whether they exist. `*out` is a
/// list of one, the user as it is now; free it with etcd_v2_users_free().
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_CONFLICT when the user has one of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_grant(
    client: *const etcd_v2_client,
    name: *const c_char,
    roles: *const *const c_char,
    role_count: usize,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text, list and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            let roles = texts("roles", roles, role_count)?;
            Ok(vec![client.grant_user(text("name", name)?, &roles)?])
        })
    }
}

/// Takes roles from a user, all or none of them. `*out` is a list of one, the user as it is now;
/// free it with etcd_v2_users_free().
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_CONFLICT when the user does not have one of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_revoke(
    client: *const etcd_v2_client,
    name: *const c_char,
    roles: *const *const c_char,
    role_count: usize,
    out: *mut *mut etcd_v2_users,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text, list and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            let roles = texts("roles", roles, role_count)?;
            Ok(vec![client.revoke_user(text("name", name)?, &roles)?])
        })
    }
}

/// Deletes a user.
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_FORBIDDEN for root while auth is on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_delete(
    client: *const etcd_v2_client,
    name: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            borrow("client", client)?.0.delete_user(text("name", name)?)
        })
    }
}

/// How many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_users_count(users: *const etcd_v2_users) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(users) }.map_or(0, |u| u.0.len())
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_users_at(
    users: *const etcd_v2_users,
    i: usize,
) -> *const etcd_v2_user {
    // SAFETY: NULL or alive, see the header
    let user = unsafe { look(users) }.and_then(|u| u.0.get(i));
    user.map_or(ptr::null(), ptr::from_ref)
}

/// Its name, with which it logs in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_name(user: *const etcd_v2_user) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { user.as_ref() }.map_or(ptr::null(), |u| u.name.as_ptr())
}

/// How many roles it has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_role_count(user: *const etcd_v2_user) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { user.as_ref() }.map_or(0, |u| u.roles.count())
}

/// Name of one of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_user_role_at(
    user: *const etcd_v2_user,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { user.as_ref() }.map_or(ptr::null(), |u| u.roles.at(i))
}

/// Frees a list with all its users and text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_users_free(users: *mut etcd_v2_users) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(users) }
}
