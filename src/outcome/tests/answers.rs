//! Statuses × bodies × kinds of writes: what is not etcd's own proves nothing.

use super::super::answer;
use super::super::proof::NotApplied;
use crate::outcome::transmission::Sent;
use crate::outcome::transmission::Transmission;
use crate::protocol::admin::{auth, members};
use crate::protocol::answer::Verdict;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request};
use crate::protocol::response_head::Head;
use crate::status::Status;

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 10,
    nodes: 10,
};
pub(super) const ETCD: &str = "7e27652122e8b2ae";

/// The verdict, and the proof that comes with it.
fn judge(
    head: Head,
    body: Vec<u8>,
    http_request: &HttpRequest,
    partial: Option<NotApplied>,
    limits: &DecodeLimits,
) -> (Verdict, Option<NotApplied>) {
    let mut proof = partial;
    let verdict = answer::judge(head, body.into(), http_request, &mut proof, limits);
    (verdict, proof)
}

pub(super) fn http_request(operation: Operation) -> HttpRequest {
    let mut request = Request::new(operation, Key::parse("key", "/k").unwrap());
    match operation {
        Operation::CompareAndSwap => {
            request.set_value(b"v").unwrap();
            request.set_prev_index(7).unwrap();
        }
        Operation::CompareAndDelete => request.set_prev_index(7).unwrap(),
        Operation::Refresh => request.set_ttl(5).unwrap(),
        _ => {}
    }
    request.http_request().unwrap()
}

/// Every kind of write.
pub(super) fn writes() -> Vec<(String, HttpRequest)> {
    let keys = [
        Operation::Set,
        Operation::Create,
        Operation::CreateInOrder,
        Operation::Update,
        Operation::Refresh,
        Operation::CompareAndSwap,
        Operation::CompareAndDelete,
        Operation::Delete,
    ];
    let mut all: Vec<_> = keys
        .map(|operation| (format!("{operation:?}"), http_request(operation)))
        .into();
    all.push(("auth".into(), auth::set(true)));
    all.push(("member".into(), members::remove("ab").unwrap()));
    let raw = HttpRequest::raw("PUT", "/v2/keys/k", Some(b"value=v"), None).unwrap();
    all.push(("raw".into(), raw));
    all
}

fn json(head: Head) -> Head {
    Head {
        content_type: "application/json".into(),
        ..head
    }
}

fn of_etcd(status: u16, index: u64) -> Head {
    Head {
        cluster_id: ETCD.into(),
        etcd_index: index,
        origins: 1,
        ..json(Head::new(status))
    }
}

const HTML: &str = "<html>a portal</html>";
const EXISTS: &str = r#"{"errorCode":105,"message":"Key already exists","cause":"/k","index":9}"#;
const OTHER: &str =
    r#"{"action":"set","node":{"key":"/other","value":"v","modifiedIndex":9,"createdIndex":9}}"#;

/// What somebody else may say with any status.
fn foreign(status: u16) -> Vec<(&'static str, Head, &'static str)> {
    let html = Head {
        content_type: "text/html".into(),
        ..Head::new(status)
    };
    let login = Head {
        location: Some("https://login.example/?back=%2Fv2%2Fkeys%2Fk".into()),
        ..Head::new(status)
    };
    vec![
        ("none", Head::new(status), ""),
        ("to a login page", login, ""),
        ("HTML", html, HTML),
        (
            "foreign JSON",
            json(Head::new(status)),
            r#"{"message":"Service Unavailable"}"#,
        ),
        (
            "JSON without headers of etcd",
            json(Head::new(status)),
            EXISTS,
        ),
        (
            "truncated JSON of etcd",
            of_etcd(status, 9),
            &EXISTS[..EXISTS.len() - 9],
        ),
        ("another key", of_etcd(status, 9), OTHER),
        (
            "refused, another key",
            of_etcd(status, 9),
            r#"{"errorCode":105,"message":"Key already exists","cause":"/other","index":9}"#,
        ),
        (
            "another index",
            of_etcd(status, 8),
            r#"{"errorCode":105,"message":"Key already exists","cause":"/k","index":9}"#,
        ),
        (
            "another text",
            of_etcd(status, 9),
            r#"{"errorCode":105,"message":"Key exists","cause":"/k","index":9}"#,
        ),
        (
            "no leader",
            of_etcd(status, 0),
            r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#,
        ),
        (
            "election of 0.4",
            of_etcd(status, 9),
            r#"{"errorCode":301,"message":"During Leader Election","index":9}"#,
        ),
        (
            "election",
            json(Head::new(status)),
            r#"{"message":"During election"}"#,
        ),
        (
            "page of Go",
            Head {
                content_type: "text/plain; charset=utf-8".into(),
                ..Head::new(status)
            },
            "404 page not found\n",
        ),
    ]
}

#[test]
fn what_is_not_etcds_own_leaves_a_write_unknown() {
    let mut rows = 0;
    for (name, http_request) in writes() {
        for status in 200..=599 {
            for (what, head, body) in foreign(status) {
                rows += 1;
                let (verdict, proof) = judge(head, body.into(), &http_request, None, &LIMITS);
                assert!(proof.is_none(), "{name}: {status} {what}");
                match verdict {
                    Verdict::Trouble(error) => {
                        assert_eq!(
                            error.status(),
                            Status::OUTCOME_UNKNOWN,
                            "{name} {status} {what}"
                        );
                        assert!(error.detail().outcome_unknown);
                    }
                    // whoever sends a raw request reads the answer himself
                    Verdict::Success(_) if name == "raw" && status < 300 => {}
                    other => panic!("{name}: {status} {what}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(rows, 11 * 400 * 14);
}

/// Etcd's own refusals of a write to `/k`, and whether another member may take it.
pub(super) fn refusals() -> Vec<(Head, String, bool)> {
    let mut all = Vec::new();
    for (code, status, message, cause) in [
        (100, 404, "Key not found", "/k"),
        (101, 412, "Compare failed", "[a != b]"),
        (102, 403, "Not a file", "/k"),
        (104, 400, "Not a directory", "/"),
        (105, 412, "Key already exists", "/k"),
        (107, 400, "Root is read only", "/"),
        (108, 403, "Directory not empty", "/k"),
        (
            110,
            401,
            "The request requires user authentication",
            "Insufficient credentials",
        ),
        (
            202,
            400,
            "The given TTL in POST form is not a number",
            "Update",
        ),
        (210, 400, "Invalid POST form", "http: POST too large"),
    ] {
        let index = if code < 110 { 9 } else { 0 };
        let body = format!(
            r#"{{"errorCode":{code},"message":"{message}","cause":"{cause}","index":{index}}}"#
        );
        all.push((of_etcd(status, index), body, false));
    }
    let proxy = r#"{"message":"httpproxy: zero endpoints currently available"}"#;
    all.push((json(Head::new(503)), proxy.into(), true));
    let directory = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"nodePath /1/k : Not a file ()","index":0}"#;
    all.push((of_etcd(500, 0), directory.into(), false));
    let text = |status| Head {
        content_type: "text/plain; charset=utf-8".into(),
        origins: 1,
        ..Head::new(status)
    };
    all.push((text(404), "404 page not found\n".into(), true));
    all.push((text(405), "Method Not Allowed\n".into(), true));
    all
}

/// What shows an intermediary.
type Relay = (&'static str, fn(&mut Head));

#[test]
fn etcds_own_refusals_prove_it_but_not_behind_an_intermediary() {
    let relays: [Relay; 3] = [
        ("Via", |head| head.set(b"Via", b"1.1 squid")),
        ("Server", |head| head.set(b"Server", b"nginx")),
        ("twice", |head| head.origins = 2),
    ];
    let mut rows = 0;
    for operation in [
        Operation::Set,
        Operation::Create,
        Operation::CreateInOrder,
        Operation::Delete,
    ] {
        let http_request = http_request(operation);
        for (head, body, goes_on) in refusals() {
            rows += 1;
            let told = format!("{operation:?} {} {body}", head.status);
            let (verdict, proof) = judge(
                head.clone(),
                body.clone().into(),
                &http_request,
                None,
                &LIMITS,
            );
            assert!(proof.is_some(), "{told}");
            let status = match verdict {
                Verdict::Refused(error) if !goes_on => error.status(),
                Verdict::Trouble(error) if goes_on => {
                    assert!(!error.detail().outcome_unknown, "{told}");
                    error.status()
                }
                other => panic!("{told}: {other:?}"),
            };
            for (name, relay) in relays {
                rows += 1;
                let mut head = head.clone();
                relay(&mut head);
                let (verdict, proof) =
                    judge(head, body.clone().into(), &http_request, None, &LIMITS);
                // some texts show who says them by that very header
                assert!(proof.is_none(), "{name}: {told}");
                match verdict {
                    Verdict::Refused(error) => assert_eq!(error.status(), status, "{name}: {told}"),
                    Verdict::Trouble(error) => {
                        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN, "{name}: {told}");
                    }
                    other => panic!("{told}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(rows, 4 * 14 * 4);
}

#[test]
fn a_write_goes_to_the_leader_of_0_4_and_nowhere_else() {
    let http_request = http_request(Operation::Set);
    let at = |status: u16, location: &str| {
        let head = Head {
            location: Some(location.into()),
            ..Head::new(status)
        };
        judge(head, Vec::new(), &http_request, None, &LIMITS)
    };
    for leader in [
        "http://a:4001/v2/keys/k",
        "http://a:4001/v2/keys/k?",
        "https://[::1]:1/v2/keys/k",
    ] {
        let (verdict, proof) = at(307, leader);
        assert!(
            matches!(verdict, Verdict::Redirect(_)) && proof.is_some(),
            "{leader}"
        );
        for status in [301, 302, 303, 308] {
            assert!(at(status, leader).1.is_none());
        }
    }
    for other in [
        "/v2/keys/k",
        "http://a:1/",
        "http://a:1/v2/keys/k2",
        "http://a:1/v2/keys/k?x=y",
        "http://a:1/v2/keys/k/",
        "//a/v2/keys/k",
    ] {
        let (verdict, proof) = at(307, other);
        assert!(
            matches!(verdict, Verdict::Trouble(_)) && proof.is_none(),
            "{other}"
        );
        // nor because the request had not left in full: the copy elsewhere would write another key
        let partial = NotApplied::left(&Transmission::of(Sent::Partly));
        let head = Head {
            location: Some(other.into()),
            ..Head::new(307)
        };
        let (verdict, proof) = judge(head, Vec::new(), &http_request, partial, &LIMITS);
        assert!(
            matches!(verdict, Verdict::Trouble(_)) && proof == partial,
            "{other}"
        );
    }
}

#[test]
fn an_answer_to_a_read_is_about_its_key() {
    let http_request = http_request(Operation::Get);
    let told = OTHER.replace("\"set\"", "\"get\"");
    for (body, good) in [
        (told.replace("/other", "/k"), true),
        (OTHER.replace("/other", "/k"), false),
        (told.clone(), false),
        (told.replace("/other", "/k/k"), false),
        (told.replace("/other", "/"), false),
    ] {
        let (verdict, _) = judge(
            of_etcd(200, 9),
            body.clone().into(),
            &http_request,
            None,
            &LIMITS,
        );
        match verdict {
            Verdict::Success(_) => assert!(good, "{body}"),
            Verdict::Trouble(error) => {
                assert!(!good && error.status() == Status::PROTOCOL, "{body}");
                assert!(!error.detail().outcome_unknown);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Requests × what etcd answers to each of them: only its own will do, typed or raw.
#[test]
fn an_answer_is_about_what_was_asked() {
    let actions = [
        (Operation::Get, "get"),
        (Operation::Set, "set"),
        (Operation::Create, "create"),
        (Operation::Update, "update"),
        (Operation::Refresh, "update"),
        (Operation::Delete, "delete"),
        (Operation::CreateInOrder, "create"),
        (Operation::CompareAndSwap, "compareAndSwap"),
        (Operation::CompareAndDelete, "compareAndDelete"),
    ];
    let goes = |operation, told: &str| match operation {
        Operation::Get => told == "get",
        Operation::Delete | Operation::CompareAndDelete => {
            told == "delete" || told == "compareAndDelete"
        }
        Operation::CreateInOrder => told == "create",
        _ => ["set", "create", "update", "compareAndSwap"].contains(&told),
    };
    let mut walked = 0;
    for (operation, right) in actions {
        let typed = http_request(operation);
        let raw = HttpRequest {
            expect: ResponseKind::Anything,
            action: None,
            ..typed.clone()
        };
        for (_, told) in actions.into_iter().chain([(Operation::Get, "expire")]) {
            for name in ["/k", "/k/7", "/k/seven", "/other", "/"] {
                let body = format!(
                    r#"{{"action":"{told}","node":{{"key":"{name}","modifiedIndex":9,"createdIndex":9}}}}"#
                );
                let named = match operation {
                    Operation::CreateInOrder => name == "/k/7",
                    _ => name == "/k",
                };
                for (http_request, fits) in [(&typed, told == right), (&raw, goes(operation, told))]
                {
                    let (verdict, proof) = judge(
                        of_etcd(200, 9),
                        body.clone().into(),
                        http_request,
                        None,
                        &LIMITS,
                    );
                    let good = matches!(verdict, Verdict::Success(_));
                    assert_eq!(good, named && fits, "{operation:?} {body}");
                    if let Verdict::Trouble(error) = verdict {
                        let write = operation != Operation::Get;
                        assert_eq!(error.detail().outcome_unknown, write, "{body}");
                        assert!(proof.is_none());
                    }
                    walked += 1;
                }
            }
        }
    }
    assert_eq!(walked, 9 * 10 * 5 * 2);
}
