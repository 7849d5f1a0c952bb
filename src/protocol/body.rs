//! The body of an answer, and what stands in it. Reading a large one takes as long as its length, so that it can be done
//! beside an event loop, before the answer is judged.

use super::decode::{decode, decode_while};
use super::decode_limits::DecodeLimits;
use super::go_on::GoOn;
use super::http_request::ResponseKind;
use super::refusal::{self, Refusal};
use super::tree::Tree;
use crate::error::Result;
use std::cell::Cell;
use std::ops::Deref;

/// A longer body takes more than a millisecond to read.
pub(crate) const LARGE: usize = 256 * 1024;

/// Reading was stopped before its end.
#[derive(Debug)]
pub(crate) struct Stopped;

/// Bytes and what was read in them.
#[derive(Debug, Default)]
pub struct Body {
    pub(super) bytes: Vec<u8>,
    content: Content,
}

/// What was read, if that has been done.
#[derive(Debug, Default)]
pub struct Content(Option<Box<DecodedContent>>);

#[derive(Debug)]
enum DecodedContent {
    /// of a success; pages are short, and read by who asks for them
    Tree(Result<Tree>),
    /// of a failure; `None`: it is not etcd's
    Refusal(Option<Refusal>),
}

impl Body {
    /// `content` is what was read in `bytes`.
    pub(crate) fn of(bytes: Vec<u8>, content: Content) -> Body {
        Body { bytes, content }
    }

    /// Both.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Content) {
        (self.bytes, self.content)
    }

    /// Reads what [`super::answer::judge`] will ask for, as long as `go_on` says so.
    pub(crate) fn read(
        &mut self,
        status: u16,
        (expect, limits): (ResponseKind, DecodeLimits),
        go_on: GoOn<'_>,
    ) -> std::result::Result<(), Stopped> {
        let stopped = Cell::new(false);
        let ask = || {
            let on = go_on();
            stopped.set(!on);
            on
        };
        let content = match (status, expect) {
            (_, ResponseKind::Page(_)) => return Ok(()),
            (200..=299, _) => DecodedContent::Tree(decode_while(&self.bytes, &limits, Some(&ask))),
            (400..=599, _) => DecodedContent::Refusal(refusal::read_while(&self.bytes, Some(&ask))),
            _ => return Ok(()),
        };
        if stopped.get() {
            return Err(Stopped);
        }
        self.content.0 = Some(Box::new(content));
        Ok(())
    }

    /// The nodes of a success.
    #[inline]
    pub(super) fn tree(&mut self, limits: &DecodeLimits) -> Result<Tree> {
        match self.content.0.take().map(|content| *content) {
            Some(DecodedContent::Tree(tree)) => tree,
            _ => decode(&self.bytes, limits),
        }
    }

    /// What a failure says; it is read once.
    pub(crate) fn refusal(&mut self) -> Option<&Refusal> {
        if !matches!(self.content.0.as_deref(), Some(DecodedContent::Refusal(_))) {
            let read = DecodedContent::Refusal(refusal::read(&self.bytes));
            self.content.0 = Some(Box::new(read));
        }
        match self.content.0.as_deref() {
            Some(DecodedContent::Refusal(refusal)) => refusal.as_ref(),
            _ => None,
        }
    }

    /// The same, to be kept.
    pub(super) fn take_refusal(&mut self) -> Option<Refusal> {
        match self.content.0.take().map(|content| *content) {
            Some(DecodedContent::Refusal(refusal)) => refusal,
            _ => refusal::read(&self.bytes),
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body {
            bytes,
            content: Content::default(),
        }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
