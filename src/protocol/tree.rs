//! The flat arena of a decoded answer: nodes, their text (NUL after each string, for C), and the lists of children.
use super::response::Action;

/// A string in the text arena.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// One node; 64 bytes. Record 0 is a header that no accessor hands out: the boundary keeps the way back to the tree there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    /* private fields: spans of key, value, expiration; ttl, created, modified, expiration_ns?, first child, child count, own index, bits */
    pub(crate) index: u32,
    pub(crate) created: u64,
}

/// All nodes of one answer.
#[derive(Debug, Default)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) text: Vec<u8>,
    pub(crate) children: Vec<u32>,
}

/// A node with its tree.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) node: &'a Node,
}

impl Tree {
    /// what etcd did
    pub fn action(&self) -> Action {
        todo!()
    }
    /// as written
    pub fn action_text(&self) -> &str {
        todo!()
    }
    /// the node
    pub fn node(&self) -> Option<NodeRef<'_>> {
        todo!()
    }
    /// its state before
    pub fn prev_node(&self) -> Option<NodeRef<'_>> {
        todo!()
    }
    /// by own index (see [`NodeRef::index`]); `None` for 0 and beyond the end
    pub fn get(&self, index: u32) -> Option<NodeRef<'_>> {
        let _ = index;
        todo!()
    }
}

impl<'a> NodeRef<'a> {
    /// position in [`Tree`]
    pub fn index(self) -> u32 {
        self.node.index
    }
    /// with leading `/`; "/" for the root, which etcd sends without a key
    pub fn key(self) -> &'a str {
        todo!()
    }
    /// `None` for directories and for nodes of delete and expire
    pub fn value(self) -> Option<&'a str> {
        todo!()
    }
    /// value with the NUL that follows it, for C
    pub fn value_with_nul(self) -> Option<&'a [u8]> {
        todo!()
    }
    /// key with the NUL that follows it, for C
    pub fn key_with_nul(self) -> &'a [u8] {
        todo!()
    }
    /// whether it is a directory
    pub fn is_dir(self) -> bool {
        todo!()
    }
    /// remaining seconds; negative when expired and not yet removed; `None` when permanent. An expiration without ttl counts as 0.
    pub fn ttl(self) -> Option<i64> {
        todo!()
    }
    /// Unix nanoseconds
    pub fn expiration_ns(self) -> Option<i64> {
        todo!()
    }
    /// etcd's text
    pub fn expiration(self) -> Option<&'a str> {
        todo!()
    }
    /// etcd's text with the NUL that follows it
    pub fn expiration_with_nul(self) -> Option<&'a [u8]> {
        todo!()
    }
    /// index of its creation; 0 on the root
    pub fn created_index(self) -> u64 {
        todo!()
    }
    /// index of its last change; 0 on the root
    pub fn modified_index(self) -> u64 {
        todo!()
    }
    /// children in this answer
    pub fn child_count(self) -> usize {
        todo!()
    }
    /// in constant time
    pub fn child(self, i: usize) -> Option<NodeRef<'a>> {
        let _ = i;
        todo!()
    }
}
