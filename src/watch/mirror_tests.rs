use super::*;
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::ResponseKind;
use crate::protocol::response_head::Head;
use crate::watch::batch::Batch;

fn response(body: &str) -> Arc<Response> {
    let head = Head {
        etcd_index: 1,
        ..Head::new(200)
    };
    let limits = DecodeLimits {
        depth: 10_000,
        nodes: 100_000,
    };
    match judge(head, body.as_bytes().to_vec(), ResponseKind::Keys, &limits) {
        Verdict::Success(response) => Arc::new(response),
        other => panic!("{other:?}"),
    }
}

fn file(key: &str, value: &str, created: u64, modified: u64) -> String {
    format!(
        r#"{{"key":"{key}","value":"{value}","modifiedIndex":{modified},"createdIndex":{created}}}"#
    )
}

fn dir(key: &str, index: u64, nodes: &[String]) -> String {
    format!(
        r#"{{"key":"{key}","dir":true,"nodes":[{}],"modifiedIndex":{index},"createdIndex":{index}}}"#,
        nodes.join(",")
    )
}

fn get(node: &str) -> Arc<Response> {
    response(&format!(r#"{{"action":"get","node":{node}}}"#))
}

fn mirror(key: &str, recursive: bool) -> Mirror {
    Mirror::new(&Key::parse("key", key).unwrap(), recursive, 5)
}

fn keys(mirror: &Mirror) -> Vec<&str> {
    mirror.nodes.iter().map(|(key, _)| key).collect()
}

/// `(action, key, value, previous index)` of all synthetic events.
fn told(diff: Diff) -> Vec<(String, String, Option<String>, u64)> {
    let batch = Batch::Diff(diff);
    (0..batch.len())
        .map(|at| {
            let event = batch.event(at).unwrap();
            let response = event.response().unwrap();
            let (action, node) = (response.action_text().to_owned(), event.node().unwrap());
            let before = event.prev_node().map_or(0, |n| n.modified_index());
            let value = node.value().map(str::to_owned);
            (action, node.key().to_owned(), value, before)
        })
        .collect()
}

#[test]
fn differences_in_order_with_what_was_known() {
    let mut m = mirror("/w", true);
    let sub = dir(
        "/w/d",
        3,
        &[file("/w/d/x", "1", 3, 3), file("/w/d/y", "1", 4, 4)],
    );
    let first = get(&dir(
        "/w",
        3,
        &[
            file("/w/z", "1", 9, 9),
            sub,
            file("/w/a", "1", 5, 5),
            file("/w/r", "1", 6, 6),
        ],
    ));
    assert_eq!(m.renew(Some(&first), 10).unwrap().changes().len(), 7);
    assert_eq!(
        keys(&m),
        ["/w", "/w/a", "/w/d", "/w/d/x", "/w/d/y", "/w/r", "/w/z"][..].to_vec()
    );
    // d is gone, a has a new value, r was refreshed, z was made anew with the same value, n and its directory are new
    let new = dir("/w/n", 30, &[file("/w/n/k", "1", 30, 30)]);
    let second = get(&dir(
        "/w",
        3,
        &[
            new,
            file("/w/z", "1", 20, 20),
            file("/w/r", "1", 6, 25),
            file("/w/a", "2", 5, 21),
        ],
    ));
    let text = |s: &str| Some(s.to_owned());
    let row =
        |action: &str, key: &str, value, before| (action.to_owned(), key.to_owned(), value, before);
    assert_eq!(
        told(m.renew(Some(&second), 40).unwrap()),
        [
            row("delete", "/w/d/y", None, 4),
            row("delete", "/w/d/x", None, 3),
            row("delete", "/w/d", None, 3),
            row("update", "/w/a", text("2"), 5),
            row("create", "/w/n", None, 0),
            row("create", "/w/n/k", text("1"), 0),
            row("set", "/w/z", text("1"), 9),
        ]
    );
    assert_eq!(m.get("/w/r").map(|k| k.modified), Some(25));
    assert!(m.renew(Some(&second), 41).unwrap().changes().is_empty());
    let gone = told(m.renew(None, 50).unwrap());
    assert_eq!(gone.len(), 6);
    assert_eq!(gone.last().map(|g| g.1.as_str()), Some("/w"));
    assert!(m.is_empty());
}

#[test]
fn events_keep_it_as_a_snapshot_would() {
    let mut m = mirror("/w", true);
    let event =
        |action: &str, node: String| response(&format!(r#"{{"action":"{action}","node":{node}}}"#));
    m.apply(&event("set", file("/w/a/b/c", "1", 7, 7))).unwrap();
    m.apply(&event("create", file("/w/a/b-x", "1", 8, 8)))
        .unwrap();
    m.apply(&event("set", file("/w/q", "1", 9, 9))).unwrap();
    assert_eq!(
        keys(&m),
        ["/w", "/w/a", "/w/a/b", "/w/a/b-x", "/w/a/b/c", "/w/q"]
    );
    let same = get(&dir(
        "/w",
        7,
        &[
            dir(
                "/w/a",
                7,
                &[
                    dir("/w/a/b", 7, &[file("/w/a/b/c", "1", 7, 7)]),
                    file("/w/a/b-x", "1", 8, 8),
                ],
            ),
            file("/w/q", "1", 9, 9),
        ],
    ));
    assert!(
        m.try_clone()
            .unwrap()
            .renew(Some(&same), 9)
            .unwrap()
            .changes()
            .is_empty()
    );
    // an update of a directory keeps what is in it, a file that becomes a directory has nothing
    m.apply(&event("update", dir("/w/a/b", 7, &[]))).unwrap();
    assert_eq!(m.len(), 6);
    m.apply(&event("set", dir("/w/q", 11, &[]))).unwrap();
    assert!(m.get("/w/q").is_some_and(|k| k.dir));
    m.apply(&event("expire", dir("/w/a/b", 12, &[]))).unwrap();
    assert_eq!(keys(&m), ["/w", "/w/a", "/w/a/b-x", "/w/q"]);
    m.apply(&event("compareAndDelete", file("/w/q", "", 9, 13)))
        .unwrap();
    m.apply(&event(
        "delete",
        dir("/", 14, &[]).replace("\"/\"", "\"/w\""),
    ))
    .unwrap();
    assert!(m.is_empty());
    m.apply(&event("set", file("/w/a", "1", 15, 15))).unwrap();
    m.apply(&event("delete", dir("/up", 16, &[]).replace("/up", "/w")))
        .unwrap();
    assert!(m.is_empty());
}

#[test]
fn the_root_and_single_keys() {
    let mut m = mirror("/", true);
    let snapshot = get(&format!(
        r#"{{"dir":true,"nodes":[{}]}}"#,
        file("/a", "1", 2, 2)
    ));
    let first = told(m.renew(Some(&snapshot), 5).unwrap());
    assert_eq!((first.len(), first[0].1.as_str()), (1, "/a"));
    let set = response(&format!(
        r#"{{"action":"set","node":{}}}"#,
        file("/d/x", "1", 6, 6)
    ));
    m.apply(&set).unwrap();
    assert_eq!(keys(&m), ["/a", "/d", "/d/x"]);
    // children of a directory that is watched alone are not its business
    let mut m = mirror("/w", false);
    m.renew(Some(&get(&dir("/w", 3, &[file("/w/a", "1", 4, 4)]))), 5)
        .unwrap();
    assert_eq!(keys(&m), ["/w"]);
}

#[test]
fn deep_and_wide_snapshots_need_no_stack() {
    let depth = 5000;
    let mut body = String::from(r#"{"action":"get","node":"#);
    let mut key = String::new();
    for _ in 0..depth {
        key.push_str("/k");
        body.push_str(&format!(
            r#"{{"key":"{key}","dir":true,"modifiedIndex":1,"createdIndex":1,"nodes":["#
        ));
    }
    body.push_str(&"]}".repeat(depth));
    body.push('}');
    let mut m = mirror("/k", true);
    assert_eq!(
        m.renew(Some(&response(&body)), 2).unwrap().changes().len(),
        depth
    );
    assert_eq!(m.renew(None, 3).unwrap().changes().len(), depth);
}
