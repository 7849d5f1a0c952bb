//! Members without the v2 API: the other members serve. If no member has it, the error is UNSUPPORTED, and a write was
//! provably not applied.

use crate::api::{Verbs, call, client, is_unsupported, key, quorum_get, value};
use crate::support::etcd::Setup;
use crate::support::{Cluster, Scripted, Version};
use etcd_v2::client::{Ask, Call};
use etcd_v2::protocol::request::{Operation, Request};
use etcd_v2::status::Status;

const WRITES: [Operation; 6] = [
    Operation::Set,
    Operation::Create,
    Operation::CreateInOrder,
    Operation::CompareAndSwap,
    Operation::CompareAndDelete,
    Operation::Delete,
];

/// The member without the API first.
fn absent_first(cluster: &Cluster, absent: usize) -> String {
    let others = cluster.all_but(absent);
    let rest = others.iter().map(|i| cluster.member(*i).url());
    let urls: Vec<&str> = [cluster.member(absent).url()]
        .into_iter()
        .chain(rest)
        .collect();
    urls.join(",")
}

#[test]
fn the_others_serve() {
    let cluster = Setup::new(Version::V3_5Newest)
        // no election loses a write because the machine has stalled for a moment
        .timing(100, 2_000)
        .without_v2(&[1])
        .cluster(3);
    let endpoints = absent_first(&cluster, 0);
    let of = || client(&endpoints, 60_000);
    for round in 0..3 {
        let number = round.to_string();
        of().set("/a", &number).unwrap();
        assert_eq!(value(of().execute(&quorum_get("/a"))), number);
        of().run(Operation::CreateInOrder, "/queue").unwrap();
    }
    let client = of();
    client.set("/b", "1").unwrap();
    assert_eq!(value(client.get("/b")), "1");
    let mut list = Request::new(Operation::Get, key("/queue"));
    list.set_flags(etcd_v2::protocol::request::flags::QUORUM)
        .unwrap();
    let list = client.execute(&Call::new(Ask::Keys(list))).unwrap();
    assert_eq!(list.node().unwrap().child_count(), 3);
}

fn all_are_so(version: Version) {
    let etcd = Setup::new(version).without_v2(&[1]).start();
    let client = client(etcd.url(), 20_000);
    is_unsupported(&client.get("/a").unwrap_err());
    for operation in WRITES {
        is_unsupported(&client.run(operation, "/a").unwrap_err());
    }
}

#[test]
fn where_no_member_has_it_that_is_said_by_3_4() {
    all_are_so(Version::V3_4);
}

#[test]
fn where_no_member_has_it_that_is_said_by_the_newest_3_5() {
    all_are_so(Version::V3_5Newest);
}

/// Headers that show etcd 3, its proxy, something else in between, or nobody.
const HEADERS: [&[(&str, &str)]; 4] = [
    &[("Access-Control-Allow-Origin", "*")],
    &[
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Origin", "*"),
    ],
    &[("Access-Control-Allow-Origin", "*"), ("Via", "1.1 gateway")],
    &[],
];

const VERSIONS: [(u16, &str, bool); 6] = [
    (200, r#"{"etcdserver":"3.6.1","etcdcluster":"3.6.0"}"#, true),
    (
        200,
        r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#,
        true,
    ),
    (
        200,
        r#"{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}"#,
        false,
    ),
    (404, "404 page not found\n", false),
    (200, "<html>welcome</html>", false),
    // no answer
    (0, "", false),
];

/// Pages × headers of the page × versions × headers of the version: any server in Go has this page, and one that stands
/// before etcd may have handed the write on.
#[test]
fn the_page_alone_proves_nothing() {
    let mut walked = 0;
    for page in HEADERS {
        for (status, version, etcd) in VERSIONS {
            for of_version in HEADERS {
                let server = Scripted::tcp(move |conversation| {
                    while let Some(request) = conversation.read_request()? {
                        match (request.starts_with(b"GET /version "), status) {
                            (true, 0) => return conversation.close(),
                            (true, _) => conversation.answer(status, of_version, version)?,
                            _ => {
                                let mut headers =
                                    vec![("Content-Type", "text/plain; charset=utf-8")];
                                headers.extend(page);
                                conversation.answer(404, &headers, "404 page not found\n")?
                            }
                        }
                    }
                    Ok(())
                });
                let client = client(&format!("{},{}", server.url(), server.url()), 60_000);
                let what = format!("{page:?} {status} {version} {of_version:?}");
                let right = if etcd {
                    Status::UNSUPPORTED
                } else {
                    Status::PROTOCOL
                };
                let error = client.get("/a").expect_err(&what);
                assert_eq!(error.status(), right, "{what}: {error:?}");
                let proven = etcd && page == HEADERS[0] && of_version == HEADERS[0];
                for operation in [Operation::Set, Operation::CreateInOrder] {
                    let before = server.requests().len();
                    let error = client.execute(&call(operation, "/a")).expect_err(&what);
                    let sent = server.requests().split_off(before);
                    let copies = sent.iter().filter(|r| !r.starts_with(b"GET")).count();
                    match proven {
                        true => is_unsupported(&error),
                        false => {
                            assert!(error.detail().outcome_unknown, "{what}: {error:?}");
                            assert_eq!(error.status(), Status::OUTCOME_UNKNOWN, "{what}");
                            assert_eq!(copies, 1, "{what}");
                        }
                    }
                }
                walked += 1;
            }
        }
    }
    assert_eq!(walked, 96);
}
