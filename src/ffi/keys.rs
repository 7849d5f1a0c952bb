//! Everyday verbs
//!
//! One call each for the common operations. For more (explicit lengths, a deadline, a cancellation
//! token, consent to repeat a write), build a request instead. All of them block the calling
//! thread, at most until the client's deadline, and take:
//!
//!   `client`  from etcd_v2_client_open() or etcd_v2_client_new()
//!   `key`     starts with "/"; no empty, "." or ".." segment; "/" is the root directory; up to about
//!             65000 bytes when escaped as in a URL
//!   `value`   NUL-terminated UTF-8, not NULL, may be "", up to about 10 MiB when escaped
//!   `ttl`     seconds until the key expires, up to 2147483648; 0 = never
//!   `out`     the response, to be freed with etcd_v2_response_free(); pass NULL to discard it
//!   `err`     see "Errors" above
//!
//! Writes create missing parent directories. In addition to the statuses listed with each verb, all
//! of them may return ETCD_V2_NOT_A_DIRECTORY (104) if a parent is a file, writes
//! ETCD_V2_ROOT_READ_ONLY (107) if the key is "/", and any status listed above.
use super::{
    client::etcd_v2_client,
    convert::{self, borrow, optional_text, text},
    error::etcd_v2_error,
    fallible::guard,
    response::etcd_v2_response,
    status::etcd_v2_status,
};
use crate::{
    client::{Ask, Call},
    error::Result,
    protocol::{
        key::Key,
        request::{Operation, Request, flags as bits},
    },
};
use std::ffi::c_char;

// enum etcd_v2_flag: Flags of requests; combine them with |.
/// GET, DELETE, watches: the whole subtree.
pub const ETCD_V2_RECURSIVE: u32 = 1;
/// GET: children in order of their keys.
pub const ETCD_V2_SORTED: u32 = 2;
/// GET: read through consensus, never stale.
pub const ETCD_V2_QUORUM: u32 = 4;
/// Writes: a directory. DELETE: an empty one.
pub const ETCD_V2_DIR: u32 = 8;
/// Writes: an answer without nodes (since etcd 3.1).
pub const ETCD_V2_NO_VALUE_ON_SUCCESS: u32 = 16;

/// Every verb: NULL checks, a request, its answer.
///
/// # Safety
/// Handles and text are NULL or alive, `out` and `err` are NULL or places for pointers.
unsafe fn run(
    client: *const etcd_v2_client,
    operation: Operation,
    (parameter, key): (&str, *const c_char),
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
    fill: impl FnOnce(&mut Request) -> Result<()>,
) -> etcd_v2_status {
    // SAFETY: the caller's promise
    unsafe {
        guard(err, || {
            convert::clear(out);
            let client = borrow("client", client)?;
            let key = Key::parse(parameter, text(parameter, key)?)?;
            let mut request = Request::new(operation, key);
            fill(&mut request)?;
            let response = client.0.execute(&Call::new(Ask::Keys(request)))?;
            etcd_v2_response::give(out, response);
            Ok(())
        })
    }
}

/// The value and the TTL of a write.
///
/// # Safety
/// `value` is NULL or text.
unsafe fn fill(request: &mut Request, value: *const c_char, ttl: i64) -> Result<()> {
    // SAFETY: the caller's promise
    request.set_value(unsafe { text("value", value) }?.as_bytes())?;
    fill_ttl(request, ttl)
}

fn fill_ttl(request: &mut Request, ttl: i64) -> Result<()> {
    if ttl == 0 {
        Ok(())
    } else {
        request.set_ttl(ttl)
    }
}

fn fill_dir(request: &mut Request, ttl: i64) -> Result<()> {
    request.set_flags(bits::DIR)?;
    fill_ttl(request, ttl)
}

/// The conditions of a comparison; that there is one is checked when the request is written.
///
/// # Safety
/// `value` is NULL or text.
unsafe fn fill_prev(request: &mut Request, value: *const c_char, index: u64) -> Result<()> {
    // SAFETY: the caller's promise
    if let Some(value) = unsafe { optional_text("prev_value", value) }? {
        request.set_prev_value(value)?;
    }
    request.set_prev_index(index)
}

/// Reads a key, or lists a directory: its children, or all below it with ETCD_V2_RECURSIVE. Hidden
/// keys, whose last segment begins with "_", are never listed. `flags`: ETCD_V2_RECURSIVE,
/// ETCD_V2_SORTED, ETCD_V2_QUORUM; 0 for none.
/// Also returns ETCD_V2_KEY_NOT_FOUND (100).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_get(
    client: *const etcd_v2_client,
    key: *const c_char,
    flags: u32,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Get, ("key", key), out, err, |r| {
            r.set_flags(flags)
        })
    }
}

/// Writes a value, whatever was there before.
/// Also returns ETCD_V2_NOT_A_FILE (102) when the key is a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_set(
    client: *const etcd_v2_client,
    key: *const c_char,
    value: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Set, ("key", key), out, err, |r| {
            fill(r, value, ttl)
        })
    }
}

/// Writes a value if the key does not exist.
/// Also returns ETCD_V2_ALREADY_EXISTS (105).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_create(
    client: *const etcd_v2_client,
    key: *const c_char,
    value: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Create, ("key", key), out, err, |r| {
            fill(r, value, ttl)
        })
    }
}

/// Writes a value if the key exists. A `ttl` of 0 makes the key permanent.
/// Also returns ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_FILE (102).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_update(
    client: *const etcd_v2_client,
    key: *const c_char,
    value: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Update, ("key", key), out, err, |r| {
            fill(r, value, ttl)
        })
    }
}

/// Renews the TTL of a key, 1 or more: the value stays, watches are not woken, but the modified
/// index grows.
/// Also returns ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_FILE (102), and ETCD_V2_UNSUPPORTED
/// before etcd 2.3, which would blank the value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_refresh(
    client: *const etcd_v2_client,
    key: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Refresh, ("key", key), out, err, |r| {
            // 0 has no meaning here: it is refused as any other number below 1
            r.set_ttl(ttl)
        })
    }
}

/// Writes a value under a new key in `directory`, named by the index of the write, so that names
/// sort in order of creation. The directory is made if it is missing. The answer's node tells the
/// key.
/// Also returns ETCD_V2_NOT_A_DIRECTORY (104) when `directory` is a file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_create_in_order(
    client: *const etcd_v2_client,
    directory: *const c_char,
    value: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(
            client,
            Operation::CreateInOrder,
            ("directory", directory),
            out,
            err,
            |r| fill(r, value, ttl),
        )
    }
}

/// Makes a directory; a file of that name is replaced.
/// Also returns ETCD_V2_NOT_A_FILE (102) when the directory exists.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_set_dir(
    client: *const etcd_v2_client,
    key: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Set, ("key", key), out, err, |r| {
            fill_dir(r, ttl)
        })
    }
}

/// Makes a directory if nothing has its name.
/// Also returns ETCD_V2_ALREADY_EXISTS (105).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_create_dir(
    client: *const etcd_v2_client,
    key: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Create, ("key", key), out, err, |r| {
            fill_dir(r, ttl)
        })
    }
}

/// Gives a directory a new TTL, or makes it permanent with 0.
/// Also returns ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_DIRECTORY (104) when the key is a file,
/// and ETCD_V2_RAFT_INTERNAL (300) from etcd 3.5, which cannot do this.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_update_dir(
    client: *const etcd_v2_client,
    key: *const c_char,
    ttl: i64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Update, ("key", key), out, err, |r| {
            fill_dir(r, ttl)
        })
    }
}

/// Removes a file; with ETCD_V2_DIR in `flags` also an empty directory, with ETCD_V2_RECURSIVE
/// everything below, too.
/// Also returns ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_FILE (102) when the key is a directory
/// and no flag is given, ETCD_V2_DIRECTORY_NOT_EMPTY (108).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_delete(
    client: *const etcd_v2_client,
    key: *const c_char,
    flags: u32,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(client, Operation::Delete, ("key", key), out, err, |r| {
            r.set_flags(flags)
        })
    }
}

/// Writes a value if the key is still as it was read: if its value is `prev_value` (NULL: not
/// compared), and its modified index is `prev_index` (0: not compared). One of them must be given.
/// An empty `prev_value` cannot be compared by etcd: use the index.
/// Also returns ETCD_V2_COMPARE_FAILED (101), whose etcd_v2_error_cause() shows both sides,
/// ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_FILE (102).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_compare_and_swap(
    client: *const etcd_v2_client,
    key: *const c_char,
    value: *const c_char,
    ttl: i64,
    prev_value: *const c_char,
    prev_index: u64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(
            client,
            Operation::CompareAndSwap,
            ("key", key),
            out,
            err,
            |r| {
                fill(r, value, ttl)?;
                fill_prev(r, prev_value, prev_index)
            },
        )
    }
}

/// Removes a file if it is still as it was read; `prev_value` and `prev_index` as in
/// etcd_v2_compare_and_swap().
/// Also returns ETCD_V2_COMPARE_FAILED (101), ETCD_V2_KEY_NOT_FOUND (100), ETCD_V2_NOT_A_FILE (102).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_compare_and_delete(
    client: *const etcd_v2_client,
    key: *const c_char,
    prev_value: *const c_char,
    prev_index: u64,
    out: *mut *mut etcd_v2_response,
    err: *mut *mut etcd_v2_error,
) -> etcd_v2_status {
    // SAFETY: handles, text and out pointers as the header asks
    unsafe {
        run(
            client,
            Operation::CompareAndDelete,
            ("key", key),
            out,
            err,
            |r| fill_prev(r, prev_value, prev_index),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_of_the_core() {
        assert_eq!(
            [
                ETCD_V2_RECURSIVE,
                ETCD_V2_SORTED,
                ETCD_V2_QUORUM,
                ETCD_V2_DIR,
                ETCD_V2_NO_VALUE_ON_SUCCESS
            ],
            [
                bits::RECURSIVE,
                bits::SORTED,
                bits::QUORUM,
                bits::DIR,
                bits::NO_VALUE_ON_SUCCESS
            ]
        );
    }
}
