//! The body of an answer to a [`Tree`]: one pass, an own stack instead of recursion, limits before memory.
//!
//! Unknown fields are skipped, `null` counts as absent, and a known field that comes twice is refused: etcd never
//! sends one, and any choice between the two could hide something.
use super::{
    decode_limits::DecodeLimits,
    go_on::GoOn,
    json::{Broken, Json},
    tree::{Node, NodeLifetime, Span, Tree},
};
use crate::{
    error::{Error, Result},
    status::Status,
};
use std::collections::TryReserveError;

/// Decodes an answer of the key space. A tree without nodes is a valid result; what it means is for the caller to say.
pub fn decode(body: &[u8], limits: &DecodeLimits) -> Result<Tree> {
    decode_while(body, limits, None)
}

/// The same as long as `go_on` says so; a result of what was stopped means nothing.
pub(crate) fn decode_while(
    body: &[u8],
    limits: &DecodeLimits,
    go_on: Option<GoOn<'_>>,
) -> Result<Tree> {
    // every string loses two quotes and gains one NUL, so offsets of 32 bits reach as far as the body
    if body.len() >= u32::MAX as usize {
        return Err(Error::new(
            Status::TOO_LARGE,
            format!(
                "an answer of {} bytes cannot be decoded, 4 GiB can",
                body.len()
            ),
        ));
    }
    let text = std::str::from_utf8(body).map_err(|e| {
        Error::new(
            Status::PROTOCOL,
            format!("the answer is not UTF-8 at byte {}", e.valid_up_to()),
        )
    })?;
    let decoder = Decoder {
        json: Json::asking(text, go_on),
        total: text.len(),
        limits: *limits,
        tree: Tree::default(),
        stack: Vec::new(),
        waiting: Vec::new(),
    };
    decoder.run().map_err(|stop| match *stop {
        DecodeStop::Broken(Broken(place)) => Error::new(
            Status::PROTOCOL,
            format!(
                "the answer is not etcd's: {} at byte {}",
                place.why, place.at
            ),
        ),
        DecodeStop::Depth => Error::new(
            Status::TOO_LARGE,
            format!(
                "the answer has more than {} levels of directories; raise max_depth",
                limits.depth
            ),
        ),
        DecodeStop::Memory => Error::new(
            Status::LIMIT,
            format!(
                "out of memory for the nodes of an answer of {} bytes",
                text.len()
            ),
        ),
        DecodeStop::Nodes => Error::new(
            Status::TOO_LARGE,
            format!(
                "the answer has more than {} nodes; raise max_nodes",
                limits.nodes
            ),
        ),
    })
}

enum DecodeStop {
    Broken(Broken),
    Depth,
    Nodes,
    Memory,
}

impl From<TryReserveError> for Box<DecodeStop> {
    #[cold]
    fn from(_: TryReserveError) -> Box<DecodeStop> {
        Box::new(DecodeStop::Memory)
    }
}

impl From<Broken> for Box<DecodeStop> {
    #[cold]
    fn from(broken: Broken) -> Box<DecodeStop> {
        Box::new(DecodeStop::Broken(broken))
    }
}

/// Boxed for the same reason as [`Broken`].
type DecodeResult<T> = std::result::Result<T, Box<DecodeStop>>;

/// A node whose object is being read.
#[derive(Clone, Copy, Default)]
struct Open {
    node: Node,
    life: NodeLifetime,
    /// bits of [`Field`]
    seen: u32,
    /// where its children begin in `waiting`
    base: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Key = 1,
    Value = 2,
    Dir = 4,
    Nodes = 8,
    Created = 16,
    Modified = 32,
    Ttl = 64,
    Expiration = 128,
}

enum NextField {
    Field(Field),
    Unknown,
    End,
}

impl Field {
    #[inline]
    fn of(name: &str) -> Option<Field> {
        Some(match name {
            "key" => Field::Key,
            "value" => Field::Value,
            "dir" => Field::Dir,
            "nodes" => Field::Nodes,
            "createdIndex" => Field::Created,
            "modifiedIndex" => Field::Modified,
            "ttl" => Field::Ttl,
            "expiration" => Field::Expiration,
            _ => return None,
        })
    }
}

struct Decoder<'a> {
    json: Json<'a>,
    total: usize,
    limits: DecodeLimits,
    tree: Tree,
    /// the ancestors of the node being read
    stack: Vec<Open>,
    /// complete nodes whose parent is not complete: a stack of lists, the innermost on top
    waiting: Vec<u32>,
}

impl Decoder<'_> {
    fn run(mut self) -> DecodeResult<Tree> {
        self.tree.nodes.try_reserve_exact(self.guess(4, 1024))?;
        self.tree.nodes.push(Node::default());
        self.tree.text.try_reserve_exact(self.total.min(4096) + 2)?;
        self.tree.text.push('\0');
        let mut seen = 0u8;
        let mut first = true;
        self.json.object()?;
        while let Some(name) = self.json.member(std::mem::take(&mut first))? {
            let bit = name.with(|name| match name {
                "action" => 1,
                "node" => 2,
                "prevNode" => 4,
                _ => 0,
            });
            if bit == 0 {
                self.json.skip()?;
                continue;
            }
            if seen & bit != 0 {
                return Err(self.broken("a field comes twice"));
            }
            seen |= bit;
            if self.json.null()? {
                continue;
            }
            match bit {
                1 => self.tree.action = self.string()?,
                2 => self.tree.node = self.node()?,
                _ => self.tree.prev_node = self.node()?,
            }
        }
        self.json.end()?;
        self.shrink();
        Ok(self.tree)
    }

    #[cold]
    fn broken(&self, why: &'static str) -> Box<DecodeStop> {
        Broken::new(self.json.position(), why).into()
    }

    /// Reads one node and all below it; its index.
    fn node(&mut self) -> DecodeResult<u32> {
        let mut open = self.enter()?;
        let mut first = true;
        loop {
            let next = self.field(std::mem::take(&mut first))?;
            let NextField::Field(field) = next else {
                if let NextField::Unknown = next {
                    self.json.skip()?;
                    continue;
                }
                let index = self.leave(&open)?;
                if self.stack.is_empty() {
                    return Ok(index);
                }
                if self.waiting.len() == self.waiting.capacity() {
                    self.waiting.try_reserve(1)?;
                }
                self.waiting.push(index);
                if self.json.element(false)? {
                    first = true;
                    open = self.enter()?;
                } else {
                    open = self.adopt()?;
                }
                continue;
            };
            if open.seen & field as u32 != 0 {
                return Err(self.broken("a field comes twice"));
            }
            open.seen |= field as u32;
            if self.json.null()? {
                // absent; still, a second one would be a second one
                continue;
            }
            match field {
                Field::Key => open.node.key = self.string()?,
                Field::Value => open.node.value = self.string()?,
                Field::Created => open.node.created = self.json.u64()?,
                Field::Modified => open.node.modified = self.json.u64()?,
                Field::Dir => open.node.bits |= u32::from(self.json.bool()?),
                Field::Ttl => {
                    open.life.ttl = self.json.i64()?;
                    open.node.bits |= 2;
                }
                Field::Expiration => {
                    open.life.expiration = self.string()?;
                    open.node.bits |= 2;
                }
                Field::Nodes => {
                    self.json.array()?;
                    if self.json.element(true)? {
                        open.base = self.waiting.len() as u32;
                        self.stack.try_reserve(1)?;
                        self.stack.push(open);
                        open = self.enter()?;
                        first = true;
                    }
                }
            }
        }
    }

    /// What comes next in the object of a node.
    #[inline(always)]
    fn field(&mut self, first: bool) -> DecodeResult<NextField> {
        let json = &mut self.json;
        // as etcd writes them, compared whole instead of scanned; anything else takes the way below
        let field = match json.initial(first) {
            b'k' if json.expected(first, b"\"key\":") => Field::Key,
            b'v' if json.expected(first, b"\"value\":") => Field::Value,
            b'm' if json.expected(first, b"\"modifiedIndex\":") => Field::Modified,
            b'c' if json.expected(first, b"\"createdIndex\":") => Field::Created,
            b'd' if json.expected(first, b"\"dir\":") => Field::Dir,
            b'n' if json.expected(first, b"\"nodes\":") => Field::Nodes,
            b't' if json.expected(first, b"\"ttl\":") => Field::Ttl,
            b'e' if json.expected(first, b"\"expiration\":") => Field::Expiration,
            _ => {
                return Ok(match json.member(first)? {
                    None => NextField::End,
                    Some(name) => name
                        .with(Field::of)
                        .map_or(NextField::Unknown, NextField::Field),
                });
            }
        };
        Ok(NextField::Field(field))
    }

    /// Begins a node: takes its place, so that a parent comes before its children.
    #[inline]
    fn enter(&mut self) -> DecodeResult<Open> {
        self.json.object()?;
        let index = self.tree.nodes.len();
        // record 0 is not a node
        if index > self.limits.nodes as usize {
            return Err(Box::new(DecodeStop::Nodes));
        }
        if self.stack.len() >= self.limits.depth as usize {
            return Err(Box::new(DecodeStop::Depth));
        }
        if index == self.tree.nodes.capacity() {
            let more = self.more(index, (self.limits.nodes as usize).saturating_add(1));
            self.tree.nodes.try_reserve_exact(more)?;
        }
        let mut open = Open::default();
        open.node.index = index as u32;
        self.tree.nodes.push(open.node);
        Ok(open)
    }

    /// Ends a node.
    #[inline]
    fn leave(&mut self, open: &Open) -> DecodeResult<u32> {
        let mut node = open.node;
        // only the root directory has none
        let root = node.bits & 1 != 0 && self.stack.is_empty();
        if node.key.is_absent() && !root {
            return Err(self.broken("a node without a key ends"));
        }
        if node.bits & 2 != 0 {
            self.tree.lives.try_reserve(1)?;
            self.tree.lives.push(open.life);
            node.bits = (node.bits & 1) | (self.tree.lives.len() as u32) << 1;
        }
        if let Some(place) = self.tree.nodes.get_mut(node.index as usize) {
            *place = node;
        }
        Ok(node.index)
    }

    /// Goes back to the parent and gives it the list of its children, complete now.
    fn adopt(&mut self) -> DecodeResult<Open> {
        let mut parent = self.stack.pop().unwrap_or_default();
        let base = parent.base as usize;
        parent.node.first_child = self.tree.children.len() as u32;
        parent.node.child_count = (self.waiting.len() - base) as u32;
        self.tree.children.try_reserve(self.waiting.len() - base)?;
        self.tree.children.extend(self.waiting.drain(base..));
        Ok(parent)
    }

    /// A string into the arena, with its NUL.
    #[inline]
    fn string(&mut self) -> DecodeResult<Span> {
        let source = self.json.string()?;
        let text = &mut self.tree.text;
        let start = text.len();
        if text.capacity() - start <= source.raw.len() {
            let needed = source.raw.len() + 1;
            let more = self.more(start, self.total + 2).max(needed);
            self.tree.text.try_reserve_exact(more)?;
        }
        let text = &mut self.tree.text;
        if !source.append_to(text, self.json.go_on()) {
            return Err(self.broken("reading was stopped"));
        }
        let len = text.len() - start;
        text.push('\0');
        Ok(Span {
            start: start as u32,
            len: len as u32,
        })
    }

    /// How many nodes a body of this length may have, at least `min`: small answers get by with one allocation.
    fn guess(&self, min: usize, max: usize) -> usize {
        (self.total / 128).clamp(min, max)
    }

    /// By how much something of `len` items grows: as the share of the body read so far tells, and a sixteenth more;
    /// at least by a quarter, so that misleading beginnings cost little. Never beyond `most` items, but by one.
    #[cold]
    fn more(&self, len: usize, most: usize) -> usize {
        let read = self.json.position().max(1) as u128;
        let expected = len as u128 * self.total as u128 / read;
        let expected = usize::try_from(expected + expected / 16).unwrap_or(usize::MAX);
        let more = expected.saturating_sub(len).max(len / 4 + 16);
        more.min(most.saturating_sub(len)).max(1)
    }

    /// Gives back what was reserved in vain, if it is worth the call.
    fn shrink(&mut self) {
        const WORTH: usize = 1 << 16;
        let tree = &mut self.tree;
        if (tree.nodes.capacity() - tree.nodes.len()) * size_of::<Node>() > WORTH {
            tree.nodes.shrink_to_fit();
        }
        if tree.text.capacity() - tree.text.len() > WORTH {
            tree.text.shrink_to_fit();
        }
        if (tree.children.capacity() - tree.children.len()) * 4 > WORTH {
            tree.children.shrink_to_fit();
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
