//! A node as a watcher with RESYNC remembers it.

/// What is kept of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachedNode {
    /// index of its creation
    pub created: u64,
    /// index of its last change that was told
    pub modified: u64,
    /// whether it is a directory
    pub dir: bool,
    /// of its value
    pub(super) print: u64,
}
