//! What an answer means: success, a refusal of etcd, trouble of the member, a redirect.
use super::admin::check::check as check_page;
use super::decode_limits::DecodeLimits;
use super::response_head::Head;
use super::{
    absent, admin::page::Page, body::Body, http_request::ResponseKind, refusal::Refusal,
    response::Response, tree::Tree,
};
use crate::{
    display,
    error::{Error, Result},
    status::Status,
};
use std::sync::Arc;

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

/// First bytes of a body that an error keeps.
const KEPT: usize = 4096;

/// Judges a complete answer to a request that changes nothing; [`crate::outcome::answer`] knows more about writes. Never
/// panics, whatever the bytes.
pub fn judge(
    head: Head,
    body: impl Into<Body>,
    expect: ResponseKind,
    limits: &DecodeLimits,
) -> Verdict {
    let mut body = body.into();
    match head.status {
        // how a member says that it is unhealthy
        503 if expect == ResponseKind::Page(Page::Health)
            && check_page(Page::Health, &body).is_ok() =>
        {
            accepted(head, body, expect, limits)
        }
        200..=299 => accepted(head, body, expect, limits),
        301..=303 => Verdict::Refused(not_followed(&head, &body)),
        307 | 308 => redirect(head, &body),
        400..=599 => match body.take_refusal() {
            Some(refusal) if refusal.code != 0 => coded(&head, refusal, &body),
            Some(refusal) => message(&head, refusal, &body),
            None => foreign_failure(&head, &body, expect),
        },
        _ => {
            let text = format!("the answer is not etcd's: {}", head.describe());
            Verdict::Trouble(foreign(Status::PROTOCOL, text, &head, &body))
        }
    }
}

fn accepted(head: Head, mut body: Body, expect: ResponseKind, limits: &DecodeLimits) -> Verdict {
    if expect == ResponseKind::Event && body.trim_ascii().is_empty() {
        return Verdict::NoEvent;
    }
    let read = match expect {
        ResponseKind::Page(page) => check_page(page, &body).map(|()| Tree::default()),
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
fn coded(head: &Head, refusal: Refusal, body: &[u8]) -> Verdict {
    let status = Status::from_etcd(refusal.code);
    let definite = match status {
        // 3.5 answers so to the update of a directory, and nothing has changed
        Status::RAFT_INTERNAL => refusal.cause.contains("Not a file"),
        // a standby of 0.4 without leader
        Status::STANDBY_INTERNAL | Status::LEADER_ELECTION => false,
        _ => head.status < 500,
    };
    let mut error = told(status, head, refusal, body);
    if definite {
        return Verdict::Refused(error);
    }
    error.detail_mut().retriable = true;
    Verdict::Trouble(error)
}

/// `{"message":…}`
fn message(head: &Head, refusal: Refusal, body: &[u8]) -> Verdict {
    let status = match head.status {
        401 => Status::UNAUTHORIZED,
        403 => Status::FORBIDDEN,
        404 => Status::NOT_FOUND,
        409 => Status::CONFLICT,
        410 => Status::GONE,
        503 if refusal.message == "During election" => Status::LEADER_ELECTION,
        _ => Status::SERVER_ERROR,
    };
    let mut error = told(status, head, refusal, body);
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
fn told(status: Status, head: &Head, refusal: Refusal, body: &[u8]) -> Error {
    let mut error = foreign(status, refusal.text(), head, body);
    let detail = error.detail_mut();
    detail.etcd_code = refusal.code;
    detail.etcd_message = refusal.message;
    detail.cause = refusal.cause;
    detail.index = refusal.index;
    error
}

/// An error in words of our own about an answer, of which the beginning is kept.
fn foreign(status: Status, text: String, head: &Head, body: &[u8]) -> Error {
    let mut error = Error::new(status, text);
    let detail = error.detail_mut();
    detail.http_status = head.status;
    let kept = body.get(..KEPT).unwrap_or(body);
    // one byte more, for the NUL of C
    detail.body = Vec::with_capacity(kept.len() + 1);
    detail.body.extend_from_slice(kept);
    error
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
