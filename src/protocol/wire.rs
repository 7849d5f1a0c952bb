//! A request as it goes over the wire.
use super::key::Key;
use crate::error::Result;

/// HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /** GET */
    Get,
    /** HEAD */
    Head,
    /** PUT */
    Put,
    /** POST */
    Post,
    /** DELETE */
    Delete,
}

impl Method {
    /// Upper-case name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// Whether a request that was sent and got no answer may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /** reads: always */
    Safe,
    /** plain set and delete: if the caller allows it */
    IfAllowed,
    /** never */
    Never,
}

/// Which answers make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /** an answer of the key space with a node (or only an action) */
    Keys,
    /** one event, or an empty 200 */
    Event,
    /** anything */
    Anything,
}

/// Method, target and body, ready to be sent to any member.
#[derive(Clone, Debug)]
pub struct Wire {
    /// method
    pub method: Method,
    /// path and query, percent-encoded, begins with `/`
    pub target: String,
    /// form or raw body
    pub body: Option<Vec<u8>>,
    /// of the body
    pub content_type: Option<String>,
    /// after an ambiguous failure
    pub repeat: Repeat,
    /// of the answer
    pub expect: Expect,
}

impl Wire {
    /// A long poll for the next change at or after `wait_index` (0: from now).
    pub fn poll(key: &Key, recursive: bool, wait_index: u64) -> Result<Wire> {
        let _ = (key, recursive, wait_index);
        todo!()
    }
    /// `GET` of any path, for `/version` and the like.
    pub fn get(target: &str) -> Wire {
        Wire {
            method: Method::Get,
            target: target.into(),
            body: None,
            content_type: None,
            repeat: Repeat::Safe,
            expect: Expect::Anything,
        }
    }
    /// Anything that has no function yet. Refuses control characters and spaces in `target`, unknown methods, body on GET/HEAD/DELETE.
    pub fn raw(
        method: &str,
        target: &str,
        body: Option<&[u8]>,
        content_type: Option<&str>,
    ) -> Result<Wire> {
        let _ = (method, target, body, content_type);
        todo!()
    }
}
