//! What etcd says before it has proposed a write, or instead of applying it: a closed list, each row matched whole. What
//! is not on it proves nothing, whoever sent it.

use crate::protocol::body::Body;
use crate::protocol::endpoint::Endpoint;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::key;
use crate::protocol::method::Method;
use crate::protocol::refusal::Refusal;
use crate::protocol::response_head::Head;

/// A row of the list that fits; made by [`find`] only.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusalRow(());

/// The row that an answer fits.
pub(super) fn find(head: &Head, body: &mut Body, http_request: &HttpRequest) -> Option<RefusalRow> {
    let fits = match head.status {
        307 => leader_of_0_4(head, http_request),
        400..=599 if head.content_type.starts_with("application/json") => match body.refusal() {
            Some(refusal) if refusal.code != 0 => coded(head, refusal, http_request),
            Some(refusal) => message(head, &refusal.message, http_request),
            None => false,
        },
        400..=499 if head.content_type.starts_with("text/plain") => text(head, body),
        _ => false,
    };
    fits.then_some(RefusalRow(()))
}

/// `errorCode`, HTTP status, `message`, and whether `cause` is the key or a directory above it.
const CODED: [(u32, u16, &str, bool); 15] = [
    // the store refuses when it is applied; the header carries its index
    (100, 404, "Key not found", true),
    (101, 412, "Compare failed", false),
    (102, 403, "Not a file", true),
    (104, 400, "Not a directory", true),
    (105, 412, "Key already exists", true),
    (107, 400, "Root is read only", true),
    (108, 403, "Directory not empty", true),
    // before anything is proposed; index and header are 0
    (110, 401, "The request requires user authentication", false),
    (201, 400, "PrevValue is Required in POST form", false),
    (
        202,
        400,
        "The given TTL in POST form is not a number",
        false,
    ),
    (
        203,
        400,
        "The given index in POST form is not a number",
        false,
    ),
    (209, 400, "Invalid field", false),
    (210, 400, "Invalid POST form", false),
    (211, 400, "Value provided on refresh", false),
    (212, 400, "A TTL must be provided on refresh", false),
];

fn coded(head: &Head, refusal: &Refusal, http_request: &HttpRequest) -> bool {
    // 0.4 has no cluster id, but tells its index
    let of_etcd = !head.cluster_id.is_empty() || head.etcd_index != 0;
    if !of_etcd || head.etcd_index != refusal.index {
        return false;
    }
    if head.status == 500 && refusal.code == 300 {
        return directory_of_3_5(refusal, http_request);
    }
    CODED.iter().any(|&(code, status, message, about)| {
        (code, status, message) == (refusal.code, head.status, refusal.message.as_str())
            && (code < 110) == (refusal.index != 0)
            && (!about || key::is_within(&http_request.target, &refusal.cause))
    })
}

/// 3.5 answers so to the update of a directory; every other 300 may be applied later.
fn directory_of_3_5(refusal: &Refusal, http_request: &HttpRequest) -> bool {
    let key = refusal.cause.strip_prefix("nodePath /1");
    let key = key.and_then(|rest| rest.strip_suffix(" : Not a file ()"));
    refusal.message == "Raft Internal Error"
        && refusal.index == 0
        && key.is_some_and(|key| key::is_about(&http_request.target, key))
}

/// `{"message":…}` of a proxy that has forwarded nothing, and of what 3.x puts before its handlers.
const BEFORE: [(u16, &str); 3] = [
    (503, "httpproxy: zero endpoints currently available"),
    (503, "proxy: zero endpoints currently available"),
    (
        500,
        "Not capable of accessing auth feature during rolling upgrades.",
    ),
];

/// `{"message":…}` of the handlers of members, users and roles, which tell their cluster.
const WHOLE: [(u16, &str); 8] = [
    (400, "Invalid JSON in request body."),
    (400, "Invalid path"),
    (400, "User JSON name does not match the name in the URL"),
    (400, "Role JSON name does not match the name in the URL"),
    (400, "User JSON contains both roles and grant/revoke"),
    (400, "Role JSON contains both permissions and grant/revoke"),
    (409, "membership: peerURL exists"),
    (409, "membership: ID exists"),
];

/// The same, followed by what they are about.
const BEGINNINGS: [(u16, &str); 7] = [
    (404, "No such member: "),
    (410, "Member permanently removed: "),
    (415, "Bad Content-Type "),
    (400, "auth: "),
    (403, "auth: "),
    (404, "auth: "),
    (409, "auth: "),
];

fn message(head: &Head, message: &str, http_request: &HttpRequest) -> bool {
    let is = |&(status, text): &(u16, &str)| status == head.status && text == message;
    if BEFORE.iter().any(is) {
        return true;
    }
    let begins = |&(status, text): &(u16, &str)| status == head.status && message.starts_with(text);
    // those who are not let in are told before the cluster is: only 3.x shows then that it is etcd
    let stranger = head.status == 401 && message == "Insufficient credentials";
    if stranger && (head.is_of_3() || !head.cluster_id.is_empty()) {
        return true;
    }
    if head.cluster_id.is_empty() {
        return false;
    }
    // what is wrong with a URL or a JSON text, in the words of the Go of the day
    let of_members = http_request.target.starts_with("/v2/members");
    let unreadable = head.status == 400 && of_members;
    unreadable || WHOLE.iter().any(is) || BEGINNINGS.iter().any(begins)
}

/// Text without a reason: any server in Go says these, and only 3.x adds the headers that show that it is etcd.
fn text(head: &Head, body: &[u8]) -> bool {
    match (head.status, body) {
        // the API is turned off; a proxy for v3 has none
        (404, b"404 page not found\n") | (405, b"Method Not Allowed\n") => head.is_of_3(),
        (421, body) => {
            body.starts_with(b"\netcd received your request, but the Host header was unrecognized.")
        }
        _ => false,
    }
}

/// A follower of 0.4 sends writes to its leader: the same path and query at another place.
fn leader_of_0_4(head: &Head, http_request: &HttpRequest) -> bool {
    let Some(location) = head.location.as_deref().map(str::trim) else {
        return false;
    };
    let Some((scheme, rest)) = location.split_once("://") else {
        return false;
    };
    let path = rest.find('/').unwrap_or(rest.len());
    let (host, target) = rest.split_at(path);
    if Endpoint::parse("Location", &format!("{scheme}://{host}")).is_err() {
        return false;
    }
    let same = |target: &str| {
        let bare = |text: &str| text.strip_suffix('?').unwrap_or(text).to_owned();
        bare(target) == bare(&http_request.target)
    };
    // what etcd answers to its own API only
    http_request.method != Method::Head && http_request.target.starts_with("/v2/") && same(target)
}
