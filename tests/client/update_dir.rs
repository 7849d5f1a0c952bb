//! The update of a directory looks first whether it is one.

use crate::api;
use crate::support;

use api::{client, key, refused};
use etcd_v2::client::{Ask, Call};
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::status::Status;
use support::Scripted;

fn update_dir(path: &str) -> Call {
    let mut request = Request::new(Operation::Update, key(path));
    request.set_flags(flags::DIR).unwrap();
    request.set_ttl(100).unwrap();
    Call::new(Ask::Keys(request))
}

#[test]
fn a_directory_whose_children_would_not_fit_on_the_request_line_is_asked_for_itself() {
    let long = format!("/{}", "d".repeat(64_960));
    let server = Scripted::json(
        r#"{"action":"get","node":{"key":"/a","dir":true,"modifiedIndex":7,"createdIndex":7}}"#,
    );
    let client = client(server.url(), 10_000);
    client.execute(&update_dir(&long)).unwrap();
    let lines = server.request_lines();
    let verbs: Vec<&str> = lines
        .iter()
        .filter(|l| !l.contains("/version"))
        .map(|l| l.split(' ').next().unwrap())
        .collect();
    assert_eq!(verbs, ["GET", "PUT"]);

    let server = Scripted::json(&api::node_json("a file"));
    let client = api::client(server.url(), 10_000);
    let error = refused(client.execute(&update_dir(&long)), Status::NOT_A_DIRECTORY);
    assert!(error.detail().message.len() < 500, "{error}");
    assert!(server.request_lines().iter().all(|l| l.starts_with("GET ")));
}
