//! Status numbers: etcd's own under their own numbers, the client's from 1000. A number is never reused.

use std::fmt;

/// Outcome of a call; 0 is success.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

/// One row of the table of statuses.
#[derive(Debug)]
pub struct Entry {
    /// The number.
    pub status: Status,
    /// Name of the C constant.
    pub name: &'static str,
    /// One line for people.
    pub text: &'static str,
    #[doc(hidden)]
    pub c_name: &'static std::ffi::CStr,
    #[doc(hidden)]
    pub c_text: &'static std::ffi::CStr,
}

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl Status {
            $(#[doc = $text] $(#[$doc])* pub const $name: Status = Status($number);)*
        }

        /// Every status there is, ascending.
        pub static TABLE: &[Entry] = &[$(Entry {
            status: Status($number),
            name: concat!("ETCD_V2_", stringify!($name)),
            text: $text,
            c_name: c_str(concat!("ETCD_V2_", stringify!($name), "\0")),
            c_text: c_str(concat!($text, "\0")),
        }),*];
    };
}

const fn c_str(text: &'static str) -> &'static std::ffi::CStr {
    match std::ffi::CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(c) => c,
        Err(_) => c"",
    }
}

statuses! {
    OK = 0, "success";

    KEY_NOT_FOUND = 100, "key not found";
    COMPARE_FAILED = 101, "compare failed";
    NOT_A_FILE = 102, "not a file";
    NO_MORE_PEER = 103, "reached the maximum number of peers";
    NOT_A_DIRECTORY = 104, "not a directory";
    ALREADY_EXISTS = 105, "key already exists";
    KEY_IS_PRESERVED = 106, "the prefix of the key is a keyword of etcd";
    ROOT_READ_ONLY = 107, "the root directory is read only";
    DIRECTORY_NOT_EMPTY = 108, "directory not empty";
    PEER_ADDRESS_EXISTS = 109, "peer address exists";
    UNAUTHORIZED = 110, "not authorized";
    VALUE_REQUIRED = 200, "a value is required";
    PREV_VALUE_REQUIRED = 201, "a previous value is required";
    TTL_NOT_A_NUMBER = 202, "the TTL is not a number";
    INDEX_NOT_A_NUMBER = 203, "the index is not a number";
    VALUE_OR_TTL_REQUIRED = 204, "a value or a TTL is required";
    TIMEOUT_NOT_A_NUMBER = 205, "the timeout is not a number";
    NAME_REQUIRED = 206, "a name is required";
    INDEX_OR_VALUE_REQUIRED = 207, "an index or a value is required";
    INDEX_VALUE_MUTEX = 208, "index and value cannot both be given";
    INVALID_FIELD = 209, "invalid field";
    INVALID_FORM = 210, "invalid form";
    REFRESH_VALUE = 211, "a value was given on a refresh";
    REFRESH_TTL_REQUIRED = 212, "a refresh needs a TTL";
    RAFT_INTERNAL = 300, "raft internal error";
    LEADER_ELECTION = 301, "during leader election";
    WATCHER_CLEARED = 400, "the watcher was cleared by a recovery of etcd";
    HISTORY_CLEARED = 401, "the requested history was cleared";
    STANDBY_INTERNAL = 402, "standby internal error";
    INVALID_ACTIVE_SIZE = 403, "invalid active size";
    INVALID_REMOVE_DELAY = 404, "invalid standby remove delay";
    CLIENT_INTERNAL = 500, "client internal error reported by etcd";

    INVALID_ARGUMENT = 1000, "invalid argument";
    NOT_UTF8 = 1001, "text is not valid UTF-8";
    TOO_LARGE = 1002, "larger than a limit allows";
    LIMIT = 1003, "a limit of this process or handle is reached";
    UNREACHABLE = 1004, "no member could be reached";
    TIMEOUT = 1005, "the deadline passed";
    CANCELLED = 1006, "cancelled";
    OUTCOME_UNKNOWN = 1007, "the request was sent, whether it was applied is unknown";
    TLS = 1008, "TLS failed";
    PROTOCOL = 1009, "the answer is not etcd's";
    REDIRECT = 1010, "redirected where the client will not go";
    STALE = 1011, "the answer is older than one already seen";
    CLOSED = 1012, "the handle is closed";
    FORKED = 1013, "the handle belongs to another process";
    INTERNAL = 1014, "a bug in the library";
    SERVER_ERROR = 1015, "the server refused or failed without an etcd code";
    UNSUPPORTED = 1016, "not supported by this server or build";
    NOT_FOUND = 1017, "no such member, user or role";
    CONFLICT = 1018, "it exists already, or is in this state already";
    GONE = 1019, "the member was removed for good";
    FORBIDDEN = 1020, "the server forbids it";
}

impl Status {
    /// The row of this status; `None` for a number that is not in the table.
    pub fn entry(self) -> Option<&'static Entry> {
        TABLE
            .binary_search_by_key(&self.0, |e| e.status.0)
            .ok()
            .map(|i| &TABLE[i])
    }

    /// Name of the C constant, or `"ETCD_V2_UNKNOWN"`.
    pub fn name(self) -> &'static str {
        self.entry().map_or("ETCD_V2_UNKNOWN", |e| e.name)
    }

    /// One line for people.
    pub fn text(self) -> &'static str {
        self.entry().map_or("unknown status", |e| e.text)
    }

    /// The status of an etcd error code; codes that no version of etcd documents keep their number.
    pub fn from_etcd(code: u32) -> Status {
        match i32::try_from(code) {
            Ok(n @ 1..=999) => Status(n),
            _ => Status::PROTOCOL,
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_complete() {
        assert!(TABLE.windows(2).all(|w| w[0].status.0 < w[1].status.0));
        for e in TABLE {
            assert_eq!(e.c_name.to_str(), Ok(e.name));
            assert_eq!(e.c_text.to_str(), Ok(e.text));
            assert_eq!(e.status.entry().map(|f| f.name), Some(e.name));
        }
        assert_eq!(Status(7777).name(), "ETCD_V2_UNKNOWN");
    }
}
