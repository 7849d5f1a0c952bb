//! The one error type: a status, one line of text, and everything known about how it came to be.

use crate::display;
use crate::status::Status;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// `Result` of everything fallible in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// How far an exchange with a member came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Looking up the name of the host.
    Resolve,
    /// Making the connection.
    Connect,
    /// TLS handshake.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for status line and headers.
    Head,
    /// Reading the body.
    Body,
}

impl Phase {
    /// How many there are.
    pub(crate) const COUNT: usize = Phase::Body as usize + 1;

    /// Lower-case word for messages.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "TLS",
            Phase::Send => "send",
            Phase::Head => "head",
            Phase::Body => "body",
        }
    }
}

/// One try at one member.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// URL of the member, without credentials.
    pub endpoint: Arc<str>,
    /// Where it ended.
    pub phase: Phase,
    /// Why it ended.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

/// What a client knew of the store of a cluster at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Which cluster; 0 = unknown.
    pub cluster: u64,
    /// The highest index that any member had told; 0 = none.
    pub index: u64,
}

/// What went wrong.
#[derive(Clone)]
pub struct Error(Box<Detail>);

/// Everything known about an [`Error`].
#[derive(Clone, Debug)]
pub struct Detail {
    facts: Facts,
    /// Whether the request may have been, or may still be, applied. There is no way back from it.
    pub outcome_unknown: bool,
}

impl Deref for Detail {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

/// What may be filled in freely; absent text is empty, absent numbers are 0.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The status that a caller switches on.
    pub status: Status,
    /// One line; names the parameter or endpoint.
    pub message: String,
    /// etcd's `message`, unchanged.
    pub etcd_message: String,
    /// etcd's `cause`.
    pub cause: String,
    /// etcd's `errorCode`.
    pub etcd_code: u32,
    /// HTTP status of the answer that decided.
    pub http_status: u16,
    /// etcd's `index`; 0 says nothing about the store.
    pub index: u64,
    /// Member that decided.
    pub endpoint: Option<Arc<str>>,
    /// How far the deciding exchange came.
    pub phase: Option<Phase>,
    /// Whether the same call may succeed later without anything being changed by the caller.
    pub retriable: bool,
    /// Whether it is, or is about, an answer that is older than one seen before.
    pub stale: bool,
    /// What was known when the request first left: what it changed has a higher index.
    pub known: Known,
    /// Every try, in order.
    pub attempts: Vec<Attempt>,
    /// First bytes of the answer that decided.
    pub body: Vec<u8>,
}

/// Longest message in bytes.
const LONGEST: usize = 1024;

/// Text as every message is: on one line, and never longer than a line of a log should be.
pub(crate) fn line(mut text: String) -> String {
    if text.len() > LONGEST {
        let mut end = LONGEST - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    if text.chars().all(|c| display::plain(c) == c) {
        return text;
    }
    text.chars().map(display::plain).collect()
}

impl Error {
    /// An error of `status` with a one-line `message`; what is longer than 1 KiB is cut.
    pub fn new(status: Status, message: impl Into<String>) -> Error {
        let facts = Facts {
            status,
            message: line(message.into()),
            etcd_message: String::new(),
            cause: String::new(),
            etcd_code: 0,
            http_status: 0,
            index: 0,
            endpoint: None,
            phase: None,
            retriable: false,
            stale: false,
            known: Known::default(),
            attempts: Vec::new(),
            body: Vec::new(),
        };
        Error(Box::new(Detail {
            facts,
            outcome_unknown: status == Status::OUTCOME_UNKNOWN,
        }))
    }

    /// The same with another line of text.
    pub fn with_message(mut self, message: impl Into<String>) -> Error {
        self.0.facts.message = line(message.into());
        self
    }

    /// A parameter is wrong; nothing was sent.
    pub fn invalid(parameter: &str, why: impl fmt::Display) -> Error {
        Error::new(Status::INVALID_ARGUMENT, format!("{parameter}: {why}"))
    }

    /// The status that a caller switches on.
    pub fn status(&self) -> Status {
        self.0.facts.status
    }

    /// Everything known.
    pub fn detail(&self) -> &Detail {
        &self.0
    }

    /// What is known, to be filled in.
    pub fn detail_mut(&mut self) -> &mut Facts {
        &mut self.0.facts
    }

    /// The request may have been, or may still be, applied.
    pub fn doubt(&mut self) {
        self.0.outcome_unknown = true;
    }

    /// Another status and message, with all else that is known.
    pub(crate) fn retitle(&mut self, status: Status, message: String) {
        self.0.facts.status = status;
        self.0.facts.message = line(message);
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_one_bounded_line() {
        let long = Error::new(Status::INTERNAL, "ü\n".repeat(5000));
        let text = &long.detail().message;
        assert!(
            text.len() <= LONGEST && text.ends_with('…'),
            "{}",
            text.len()
        );
        assert!(text.starts_with("ü ü "), "{text}");
        let full = "x".repeat(LONGEST);
        assert_eq!(line(full.clone()), full);
    }
}
