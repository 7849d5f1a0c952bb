//! What is wrong with the bytes of an answer.
use std::borrow::Cow;
use std::fmt;

/// Kind of parse error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /** the stream ended before the body began */
    Connection,
    /** not HTTP, cut body, bad framing */
    Protocol,
    /** body larger than the limit */
    TooLarge,
}

/// Why an answer cannot be read (further).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// kind
    pub kind: FlawKind,
    /// one line, lower case
    pub text: Cow<'static, str>,
}

impl ParseError {
    pub(super) fn connection(text: &'static str) -> ParseError {
        ParseError {
            kind: FlawKind::Connection,
            text: text.into(),
        }
    }

    pub(super) fn protocol(text: impl Into<Cow<'static, str>>) -> ParseError {
        ParseError {
            kind: FlawKind::Protocol,
            text: text.into(),
        }
    }

    pub(super) fn too_large(limit: u64) -> ParseError {
        ParseError {
            kind: FlawKind::TooLarge,
            text: format!("body of the answer is larger than {limit} bytes").into(),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
