//! Response
//!
//! A successful answer of etcd. Everything read from it, nodes included, is borrowed and valid
//! until the response is freed.
use super::{
    convert::{self, Handle, c_string, look, put},
    node::{etcd_v2_node, lead_back, pointer},
    panic_boundary::shield,
};
use crate::protocol::response::Response;
use std::{
    ffi::{CString, c_char},
    ops::Deref,
    ptr,
    sync::{Arc, OnceLock},
};

// enum etcd_v2_action: What etcd did.
/// None of those below.
pub const ETCD_V2_ACTION_UNKNOWN: i32 = 0;
/// A read.
pub const ETCD_V2_ACTION_GET: i32 = 1;
/// A key was written, whatever was there before.
pub const ETCD_V2_ACTION_SET: i32 = 2;
/// A key was made.
pub const ETCD_V2_ACTION_CREATE: i32 = 3;
/// An existing key was written.
pub const ETCD_V2_ACTION_UPDATE: i32 = 4;
/// A key was written after a comparison.
pub const ETCD_V2_ACTION_COMPARE_AND_SWAP: i32 = 5;
/// A key was removed.
pub const ETCD_V2_ACTION_DELETE: i32 = 6;
/// A key was removed after a comparison.
pub const ETCD_V2_ACTION_COMPARE_AND_DELETE: i32 = 7;
/// The TTL of a key ran out.
pub const ETCD_V2_ACTION_EXPIRE: i32 = 8;

/// A successful answer. Read-only: any number of threads may read one response at once.
pub struct etcd_v2_response {
    response: Held,
    // made when first asked for
    endpoint: OnceLock<CString>,
    cluster_id: OnceLock<CString>,
}

impl Handle for etcd_v2_response {}

// an answer of its own costs one allocation; an event is freed soon
#[allow(clippy::large_enum_variant)]
enum Held {
    Alone(Response),
    Shared(Arc<Response>),
}

impl Deref for Held {
    type Target = Response;

    fn deref(&self) -> &Response {
        match self {
            Held::Alone(response) => response,
            Held::Shared(response) => response,
        }
    }
}

impl etcd_v2_response {
    /// Part of something that C holds; see [`etcd_v2_response::settle`].
    pub(super) fn new(mut response: Response) -> etcd_v2_response {
        // the NUL that the header promises after the body
        if response.body.last() != Some(&0) {
            response.body.push(0);
        }
        etcd_v2_response::of(Held::Alone(response))
    }

    /// One more holder of an answer that many share.
    pub(super) fn shared(response: Arc<Response>) -> etcd_v2_response {
        etcd_v2_response::of(Held::Shared(response))
    }

    pub(super) fn is_stale(&self) -> bool {
        self.response.is_stale()
    }

    fn of(response: Held) -> etcd_v2_response {
        etcd_v2_response {
            response,
            endpoint: OnceLock::new(),
            cluster_id: OnceLock::new(),
        }
    }

    /// Lets the nodes find their tree.
    ///
    /// # Safety
    /// `handle` has its place for good, and nobody else looks at it.
    pub(super) unsafe fn settle(handle: *mut etcd_v2_response) {
        // SAFETY: the caller's promise
        unsafe {
            if let Held::Alone(response) = &mut (*handle).response {
                lead_back(&raw mut response.tree);
            }
        }
    }

    /// Hands a response to C, unless nobody wants it.
    ///
    /// # Safety
    /// `out` is NULL or a place for a pointer.
    pub(super) unsafe fn give(out: *mut *mut etcd_v2_response, response: Response) {
        if out.is_null() {
            return;
        }
        let handle = Box::into_raw(Box::new(etcd_v2_response::new(response)));
        // SAFETY: just boxed, so this is the only pointer, and the tree stays where it is until the box is freed;
        // out is the caller's promise
        unsafe {
            etcd_v2_response::settle(handle);
            out.write(handle);
        }
    }
}

/// What etcd did, in its own word: "get", "set", "create", "update", "compareAndSwap", "delete",
/// "compareAndDelete", "expire"; "" when the answer is not about keys.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_action(
    response: *const etcd_v2_response,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(ptr::null(), || {
        response.map_or(ptr::null(), |r| {
            r.response.tree.action_with_nul().as_ptr().cast()
        })
    })
}

/// What etcd did, as one of ETCD_V2_ACTION_...
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_action_code(response: *const etcd_v2_response) -> i32 {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(0, || response.map_or(0, |r| r.response.action() as i32))
}

/// The node that was read or changed; NULL when the answer has none, because of
/// ETCD_V2_NO_VALUE_ON_SUCCESS or because it is not about keys.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_node(
    response: *const etcd_v2_response,
) -> *const etcd_v2_node {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(ptr::null(), || {
        pointer(response.and_then(|r| r.response.node()))
    })
}

/// The node as it was before the change; NULL when it did not exist, after a read, and where
/// etcd_v2_response_node() is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_prev_node(
    response: *const etcd_v2_response,
) -> *const etcd_v2_node {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(ptr::null(), || {
        pointer(response.and_then(|r| r.response.prev_node()))
    })
}

/// Index of the store when the answer was given (X-Etcd-Index): wait from it + 1 to miss nothing.
/// For an answer of a watch it tells when the wait began. 0 when the answer does not tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_etcd_index(response: *const etcd_v2_response) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(response) }.map_or(0, |r| r.response.head().etcd_index)
}

/// Index of raft (X-Raft-Index), 0 when the answer does not tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_raft_index(response: *const etcd_v2_response) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(response) }.map_or(0, |r| r.response.head().raft_index)
}

/// Term of raft (X-Raft-Term), 0 when the answer does not tell. It grows with each election.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_raft_term(response: *const etcd_v2_response) -> u64 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(response) }.map_or(0, |r| r.response.head().raft_term)
}

/// Identifies the cluster (X-Etcd-Cluster-Id), "" when the answer does not tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_cluster_id(
    response: *const etcd_v2_response,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(ptr::null(), || {
        response.map_or(ptr::null(), |r| {
            r.cluster_id
                .get_or_init(|| c_string(&r.response.head().cluster_id.to_string()))
                .as_ptr()
        })
    })
}

/// HTTP status of the answer, such as 200 or 201.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_http_status(response: *const etcd_v2_response) -> i32 {
    // SAFETY: NULL or alive, see the header
    unsafe { look(response) }.map_or(0, |r| r.response.head().status.into())
}

/// The answer as it came, followed by a NUL; "" when it was empty. `length`, without that NUL, may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_body(
    response: *const etcd_v2_response,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: the handle is NULL or alive, length is NULL or a place for a size, see the header
    unsafe {
        let body = look(response).map(|r| r.response.body());
        put(length, body.map_or(0, <[u8]>::len));
        body.map_or(ptr::null(), |b| b.as_ptr().cast())
    }
}

/// URL of the member that answered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_endpoint(
    response: *const etcd_v2_response,
) -> *const c_char {
    // SAFETY: NULL or alive, see the header
    let response = unsafe { look(response) };
    shield(ptr::null(), || {
        response.map_or(ptr::null(), |r| {
            r.endpoint
                .get_or_init(|| c_string(r.response.endpoint()))
                .as_ptr()
        })
    })
}

/// Frees the response with all its nodes and text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_response_free(response: *mut etcd_v2_response) {
    // SAFETY: NULL, or made by this library and not used any more, see the header
    unsafe { convert::free(response) }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::protocol::action::Action;
    use std::ffi::CStr;

    fn read(text: *const c_char) -> String {
        // SAFETY: text of a response that is alive in the test
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    }

    #[test]
    fn action_codes_are_those_of_the_core() {
        use Action::*;
        let pairs = [
            (Unknown, ETCD_V2_ACTION_UNKNOWN),
            (Get, ETCD_V2_ACTION_GET),
            (Set, ETCD_V2_ACTION_SET),
            (Create, ETCD_V2_ACTION_CREATE),
            (Update, ETCD_V2_ACTION_UPDATE),
            (CompareAndSwap, ETCD_V2_ACTION_COMPARE_AND_SWAP),
            (Delete, ETCD_V2_ACTION_DELETE),
            (CompareAndDelete, ETCD_V2_ACTION_COMPARE_AND_DELETE),
            (Expire, ETCD_V2_ACTION_EXPIRE),
        ];
        for (action, code) in pairs {
            assert_eq!(action as i32, code);
        }
    }

    #[test]
    fn head_and_body_can_be_read() {
        let body = r#"{"action":"set","node":{"key":"/a","value":"b","modifiedIndex":7,"createdIndex":7}}"#;
        let r = super::super::node::tests::response(body);
        // SAFETY: the response lives until it is freed below
        unsafe {
            assert_eq!(read(etcd_v2_response_action(r)), "set");
            assert_eq!(etcd_v2_response_action_code(r), ETCD_V2_ACTION_SET);
            assert_eq!(etcd_v2_response_etcd_index(r), u64::MAX);
            assert_eq!(etcd_v2_response_raft_index(r), 8);
            assert_eq!(etcd_v2_response_raft_term(r), 9);
            assert_eq!(etcd_v2_response_http_status(r), 200);
            assert_eq!(read(etcd_v2_response_cluster_id(r)), "7e27652122e8b2ae");
            assert_eq!(read(etcd_v2_response_endpoint(r)), "http://a:1");
            let mut length = 0;
            assert_eq!(read(etcd_v2_response_body(r, &mut length)), body);
            assert_eq!(length, body.len());
            assert_eq!(
                etcd_v2_response_body(r, ptr::null_mut()),
                etcd_v2_response_body(r, &mut length)
            );
            assert!(etcd_v2_response_prev_node(r).is_null());
            etcd_v2_response_free(r);
        }
    }

    #[test]
    fn null_is_answered_with_nothing() {
        let mut length = 1;
        // SAFETY: NULL is allowed
        unsafe {
            let r = ptr::null();
            assert!(etcd_v2_response_action(r).is_null());
            assert!(etcd_v2_response_node(r).is_null() && etcd_v2_response_prev_node(r).is_null());
            assert!(etcd_v2_response_cluster_id(r).is_null());
            assert!(etcd_v2_response_endpoint(r).is_null());
            assert!(etcd_v2_response_body(r, &mut length).is_null() && length == 0);
            assert_eq!(etcd_v2_response_action_code(r), 0);
            assert_eq!(etcd_v2_response_etcd_index(r), 0);
            assert_eq!(etcd_v2_response_http_status(r), 0);
            etcd_v2_response_free(ptr::null_mut());
        }
    }
}
