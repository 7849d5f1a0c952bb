//! What is asked: one operation on one key, with its conditions.
use super::{key::Key, wire::Wire};
use crate::error::Result;

/// What to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /** read */
    Get,
    /** write unconditionally */
    Set,
    /** write if absent */
    Create,
    /** write if present */
    Update,
    /** renew the TTL, keep the value, wake nobody */
    Refresh,
    /** remove */
    Delete,
    /** new child with the next index as its name */
    CreateInOrder,
    /** write if value and/or index match */
    CompareAndSwap,
    /** remove if value and/or index match */
    CompareAndDelete,
}

/// When the key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /** never said: permanent */
    None,
    /** after so many seconds, 1 to 2^31 */
    Seconds(u32),
    /** an existing TTL is removed */
    Remove,
}

/// Bits of `flags`.
pub mod flags {
    /// the whole subtree
    pub const RECURSIVE: u32 = 1;
    /// children in order of their keys
    pub const SORTED: u32 = 2;
    /// read through consensus
    pub const QUORUM: u32 = 4;
    /// a directory
    pub const DIR: u32 = 8;
    /// the answer carries no nodes
    pub const NO_VALUE_ON_SUCCESS: u32 = 16;
}

/// One request of the key space.
#[derive(Clone, Debug)]
pub struct Request {
    operation: Operation,
    key: Key,
    value: Option<Vec<u8>>,
    ttl: Ttl,
    flags: u32,
    prev_value: Option<String>,
    prev_index: u64,
}

impl Request {
    /// A request without options.
    pub fn new(operation: Operation, key: Key) -> Request {
        Request {
            operation,
            key,
            value: None,
            ttl: Ttl::None,
            flags: 0,
            prev_value: None,
            prev_index: 0,
        }
    }
    /// The operation.
    pub fn operation(&self) -> Operation {
        self.operation
    }
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }
    /// The flags.
    pub fn flags(&self) -> u32 {
        self.flags
    }
    /// Refuses bytes that are not UTF-8, and operations that carry no value.
    pub fn set_value(&mut self, value: &[u8]) -> Result<()> {
        let _ = value;
        todo!()
    }
    /// Seconds, 1 to 2^31.
    pub fn set_ttl(&mut self, seconds: i64) -> Result<()> {
        let _ = seconds;
        todo!()
    }
    /// Makes the key permanent.
    pub fn remove_ttl(&mut self) -> Result<()> {
        todo!()
    }
    /// Refuses bits that are unknown or mean nothing to the operation.
    pub fn set_flags(&mut self, flags: u32) -> Result<()> {
        let _ = flags;
        todo!()
    }
    /// Only for compare operations; not empty.
    pub fn set_prev_value(&mut self, value: &str) -> Result<()> {
        let _ = value;
        todo!()
    }
    /// Only for compare operations; not 0.
    pub fn set_prev_index(&mut self, index: u64) -> Result<()> {
        let _ = index;
        todo!()
    }
    /// Checks what is missing and writes it down for the wire.
    pub fn wire(&self) -> Result<Wire> {
        todo!()
    }
}
