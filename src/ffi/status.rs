//! Status
//!
//! 0 is success. Errors reported by etcd keep etcd's own number (100 to 500, including numbers not
//! listed here); those of this library start at 1000. Numbers are never reused.
use crate::status::{Status, TABLE};
use std::ffi::c_char;

/// How a call ended: ETCD_V2_OK or what went wrong.
pub type etcd_v2_status = i32;

// enum etcd_v2_status_code: Statuses.
/// success
pub const ETCD_V2_OK: etcd_v2_status = 0;
/// key not found
pub const ETCD_V2_KEY_NOT_FOUND: etcd_v2_status = 100;
/// compare failed
pub const ETCD_V2_COMPARE_FAILED: etcd_v2_status = 101;
/// not a file
pub const ETCD_V2_NOT_A_FILE: etcd_v2_status = 102;
/// reached the maximum number of peers
pub const ETCD_V2_NO_MORE_PEER: etcd_v2_status = 103;
/// not a directory
pub const ETCD_V2_NOT_A_DIRECTORY: etcd_v2_status = 104;
/// key already exists
pub const ETCD_V2_ALREADY_EXISTS: etcd_v2_status = 105;
/// the prefix of the key is a keyword of etcd
pub const ETCD_V2_KEY_IS_PRESERVED: etcd_v2_status = 106;
/// the root directory is read only
pub const ETCD_V2_ROOT_READ_ONLY: etcd_v2_status = 107;
/// directory not empty
pub const ETCD_V2_DIRECTORY_NOT_EMPTY: etcd_v2_status = 108;
/// peer address exists
pub const ETCD_V2_PEER_ADDRESS_EXISTS: etcd_v2_status = 109;
/// not authorized
pub const ETCD_V2_UNAUTHORIZED: etcd_v2_status = 110;
/// a value is required
pub const ETCD_V2_VALUE_REQUIRED: etcd_v2_status = 200;
/// a previous value is required
pub const ETCD_V2_PREV_VALUE_REQUIRED: etcd_v2_status = 201;
/// the TTL is not a number
pub const ETCD_V2_TTL_NOT_A_NUMBER: etcd_v2_status = 202;
/// the index is not a number
pub const ETCD_V2_INDEX_NOT_A_NUMBER: etcd_v2_status = 203;
/// a value or a TTL is required
pub const ETCD_V2_VALUE_OR_TTL_REQUIRED: etcd_v2_status = 204;
/// the timeout is not a number
pub const ETCD_V2_TIMEOUT_NOT_A_NUMBER: etcd_v2_status = 205;
/// a name is required
pub const ETCD_V2_NAME_REQUIRED: etcd_v2_status = 206;
/// an index or a value is required
pub const ETCD_V2_INDEX_OR_VALUE_REQUIRED: etcd_v2_status = 207;
/// index and value cannot both be given
pub const ETCD_V2_INDEX_VALUE_MUTEX: etcd_v2_status = 208;
/// invalid field
pub const ETCD_V2_INVALID_FIELD: etcd_v2_status = 209;
/// invalid form
pub const ETCD_V2_INVALID_FORM: etcd_v2_status = 210;
/// a value was given on a refresh
pub const ETCD_V2_REFRESH_VALUE: etcd_v2_status = 211;
/// a refresh needs a TTL
pub const ETCD_V2_REFRESH_TTL_REQUIRED: etcd_v2_status = 212;
/// raft internal error
pub const ETCD_V2_RAFT_INTERNAL: etcd_v2_status = 300;
/// during leader election
pub const ETCD_V2_LEADER_ELECTION: etcd_v2_status = 301;
/// the watcher was cleared by a recovery of etcd
pub const ETCD_V2_WATCHER_CLEARED: etcd_v2_status = 400;
/// the requested history was cleared
pub const ETCD_V2_HISTORY_CLEARED: etcd_v2_status = 401;
/// standby internal error
pub const ETCD_V2_STANDBY_INTERNAL: etcd_v2_status = 402;
/// invalid active size
pub const ETCD_V2_INVALID_ACTIVE_SIZE: etcd_v2_status = 403;
/// invalid standby remove delay
pub const ETCD_V2_INVALID_REMOVE_DELAY: etcd_v2_status = 404;
/// client internal error reported by etcd
pub const ETCD_V2_CLIENT_INTERNAL: etcd_v2_status = 500;
/// invalid argument
pub const ETCD_V2_INVALID_ARGUMENT: etcd_v2_status = 1000;
/// text is not valid UTF-8
pub const ETCD_V2_NOT_UTF8: etcd_v2_status = 1001;
/// larger than a limit allows
pub const ETCD_V2_TOO_LARGE: etcd_v2_status = 1002;
/// a limit of this process or handle is reached
pub const ETCD_V2_LIMIT: etcd_v2_status = 1003;
/// no member could be reached
pub const ETCD_V2_UNREACHABLE: etcd_v2_status = 1004;
/// the deadline passed
pub const ETCD_V2_TIMEOUT: etcd_v2_status = 1005;
/// cancelled
pub const ETCD_V2_CANCELLED: etcd_v2_status = 1006;
/// the request was sent, whether it was applied is unknown
pub const ETCD_V2_OUTCOME_UNKNOWN: etcd_v2_status = 1007;
/// TLS failed
pub const ETCD_V2_TLS: etcd_v2_status = 1008;
/// the answer is not etcd's
pub const ETCD_V2_PROTOCOL: etcd_v2_status = 1009;
/// redirected where the client will not go
pub const ETCD_V2_REDIRECT: etcd_v2_status = 1010;
/// the answer is older than one already seen
pub const ETCD_V2_STALE: etcd_v2_status = 1011;
/// the handle is closed
pub const ETCD_V2_CLOSED: etcd_v2_status = 1012;
/// the handle belongs to another process
pub const ETCD_V2_FORKED: etcd_v2_status = 1013;
/// a bug in the library
pub const ETCD_V2_INTERNAL: etcd_v2_status = 1014;
/// the server refused or failed without an etcd code
pub const ETCD_V2_SERVER_ERROR: etcd_v2_status = 1015;
/// not supported by this server or build
pub const ETCD_V2_UNSUPPORTED: etcd_v2_status = 1016;
/// no such member, user or role
pub const ETCD_V2_NOT_FOUND: etcd_v2_status = 1017;
/// it exists already, or is in this state already
pub const ETCD_V2_CONFLICT: etcd_v2_status = 1018;
/// the member was removed for good
pub const ETCD_V2_GONE: etcd_v2_status = 1019;
/// the server forbids it
pub const ETCD_V2_FORBIDDEN: etcd_v2_status = 1020;

/// Name of the constant, such as "ETCD_V2_KEY_NOT_FOUND"; a number that is not listed has a name
/// that says so. Never NULL, lives for ever. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_status_name(status: etcd_v2_status) -> *const c_char {
    let entry = Status(status).entry();
    entry.map_or(c"ETCD_V2_UNKNOWN", |e| e.c_name).as_ptr()
}

/// A few words for people, such as "key not found"; "unknown status" for a number that is not
/// listed. Never NULL, lives for ever. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_status_text(status: etcd_v2_status) -> *const c_char {
    let entry = Status(status).entry();
    entry.map_or(c"unknown status", |e| e.c_text).as_ptr()
}

/// How many statuses are listed, for bindings that make constants or exceptions of them. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_status_count() -> usize {
    TABLE.len()
}

/// The listed statuses, ascending; -1, which no status is, from etcd_v2_status_count() on. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_status_at(i: usize) -> etcd_v2_status {
    TABLE.get(i).map_or(-1, |e| e.status.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn read(text: *const c_char) -> &'static str {
        // SAFETY: the functions above promise text that lives for ever
        unsafe { CStr::from_ptr(text) }.to_str().unwrap()
    }

    #[test]
    fn the_table_can_be_walked() {
        for (i, entry) in TABLE.iter().enumerate() {
            let status = etcd_v2_status_at(i);
            assert_eq!(status, entry.status.0);
            assert_eq!(read(etcd_v2_status_name(status)), entry.name);
            assert_eq!(read(etcd_v2_status_text(status)), entry.text);
        }
        assert_eq!(etcd_v2_status_at(etcd_v2_status_count()), -1);
        assert_eq!(etcd_v2_status_at(usize::MAX), -1);
    }

    #[test]
    fn unlisted_numbers_have_a_name_too() {
        for status in [-1, 7777, i32::MIN, i32::MAX] {
            assert_eq!(read(etcd_v2_status_name(status)), "ETCD_V2_UNKNOWN");
            assert_eq!(read(etcd_v2_status_text(status)), "unknown status");
        }
    }
}
