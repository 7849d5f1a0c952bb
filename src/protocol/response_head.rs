//! Status line and headers of an answer.
use super::cluster_id::ClusterId;
use crate::display::one_line;
use std::borrow::Cow;

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
    pub cluster_id: ClusterId,
    /// `Content-Type`; empty = absent
    pub content_type: Cow<'static, str>,
    /// `Location`
    pub location: Option<String>,
    /// something in between has left its name (`Via`, `Server`) or its version of HTTP: etcd sends 1.1, and none of these
    pub relay: bool,
    /// how often `Access-Control-Allow-Origin` came: once from etcd 3, twice through its proxy
    pub origins: u8,
}

impl Head {
    /// A head without headers.
    pub fn new(status: u16) -> Head {
        Head {
            status,
            ..Head::default()
        }
    }

    /// Takes a header, if it is one that matters; names are compared without case. Numbers that are none count as
    /// absent, bytes that are not UTF-8 become U+FFFD.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        // etcd's own spelling is found by one comparison of machine words
        let is = |usual: &[u8]| name == usual || name.eq_ignore_ascii_case(usual);
        // length and third letter tell most names apart
        match (name.len(), name.get(2).map(u8::to_ascii_lowercase)) {
            (3, Some(b'a')) if is(b"Via") => self.relay = true,
            (6, Some(b'r')) if is(b"Server") => self.relay = true,
            (27, Some(b'c')) if is(b"Access-Control-Allow-Origin") => self.add_origin(),
            (8, Some(b'c')) if is(b"Location") => self.location = Some(text(value).into_owned()),
            (11, Some(b'r')) if is(b"X-Raft-Term") => self.raft_term = number(value),
            (12, Some(b'e')) if is(b"X-Etcd-Index") => self.etcd_index = number(value),
            (12, Some(b'r')) if is(b"X-Raft-Index") => self.raft_index = number(value),
            (12, Some(b'n')) if is(b"Content-Type") => self.content_type = content_type(value),
            (17, Some(b'e')) if is(b"X-Etcd-Cluster-Id") => {
                self.cluster_id = (&*text(value)).into()
            }
            _ => {}
        }
    }

    /// Once more `Access-Control-Allow-Origin`.
    pub(crate) fn add_origin(&mut self) {
        self.origins = self.origins.saturating_add(1);
    }

    /// Whether it shows that something stands between etcd and us.
    pub fn is_relayed(&self) -> bool {
        self.relay || self.origins > 1
    }

    /// Whether it has what etcd 3 adds to every answer of its own, and no other server in Go does.
    pub(crate) fn is_of_3(&self) -> bool {
        self.origins == 1
    }

    /// `status 404, text/plain`
    pub(super) fn describe(&self) -> String {
        match one_line(&self.content_type) {
            kind if kind.is_empty() => format!("status {}, no content type", self.status),
            kind => format!("status {}, {kind}", self.status),
        }
    }
}

/// The usual one is no copy.
fn content_type(value: &[u8]) -> Cow<'static, str> {
    match value.trim_ascii() {
        b"application/json" => Cow::Borrowed("application/json"),
        other => Cow::Owned(text(other).into_owned()),
    }
}

fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value.trim_ascii())
}

/// Decimal digits and nothing else, or 0.
fn number(text: &[u8]) -> u64 {
    let append = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    text.trim_ascii().iter().try_fold(0, append).unwrap_or(0)
}
