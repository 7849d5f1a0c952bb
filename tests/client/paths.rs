//! A raw write changes the key that it names, however its path is encoded: newer builds of etcd redirect `..` to another
//! key with a 307, and execute `%2e%2e`.

use crate::api::{Verbs, client, key, value};
use crate::support::etcd::Setup;
use crate::support::{Etcd, Version, http};
use etcd_v2::client::{Ask, Call};
use etcd_v2::error::Result;
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::key::Key;
use etcd_v2::status::Status;

const FORM: &str = "application/x-www-form-urlencoded";

fn put(path: &str, value: &str) -> Result<HttpRequest> {
    let body = format!("value={value}");
    HttpRequest::raw("PUT", path, Some(body.as_bytes()), Some(FORM))
}

fn what_is_written_is_what_was_named(etcd: &Etcd) {
    let client = client(etcd.url(), 20_000);
    for (i, (path, named)) in [
        ("/p/plain", "/p/plain"),
        ("/p/a%2Fb", "/p/a/b"),
        ("/p/c%2fd%2F", "/p/c/d"),
        ("/p/e%2f%66/", "/p/e/f"),
        ("/p/%2e%2E./x", "/p/.../x"),
        ("/p/.g/..h", "/p/.g/..h"),
        ("/p/%252e%252e", "/p/%2e%2e"),
        ("/p/%252F%252Fi", "/p/%2F%2Fi"),
        ("/p/%25252e", "/p/%252e"),
        ("/p/j%5C..", "/p/j\\.."),
    ]
    .into_iter()
    .enumerate()
    {
        let number = i.to_string();
        let http_request = put(&format!("/v2/keys{path}"), &number).unwrap();
        let answer = client.execute(&Call::new(Ask::Raw(http_request))).unwrap();
        assert_eq!(answer.node().unwrap().key(), named, "{path}");
        // the same by its name, which is escaped
        assert_eq!(value(client.get(named)), number, "{path}");
        let other = format!("{number} by name");
        let node = client.set(named, &other).unwrap();
        assert_eq!(node.node().unwrap().key(), named);
    }
    let before = etcd.index();
    for path in [
        "/p/../evil",
        "/p/%2e%2e/evil",
        "/p/%2E./evil",
        "/p%2F..%2Fevil",
        "/%2e%2e/9/evil",
        "/..%2F0/version",
        "/p//evil",
        "/p/%2Fevil",
        "/p%2F%2Fevil",
        "/p/./evil",
        "/p/evil/%2e",
    ] {
        let error = put(&format!("/v2/keys{path}"), "evil").unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{path}");
    }
    for bad in ["/p//evil", "/p/../evil", "/p/./evil", "/..", "//evil"] {
        let error = Key::parse("key", bad).unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{bad}");
    }
    assert_eq!(etcd.index(), before);
    let root = http::get(&format!("{}/v2/keys/", etcd.url()))
        .unwrap()
        .json();
    let nodes = root["node"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 1, "{root}");
    assert_eq!(nodes[0]["key"], key("/p").text());
}

#[test]
fn what_is_written_is_what_was_named_on_3_4() {
    what_is_written_is_what_was_named(&Etcd::start(Version::V3_4));
}

#[test]
fn what_is_written_is_what_was_named_on_the_newest_3_5() {
    what_is_written_is_what_was_named(&Etcd::start(Version::V3_5Newest));
}

/// As upstream builds it: Debian's own asks Go for the older treatment of paths.
#[test]
fn what_is_written_is_what_was_named_where_go_is_newer() {
    let etcd = Setup::new(Version::V3_5Newest)
        .environment("GODEBUG", "httpmuxgo121=0")
        .start();
    // so it is that server: it executes what others redirect
    let executed = http::put(&format!("{}/v2/keys/x/%2e%2e/p", etcd.url()), "dir=true");
    assert_eq!(executed.unwrap().status, 201);
    what_is_written_is_what_was_named(&etcd);
}
