//! Roles
//!
//! A role says which keys its users may read and write, as a list of patterns. A pattern starts
//! with "/"; one that ends in "*" matches every key with that prefix, any other matches one key
//! only. Listing a directory requires permission for the directory; with ETCD_V2_RECURSIVE, for a
//! pattern with "*". etcd compares a pattern with the path as it is sent: a pattern for everything
//! below a directory does not match the directory itself. The role "root" always exists and may do
//! everything. Everything read from a list is borrowed and valid until the list is freed.
use super::{
    client::etcd_v2_client,
    convert::{self, Handle, borrow, look, text, try_c_string},
    error::etcd_v2_error,
    fallible::guard,
    status::etcd_v2_status,
    texts::{Texts, texts},
};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::protocol::admin::roles::{Access, Role};
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr,
};

// enum etcd_v2_access: Access to keys; combine them with |.
/// Read access: GET and watches.
pub const ETCD_V2_ACCESS_READ: u32 = 1;
/// Write access: all other requests.
pub const ETCD_V2_ACCESS_WRITE: u32 = 2;

/// A list of roles. Read-only: any number of threads may read one list at once.
pub struct etcd_v2_roles(Vec<etcd_v2_role>);

/// A role; belongs to its list.
pub struct etcd_v2_role {
    name: CString,
    read: Texts,
    write: Texts,
}

impl Handle for etcd_v2_roles {}

impl etcd_v2_roles {
    fn new(roles: &[Role]) -> std::result::Result<etcd_v2_roles, OutOfMemory> {
        let role = |role: &Role| {
            Ok(etcd_v2_role {
                name: try_c_string(&role.name)?,
                read: Texts::new(&role.read)?,
                write: Texts::new(&role.write)?,
            })
        };
        Ok(etcd_v2_roles(memory::each(roles, role)?))
    }
}

impl etcd_v2_role {
    fn patterns(&self, access: u32) -> Option<&Texts> {
        match access {
            ETCD_V2_ACCESS_READ => Some(&self.read),
            ETCD_V2_ACCESS_WRITE => Some(&self.write),
            _ => None,
        }
    }
}

fn access(bits: u32) -> Result<Access> {
    match bits & !(ETCD_V2_ACCESS_READ | ETCD_V2_ACCESS_WRITE) {
        0 => Ok(Access {
            read: bits & ETCD_V2_ACCESS_READ != 0,
            write: bits & ETCD_V2_ACCESS_WRITE != 0,
        }),
        unknown => Err(Error::invalid(
            "access",
            format_args!("unknown bits 0x{unknown:x}; use the named ones only"),
        )),
    }
}

/// Every call with a list as its answer.
///
/// # Safety
/// The handle is NULL or alive, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
    call: impl FnOnce(&Client) -> Result<Vec<Role>>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let roles = call(&borrow("client", client)?.0)?;
            convert::try_give(out, || etcd_v2_roles::new(&roles))
        })
    }
}

/// Lists the roles in order of their names; free the list with etcd_v2_roles_free(). Before etcd 2.3
/// it tells names only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_list(
    client: *const etcd_v2_client,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle and out pointers as the header asks
    unsafe { run(client, out, err, Client::roles) }
}

/// Reads one role: a list of one. Free it with etcd_v2_roles_free().
/// Also returns ETCD_V2_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_get(
    client: *const etcd_v2_client,
    name: *const c_char,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            Ok(vec![client.role(text("name", name)?)?])
        })
    }
}

/// Makes a role, which may do nothing yet. `name` has no "/" and is not "." or "..". `*out` is a
/// list of one; free it with etcd_v2_roles_free().
/// Also returns ETCD_V2_CONFLICT when it exists, ETCD_V2_FORBIDDEN for root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_create(
    client: *const etcd_v2_client,
    name: *const c_char,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            Ok(vec![client.create_role(text("name", name)?)?])
        })
    }
}

/// Lets a role do more, all or none of it. `access` is ETCD_V2_ACCESS_READ, ETCD_V2_ACCESS_WRITE or
/// both. `*out` is a list of one, the role as it is now; free it with etcd_v2_roles_free().
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_CONFLICT when it may do one of these, ETCD_V2_FORBIDDEN
/// for root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_grant(
    client: *const etcd_v2_client,
    name: *const c_char,
    patterns: *const *const c_char,
    pattern_count: usize,
    access: u32,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text, list and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            let name = text("name", name)?;
            let patterns = texts("patterns", patterns, pattern_count)?;
            let access = self::access(access)?;
            Ok(vec![client.grant_role(name, &patterns, access)?])
        })
    }
}

/// Removes access from a role. Access that the role does not have is ignored. `access` as in
/// etcd_v2_role_grant(). `*out` is a list of one, the role as it is now; free it with
/// etcd_v2_roles_free().
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_FORBIDDEN for root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_revoke(
    client: *const etcd_v2_client,
    name: *const c_char,
    patterns: *const *const c_char,
    pattern_count: usize,
    access: u32,
    out: *mut *mut etcd_v2_roles,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text, list and out pointers as the header asks
    unsafe {
        run(client, out, err, |client| {
            let name = text("name", name)?;
            let patterns = texts("patterns", patterns, pattern_count)?;
            let access = self::access(access)?;
            Ok(vec![client.revoke_role(name, &patterns, access)?])
        })
    }
}

/// Deletes a role; users that have it keep its name.
/// Also returns ETCD_V2_NOT_FOUND, ETCD_V2_FORBIDDEN for root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_delete(
    client: *const etcd_v2_client,
    name: *const c_char,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handle, text and err as the header asks
    unsafe {
        guard(err, || {
            borrow("client", client)?.0.delete_role(text("name", name)?)
        })
    }
}

/// How many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_roles_count(roles: *const etcd_v2_roles) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { look(roles) }.map_or(0, |r| r.0.len())
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_roles_at(
    roles: *const etcd_v2_roles,
    i: usize,
) -> *const etcd_v2_role {
    // SAFETY: NULL or alive, see the header
    let role = unsafe { look(roles) }.and_then(|r| r.0.get(i));
    role.map_or(ptr::null(), ptr::from_ref)
}

/// Its name, by which users are given it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_name(role: *const etcd_v2_role) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { role.as_ref() }.map_or(ptr::null(), |r| r.name.as_ptr())
}

/// How many patterns it may read or write: `access` is exactly one of ETCD_V2_ACCESS_READ and
/// ETCD_V2_ACCESS_WRITE, 0 comes for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_pattern_count(
    role: *const etcd_v2_role,
    access: u32,
) -> usize {
    // SAFETY: NULL or alive, see the header
    unsafe { role.as_ref() }
        .and_then(|r| r.patterns(access))
        .map_or(0, Texts::count)
}

/// One of them; NULL beyond the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_role_pattern_at(
    role: *const etcd_v2_role,
    access: u32,
    i: usize,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    unsafe { role.as_ref() }
        .and_then(|r| r.patterns(access))
        .map_or(ptr::null(), |patterns| patterns.at(i))
}

/// Frees a list with all its roles and text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_roles_free(roles: *mut etcd_v2_roles) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(roles) }
}
