//! Node
//!
//! A key and its value or children, as part of a response. Nodes are borrowed from their response,
//! are read-only like it, and are never freed.
use super::{convert::put, panic_boundary::shield};
use crate::protocol::tree::{Node, NodeRef, Tree};
use std::{ffi::c_char, ptr};

/// A key in a response, which owns it. Read-only: any number of threads may read one node at
/// once.
pub struct etcd_v2_node {
    _opaque: [u8; 0],
}

// The way back. To C a node is the address of its record in the tree's slice, nothing is allocated for it. A record knows
// its place in the slice, so record 0, which no accessor hands out, is found from any of them; the boundary keeps the
// address of the tree there. Records are only read once C has the response, so this is safe from any thread. Answers that
// events share get theirs when they begin to be shared, see `Response::shared`.

/// Notes the tree's own address in its record 0; the tree must not move any more.
///
/// # Safety
/// `tree` is alive and nobody else looks at it.
pub(super) unsafe fn lead_back(tree: *mut Tree) {
    let address = tree.expose_provenance() as u64;
    // SAFETY: the caller's promise
    if let Some(header) = unsafe { (*tree).nodes.first_mut() } {
        header.created = address;
    }
}

/// What C holds for a node.
pub(super) fn pointer(node: Option<NodeRef<'_>>) -> *const etcd_v2_node {
    let place = node.and_then(|n| {
        let index = n.index() as usize;
        // from the vector, not from the record: the pointer must be good for the whole slice
        let leads_back = n.tree.nodes.first().map(|header| header.created)
            == Some(ptr::from_ref(n.tree).addr() as u64);
        (leads_back && index < n.tree.nodes.len())
            .then(|| n.tree.nodes.as_ptr().wrapping_add(index))
    });
    place.map_or(ptr::null(), <*const Node>::cast)
}

/// The node behind a pointer of [`pointer()`].
///
/// # Safety
/// `node` is NULL, or came from [`pointer()`] and its response is alive for `'a`.
unsafe fn find<'a>(node: *const etcd_v2_node) -> Option<NodeRef<'a>> {
    if node.is_null() {
        return None;
    }
    let record = node.cast::<Node>();
    // SAFETY: the record is alive; its index is its place, so record 0 lies in the same slice and holds the address
    // that `lead_back` exposed, of a tree that is alive as long as its nodes are
    unsafe {
        let index = (*record).index;
        let header = record.sub(index as usize);
        let tree = ptr::with_exposed_provenance::<Tree>((*header).created as usize);
        (*tree).get(index)
    }
}

/// One accessor: the neutral value for NULL.
///
/// # Safety
/// As [`find`].
unsafe fn ask<'a, T>(
    node: *const etcd_v2_node,
    neutral: T,
    question: impl FnOnce(NodeRef<'a>) -> T,
) -> T
where
    T: Copy,
{
    // SAFETY: the caller's promise
    shield(neutral, || unsafe { find(node) }.map_or(neutral, question))
}

/// Full key with its leading "/", NUL-terminated. Returns NULL only for a NULL node. `length`
/// receives the length without the terminating NUL; it may be NULL, but keys that contain NUL bytes
/// need it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_key(
    node: *const etcd_v2_node,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or of a response that is alive, length is NULL or a place for a size, see the header
    unsafe {
        let key = ask(node, None, |n| Some(n.key_with_nul()));
        put(length, key.map_or(0, |k| k.len().saturating_sub(1)));
        key.map_or(ptr::null(), |k| k.as_ptr().cast())
    }
}

/// Value, NUL-terminated; NULL, with length 0, if the node has none: a directory, or a node that was
/// deleted or has expired. `length` receives the length without the terminating NUL; it may be NULL,
/// but values that contain NUL bytes need it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_value(
    node: *const etcd_v2_node,
    length: *mut usize,
) -> *const c_char {
    // SAFETY: NULL or of a response that is alive, length is NULL or a place for a size, see the header
    unsafe {
        let value = ask(node, None, NodeRef::value_with_nul);
        put(length, value.map_or(0, |v| v.len().saturating_sub(1)));
        value.map_or(ptr::null(), |v| v.as_ptr().cast())
    }
}

/// Whether the node is a directory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_is_dir(node: *const etcd_v2_node) -> bool {
    // SAFETY: NULL or of a response that is alive, see the header
    unsafe { ask(node, false, NodeRef::is_dir) }
}

/// Seconds the key had left when the answer was given; negative when it has expired and is not yet
/// removed. Returns false, and writes 0, when the key is permanent. `seconds` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_ttl(node: *const etcd_v2_node, seconds: *mut i64) -> bool {
    // SAFETY: NULL or of a response that is alive, seconds is NULL or a place for a number, see the header
    unsafe {
        let ttl = ask(node, None, NodeRef::ttl);
        put(seconds, ttl.unwrap_or(0));
        ttl.is_some()
    }
}

/// When the key ends, by etcd's clock, in nanoseconds since 1970. Returns false, and writes 0, when
/// the key is permanent. `ns` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_expiration_ns(
    node: *const etcd_v2_node,
    ns: *mut i64,
) -> bool {
    // SAFETY: NULL or of a response that is alive, ns is NULL or a place for a number, see the header
    unsafe {
        let time = ask(node, None, NodeRef::expiration_ns);
        put(ns, time.unwrap_or(0));
        time.is_some()
    }
}

/// When the key ends, as etcd wrote it, such as "2026-11-22T18:43:52.88223749Z"; NULL when the key
/// is permanent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_expiration(node: *const etcd_v2_node) -> *const c_char {
    // SAFETY: NULL or of a response that is alive, see the header
    let text = unsafe { ask(node, None, NodeRef::expiration_with_nul) };
    text.map_or(ptr::null(), |t| t.as_ptr().cast())
}

/// Index of the change that made the key; every set makes it anew. 0 for the root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_created_index(node: *const etcd_v2_node) -> u64 {
    // SAFETY: NULL or of a response that is alive, see the header
    unsafe { ask(node, 0, NodeRef::created_index) }
}

/// Index of the last change of the key, the one to compare with and to wait after. 0 for the
/// root.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_modified_index(node: *const etcd_v2_node) -> u64 {
    // SAFETY: NULL or of a response that is alive, see the header
    unsafe { ask(node, 0, NodeRef::modified_index) }
}

/// How many children this answer lists; 0 for files, and for directories inside a listing that is
/// not recursive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_child_count(node: *const etcd_v2_node) -> usize {
    // SAFETY: NULL or of a response that is alive, see the header
    unsafe { ask(node, 0, NodeRef::child_count) }
}

/// One child, in constant time; NULL when `i` is beyond the end. In order of their keys only with
/// ETCD_V2_SORTED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_v2_node_child_at(
    node: *const etcd_v2_node,
    i: usize,
) -> *const etcd_v2_node {
    // SAFETY: NULL or of a response that is alive, see the header
    unsafe { ask(node, ptr::null(), |n| pointer(n.child(i))) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::protocol::decode_limits::DecodeLimits;
    use crate::{
        ffi::response::{
            etcd_v2_response, etcd_v2_response_free, etcd_v2_response_node,
            etcd_v2_response_prev_node,
        },
        protocol::{
            answer::{Verdict, judge},
            http_request::ResponseKind,
            response_head::Head,
        },
    };
    use std::{ffi::CStr, sync::Arc};

    /// A response as C gets it; the caller frees it.
    pub(in crate::ffi) fn response(body: &str) -> *mut etcd_v2_response {
        let head = Head {
            status: 200,
            etcd_index: u64::MAX,
            raft_index: 8,
            raft_term: 9,
            cluster_id: "7e27652122e8b2ae".into(),
            ..Head::default()
        };
        let limits = DecodeLimits {
            depth: 100,
            nodes: 1000,
        };
        let verdict = judge(head, Vec::from(body), ResponseKind::Keys, &limits);
        let Verdict::Success(mut response) = verdict else {
            panic!("{verdict:?}")
        };
        response.set_endpoint(Arc::from("http://a:1"));
        let mut out = ptr::null_mut();
        // SAFETY: out is a place for a pointer
        unsafe { etcd_v2_response::give(&mut out, response) };
        out
    }

    fn read(text: *const c_char) -> Option<&'static [u8]> {
        if text.is_null() {
            return None;
        }
        // SAFETY: text of a response that is alive in the test
        Some(unsafe { CStr::from_ptr(text) }.to_bytes())
    }

    #[test]
    fn a_tree_can_be_walked_by_pointers_alone() {
        let r = response(
            r#"{"action":"get","node":{"key":"/d","dir":true,"modifiedIndex":3,"createdIndex":2,"nodes":[
                {"key":"/d/a","value":"1","modifiedIndex":4,"createdIndex":4},
                {"key":"/d/e","dir":true,"modifiedIndex":5,"createdIndex":5,"nodes":[
                    {"key":"/d/e/b","value":"x\u0000y","modifiedIndex":6,"createdIndex":6}]}]}}"#,
        );
        // SAFETY: the response lives until it is freed below
        unsafe {
            let d = etcd_v2_response_node(r);
            assert_eq!(read(etcd_v2_node_key(d, ptr::null_mut())), Some(&b"/d"[..]));
            assert!(etcd_v2_node_is_dir(d) && etcd_v2_node_value(d, ptr::null_mut()).is_null());
            assert_eq!(
                (
                    etcd_v2_node_created_index(d),
                    etcd_v2_node_modified_index(d)
                ),
                (2, 3)
            );
            assert_eq!(etcd_v2_node_child_count(d), 2);
            let (a, e) = (etcd_v2_node_child_at(d, 0), etcd_v2_node_child_at(d, 1));
            assert_eq!(
                read(etcd_v2_node_key(a, ptr::null_mut())),
                Some(&b"/d/a"[..])
            );
            assert!(!etcd_v2_node_is_dir(a) && etcd_v2_node_child_count(a) == 0);
            let b = etcd_v2_node_child_at(e, 0);
            let mut length = 0;
            let value = etcd_v2_node_value(b, &mut length);
            assert_eq!((read(value), length), (Some(&b"x"[..]), 3));
            for (node, i) in [(d, 2), (d, usize::MAX), (a, 0), (ptr::null(), 0)] {
                assert!(etcd_v2_node_child_at(node, i).is_null());
            }
            etcd_v2_response_free(r);
        }
    }

    #[test]
    fn time_is_told_only_where_there_is_an_end() {
        let r = response(
            r#"{"action":"update","node":{"key":"/a","value":"","expiration":"1970-01-01T00:00:02.5Z","ttl":-3,
                "modifiedIndex":4,"createdIndex":4},"prevNode":{"key":"/a","value":"","modifiedIndex":3,"createdIndex":3}}"#,
        );
        let (mut ttl, mut ns) = (7, 7);
        // SAFETY: the response lives until it is freed below
        unsafe {
            let (now, before) = (etcd_v2_response_node(r), etcd_v2_response_prev_node(r));
            assert!(etcd_v2_node_ttl(now, &mut ttl) && etcd_v2_node_expiration_ns(now, &mut ns));
            assert_eq!((ttl, ns), (-3, 2_500_000_000));
            let text = read(etcd_v2_node_expiration(now));
            assert_eq!(text, Some(&b"1970-01-01T00:00:02.5Z"[..]));
            assert!(etcd_v2_node_ttl(now, ptr::null_mut()));
            for node in [before, ptr::null()] {
                (ttl, ns) = (7, 7);
                assert!(!etcd_v2_node_ttl(node, &mut ttl));
                assert!(!etcd_v2_node_expiration_ns(node, &mut ns));
                assert_eq!((ttl, ns), (0, 0));
                assert!(etcd_v2_node_expiration(node).is_null());
            }
            // an empty value is a value
            let mut length = 7;
            assert_eq!(
                read(etcd_v2_node_value(before, &mut length)),
                Some(&b""[..])
            );
            assert_eq!(length, 0);
            etcd_v2_response_free(r);
        }
    }

    #[test]
    fn a_key_may_contain_nuls() {
        let r = response(
            r#"{"action":"get","node":{"key":"/a\u0000b","value":"","modifiedIndex":4,"createdIndex":4}}"#,
        );
        let mut length = 0;
        // SAFETY: the response lives until it is freed below
        unsafe {
            let key = etcd_v2_node_key(etcd_v2_response_node(r), &mut length);
            assert_eq!((read(key), length), (Some(&b"/a"[..]), 4));
            assert_eq!(std::slice::from_raw_parts(key.cast::<u8>(), 5), b"/a\0b\0");
            etcd_v2_response_free(r);
        }
    }

    #[test]
    fn null_is_answered_with_nothing() {
        let mut length = 7;
        // SAFETY: NULL is allowed
        unsafe {
            let n = ptr::null();
            assert!(etcd_v2_node_key(n, &mut length).is_null() && length == 0);
            length = 7;
            assert!(!etcd_v2_node_is_dir(n));
            assert!(etcd_v2_node_value(n, &mut length).is_null() && length == 0);
            assert_eq!(etcd_v2_node_created_index(n), 0);
            assert_eq!(etcd_v2_node_modified_index(n), 0);
            assert_eq!(etcd_v2_node_child_count(n), 0);
        }
    }
}
