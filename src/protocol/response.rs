//! A successful answer.
use super::action::Action;
use super::{
    response_head::Head,
    tree::{NodeRef, Tree},
};
use std::sync::Arc;

/// A successful answer, owned.
#[derive(Debug)]
pub struct Response {
    pub(crate) head: Head,
    pub(crate) tree: Tree,
    /// raw body; a NUL follows the last byte and is not counted by [`Response::body`]
    pub(crate) body: Vec<u8>,
    pub(crate) endpoint: Arc<str>,
    pub(crate) stale: bool,
}

impl Response {
    /// An answer that no server sent: a tree of the library's own under the head and endpoint of the one it came from. It
    /// has no body.
    pub(crate) fn made(head: Head, tree: Tree, endpoint: Arc<str>) -> Response {
        Response {
            head,
            tree,
            body: vec![0],
            endpoint,
            stale: false,
        }
    }
    /// For many holders: its tree does not move any more, so record 0 can say where it is, before anybody else looks.
    pub(crate) fn shared(mut self) -> Arc<Response> {
        if self.body.last() != Some(&0) {
            self.body.push(0);
        }
        let mut shared = Arc::new(self);
        let tree = Arc::as_ptr(&shared)
            .cast::<u8>()
            .wrapping_add(std::mem::offset_of!(Response, tree));
        let address = tree.expose_provenance() as u64;
        let header = Arc::get_mut(&mut shared).and_then(|only| only.tree.nodes.first_mut());
        if let Some(header) = header {
            header.created = address;
        }
        shared
    }
    /// Takes it out of the `Arc`; `None` while there are other references.
    pub(crate) fn unshared(shared: Arc<Response>) -> Option<Response> {
        let mut response = Arc::into_inner(shared)?;
        if let Some(header) = response.tree.nodes.first_mut() {
            header.created = 0;
        }
        Some(response)
    }
    /// what etcd did
    pub fn action(&self) -> Action {
        self.tree.action()
    }
    /// the word as etcd wrote it; empty for a raw answer without one
    pub fn action_text(&self) -> &str {
        self.tree.action_text()
    }
    /// the node
    pub fn node(&self) -> Option<NodeRef<'_>> {
        self.tree.node()
    }
    /// its state before
    pub fn prev_node(&self) -> Option<NodeRef<'_>> {
        self.tree.prev_node()
    }
    /// headers
    pub fn head(&self) -> &Head {
        &self.head
    }
    /// the raw body
    pub fn body(&self) -> &[u8] {
        self.body.strip_suffix(&[0]).unwrap_or(&self.body)
    }
    /// URL of the member that answered
    pub fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }
    /// Whether it is older than what had been seen before it was asked for
    pub fn is_stale(&self) -> bool {
        self.stale
    }
    pub(crate) fn set_stale(&mut self) {
        self.stale = true;
    }
    pub(crate) fn set_endpoint(&mut self, endpoint: Arc<str>) {
        self.endpoint = endpoint
    }
}
