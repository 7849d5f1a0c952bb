use super::*;
use crate::protocol::answer::{Head, Limits, Verdict, judge};
use crate::protocol::key::Key;
use crate::protocol::wire::Expect;

fn response(action: &str, index: u64, cluster: &str, nodes: &str) -> Response {
    let head = Head {
        status: 200,
        etcd_index: index,
        cluster_id: cluster.to_owned(),
        ..Head::default()
    };
    let body = format!(r#"{{"action":"{action}",{nodes}}}"#).into_bytes();
    let limits = Limits {
        depth: 10,
        nodes: 10,
    };
    match judge(head, body, Expect::Keys, &limits) {
        Verdict::Success(response) => response,
        other => panic!("{other:?}"),
    }
}

/// `"node":…` of a file with a TTL.
fn node(name: &str, modified: u64, ttl: i64) -> String {
    format!(
        r#""{name}":{{"key":"/k","value":"v","modifiedIndex":{modified},"createdIndex":5,"ttl":{ttl},"expiration":"2030-01-01T00:00:00Z"}}"#
    )
}

fn request(operation: Operation) -> Request {
    let mut request = Request::new(operation, Key::parse("key", "/k").unwrap());
    if operation == Operation::Refresh {
        request.set_ttl(100).unwrap();
    }
    request
}

const KNOWN: Known = Known {
    cluster: 0xab,
    index: 10,
};

fn missing(index: u64) -> Result<Response> {
    let mut error = Error::new(Status::KEY_NOT_FOUND, "key not found");
    error.detail_mut().index = index;
    Err(error)
}

#[test]
fn a_refresh_is_seen_as_an_index_that_no_event_has_made() {
    let refresh = request(Operation::Refresh);
    for (ttl, fate) in [(99, Fate::Applied), (101, Fate::Unsure)] {
        let mut search = Search::new(&refresh, KNOWN).unwrap();
        search
            .read(Ok(response("get", 20, "ab", &node("node", 15, ttl))))
            .unwrap();
        assert!(search.history().is_some());
        search.quiet(20);
        assert!(search.history().is_none());
        let finding = search.finding();
        assert_eq!(finding.fate, fate, "{finding:?}");
    }
    // before an event that followed it
    let mut search = Search::new(&refresh, KNOWN).unwrap();
    search.read(missing(20)).unwrap();
    let nodes = [node("node", 18, 0), node("prevNode", 15, 98)].join(",");
    search.told(response("delete", 20, "ab", &nodes));
    let finding = search.finding();
    assert_eq!((finding.fate, finding.modified_index), (Fate::Applied, 15));
    // an event that another event preceded leaves no room for one
    let mut search = Search::new(&refresh, KNOWN).unwrap();
    search.read(missing(20)).unwrap();
    for (modified, before) in [(13, 10), (18, 13)] {
        let nodes = [node("node", modified, 0), node("prevNode", before, 98)].join(",");
        search.told(response("update", 20, "ab", &nodes));
    }
    search.quiet(20);
    assert_eq!(search.finding().fate, Fate::NotApplied);
}

#[test]
fn another_store_proves_nothing() {
    let set = request(Operation::Set);
    for (index, cluster) in [(20, "ac"), (9, "ab")] {
        let mut search = Search::new(&set, KNOWN).unwrap();
        search
            .read(Ok(response("get", index, cluster, &node("node", 8, 9))))
            .unwrap();
        assert!(search.history().is_none());
        let finding = search.finding();
        assert_eq!((finding.fate, finding.is_final), (Fate::Unsure, false));
        assert!(finding.text.contains("not the one"), "{}", finding.text);
    }
}

#[test]
fn a_member_that_is_behind_or_tells_twice_proves_nothing() {
    let delete = request(Operation::Delete);
    for spoil in [
        |search: &mut Search<'_>| search.quiet(19),
        |search: &mut Search<'_>| {
            search.told(response("set", 20, "ab", &node("node", 10, 9)));
        },
    ] {
        let mut search = Search::new(&delete, KNOWN).unwrap();
        search.read(missing(20)).unwrap();
        spoil(&mut search);
        assert!(search.history().is_none());
        assert_eq!(search.finding().fate, Fate::Unsure);
    }
}

#[test]
fn the_deletion_of_a_namesake_is_no_proof() {
    // the history matches by string prefix
    let delete = request(Operation::Delete);
    let mut search = Search::new(&delete, KNOWN).unwrap();
    search.read(missing(20)).unwrap();
    let nodes = r#""node":{"key":"/","dir":true,"modifiedIndex":12,"createdIndex":5}"#;
    search.told(response("delete", 20, "ab", nodes));
    search.quiet(20);
    assert_eq!(search.finding().fate, Fate::NotApplied);
}

#[test]
fn what_the_server_refuses_ends_the_look() {
    let set = request(Operation::Set);
    let mut search = Search::new(&set, KNOWN).unwrap();
    let no = Error::new(Status::UNAUTHORIZED, "not authorized");
    assert_eq!(
        search.read(Err(no)).unwrap_err().status(),
        Status::UNAUTHORIZED
    );
}
