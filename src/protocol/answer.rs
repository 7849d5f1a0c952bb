//! What an answer means: success, a refusal of etcd, trouble of the member, a redirect.
use super::{
    response::Response,
    wire::{Expect, Repeat},
};
use crate::error::Error;

/// Status line and headers of an answer, as far as they matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// HTTP status
    pub status: u16,
    /// `X-Etcd-Index`; 0 = absent
    pub etcd_index: u64,
    /// `X-Raft-Index`; 0 = absent
    pub raft_index: u64,
    /// `X-Raft-Term`; 0 = absent
    pub raft_term: u64,
    /// `X-Etcd-Cluster-Id`; empty = absent
    pub cluster_id: String,
    /// `Content-Type`; empty = absent
    pub content_type: String,
    /// `Location`
    pub location: Option<String>,
}

/// Limits of decoding.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// levels of directories
    pub depth: u32,
    /// nodes in one answer
    pub nodes: u32,
}

/// Meaning of a complete answer.
#[derive(Debug)]
pub enum Verdict {
    /// done
    Success(Response),
    /// a watch poll that ended without an event
    NoEvent,
    /// etcd's definite word (errorCode, or a message with a 4xx status): another member would say the same
    Refused(Error),
    /// this member cannot; another one may. `error.outcome_unknown` tells whether a write may have been applied.
    Trouble(Error),
    /// 307 or 308 with its location
    Redirect(String),
}

/// Judges a complete answer. Never panics, whatever the bytes.
pub fn judge(
    head: Head,
    body: Vec<u8>,
    expect: Expect,
    repeat: Repeat,
    limits: &Limits,
) -> Verdict {
    let _ = (head, body, expect, repeat, limits);
    todo!()
}
