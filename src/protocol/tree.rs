//! The flat arena of a decoded answer: nodes, their text (NUL after each string, for C), and the lists of children.
use super::{action::Action, expiration::unix_ns};

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
    /// bit 0: a directory; above it the number of its [`NodeLifetime`] plus 1, or 0: few nodes have one
    pub(crate) bits: u32,
}

/// When a node ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeLifetime {
    pub(crate) ttl: i64,
    pub(crate) expiration: Span,
}

/// All nodes of one answer, a parent before its children.
#[derive(Debug, Default)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) text: String,
    pub(crate) children: Vec<u32>,
    pub(crate) lives: Vec<NodeLifetime>,
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
    /// position in `Tree`
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
    fn life(self) -> Option<&'a NodeLifetime> {
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

/// A node to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Draft<'a> {
    /// with leading `/`
    pub key: &'a str,
    /// `None` for directories
    pub value: Option<&'a str>,
    /// whether it is a directory
    pub dir: bool,
    /// index of its creation
    pub created: u64,
    /// index of its last change
    pub modified: u64,
    /// seconds left, and etcd's text of the end
    pub life: Option<(i64, Option<&'a str>)>,
}

impl<'a> Draft<'a> {
    /// A copy without children.
    pub fn of(node: NodeRef<'a>) -> Draft<'a> {
        Draft {
            key: node.key(),
            value: node.value(),
            dir: node.is_dir(),
            created: node.created_index(),
            modified: node.modified_index(),
            life: node.ttl().map(|ttl| (ttl, node.expiration())),
        }
    }
}

impl Tree {
    /// A small tree that no server sent, for what the library tells on its own.
    pub fn made(action: &str, node: &Draft<'_>, prev_node: Option<&Draft<'_>>) -> Tree {
        let mut tree = Tree {
            nodes: vec![Node::default()],
            text: String::from('\0'),
            ..Tree::default()
        };
        tree.action = tree.add_text(action);
        tree.node = tree.add(node);
        tree.prev_node = prev_node.map_or(0, |draft| tree.add(draft));
        tree
    }

    fn add(&mut self, draft: &Draft<'_>) -> u32 {
        let index = self.nodes.len() as u32;
        let mut node = Node {
            created: draft.created,
            modified: draft.modified,
            key: self.add_text(draft.key),
            index,
            bits: u32::from(draft.dir),
            ..Node::default()
        };
        if let Some(value) = draft.value {
            node.value = self.add_text(value);
        }
        if let Some((ttl, expiration)) = draft.life {
            let expiration = expiration.map_or(Span::default(), |text| self.add_text(text));
            self.lives.push(NodeLifetime { ttl, expiration });
            node.bits |= (self.lives.len() as u32) << 1;
        }
        self.nodes.push(node);
        index
    }

    fn add_text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        self.text.push('\0');
        Span {
            start,
            len: text.len() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_tree_reads_like_any_other() {
        let node = Draft {
            key: "/a",
            value: Some(""),
            created: 3,
            modified: 9,
            life: Some((-2, Some("2026-11-22T18:43:52Z"))),
            ..Draft::default()
        };
        let prev = Draft {
            key: "/a",
            dir: true,
            created: 3,
            modified: 4,
            ..Draft::default()
        };
        let tree = Tree::made("update", &node, Some(&prev));
        assert_eq!(tree.action(), Action::Update);
        let (n, p) = (tree.node().unwrap(), tree.prev_node().unwrap());
        assert_eq!(
            (n.key_with_nul(), n.value_with_nul()),
            (&b"/a\0"[..], Some(&b"\0"[..]))
        );
        assert_eq!(
            (n.is_dir(), n.ttl(), n.created_index(), n.modified_index()),
            (false, Some(-2), 3, 9)
        );
        assert_eq!(
            n.expiration_with_nul(),
            Some(&b"2026-11-22T18:43:52Z\0"[..])
        );
        assert_eq!(
            (p.value(), p.is_dir(), p.ttl(), p.modified_index()),
            (None, true, None, 4)
        );
        assert_eq!((n.index(), p.index(), n.child_count()), (1, 2, 0));
        let again = Tree::made("get", &Draft::of(n), None);
        assert_eq!(again.node().unwrap().expiration(), n.expiration());
        assert!(again.prev_node().is_none() && again.get(3).is_none());
    }
}
