use super::*;
use crate::protocol::decode_limits::DecodeLimits;
use ResponseKind::{Action, Anything, Event, Keys};

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 64,
    nodes: 1000,
};
const NODE: &str =
    r#"{"action":"set","node":{"key":"/foo","value":"bar","modifiedIndex":4,"createdIndex":4}}"#;

fn answer(status: u16, body: &str, expect: ResponseKind) -> Verdict {
    judge(Head::new(status), Vec::from(body), expect, &LIMITS)
}

/// A verdict without its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Success,
    NoEvent,
    Refused,
    Trouble,
    Redirect,
}

fn kind(verdict: &Verdict) -> Kind {
    match verdict {
        Verdict::Success(_) => Kind::Success,
        Verdict::NoEvent => Kind::NoEvent,
        Verdict::Refused(_) => Kind::Refused,
        Verdict::Trouble(_) => Kind::Trouble,
        Verdict::Redirect(_) => Kind::Redirect,
    }
}

fn error(verdict: Verdict) -> (Kind, Error) {
    let kind = kind(&verdict);
    match verdict {
        Verdict::Refused(error) | Verdict::Trouble(error) => (kind, error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn heads() {
    let mut head = Head::new(200);
    for (name, value) in [
        ("X-Etcd-Cluster-Id", "ab8e2a87ae33bed8"),
        ("x-etcd-index", " 18446744073709551615 "),
        ("X-RAFT-INDEX", "5"),
        ("X-Raft-Term", "2"),
        ("Content-Type", "application/json"),
        ("Location", "/x"),
        ("X-Etcd-Indey", "9"),
        ("", ""),
    ] {
        head.set(name.as_bytes(), value.as_bytes());
    }
    assert_eq!(
        head,
        Head {
            status: 200,
            etcd_index: u64::MAX,
            raft_index: 5,
            raft_term: 2,
            cluster_id: "ab8e2a87ae33bed8".into(),
            content_type: "application/json".into(),
            location: Some("/x".into()),
            ..Head::default()
        }
    );
    assert!(!head.is_relayed() && !head.is_of_3());
    for (name, value, origins) in [
        ("via", "1.1 squid", 0),
        ("SERVER", "nginx", 0),
        ("access-control-allow-origin", "*", 2),
    ] {
        let mut relayed = Head::new(200);
        for _ in 0..origins.max(1) {
            relayed.set(name.as_bytes(), value.as_bytes());
        }
        assert!(relayed.is_relayed() && relayed.origins == origins, "{name}");
    }
    for bad in ["", "-1", "+5", "1.5", "x", "18446744073709551616", "\u{ff}"] {
        head.set(b"x-etcd-index", b"7");
        head.set(b"x-etcd-index", bad.as_bytes());
        assert_eq!(head.etcd_index, 0, "{bad}");
    }
    head.set(b"content-type", b"\xff");
    assert_eq!(head.content_type, "\u{fffd}");
}

#[test]
fn successes() {
    for status in [200, 201] {
        let body = format!("{NODE}\n");
        let Verdict::Success(response) = answer(status, &body, Keys) else {
            panic!("{status}");
        };
        assert_eq!(response.node().unwrap().value(), Some("bar"));
        assert_eq!(
            (response.action_text(), response.head().status),
            ("set", status)
        );
        assert_eq!(response.body(), body.as_bytes());
        assert_eq!(response.body.last(), Some(&0));
        assert!(response.prev_node().is_none());
    }
    let root = answer(200, r#"{"action":"get","node":{"dir":true}}"#, Keys);
    assert_eq!(kind(&root), Kind::Success);
    // only where it was asked for
    let brief = r#"{"action":"set"}"#;
    assert_eq!(kind(&answer(201, brief, Action)), Kind::Success);
    assert_eq!(kind(&answer(200, NODE, Action)), Kind::Success);
    assert_eq!(kind(&answer(200, brief, Keys)), Kind::Trouble);
    assert_eq!(kind(&answer(200, NODE, Event)), Kind::Success);
    for body in ["", "\n", " \r\n"] {
        assert_eq!(kind(&answer(200, body, Event)), Kind::NoEvent);
    }
}

#[test]
fn what_looks_like_success_and_is_none() {
    for body in [
        "",
        "\n",
        "{}",
        "null",
        "[]",
        "5",
        "<html>ok</html>",
        r#"{"modifiedIndex":5}"#,
        r#"{"action":"get"}"#,
        r#"{"action":"get","node":null}"#,
        r#"{"action":"get","node":[]}"#,
        r#"{"action":"get","node":5}"#,
        r#"{"action":"get","node":{}}"#,
        r#"{"node":{"key":"/a"}}"#,
        r#"{"action":"","node":{"key":"/a"}}"#,
        r#"{"action":"get","prevNode":{"key":"/a"}}"#,
        r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":4}"#,
        r#"{"message":"x"}"#,
    ] {
        {
            let (kind, error) = error(answer(200, body, Keys));
            assert_eq!(
                (kind, error.status()),
                (Kind::Trouble, Status::PROTOCOL),
                "{body}"
            );
            let detail = error.detail();
            assert_eq!((detail.http_status, detail.retriable), (200, false));
            assert_eq!(detail.body, body.as_bytes());
            assert!(error.to_string().contains("status 200"), "{error}");
        }
    }
    for body in [
        r#"{"action":"set"}"#,
        r#"{"action":"set","node":{"key":"/a"}}"#,
        "{}",
        "x",
    ] {
        assert_eq!(kind(&answer(200, body, Event)), Kind::Trouble, "{body}");
    }
    for cut in 0..NODE.len() {
        for expect in [Keys, Action, Event] {
            let verdict = answer(200, &NODE[..cut], expect);
            let expected = if cut == 0 && expect == Event {
                Kind::NoEvent
            } else {
                Kind::Trouble
            };
            assert_eq!(kind(&verdict), expected, "{cut}");
        }
    }
}

#[test]
fn limits_are_the_same_on_every_member() {
    let node = r#"{"key":"/a"},"#.repeat(1000);
    let wide =
        format!(r#"{{"action":"get","node":{{"dir":true,"nodes":[{node}{{"key":"/b"}}]}}}}"#);
    let deep = format!(
        r#"{{"action":"get","node":{}"#,
        r#"{"dir":true,"nodes":["#.repeat(100_000)
    );
    for (body, name) in [(wide, "max_nodes"), (deep, "max_depth")] {
        let (kind, error) = error(answer(200, &body, Keys));
        assert_eq!((kind, error.status()), (Kind::Refused, Status::TOO_LARGE));
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.detail().body.len(), 4096);
    }
}

#[test]
fn refusals_of_the_key_space() {
    // the table of protocol section 4.1
    for (code, message, http, cause, index, text) in [
        (100, "Key not found", 404, "/foo", 7, "key not found: /foo"),
        (
            101,
            "Compare failed",
            412,
            "[zz != 3] [1 != 59]",
            7,
            "compare failed: [zz != 3] [1 != 59]",
        ),
        (102, "Not a file", 403, "/d", 7, "not a file: /d"),
        (102, "Not a file", 403, "", 7, "not a file"),
        (104, "Not a directory", 400, "/f", 7, "not a directory: /f"),
        (
            105,
            "Key already exists",
            412,
            "/k",
            7,
            "key already exists: /k",
        ),
        (
            107,
            "Root is read only",
            400,
            "/",
            7,
            "root is read only: /",
        ),
        (
            108,
            "Directory not empty",
            403,
            "/d",
            7,
            "directory not empty: /d",
        ),
        (
            110,
            "The request requires user authentication",
            401,
            "Insufficient credentials",
            0,
            "the request requires user authentication: Insufficient credentials",
        ),
        (
            201,
            "PrevValue is Required in POST form",
            400,
            "x",
            0,
            "prevValue is Required in POST form: x",
        ),
        (
            202,
            "The given TTL in POST form is not a number",
            400,
            "",
            0,
            "the given TTL in POST form is not a number",
        ),
        (
            203,
            "The given index in POST form is not a number",
            400,
            "",
            0,
            "the given index in POST form is not a number",
        ),
        (209, "Invalid field", 400, "y", 0, "invalid field: y"),
        (
            210,
            "Invalid POST form",
            400,
            "z",
            0,
            "invalid POST form: z",
        ),
        (
            211,
            "Value provided on refresh",
            400,
            "",
            0,
            "value provided on refresh",
        ),
        (
            212,
            "A TTL must be provided on refresh",
            400,
            "No TTL value set",
            0,
            "a TTL must be provided on refresh: No TTL value set",
        ),
        (
            401,
            "The event in requested index is outdated and cleared",
            400,
            "[172/5]",
            1171,
            "the event in requested index is outdated and cleared: [172/5]",
        ),
        (999, "New", 400, "", 0, "new"),
        // 3.5, update of a directory
        (
            300,
            "Raft Internal Error",
            500,
            "nodePath /1/d : Not a file ()",
            0,
            "raft Internal Error: nodePath /1/d : Not a file ()",
        ),
    ] {
        let cause_field = if cause.is_empty() {
            String::new()
        } else {
            format!(r#","cause":"{cause}""#)
        };
        let body =
            format!(r#"{{"errorCode":{code},"message":"{message}"{cause_field},"index":{index}}}"#)
                + "\n";
        for expect in [Keys, Action, Event, Anything] {
            let (kind, error) = error(answer(http, &body, expect));
            assert_eq!(
                (kind, error.status()),
                (Kind::Refused, Status(code)),
                "{code}"
            );
            assert_eq!(error.to_string(), text);
            let detail = error.detail();
            assert_eq!((detail.etcd_code, detail.index), (code as u32, index));
            assert_eq!((detail.http_status, detail.cause.as_str()), (http, cause));
            assert!(!detail.retriable && detail.body.starts_with(b"{"));
        }
    }
}

#[test]
fn failures_that_another_member_may_not_have() {
    const TIMEOUT: &str = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
    const ELECTION: &str = r#"{"errorCode":301,"message":"During Leader Election","index":0}"#;
    const STANDBY: &str = r#"{"errorCode":402,"message":"Standby Internal Error","index":0}"#;
    const ODD: &str = r#"{"errorCode":500,"message":"Client Internal Error","index":0}"#;
    const INTERNAL: &str = r#"{"message":"Internal Server Error"}"#;
    // HTTP status, body, status, retriable
    for (http, body, status, retriable) in [
        (500, TIMEOUT, Status::RAFT_INTERNAL, true),
        (
            500,
            r#"{"errorCode":300,"message":"Raft Internal Error","index":9}"#,
            Status::RAFT_INTERNAL,
            true,
        ),
        (500, ELECTION, Status::LEADER_ELECTION, true),
        (400, STANDBY, Status::STANDBY_INTERNAL, true),
        (500, STANDBY, Status::STANDBY_INTERNAL, true),
        (500, ODD, Status::CLIENT_INTERNAL, true),
        (500, INTERNAL, Status::SERVER_ERROR, true),
        (
            502,
            r#"{"message":"httpproxy: unable to get response from 3 endpoint(s)"}"#,
            Status::SERVER_ERROR,
            true,
        ),
        (
            503,
            r#"{"message":"httpproxy: zero endpoints currently available"}"#,
            Status::SERVER_ERROR,
            true,
        ),
        (
            503,
            r#"{"message":"During election"}"#,
            Status::LEADER_ELECTION,
            true,
        ),
        (501, "", Status::SERVER_ERROR, false),
        (501, INTERNAL, Status::SERVER_ERROR, false),
        (500, "", Status::SERVER_ERROR, true),
        (502, "<html>Bad Gateway</html>", Status::SERVER_ERROR, true),
        (503, "no server is available", Status::SERVER_ERROR, true),
        (503, r#"{"health":"false"}"#, Status::SERVER_ERROR, true),
        (504, "", Status::SERVER_ERROR, true),
        (599, "[]", Status::SERVER_ERROR, true),
        (404, "404 page not found\n", Status::PROTOCOL, false),
        (405, "Method Not Allowed\n", Status::PROTOCOL, false),
        (421, "misdirected", Status::PROTOCOL, false),
        (400, "400 Bad Request", Status::PROTOCOL, false),
        (401, "<html>login</html>", Status::PROTOCOL, false),
        (403, r#"{"errorCode":"100"}"#, Status::PROTOCOL, false),
        (404, "", Status::PROTOCOL, false),
    ] {
        for expect in [Keys, Event, Anything, Action] {
            let (kind, error) = error(answer(http, body, expect));
            assert_eq!(kind, Kind::Trouble, "{http} {body}");
            assert_eq!(error.status(), status, "{http} {body}");
            let detail = error.detail();
            assert_eq!(
                (detail.retriable, detail.http_status),
                (retriable, http),
                "{http} {body}"
            );
            assert_eq!(
                detail.etcd_code != 0,
                body.contains("errorCode\":") && http != 403,
                "{body}"
            );
            if !body.contains("message") {
                assert_eq!(detail.body, body.as_bytes());
                assert!(
                    error.to_string().contains(&format!("status {http}")),
                    "{error}"
                );
            }
            assert!(!error.to_string().contains('\n'));
        }
    }
    let (_, error) = error(answer(500, TIMEOUT, Keys));
    assert_eq!(
        (error.detail().etcd_code, error.detail().cause.as_str()),
        (300, "etcdserver: request timed out")
    );
}

#[test]
fn messages_without_a_code() {
    for (http, body, status, text) in [
        (
            401,
            r#"{"message":"Insufficient credentials"}"#,
            Status::UNAUTHORIZED,
            "insufficient credentials",
        ),
        (
            403,
            r#"{"message":"not current leader"}"#,
            Status::FORBIDDEN,
            "not current leader",
        ),
        (
            404,
            r#"{"message":"Not found"}"#,
            Status::NOT_FOUND,
            "not found",
        ),
        (
            409,
            r#"{"message":"auth: already enabled"}"#,
            Status::CONFLICT,
            "auth: already enabled",
        ),
        (
            410,
            r#"{"message":"Member permanently removed: x"}"#,
            Status::GONE,
            "member permanently removed: x",
        ),
        (
            415,
            r#"{"message":""}"#,
            Status::SERVER_ERROR,
            "the server gave no reason",
        ),
    ] {
        for expect in [Anything, Keys] {
            let (kind, error) = error(answer(http, body, expect));
            assert_eq!((kind, error.status()), (Kind::Refused, status), "{body}");
            assert_eq!(
                (error.to_string().as_str(), error.detail().http_status),
                (text, http)
            );
            assert!(!error.detail().retriable);
            assert_eq!(error.detail().etcd_code, 0);
        }
    }
}

#[test]
fn foreign_bodies_are_shown_in_part() {
    let mut head = Head::new(404);
    head.set(b"content-type", b"text/html;\x01 charset=utf-8");
    let body = vec![b'x'; 10_000];
    let (_, error) = error(judge(head, body, Keys, &LIMITS));
    assert_eq!(
        error.to_string(),
        "the answer is not etcd's: status 404, text/html;  charset=utf-8"
    );
    assert_eq!(error.detail().body, [b'x'; 4096]);
    let (_, error) = self::error(answer(404, "404 page not found\n", Keys));
    assert!(
        error.to_string().ends_with("turned off (--enable-v2)"),
        "{error}"
    );
}

#[test]
fn redirects() {
    let at = |status: u16, location: Option<&str>| {
        let head = Head {
            location: location.map(str::to_owned),
            ..Head::new(status)
        };
        judge(head, b"<a>moved</a>".to_vec(), Keys, &LIMITS)
    };
    for status in [301, 302, 303] {
        let (kind, error) = error(at(status, Some("/v2/keys/a\r\n?x")));
        assert_eq!((kind, error.status()), (Kind::Refused, Status::REDIRECT));
        assert!(error.to_string().contains("/v2/keys/a  ?x"), "{error}");
        assert_eq!(self::error(at(status, None)).0, Kind::Refused);
        let (_, error) = self::error(at(status, Some("http://me:secret@a:1/v2/keys/a")));
        assert!(error.to_string().contains("http://***@a:1/"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for status in [307, 308] {
        let Verdict::Redirect(location) = at(status, Some(" http://h:1/v2/keys/a?b=c ")) else {
            panic!("{status}");
        };
        assert_eq!(location, "http://h:1/v2/keys/a?b=c");
        for missing in [None, Some(""), Some(" ")] {
            let (kind, error) = error(at(status, missing));
            assert_eq!((kind, error.status()), (Kind::Trouble, Status::PROTOCOL));
        }
    }
}

#[test]
fn statuses_that_make_no_sense() {
    for status in [
        0,
        100,
        101,
        199,
        300,
        304,
        306,
        309,
        399,
        600,
        999,
        u16::MAX,
    ] {
        for expect in [Keys, Anything, Event] {
            let (kind, error) = error(answer(status, NODE, expect));
            assert_eq!(
                (kind, error.status()),
                (Kind::Trouble, Status::PROTOCOL),
                "{status}"
            );
        }
    }
}

#[test]
fn anything_is_fine_where_anything_is_expected() {
    for body in [
        &b""[..],
        b"etcd 2.0.13",
        b"null",
        b"[1,2]",
        b"\xff\0",
        b"{\"members\":[]}",
        b"{\"etcdserver\":\"3.4.23\"}",
        b"{\"action\":\"get\"}",
        b"{\"action\":\"get\",\"node\":{\"key\":",
    ] {
        for status in [200, 201, 202, 204, 299] {
            {
                let verdict = judge(Head::new(status), body.to_vec(), Anything, &LIMITS);
                let Verdict::Success(response) = verdict else {
                    panic!("{body:?}");
                };
                assert_eq!(response.body(), body);
                assert!(response.node().is_none() && response.action_text().is_empty());
            }
        }
    }
    let Verdict::Success(response) = answer(200, NODE, Anything) else {
        panic!();
    };
    assert_eq!(
        (response.action_text(), response.node().unwrap().key()),
        ("set", "/foo")
    );
    // HEAD of a missing key: etcd's headers, and no body to say more
    let head = Head {
        etcd_index: 5,
        ..Head::new(404)
    };
    let (kind, error) = error(judge(head, Vec::new(), Anything, &LIMITS));
    assert_eq!(
        (kind, error.status()),
        (Kind::Refused, Status::SERVER_ERROR)
    );
}

#[test]
fn no_bytes_make_it_panic() {
    // every document of the tests above, each with one byte changed, under every expectation
    let bodies = [
        NODE,
        r#"{"errorCode":100,"message":"Key not found","cause":"/f\u0000","index":4}"#,
        r#"{"message":"\ud83d\ude00"}"#,
    ];
    for body in bodies {
        for at in 0..body.len() {
            for byte in (0..=255u8).step_by(7) {
                let mut bytes = body.as_bytes().to_vec();
                bytes[at] = byte;
                for (status, expect) in [(200, Keys), (200, Anything), (404, Keys), (500, Event)] {
                    let verdict = judge(Head::new(status), bytes.clone(), expect, &LIMITS);
                    let success = kind(&verdict) == Kind::Success;
                    assert!(success || expect != Anything);
                    assert!(!success || status == 200);
                }
            }
        }
    }
}
