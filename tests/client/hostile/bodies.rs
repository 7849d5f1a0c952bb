//! Whole answers that are not etcd's, or are etcd's in every shape that it has.

use super::play::*;
use std::sync::Arc;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const PAGE: &str = "text/html";
const UTF8: &str = "text/plain; charset=utf-8";

/// An answer that may be anybody's: a read ends like this, and what became of a write is unknown.
fn unknown(
    name: impl Into<String>,
    (status, kind): (u16, &str),
    body: impl AsRef<[u8]>,
    get: &'static str,
) -> Case {
    raw(name, answer(status, kind, body), get, UNKNOWN)
}

/// Name, status, content type, body, and how a read ends.
const FOREIGN: [(&str, u16, &str, &str, &str); 20] = [
    ("200 HTML", 200, PAGE, HTML, "PROTOCOL"),
    ("201 HTML", 201, PAGE, HTML, "PROTOCOL"),
    ("200 empty", 200, JSON, "", "PROTOCOL"),
    ("200 of blanks", 200, JSON, " \r\n\t ", "PROTOCOL"),
    ("206", 206, TEXT, "half", "PROTOCOL"),
    ("400 HTML", 400, PAGE, HTML, "PROTOCOL"),
    ("401 HTML", 401, PAGE, HTML, "PROTOCOL"),
    ("404 HTML", 404, PAGE, HTML, "PROTOCOL"),
    ("404 page", 404, UTF8, "404 page not found\n", "PROTOCOL"),
    ("404 empty", 404, "", "", "PROTOCOL"),
    ("405", 405, TEXT, "Method Not Allowed\n", "PROTOCOL"),
    ("413", 413, PAGE, HTML, "PROTOCOL"),
    ("421", 421, TEXT, "misdirected", "PROTOCOL"),
    ("431", 431, TEXT, "too large", "PROTOCOL"),
    ("500 HTML", 500, PAGE, HTML, "SERVER_ERROR"),
    ("501 empty", 501, "", "", "SERVER_ERROR"),
    ("502 HTML", 502, PAGE, HTML, "SERVER_ERROR"),
    ("503 HTML", 503, PAGE, HTML, "SERVER_ERROR"),
    ("504 HTML", 504, PAGE, HTML, "SERVER_ERROR"),
    ("600", 600, "", "", "PROTOCOL"),
];

pub(crate) fn foreign() -> Vec<Case> {
    let rows = FOREIGN
        .iter()
        .map(|&(name, status, kind, body, get)| unknown(name, (status, kind), body, get));
    let bare = |name, status| raw(name, with_headers(status, "", ""), "PROTOCOL", UNKNOWN);
    rows.chain([
        bare("204", 204),
        bare("304", 304),
        unknown("599 binary", (599, ""), b"\0\xff\xfe\x01", "SERVER_ERROR"),
        raw("nothing", "", "UNREACHABLE", UNKNOWN),
        play("reset", "UNREACHABLE", UNKNOWN, Arc::new(|c| c.reset())),
    ])
    .collect()
}

const TIMED_OUT: &str = "etcdserver: request timed out";
const STOPPED: &str = "etcdserver: server stopped";
const NOT_A_FILE: &str = "nodePath /1/d : Not a file ()";

/// Status, code and cause of an error, and how a read ends.
const CODED: [(u16, u32, &str, &str); 30] = [
    (404, 100, "why", "KEY_NOT_FOUND"),
    (412, 101, "why", "COMPARE_FAILED"),
    (403, 102, "why", "NOT_A_FILE"),
    (400, 103, "why", "NO_MORE_PEER"),
    (400, 104, "why", "NOT_A_DIRECTORY"),
    (412, 105, "why", "ALREADY_EXISTS"),
    (400, 107, "why", "ROOT_READ_ONLY"),
    (403, 108, "why", "DIRECTORY_NOT_EMPTY"),
    (401, 110, "why", "UNAUTHORIZED"),
    (400, 200, "why", "VALUE_REQUIRED"),
    (400, 201, "why", "PREV_VALUE_REQUIRED"),
    (400, 202, "why", "TTL_NOT_A_NUMBER"),
    (400, 203, "why", "INDEX_NOT_A_NUMBER"),
    (400, 209, "why", "INVALID_FIELD"),
    (400, 210, "why", "INVALID_FORM"),
    (400, 211, "why", "REFRESH_VALUE"),
    (400, 212, "why", "REFRESH_TTL_REQUIRED"),
    (400, 400, "why", "WATCHER_CLEARED"),
    (400, 401, "why", "HISTORY_CLEARED"),
    (400, 403, "why", "INVALID_ACTIVE_SIZE"),
    (400, 404, "why", "INVALID_REMOVE_DELAY"),
    (400, 500, "why", "CLIENT_INTERNAL"),
    (400, 777, "why", "UNKNOWN"),
    (500, 300, TIMED_OUT, "RAFT_INTERNAL"),
    (500, 300, STOPPED, "RAFT_INTERNAL"),
    (500, 300, NOT_A_FILE, "RAFT_INTERNAL"),
    (500, 301, "", "LEADER_ELECTION"),
    (500, 402, "", "STANDBY_INTERNAL"),
    (400, 1000, "one of ours", "PROTOCOL"),
    (400, 4294967295, "", "PROTOCOL"),
];

const PROXY: &str = "httpproxy: unable to get response from 3 endpoint(s)";

/// Name, status and text of a message, and how a read ends.
const MESSAGES: [(&str, u16, &str, &str); 10] = [
    (
        "401 message",
        401,
        "Insufficient credentials",
        "UNAUTHORIZED",
    ),
    ("403 message", 403, "not current leader", "FORBIDDEN"),
    ("404 message", 404, "Not found", "NOT_FOUND"),
    ("409 message", 409, "exists", "CONFLICT"),
    ("410 message", 410, "removed", "GONE"),
    ("500 message", 500, "Internal Server Error", "SERVER_ERROR"),
    ("502 message", 502, PROXY, "SERVER_ERROR"),
    ("503 message", 503, "During election", "LEADER_ELECTION"),
    (
        "message of lines",
        403,
        r"a\r\nb\u0000\u001b[31m\u2028",
        "FORBIDDEN",
    ),
    ("empty message", 403, "", "FORBIDDEN"),
];

/// Without etcd's headers: whoever says so may have handed a write on.
pub(crate) fn errors_of_etcd() -> Vec<Case> {
    let coded = CODED.iter().map(|(http, code, cause, get)| {
        let body =
            format!(r#"{{"errorCode":{code},"message":"Told","cause":"{cause}","index":9}}"#);
        unknown(format!("{http}/{code} {cause}"), (*http, JSON), body, get)
    });
    let messages = MESSAGES.iter().map(|(name, http, text, get)| {
        unknown(
            *name,
            (*http, JSON),
            format!(r#"{{"message":"{text}"}}"#),
            get,
        )
    });
    let mut cases: Vec<Case> = coded.chain(messages).collect();
    let error = r#"{"errorCode":100,"message":"m","index":1}"#;
    cases.push(unknown(
        "200 that is an error",
        (200, JSON),
        error,
        "PROTOCOL",
    ));
    for body in [
        "null",
        "[]",
        "{}",
        "5",
        "\"errorCode\"",
        r#"{"errorCode":"100"}"#,
        r#"{"errorCode":-1}"#,
        r#"{"errorCode":1.5}"#,
        r#"{"errorCode":100,"index":-1}"#,
        r#"{"errorCode":100"#,
        r#"{"errorCode":99999999999999999999}"#,
        r#"{"message":5}"#,
        r#"{"errorCode":100}x"#,
        r#"{"message":"\u12"}"#,
        r#"{"message":"\ud800"}"#,
    ] {
        cases.push(unknown(
            format!("404 {body}"),
            (404, JSON),
            body,
            "PROTOCOL",
        ));
    }
    let garbled = b"{\"message\":\"\xff\"}";
    cases.push(unknown("404 not UTF-8", (404, JSON), garbled, "PROTOCOL"));
    cases
}

pub(crate) fn shapes() -> Vec<Case> {
    let mut bodies: Vec<(String, Vec<u8>)> = [
        r#"{"modifiedIndex":5}"#,
        "null",
        "[]",
        "5",
        "\"x\"",
        "true",
        "{}",
        "[{}]",
        r#"{"action":"get"}"#,
        r#"{"node":{"key":"/k","value":"v"}}"#,
        r#"{"action":"","node":{"key":"/k","value":"v"}}"#,
        r#"{"action":5,"node":{"key":"/k","value":"v"}}"#,
        r#"{"action":null,"node":{"key":"/k","value":"v"}}"#,
        r#"{"action":"get","node":null}"#,
        r#"{"action":"get","node":[]}"#,
        r#"{"action":"get","node":5}"#,
        r#"{"action":"get","node":"/k"}"#,
        r#"{"action":"get","node":{}}"#,
        r#"{"action":"get","node":{"value":"v"}}"#,
        r#"{"action":"get","node":{"key":5}}"#,
        r#"{"action":"get","node":{"key":null,"value":"v"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":5}}"#,
        r#"{"action":"get","node":{"key":"/k","value":{}}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":"true"}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":1}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":{}}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[5]}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[null]}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[[]]}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[{"value":"v"}]}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[{"dir":true}]}}"#,
        r#"{"action":"get","node":{"key":"/k","dir":true,"nodes":[{"key":"/k/a","value":"v"},]}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":"7"}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":-7}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":7.5}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":1e3}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":18446744073709551616}}"#,
        r#"{"action":"get","node":{"key":"/k","createdIndex":99999999999999999999999}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":007}}"#,
        r#"{"action":"get","node":{"key":"/k","modifiedIndex":+7}}"#,
        r#"{"action":"get","node":{"key":"/k","ttl":"5"}}"#,
        r#"{"action":"get","node":{"key":"/k","ttl":9223372036854775808}}"#,
        r#"{"action":"get","node":{"key":"/k","expiration":5}}"#,
        r#"{"action":"get","action":"set","node":{"key":"/k","value":"v"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"v"},"node":{"key":"/k","value":"w"}}"#,
        r#"{"action":"get","node":{"key":"/k","key":"/l","value":"v"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"v","value":"w"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\u12"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\"#,
        r#"{"action":"get","node":{"key":"/k","value":"\ud800"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\udc00\ud800"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\ud800\u0041"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\x41"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"\uzzzz"}}"#,
        "{\"action\":\"get\",\"node\":{\"key\":\"/k\",\"value\":\"a\nb\"}}",
        "{\"action\":\"get\",\"node\":{\"key\":\"/k\",\"value\":\"a\0b\"}}",
        r#"{"action":"get","node":{"key":"/k","value":"v"}}x"#,
        r#"{"action":"get","node":{"key":"/k","value":"v"}}{}"#,
        r#"{"action":"get","node":{"key":"/k","value":"v"}"#,
        r#"{'action':'get','node':{'key':'/k','value':'v'}}"#,
        r#"{action:"get",node:{key:"/k",value:"v"}}"#,
        r#"{"action":"get","node":{"key":"/k","value":"v",}}"#,
        r#"{"action":"get","node":{"key":"/k","value":NaN}}"#,
        r#"{"action":"get","node":{"key":"/k","x":01}}"#,
        r#"{"action":"get","node":{"key":"/k","x":nul}}"#,
        r#"{"action":"get" "node":{"key":"/k","value":"v"}}"#,
        "{\"action\":\"get\",/* */\"node\":{\"key\":\"/k\",\"value\":\"v\"}}",
    ]
    .iter()
    .map(|b| ((*b).to_owned(), b.as_bytes().to_vec()))
    .collect();
    for bytes in [
        &b"\xff"[..],
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
    ] {
        let mut body = br#"{"action":"get","node":{"key":"/k","value":""#.to_vec();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\"}}");
        bodies.push((format!("not UTF-8: {bytes:?}"), body));
    }
    bodies.push((
        "byte order mark".into(),
        format!("\u{feff}{NODE}").into_bytes(),
    ));
    bodies.push(("brackets without end".into(), vec![b'['; 100_000]));
    bodies.push(("objects without end".into(), b"{\"a\":".repeat(100_000)));
    let mut cases: Vec<Case> = bodies
        .into_iter()
        .map(|(name, body)| unknown(name, (200, JSON), body, "PROTOCOL"))
        .collect();

    // 10^5 levels, closed properly
    let deep = format!(
        r#"{{"action":"get","node":{}{{"key":"/k","value":"v"}}{}}}"#,
        r#"{"key":"/k","dir":true,"nodes":["#.repeat(100_000),
        "]}".repeat(100_000)
    );
    cases.push(unknown(
        "10^5 levels of nodes",
        (200, JSON),
        deep,
        "TOO_LARGE",
    ));
    let other = format!(
        r#"{{"x":{}{},"action":"get","node":{{"key":"/k","value":"v"}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let name = "10^5 levels of something new";
    cases.push(unknown(name, (200, JSON), other, "PROTOCOL"));

    // about something else than what was asked for
    let other = NODE.replace("set", "something new");
    cases.push(unknown("something new", (200, TEXT), other, "PROTOCOL"));

    // odd, and still etcd's
    for body in [
        NODE.to_owned(),
        format!("\n\t {NODE} \r\n"),
        NODE.replace(
            "\"key\"",
            r#""new":[{"a":[null,true,1.5e3]},"\u00e4"],"key""#,
        ),
        NODE.replace("\"key\"", r#""\u006bey""#),
        NODE.replace("}}", r#"},"prevNode":null,"more":{}}"#),
        NODE.replace(":7}", ":18446744073709551615}"),
        NODE.replace("a value", r#"\u0000\ud83d\ude00\/\b\f\n\r\t\"\\"#),
        NODE.replace("}}", r#","ttl":-83,"expiration":"yesterday"}}"#),
    ] {
        let bytes = answer(200, TEXT, &body);
        cases.push(raw(body, bytes, "OK", DONE));
    }
    // the root has no name, and nobody asked for it
    let root = r#"{"action":"get","node":{"dir":true}}"#;
    cases.push(unknown("the root", (200, JSON), root, "PROTOCOL"));
    cases
}
