use super::*;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::{action::Action, tree::NodeRef};

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 100,
    nodes: 1_000_000,
};

fn tree(body: &str) -> Tree {
    decode(body.as_bytes(), &LIMITS).unwrap()
}

fn refused(body: &str) -> Error {
    decode(body.as_bytes(), &LIMITS).unwrap_err()
}

#[test]
fn a_set_with_its_previous_node() {
    let tree = tree(concat!(
        r#"{"action":"set","node":{"key":"/foo","value":"bar","modifiedIndex":5,"createdIndex":5},"#,
        r#""prevNode":{"key":"/foo","value":"","expiration":"2026-11-22T18:43:52.88223749Z","ttl":-3,"#,
        r#""modifiedIndex":4,"createdIndex":18446744073709551615}}"#,
        "\n"
    ));
    assert_eq!((tree.action(), tree.action_text()), (Action::Set, "set"));
    assert_eq!(tree.action_with_nul(), b"set\0");
    let node = tree.node().unwrap();
    assert_eq!((node.key(), node.key_with_nul()), ("/foo", &b"/foo\0"[..]));
    assert_eq!(
        (node.value(), node.value_with_nul()),
        (Some("bar"), Some(&b"bar\0"[..]))
    );
    assert_eq!((node.created_index(), node.modified_index()), (5, 5));
    assert_eq!(
        (node.ttl(), node.expiration(), node.expiration_ns()),
        (None, None, None)
    );
    assert!(!node.is_dir() && node.child_count() == 0 && node.child(0).is_none());
    let prev = tree.prev_node().unwrap();
    assert_eq!(
        (prev.value(), prev.value_with_nul()),
        (Some(""), Some(&b"\0"[..]))
    );
    assert_eq!(prev.ttl(), Some(-3));
    assert_eq!(prev.expiration_ns(), Some(1_795_373_032_882_237_490));
    assert_eq!(
        prev.expiration_with_nul(),
        Some(&b"2026-11-22T18:43:52.88223749Z\0"[..])
    );
    assert_eq!((prev.created_index(), prev.modified_index()), (u64::MAX, 4));
    // own positions lead back, 0 and the end lead nowhere
    assert_eq!(tree.get(prev.index()).unwrap().value(), Some(""));
    assert_eq!((node.index(), prev.index()), (1, 2));
    assert!(tree.get(0).is_none() && tree.get(3).is_none());
}

#[test]
fn actions() {
    for (text, action) in [
        ("get", Action::Get),
        ("set", Action::Set),
        ("create", Action::Create),
        ("update", Action::Update),
        ("compareAndSwap", Action::CompareAndSwap),
        ("delete", Action::Delete),
        ("compareAndDelete", Action::CompareAndDelete),
        ("expire", Action::Expire),
        ("", Action::Unknown),
        ("GET", Action::Unknown),
    ] {
        let tree = tree(&format!(r#"{{"action":"{text}"}}"#));
        assert_eq!((tree.action(), tree.action_text()), (action, text));
        assert!(tree.node().is_none() && tree.prev_node().is_none());
    }
    assert_eq!(Tree::default().action_text(), "");
    assert_eq!(Tree::default().action_with_nul(), b"\0");
}

fn write(node: NodeRef<'_>, out: &mut String) {
    out.push_str(node.key());
    if node.is_dir() {
        out.push('[');
        for i in 0..node.child_count() {
            write(node.child(i).unwrap(), out);
        }
        assert!(node.child(node.child_count()).is_none() && node.child(usize::MAX).is_none());
        out.push(']');
    } else {
        out.push_str(&format!("={} ", node.value().unwrap_or("-")));
    }
}

#[test]
fn a_subtree_whose_lists_come_before_and_after_other_fields() {
    let tree = tree(
        r#"{"action":"get","node":{"nodes":[{"key":"/a","nodes":[{"key":"/a/x","value":"1"},
        {"dir":true,"key":"/a/e"},{"key":"/a/d","dir":true,"nodes":[]},{"nodes":[{"key":"/a/y/z","value":"2"}],"dir":true,
        "key":"/a/y"}],"dir":true},{"key":"/b","value":"3"},{"key":"/c","dir":true,"nodes":null}],"dir":true}}"#,
    );
    let mut out = String::new();
    write(tree.node().unwrap(), &mut out);
    assert_eq!(out, "/[/a[/a/x=1 /a/e[]/a/d[]/a/y[/a/y/z=2 ]]/b=3 /c[]]");
    assert_eq!(tree.node().unwrap().key_with_nul(), b"/\0");
    assert!(tree.node().unwrap().value().is_none());
    let indexes: Vec<u32> = (1..9).map(|i| tree.get(i).unwrap().index()).collect();
    assert_eq!(indexes, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn text_is_unescaped_and_keeps_its_length() {
    let tree = tree(
        r#"{"node":{"\u006bey":"/\u003c\ud83d\ude00","value":"a\u0000b\n\"\\\/ü","modifiedIndex":1},"\u0061ction":"s\u0065t"}"#,
    );
    let node = tree.node().unwrap();
    assert_eq!(node.key(), "/<😀");
    assert_eq!(node.value(), Some("a\0b\n\"\\/ü"));
    assert_eq!(node.value_with_nul(), Some("a\0b\n\"\\/ü\0".as_bytes()));
    assert_eq!(tree.action(), Action::Set);
}

#[test]
fn lives() {
    for (fields, ttl, expiration) in [
        ("", None, None),
        (r#","ttl":5"#, Some(5), None),
        (r#","ttl":-83,"expiration":"x""#, Some(-83), Some("x")),
        (r#","expiration":"x""#, Some(0), Some("x")),
        (r#","ttl":null,"expiration":null"#, None, None),
    ] {
        let tree = tree(&format!(r#"{{"node":{{"key":"/a"{fields},"dir":true}}}}"#));
        let node = tree.node().unwrap();
        assert_eq!(
            (node.ttl(), node.expiration(), node.expiration_ns()),
            (ttl, expiration, None)
        );
        assert!(node.is_dir());
    }
}

#[test]
fn unknown_fields_and_nulls_do_not_matter() {
    let tree = tree(
        r#" {"x":{"key":[{}]},"prevNode":null,"node":{"key":"/a","value":null,"y":[[],{"nodes":5}],"dir":false,"nodes":null,
        "modifiedIndex":null},"action":null,"z":-1.5e3} "#,
    );
    let node = tree.node().unwrap();
    assert_eq!(
        (node.key(), node.value(), node.modified_index()),
        ("/a", None, 0)
    );
    assert!(tree.prev_node().is_none() && tree.action_text().is_empty());
    for body in [
        r#"{"modifiedIndex":5}"#,
        "{}",
        r#"{"node":null}"#,
        r#"{"message":"x"}"#,
    ] {
        assert!(decode(body.as_bytes(), &LIMITS).unwrap().node().is_none());
    }
}

#[test]
fn wrong_shapes() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "5",
        "\"x\"",
        "<html>",
        "{",
        "{}x",
        "{}{}",
        r#"{"node":[]}"#,
        r#"{"node":5}"#,
        r#"{"node":"x"}"#,
        r#"{"node":true}"#,
        r#"{"action":5}"#,
        r#"{"action":{}}"#,
        r#"{"prevNode":[]}"#,
        // neither a key nor a directory
        r#"{"node":{}}"#,
        r#"{"node":{"key":null}}"#,
        r#"{"node":{"dir":false}}"#,
        r#"{"node":{"dir":true,"nodes":[{}]}}"#,
        r#"{"node":{"key":5}}"#,
        r#"{"node":{"key":"/a","value":5}}"#,
        r#"{"node":{"key":"/a","value":{}}}"#,
        r#"{"node":{"key":"/a","dir":"true"}}"#,
        r#"{"node":{"key":"/a","dir":1}}"#,
        r#"{"node":{"key":"/a","nodes":{}}}"#,
        r#"{"node":{"key":"/a","nodes":[5]}}"#,
        r#"{"node":{"key":"/a","nodes":[null]}}"#,
        r#"{"node":{"key":"/a","nodes":[{"key":"/b"},]}}"#,
        r#"{"node":{"key":"/a","nodes":[{"key":"/b"}}]}"#,
        r#"{"node":{"key":"/a","modifiedIndex":"5"}}"#,
        r#"{"node":{"key":"/a","modifiedIndex":-1}}"#,
        r#"{"node":{"key":"/a","modifiedIndex":1.0}}"#,
        r#"{"node":{"key":"/a","createdIndex":1e3}}"#,
        r#"{"node":{"key":"/a","createdIndex":18446744073709551616}}"#,
        r#"{"node":{"key":"/a","ttl":1.5}}"#,
        r#"{"node":{"key":"/a","ttl":9223372036854775808}}"#,
        r#"{"node":{"key":"/a","expiration":5}}"#,
        // twice
        r#"{"action":"get","action":"get"}"#,
        r#"{"node":null,"node":{"key":"/a"}}"#,
        r#"{"node":{"key":"/a","key":"/a"}}"#,
        r#"{"node":{"key":"/a","value":null,"value":"x"}}"#,
        r#"{"node":{"key":"/a","nodes":[],"nodes":[]}}"#,
        r#"{"node":{"key":"/a","k\u0065y":"/b"}}"#,
    ] {
        let error = refused(body);
        assert_eq!(error.status(), Status::PROTOCOL, "{body}");
        assert!(
            error.to_string().starts_with("the answer is not etcd's: "),
            "{error}"
        );
    }
    let error = decode(b"{\"action\":\"\xff\"}", &LIMITS).unwrap_err();
    assert_eq!(error.to_string(), "the answer is not UTF-8 at byte 11");
}

#[test]
fn cut_at_every_byte() {
    let body = concat!(
        r#"{"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/a","value":"\u003c\ud83d\ude00","#,
        r#""ttl":-5,"expiration":"2026-11-22T18:43:52Z","modifiedIndex":7,"createdIndex":7},{"key":"/d/b","dir":true,"#,
        r#""nodes":[{"key":"/d/b/c","value":"ü"}]}],"modifiedIndex":3,"createdIndex":3},"x":[null,1.5]}"#
    );
    tree(body);
    for cut in 0..body.len() {
        assert!(decode(&body.as_bytes()[..cut], &LIMITS).is_err(), "{cut}");
    }
}

fn nested(levels: usize) -> String {
    format!(
        r#"{{"action":"get","node":{}{{"key":"/f","value":""}}{}}}"#,
        r#"{"key":"/d","dir":true,"nodes":["#.repeat(levels - 1),
        "]}".repeat(levels - 1)
    )
}

#[test]
fn depth_is_limited_without_recursion() {
    tree(&nested(100));
    let error = refused(&nested(101));
    assert_eq!(error.status(), Status::TOO_LARGE);
    assert!(error.to_string().contains("max_depth"), "{error}");
    assert_eq!(refused(&nested(100_000)).status(), Status::TOO_LARGE);
    // an unfinished one, and one in a field that nobody knows
    assert_eq!(
        refused(&nested(100_000)[..1_000_000]).status(),
        Status::TOO_LARGE
    );
    let unknown = format!(r#"{{"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refused(&unknown).status(), Status::PROTOCOL);
    let limits = DecodeLimits {
        depth: u32::MAX,
        ..LIMITS
    };
    let tree = decode(nested(100_000).as_bytes(), &limits).unwrap();
    let mut node = tree.node().unwrap();
    for _ in 1..100_000 {
        node = node.child(0).unwrap();
    }
    assert_eq!((node.key(), node.index()), ("/f", 100_000));
}

fn listing(nodes: usize) -> String {
    let mut body = String::from(r#"{"action":"get","node":{"key":"/d","dir":true,"nodes":["#);
    for i in 0..nodes {
        body.push_str(if i > 0 { "," } else { "" });
        let value = [
            "plain value of usual length for a setting",
            r#"{\"a\":[\"b\",1]}"#,
        ][i & 1];
        body.push_str(&format!(
            r#"{{"key":"/d/service-{i:06}/address","value":"{value}","modifiedIndex":{i},"createdIndex":{i}}}"#
        ));
    }
    body + r#"],"modifiedIndex":3,"createdIndex":3}}"#
}

#[test]
fn large_listings_and_their_limit() {
    const N: usize = 200_000;
    let body = listing(N);
    let tree = tree(&body);
    let top = tree.node().unwrap();
    assert_eq!((top.child_count(), top.modified_index()), (N, 3));
    for i in [0, 1, 2, N / 2, N - 1] {
        let child = top.child(i).unwrap();
        assert_eq!(child.key(), format!("/d/service-{i:06}/address"));
        assert_eq!(
            (child.modified_index(), child.created_index()),
            (i as u64, i as u64)
        );
        assert_eq!(child.value().unwrap().starts_with('{'), i & 1 == 1);
    }
    let held = tree.nodes.capacity() * size_of::<Node>()
        + tree.text.capacity()
        + tree.children.capacity() * 4;
    assert!(
        held < body.len(),
        "{held} bytes for a body of {}",
        body.len()
    );
    // one more than children, for the directory
    let exact = DecodeLimits {
        nodes: 1001,
        ..LIMITS
    };
    assert_eq!(
        decode(listing(1000).as_bytes(), &exact)
            .unwrap()
            .node()
            .unwrap()
            .child_count(),
        1000
    );
    let error = decode(listing(1001).as_bytes(), &exact).unwrap_err();
    assert_eq!(error.status(), Status::TOO_LARGE);
    assert!(error.to_string().contains("max_nodes"), "{error}");
}

#[test]
fn memory_follows_misleading_beginnings() {
    // long texts first, then many tiny nodes, and the other way round
    let tiny: String = (0..20_000).map(|_| r#",{"key":"/"}"#).collect();
    let long = format!(r#"{{"key":"/l","value":"{}"}}"#, "x".repeat(500_000));
    for list in [format!("{long}{tiny}"), format!("{}, {long}", &tiny[1..])] {
        let body = format!(r#"{{"action":"get","node":{{"dir":true,"nodes":[{list}]}}}}"#);
        let tree = tree(&body);
        assert_eq!(tree.node().unwrap().child_count(), 20_001);
        assert!(tree.nodes.capacity() < 22_000 && tree.text.capacity() < 650_000);
    }
}
