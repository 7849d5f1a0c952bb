use super::*;
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::ResponseKind;
use crate::protocol::key::Key;
use crate::protocol::response_head::Head;

fn response(action: &str, index: u64, cluster: &str, nodes: &str) -> Response {
    let head = Head {
        status: 200,
        etcd_index: index,
        cluster_id: cluster.into(),
        ..Head::default()
    };
    let body = format!(r#"{{"action":"{action}",{nodes}}}"#).into_bytes();
    let limits = DecodeLimits {
        depth: 10,
        nodes: 10,
    };
    match judge(head, body, ResponseKind::Keys, &limits) {
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

/// What is looked for, in a store of which only the history of the key can be read.
fn search(request: &Request, state: Result<Response>) -> Search<'_> {
    let mut search = Search::new(request, KNOWN).unwrap();
    search.read(state).unwrap();
    assert_eq!(search.history, History::Counting);
    search.lost();
    search
}

fn event(action: &str, modified: u64, before: u64) -> Response {
    let mut nodes = node("node", modified, 50);
    if before != 0 {
        nodes = [nodes, node("prevNode", before, 98)].join(",");
    }
    response(action, 20, "ab", &nodes)
}

#[test]
fn a_refresh_is_seen_as_an_index_that_no_event_has_made() {
    let refresh = request(Operation::Refresh);
    for (ttl, fate) in [(99, Fate::Applied), (101, Fate::Unsure)] {
        let state = Ok(response("get", 20, "ab", &node("node", 15, ttl)));
        let mut search = search(&refresh, state);
        assert!(search.history().is_some());
        search.quiet(20);
        assert!(search.history().is_none());
        let finding = search.finding();
        assert_eq!(finding.fate, fate, "{finding:?}");
    }
    // before an event that followed it
    let mut one = search(&refresh, missing(20));
    one.told(event("compareAndSwap", 18, 15));
    let finding = one.finding();
    assert_eq!((finding.fate, finding.modified_index), (Fate::Applied, 15));
    // an event that another event preceded leaves no room for one
    let state = Ok(response("get", 20, "ab", &node("node", 18, 99)));
    let mut one = search(&refresh, state);
    one.told(event("update", 13, 10));
    one.told(event("update", 18, 13));
    assert!(one.history().is_none());
    assert_eq!(one.finding().fate, Fate::NotApplied);
}

/// Events as (index, index before), the key at the end, and whether that proves that there is nothing else.
#[test]
fn only_a_history_without_gaps_proves_that_a_write_is_not_there() {
    let set = request(Operation::Set);
    let gone = u64::MAX;
    for (told, last, proven) in [
        (&[(13, 10), (18, 13)][..], 18, true),
        (&[(13, 9)], 13, true),
        // nothing was told of a change that the key or another event shows
        (&[], 15, false),
        (&[(13, 10)], 18, false),
        (&[(13, 10), (18, 14)], 18, false),
        (&[(13, 12)], 13, false),
        // it was made anew, and may have been there in between
        (&[(13, 0)], 13, false),
        (&[(13, 10), (18, 0)], 18, false),
        // or is gone
        (&[], gone, false),
        (&[(13, 10)], gone, false),
        // each index has its event
        (&[(11, 0)], 11, true),
        (&[(11, 0), (12, 0), (13, 0)], 13, true),
        (&[(11, 0), (12, 0), (14, 0)], 14, false),
        (&[(11, 10), (12, 0), (20, 12)], 20, true),
    ] {
        let state = match last {
            u64::MAX => missing(20),
            last => Ok(response("get", 20, "ab", &node("node", last, 99))),
        };
        let mut search = search(&set, state);
        for &(index, before) in told {
            // of another value than is looked for, which is none
            search.told(event("update", index, before));
        }
        if search.history().is_some() {
            search.quiet(20);
        }
        let fate = match proven {
            true => Fate::NotApplied,
            false => Fate::Unsure,
        };
        let finding = search.finding();
        assert_eq!(finding.fate, fate, "{told:?} {last}: {finding:?}");
    }
}

#[test]
fn changes_of_all_keys_are_counted_where_there_are_few() {
    let create = request(Operation::Create);
    let other = |index: u64| {
        let node = format!(
            r#""node":{{"key":"/other","value":"v","modifiedIndex":{index},"createdIndex":5}}"#
        );
        response("set", 20, "ab", &node)
    };
    for hole in [0, 11, 15, 20] {
        let mut search = Search::new(&create, KNOWN).unwrap();
        search.read(missing(20)).unwrap();
        for index in (11..=20).filter(|index| *index != hole) {
            let http_request = search.history().unwrap().unwrap();
            if !http_request.target.starts_with("/v2/keys/?") {
                break;
            }
            search.told(other(index));
        }
        while search.history().is_some() {
            search.quiet(20);
        }
        let fate = match hole {
            0 => Fate::NotApplied,
            _ => Fate::Unsure,
        };
        assert_eq!(search.finding().fate, fate, "{hole}");
    }
    let mut search = Search::new(&create, KNOWN).unwrap();
    search.read(missing(11 + NEAR)).unwrap();
    assert_eq!(search.history, History::Reading);
}

#[test]
fn an_event_that_holds_what_is_left_of_another_is_not_believed() {
    let mut set = request(Operation::Set);
    set.set_value(b"v").unwrap();
    let delete = request(Operation::Delete);
    let file =
        |more: &str| format!(r#""node":{{"key":"/k",{more}"modifiedIndex":15,"createdIndex":15}}"#);
    let other = r#","prevNode":{"key":"/other","value":"x","modifiedIndex":10,"createdIndex":5}"#;
    for (request, action, nodes) in [
        (&set, "set", file(r#""value":"v","#) + other),
        (&set, "set", file(r#""value":"v","dir":true,"#)),
        (
            &set,
            "create",
            [file(r#""value":"w","#), node("prevNode", 10, 98)].join(","),
        ),
        (&delete, "delete", file(r#""value":"x","#)),
    ] {
        let mut search = search(request, missing(20));
        search.told(response(action, 20, "ab", &nodes));
        assert!(search.history().is_none());
        assert_eq!(search.finding().fate, Fate::Unsure, "{nodes}");
    }
    // nothing was written, and what was there before may stay
    let blank = request_of_nothing();
    for (last, fate) in [(15, Fate::NotApplied), (18, Fate::Unsure)] {
        let state = Ok(response("get", 20, "ab", &node("node", last, 99)));
        let mut search = search(&blank, state);
        search.told(event("set", 15, 10));
        if search.history().is_some() {
            search.told(event("set", 18, 15));
        }
        assert_eq!(search.finding().fate, fate, "{last}");
    }
}

fn request_of_nothing() -> Request {
    let mut request = request(Operation::Set);
    request.set_value(b"").unwrap();
    request
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
        |search: &mut Search<'_>| search.told(event("set", 10, 0)),
    ] {
        let mut search = search(&delete, missing(20));
        spoil(&mut search);
        assert!(search.history().is_none());
        assert_eq!(search.finding().fate, Fate::Unsure);
    }
}

#[test]
fn the_deletion_of_a_namesake_is_not_taken_for_it() {
    // the history matches by string prefix
    let delete = request(Operation::Delete);
    let mut search = search(&delete, missing(20));
    let nodes = r#""node":{"key":"/","dir":true,"modifiedIndex":12,"createdIndex":5}"#;
    search.told(response("delete", 20, "ab", nodes));
    search.quiet(20);
    assert_eq!(search.finding().fate, Fate::Unsure);
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
