//! What an answer means: success, a refusal of etcd, trouble of the member, a redirect.
use super::{
    absent, admin::page::Page, body::Body, http_request::ResponseKind, refusal::Refusal,
    response::Response, tree::Tree,
};
use crate::{
    display::{self, one_line},
    error::{Error, Result},
    status::Status,
};
use std::sync::Arc;

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
        let text = || match std::str::from_utf8(value.trim_ascii()) {
            Ok(text) => text.to_owned(),
            Err(_) => String::from_utf8_lossy(value.trim_ascii()).into_owned(),
        };
        // etcd's own spelling is found by one comparison of machine words
        let is = |usual: &[u8]| name == usual || name.eq_ignore_ascii_case(usual);
        // length and third letter tell most names apart
        match (name.len(), name.get(2).map(u8::to_ascii_lowercase)) {
            (3, Some(b'a')) if is(b"Via") => self.relay = true,
            (6, Some(b'r')) if is(b"Server") => self.relay = true,
            (27, Some(b'c')) if is(b"Access-Control-Allow-Origin") => self.add_origin(),
            (8, Some(b'c')) if is(b"Location") => self.location = Some(text()),
            (11, Some(b'r')) if is(b"X-Raft-Term") => self.raft_term = number(value),
            (12, Some(b'e')) if is(b"X-Etcd-Index") => self.etcd_index = number(value),
            (12, Some(b'r')) if is(b"X-Raft-Index") => self.raft_index = number(value),
            (12, Some(b'n')) if is(b"Content-Type") => self.content_type = text(),
            (17, Some(b'e')) if is(b"X-Etcd-Cluster-Id") => self.cluster_id = text(),
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
    fn describe(&self) -> String {
        match one_line(&self.content_type) {
            kind if kind.is_empty() => format!("status {}, no content type", self.status),
            kind => format!("status {}, {kind}", self.status),
        }
    }
}

/// Decimal digits and nothing else, or 0.
fn number(text: &[u8]) -> u64 {
    let append = |sum: u64, digit: &u8| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    };
    text.trim_ascii().iter().try_fold(0, append).unwrap_or(0)
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
// moved once, to the caller; a box would cost every success an allocation
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Verdict {
    /// done
    Success(Response),
    /// a watch poll that ended without an event
    NoEvent,
    /// a definite word: another member would say the same
    Refused(Error),
    /// this member cannot; another one may
    Trouble(Error),
    /// 307 or 308 with its location
    Redirect(String),
}

/// First bytes of a foreign body that an error keeps.
const KEPT: usize = 512;

/// Judges a complete answer to a request that changes nothing; [`crate::outcome::answer`] knows more about writes. Never
/// panics, whatever the bytes.
pub fn judge(head: Head, body: impl Into<Body>, expect: ResponseKind, limits: &Limits) -> Verdict {
    let mut body = body.into();
    match head.status {
        // how a member says that it is unhealthy
        503 if expect == ResponseKind::Page(Page::Health) && Page::Health.check(&body).is_ok() => {
            accepted(head, body, expect, limits)
        }
        200..=299 => accepted(head, body, expect, limits),
        301..=303 => Verdict::Refused(not_followed(&head, &body)),
        307 | 308 => redirect(head, &body),
        400..=599 => match body.take_refusal() {
            Some(refusal) if refusal.code != 0 => coded(&head, refusal),
            Some(refusal) => message(&head, refusal),
            None => foreign_failure(&head, &body, expect),
        },
        _ => {
            let text = format!("the answer is not etcd's: {}", head.describe());
            Verdict::Trouble(foreign(Status::PROTOCOL, text, &head, &body))
        }
    }
}

fn accepted(head: Head, mut body: Body, expect: ResponseKind, limits: &Limits) -> Verdict {
    if expect == ResponseKind::Event && body.trim_ascii().is_empty() {
        return Verdict::NoEvent;
    }
    let read = match expect {
        ResponseKind::Page(page) => page.check(&body).map(|()| Tree::default()),
        _ => body.tree(limits).and_then(|tree| check(tree, expect)),
    };
    let tree = match read {
        Ok(tree) => tree,
        Err(error) if expect == ResponseKind::Anything && error.status() != Status::LIMIT => {
            Tree::default()
        }
        Err(error) => return not_accepted(&head, &body, error),
    };
    let mut body = body.bytes;
    body.push(0);
    Verdict::Success(Response {
        head,
        tree,
        body,
        endpoint: Arc::default(),
        stale: false,
    })
}

/// What every success of the key space has.
fn check(tree: Tree, expect: ResponseKind) -> Result<Tree> {
    let broken = |why: &str| {
        Err(Error::new(
            Status::PROTOCOL,
            format!("the answer is not etcd's: {why}"),
        ))
    };
    if tree.action_text().is_empty() {
        return broken("it has no action");
    }
    match tree.node() {
        None if expect == ResponseKind::Action => Ok(tree),
        None => broken("it has no node"),
        // the position of a watch comes from it
        Some(node) if expect == ResponseKind::Event && node.modified_index() == 0 => {
            broken("its event has no index")
        }
        Some(_) => Ok(tree),
    }
}

fn not_accepted(head: &Head, body: &[u8], error: Error) -> Verdict {
    let text = match error.status() {
        Status::TOO_LARGE => error.to_string(),
        _ => format!("{error} ({})", head.describe()),
    };
    let foreign = foreign(error.status(), text, head, body);
    // another member would send as much
    if matches!(error.status(), Status::TOO_LARGE | Status::LIMIT) {
        return Verdict::Refused(foreign);
    }
    Verdict::Trouble(foreign)
}

/// `{"errorCode":…}`
fn coded(head: &Head, refusal: Refusal) -> Verdict {
    let status = Status::from_etcd(refusal.code);
    let definite = match status {
        // 3.5 answers so to the update of a directory, and nothing has changed
        Status::RAFT_INTERNAL => refusal.cause.contains("Not a file"),
        // a standby of 0.4 without leader
        Status::STANDBY_INTERNAL | Status::LEADER_ELECTION => false,
        _ => head.status < 500,
    };
    let mut error = told(status, head, refusal);
    if definite {
        return Verdict::Refused(error);
    }
    error.detail_mut().retriable = true;
    Verdict::Trouble(error)
}

/// `{"message":…}`
fn message(head: &Head, refusal: Refusal) -> Verdict {
    let status = match head.status {
        401 => Status::UNAUTHORIZED,
        403 => Status::FORBIDDEN,
        404 => Status::NOT_FOUND,
        409 => Status::CONFLICT,
        410 => Status::GONE,
        503 if refusal.message == "During election" => Status::LEADER_ELECTION,
        _ => Status::SERVER_ERROR,
    };
    let mut refusal = refusal;
    let text = refusal.text();
    // moved: it may be long
    refusal.cause = std::mem::take(&mut refusal.message);
    let mut error = told(status, head, refusal).with_message(text);
    if head.status < 500 {
        return Verdict::Refused(error);
    }
    error.detail_mut().retriable = head.status != 501;
    Verdict::Trouble(error)
}

fn foreign_failure(head: &Head, body: &[u8], expect: ResponseKind) -> Verdict {
    let of_etcd = head.etcd_index != 0 || !head.cluster_id.is_empty();
    if head.status < 500 && expect == ResponseKind::Anything && body.is_empty() && of_etcd {
        // the answer to a HEAD has no room for a reason
        let text = format!("refused with status {} and no body", head.status);
        return Verdict::Refused(foreign(Status::SERVER_ERROR, text, head, body));
    }
    let no_page = absent::is_no_page(head.status, body);
    if no_page && matches!(expect, ResponseKind::Page(_)) {
        let text =
            "the server has no such page: it is too old, or its v2 API is turned off (--enable-v2)";
        return Verdict::Trouble(foreign(Status::UNSUPPORTED, text.to_owned(), head, body));
    }
    if head.status < 500 {
        let hint = match no_page {
            true => "; the server may have its v2 API turned off (--enable-v2)",
            false => "",
        };
        let text = format!("the answer is not etcd's: {}{hint}", head.describe());
        return Verdict::Trouble(foreign(Status::PROTOCOL, text, head, body));
    }
    let text = format!("the server failed: {}", head.describe());
    let mut error = foreign(Status::SERVER_ERROR, text, head, body);
    error.detail_mut().retriable = head.status != 501;
    Verdict::Trouble(error)
}

/// etcd cleans a path with 301; to follow it would turn a write into a read.
fn not_followed(head: &Head, body: &[u8]) -> Error {
    let text = match &head.location {
        Some(location) => format!(
            "redirected with status {} to {}, which is not followed",
            head.status,
            display::url(location)
        ),
        None => format!("redirected with status {} to nowhere", head.status),
    };
    foreign(Status::REDIRECT, text, head, body)
}

fn redirect(head: Head, body: &[u8]) -> Verdict {
    match head.location.as_deref().map(str::trim) {
        Some(location) if !location.is_empty() => Verdict::Redirect(location.to_owned()),
        _ => {
            let text = format!("redirected with status {} to nowhere", head.status);
            Verdict::Trouble(foreign(Status::PROTOCOL, text, &head, body))
        }
    }
}

/// An error in the words of the server.
fn told(status: Status, head: &Head, refusal: Refusal) -> Error {
    let mut error = Error::new(status, refusal.text());
    let detail = error.detail_mut();
    detail.http_status = head.status;
    detail.etcd_code = refusal.code;
    detail.cause = refusal.cause;
    detail.index = refusal.index;
    error
}

/// An error about a body that says nothing; its beginning is kept.
fn foreign(status: Status, text: String, head: &Head, body: &[u8]) -> Error {
    let mut error = Error::new(status, text);
    let detail = error.detail_mut();
    detail.http_status = head.status;
    detail.body = body.get(..KEPT).unwrap_or(body).to_vec();
    error
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
