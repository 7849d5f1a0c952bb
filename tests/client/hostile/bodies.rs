//! Whole answers that are not etcd's, or are etcd's in every shape that it has.

use super::play::*;
use std::sync::Arc;

pub(crate) fn foreign() -> Vec<Case> {
    vec![
        raw(
            "200 HTML",
            answer(200, "text/html", HTML),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "201 HTML",
            answer(201, "text/html", HTML),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "200 empty",
            answer(200, "application/json", ""),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "200 of blanks",
            answer(200, "application/json", " \r\n\t "),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw("204", with_headers(204, "", ""), "PROTOCOL", UNKNOWN),
        raw(
            "206",
            answer(206, "text/plain", "half"),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw("304", with_headers(304, "", ""), "PROTOCOL", UNKNOWN),
        raw(
            "400 HTML",
            answer(400, "text/html", HTML),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "401 HTML",
            answer(401, "text/html", HTML),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "404 HTML",
            answer(404, "text/html", HTML),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "404 page",
            answer(404, "text/plain; charset=utf-8", "404 page not found\n"),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw("404 empty", answer(404, "", ""), "PROTOCOL", UNKNOWN),
        raw(
            "405",
            answer(405, "text/plain", "Method Not Allowed\n"),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw("413", answer(413, "text/html", HTML), "PROTOCOL", UNKNOWN),
        raw(
            "421",
            answer(421, "text/plain", "misdirected"),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "431",
            answer(431, "text/plain", "too large"),
            "PROTOCOL",
            UNKNOWN,
        ),
        raw(
            "500 HTML",
            answer(500, "text/html", HTML),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw("501 empty", answer(501, "", ""), "SERVER_ERROR", UNKNOWN),
        raw(
            "502 HTML",
            answer(502, "text/html", HTML),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw(
            "503 HTML",
            answer(503, "text/html", HTML),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw(
            "504 HTML",
            answer(504, "text/html", HTML),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw(
            "599 binary",
            answer(599, "", b"\0\xff\xfe\x01"),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw("600", answer(600, "", ""), "PROTOCOL", UNKNOWN),
        raw("nothing", "", "UNREACHABLE", UNKNOWN),
        play("reset", "UNREACHABLE", UNKNOWN, Arc::new(|c| c.reset())),
    ]
}

/// Without etcd's headers: whoever says so may have handed a write on.
pub(crate) fn errors_of_etcd() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut coded = |http: u16, code: u32, cause: &str, get: &'static str, set: End| {
        let body =
            format!(r#"{{"errorCode":{code},"message":"Told","cause":"{cause}","index":9}}"#);
        cases.push(raw(
            format!("{http}/{code} {cause}"),
            answer(http, "application/json", body),
            get,
            set,
        ));
    };
    let timeout = "etcdserver: request timed out";
    for (http, code, name) in [
        (404, 100, "KEY_NOT_FOUND"),
        (412, 101, "COMPARE_FAILED"),
        (403, 102, "NOT_A_FILE"),
        (400, 103, "NO_MORE_PEER"),
        (400, 104, "NOT_A_DIRECTORY"),
        (412, 105, "ALREADY_EXISTS"),
        (400, 107, "ROOT_READ_ONLY"),
        (403, 108, "DIRECTORY_NOT_EMPTY"),
        (401, 110, "UNAUTHORIZED"),
        (400, 200, "VALUE_REQUIRED"),
        (400, 201, "PREV_VALUE_REQUIRED"),
        (400, 202, "TTL_NOT_A_NUMBER"),
        (400, 203, "INDEX_NOT_A_NUMBER"),
        (400, 209, "INVALID_FIELD"),
        (400, 210, "INVALID_FORM"),
        (400, 211, "REFRESH_VALUE"),
        (400, 212, "REFRESH_TTL_REQUIRED"),
        (400, 400, "WATCHER_CLEARED"),
        (400, 401, "HISTORY_CLEARED"),
        (400, 403, "INVALID_ACTIVE_SIZE"),
        (400, 404, "INVALID_REMOVE_DELAY"),
        (400, 500, "CLIENT_INTERNAL"),
        (400, 777, "UNKNOWN"),
    ] {
        coded(http, code, "why", name, UNKNOWN);
    }
    coded(500, 300, timeout, "RAFT_INTERNAL", UNKNOWN);
    coded(
        500,
        300,
        "etcdserver: server stopped",
        "RAFT_INTERNAL",
        UNKNOWN,
    );
    coded(
        500,
        300,
        "nodePath /1/d : Not a file ()",
        "RAFT_INTERNAL",
        UNKNOWN,
    );
    coded(500, 301, "", "LEADER_ELECTION", UNKNOWN);
    coded(500, 402, "", "STANDBY_INTERNAL", UNKNOWN);
    coded(400, 1000, "one of ours", "PROTOCOL", UNKNOWN);
    coded(400, 4294967295, "", "PROTOCOL", UNKNOWN);

    let message = |http: u16, text: &str| {
        answer(
            http,
            "application/json",
            format!(r#"{{"message":"{text}"}}"#),
        )
    };
    cases.extend([
        raw(
            "401 message",
            message(401, "Insufficient credentials"),
            "UNAUTHORIZED",
            UNKNOWN,
        ),
        raw(
            "403 message",
            message(403, "not current leader"),
            "FORBIDDEN",
            UNKNOWN,
        ),
        raw(
            "404 message",
            message(404, "Not found"),
            "NOT_FOUND",
            UNKNOWN,
        ),
        raw("409 message", message(409, "exists"), "CONFLICT", UNKNOWN),
        raw("410 message", message(410, "removed"), "GONE", UNKNOWN),
        raw(
            "500 message",
            message(500, "Internal Server Error"),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw(
            "502 message",
            message(502, "httpproxy: unable to get response from 3 endpoint(s)"),
            "SERVER_ERROR",
            UNKNOWN,
        ),
        raw(
            "503 message",
            message(503, "During election"),
            "LEADER_ELECTION",
            UNKNOWN,
        ),
        raw(
            "message of lines",
            message(403, r"a\r\nb\u0000\u001b[31m\u2028"),
            "FORBIDDEN",
            UNKNOWN,
        ),
        raw("empty message", message(403, ""), "FORBIDDEN", UNKNOWN),
        raw(
            "200 that is an error",
            answer(
                200,
                "application/json",
                r#"{"errorCode":100,"message":"m","index":1}"#,
            ),
            "PROTOCOL",
            UNKNOWN,
        ),
    ]);
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
        cases.push(raw(
            format!("404 {body}"),
            answer(404, "application/json", body),
            "PROTOCOL",
            UNKNOWN,
        ));
    }
    cases.push(raw(
        "404 not UTF-8",
        answer(404, "application/json", b"{\"message\":\"\xff\"}"),
        "PROTOCOL",
        UNKNOWN,
    ));
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
        .map(|(name, body)| {
            raw(
                name,
                answer(200, "application/json", body),
                "PROTOCOL",
                UNKNOWN,
            )
        })
        .collect();

    // 10^5 levels, closed properly
    let deep = format!(
        r#"{{"action":"get","node":{}{{"key":"/k","value":"v"}}{}}}"#,
        r#"{"key":"/k","dir":true,"nodes":["#.repeat(100_000),
        "]}".repeat(100_000)
    );
    cases.push(raw(
        "10^5 levels of nodes",
        answer(200, "application/json", deep),
        "TOO_LARGE",
        UNKNOWN,
    ));
    let unknown = format!(
        r#"{{"x":{}{},"action":"get","node":{{"key":"/k","value":"v"}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    cases.push(raw(
        "10^5 levels of something new",
        answer(200, "application/json", unknown),
        "PROTOCOL",
        UNKNOWN,
    ));

    // about something else than what was asked for
    cases.push(raw(
        "something new",
        answer(200, "text/plain", NODE.replace("set", "something new")),
        "PROTOCOL",
        UNKNOWN,
    ));

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
        cases.push(raw(
            body.clone(),
            answer(200, "text/plain", body),
            "OK",
            DONE,
        ));
    }
    // the root has no name, and nobody asked for it
    let root = r#"{"action":"get","node":{"dir":true}}"#;
    let bytes = answer(200, "application/json", root);
    cases.push(raw("the root", bytes, "PROTOCOL", UNKNOWN));
    cases
}
