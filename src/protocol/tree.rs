//! The flat arena of a decoded answer: nodes, their text (NUL after each string, for C), and the lists of children.
use super::{expiration::unix_ns, response::Action};

/// A string in the text arena. The arena begins with a NUL, so that start 0 can say "absent".
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn is_absent(self) -> bool {
        self.start == 0
    }
}

/// One node; 48 bytes. Record 0 is a header that no accessor hands out: the boundary keeps the way back to the tree there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    pub(crate) created: u64,
    pub(crate) modified: u64,
    pub(crate) key: Span,
    pub(crate) value: Span,
    /// where its list begins in `children`
    pub(crate) first_child: u32,
    pub(crate) child_count: u32,
    pub(crate) index: u32,
    /// bit 0: a directory; above it the number of its [`Life`] plus 1, or 0: few nodes have one
    pub(crate) bits: u32,
}

/// When a node ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    pub(crate) ttl: i64,
    pub(crate) expiration: Span,
}

/// All nodes of one answer, a parent before its children.
#[derive(Debug, Default)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) text: String,
    pub(crate) children: Vec<u32>,
    pub(crate) lives: Vec<Life>,
    pub(crate) action: Span,
    /// 0: none
    pub(crate) node: u32,
    /// 0: none
    pub(crate) prev_node: u32,
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
        match self.action_text() {
            "get" => Action::Get,
            "set" => Action::Set,
            "create" => Action::Create,
            "update" => Action::Update,
            "compareAndSwap" => Action::CompareAndSwap,
            "delete" => Action::Delete,
            "compareAndDelete" => Action::CompareAndDelete,
            "expire" => Action::Expire,
            _ => Action::Unknown,
        }
    }
    /// as written
    pub fn action_text(&self) -> &str {
        self.str(self.action)
    }
    /// as written, with the NUL that follows it, for C
    pub fn action_with_nul(&self) -> &[u8] {
        self.bytes(self.action)
    }
    /// the node
    pub fn node(&self) -> Option<NodeRef<'_>> {
        self.get(self.node)
    }
    /// its state before
    pub fn prev_node(&self) -> Option<NodeRef<'_>> {
        self.get(self.prev_node)
    }
    /// by own index (see [`NodeRef::index`]); `None` for 0 and beyond the end
    pub fn get(&self, index: u32) -> Option<NodeRef<'_>> {
        if index == 0 {
            return None;
        }
        let node = self.nodes.get(index as usize)?;
        Some(NodeRef { tree: self, node })
    }

    fn str(&self, span: Span) -> &str {
        let start = span.start as usize;
        self.text
            .get(start..start + span.len as usize)
            .unwrap_or_default()
    }

    /// With the NUL; an absent one is the empty string.
    fn bytes(&self, span: Span) -> &[u8] {
        let start = span.start as usize;
        self.text
            .as_bytes()
            .get(start..=start + span.len as usize)
            .unwrap_or(b"\0")
    }
}

impl<'a> NodeRef<'a> {
    /// position in [`Tree`]
    pub fn index(self) -> u32 {
        self.node.index
    }
    /// with leading `/`; "/" for the root, which etcd sends without a key
    pub fn key(self) -> &'a str {
        if self.node.key.is_absent() {
            return "/";
        }
        self.tree.str(self.node.key)
    }
    /// `None` for directories and for nodes of delete and expire
    pub fn value(self) -> Option<&'a str> {
        let span = self.node.value;
        (!span.is_absent()).then(|| self.tree.str(span))
    }
    /// value with the NUL that follows it, for C
    pub fn value_with_nul(self) -> Option<&'a [u8]> {
        let span = self.node.value;
        (!span.is_absent()).then(|| self.tree.bytes(span))
    }
    /// key with the NUL that follows it, for C
    pub fn key_with_nul(self) -> &'a [u8] {
        if self.node.key.is_absent() {
            return b"/\0";
        }
        self.tree.bytes(self.node.key)
    }
    /// whether it is a directory
    pub fn is_dir(self) -> bool {
        self.node.bits & 1 != 0
    }
    fn life(self) -> Option<&'a Life> {
        let number = (self.node.bits >> 1).checked_sub(1)?;
        self.tree.lives.get(number as usize)
    }
    /// remaining seconds; negative when expired and not yet removed; `None` when permanent. An expiration without ttl counts as 0.
    pub fn ttl(self) -> Option<i64> {
        self.life().map(|life| life.ttl)
    }
    /// Unix nanoseconds
    pub fn expiration_ns(self) -> Option<i64> {
        unix_ns(self.expiration()?)
    }
    /// etcd's text
    pub fn expiration(self) -> Option<&'a str> {
        let span = self.life()?.expiration;
        (!span.is_absent()).then(|| self.tree.str(span))
    }
    /// etcd's text with the NUL that follows it
    pub fn expiration_with_nul(self) -> Option<&'a [u8]> {
        let span = self.life()?.expiration;
        (!span.is_absent()).then(|| self.tree.bytes(span))
    }
    /// index of its creation; 0 on the root
    pub fn created_index(self) -> u64 {
        self.node.created
    }
    /// index of its last change; 0 on the root
    pub fn modified_index(self) -> u64 {
        self.node.modified
    }
    /// children in this answer
    pub fn child_count(self) -> usize {
        self.node.child_count as usize
    }
    /// in constant time
    pub fn child(self, i: usize) -> Option<NodeRef<'a>> {
        if i >= self.child_count() {
            return None;
        }
        let place = self.node.first_child as usize + i;
        self.tree.get(*self.tree.children.get(place)?)
    }
}

const _: () = assert!(size_of::<Node>() <= 64);
