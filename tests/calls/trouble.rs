//! Servers in trouble, as they are and not as a script has them: what a call is told, with the default deadline.

use crate::api;
use crate::support;

use api::{Client, Verbs, key, options, quorum_get, refused, value};
use etcd_v2::client::{Ask, Call, Fate, Lookout, Options, Patience};
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::status::Status;
use std::time::Duration;
use support::etcd::Setup;
use support::{Cluster, Etcd, Version, wait_for};

const AMPLE: Duration = Duration::from_secs(60);

/// With the deadline that nobody has to think of.
fn patient(endpoints: &str) -> Client {
    let mut options = Options::default();
    options.add_endpoints("endpoints", endpoints).unwrap();
    Client::new(&options).unwrap()
}

fn raw(method: &str, path: &str) -> Call {
    Call::new(Ask::Raw(
        HttpRequest::raw(method, path, None, None).unwrap(),
    ))
}

/// The election timeout of a default installation: etcd reports a write that found no quorum after 7 s.
fn slow_cluster(version: Version) -> Cluster {
    Setup::new(version).timing(100, 1000).cluster(3)
}

fn a_member_that_has_lost_its_quorum(version: Version) {
    let cluster = slow_cluster(version);
    let survivor = cluster.followers()[0];
    let client = patient(&cluster.endpoints());
    cluster.member(survivor).set_in_the_end("/a", "value=old");
    wait_for("all have it", AMPLE, || {
        (cluster.member(survivor).value("/a")? == "old").then_some(())
    });
    let dead = cluster.all_but(survivor);
    for &i in &dead {
        cluster.member(i).kill();
    }
    // reads go on, and say nothing of it
    assert_eq!(value(client.get("/a")), "old");
    assert_eq!(
        client
            .execute(&raw("GET", "/v2/members"))
            .unwrap()
            .head()
            .status,
        200
    );
    assert_eq!(
        client
            .execute(&raw("GET", "/version"))
            .unwrap()
            .head()
            .status,
        200
    );
    // nothing comes, and nothing fails
    let patience = Patience::For(Duration::from_millis(500));
    let told = client.watch_once(&key("/a"), false, 0, patience, None);
    assert_eq!(told.expect_err("nothing changes").status(), Status::TIMEOUT);
    // what is wrong with the request itself is told at once
    refused(
        client.execute(&raw("PUT", "/v2/keys/a?prevExist=perhaps")),
        Status(209),
    );
    // a write may still be committed, and the deadline has room for etcd's word
    let mut request = Request::new(Operation::Set, key("/a"));
    request.set_value(b"new").unwrap();
    let set = Call::new(Ask::Keys(request));
    let lost = refused(client.execute(&set), Status::OUTCOME_UNKNOWN);
    let detail = lost.detail();
    assert!(detail.outcome_unknown, "{lost:?}");
    assert_eq!(
        (detail.etcd_code, detail.http_status),
        (300, 500),
        "{lost:?}"
    );
    assert!(
        detail.message.contains(cluster.member(survivor).url()),
        "{lost}"
    );
    // a read through consensus has changed nothing
    let mut read = quorum_get("/a");
    read.deadline = Some(Duration::from_millis(1_500));
    let error = client.execute(&read).expect_err("no quorum");
    assert!(
        !error.detail().outcome_unknown && error.detail().retriable,
        "{error:?}"
    );

    for &i in &dead {
        cluster.member(i).restart_unready();
    }
    let lookout = Lookout {
        timeout: Some(AMPLE),
        settle: Duration::from_secs(1),
    };
    let finding = wait_for("it can be looked for", AMPLE, || {
        client.resolve_outcome(&set, &lost, lookout, None).ok()
    });
    // the election may go on
    let now = wait_for("a quorum", AMPLE, || client.execute(&quorum_get("/a")).ok());
    let now = value(Ok(now));
    match finding.fate {
        Fate::Applied => assert_eq!(now, "new"),
        Fate::NotApplied => assert!(!finding.is_final),
        Fate::Unsure => panic!("{finding:?}"),
    }
}

#[test]
fn a_member_that_has_lost_its_quorum_on_3_4() {
    a_member_that_has_lost_its_quorum(Version::V3_4);
}

#[test]
fn a_member_that_has_lost_its_quorum_on_3_5() {
    a_member_that_has_lost_its_quorum(Version::V3_5);
}

#[test]
fn a_member_that_has_lost_its_quorum_on_the_newest_3_5() {
    a_member_that_has_lost_its_quorum(Version::V3_5Newest);
}

/// One of two is gone: what etcd says about it after its own time is not taken back by a deadline that comes after it.
#[test]
fn what_is_said_without_a_quorum_stands() {
    let cluster = Setup::new(Version::V3_5Newest).cluster(2);
    let (alive, stopped) = (cluster.member(0), cluster.member(1));
    // etcd's own time is 5.4 s: a second one has no room behind it
    let client = Client::new(&options(alive.url(), 10_500)).unwrap();
    alive.set_in_the_end("/a", "value=old");
    let members = client.members().unwrap().list;
    let id = members.iter().find(|m| m.client_urls == [stopped.url()]);
    let id = id.expect("the stopped one").id.clone();
    stopped.kill();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let error = refused(client.execute(&quorum_get("/a")), Status::RAFT_INTERNAL);
            let detail = error.detail();
            assert!(detail.retriable && !detail.outcome_unknown, "{error:?}");
        });
        let error = client.remove_member(&id).expect_err("no quorum");
        let detail = error.detail();
        let told = (detail.status, detail.http_status, detail.retriable);
        assert_eq!(told, (Status::OUTCOME_UNKNOWN, 500, true), "{error:?}");
    });
}

/// It accepts what is sent and answers nothing, not even who it is.
#[test]
fn a_member_that_has_not_joined_is_left_and_what_it_was_sent_is_unknown() {
    let cluster = Cluster::start(Version::V3_5, 3);
    cluster.member(0).set_in_the_end("/a", "value=1");
    for member in cluster.members() {
        member.kill();
    }
    let alone = cluster.member(0);
    alone.restart_unready();
    wait_for("its port is open", AMPLE, || {
        std::net::TcpStream::connect(("127.0.0.1", alone.port())).ok()
    });
    let only = Client::new(&options(alone.url(), 4_000)).unwrap();
    let error = refused(only.get("/a"), Status::TIMEOUT);
    assert!(!error.detail().outcome_unknown, "{error:?}");
    for operation in [Operation::Set, Operation::CreateInOrder] {
        let error = refused(only.run(operation, "/a"), Status::OUTCOME_UNKNOWN);
        assert!(error.detail().outcome_unknown, "{error:?}");
    }
    // among others it costs its share, once
    let other = Etcd::start(Version::V3_5);
    other.set("/a", "value=other");
    let both = Client::new(&options(
        &format!("{},{}", alone.url(), other.url()),
        16_000,
    ))
    .unwrap();
    for _ in 0..5 {
        assert_eq!(value(both.get("/a")), "other");
    }
    both.set("/a", "2").unwrap();
}

/// The 500 that is not for want of a quorum: nothing was changed, and nothing will be.
#[test]
fn what_3_5_cannot_do_is_refused_for_certain() {
    let etcd = Etcd::start(Version::V3_5);
    let client = patient(etcd.url());
    let directory = |operation| {
        let mut request = Request::new(operation, key("/d"));
        request.set_flags(flags::DIR).unwrap();
        request.set_ttl(100).unwrap();
        Call::new(Ask::Keys(request))
    };
    client.execute(&directory(Operation::Create)).unwrap();
    let before = etcd.index();
    let error = refused(
        client.execute(&directory(Operation::Update)),
        Status::RAFT_INTERNAL,
    );
    let detail = error.detail();
    assert!(!detail.outcome_unknown && !detail.retriable, "{error:?}");
    assert!(detail.cause.contains("Not a file"), "{error:?}");
    assert_eq!(etcd.index(), before);
}

/// Its word for a write that waits for an election in vain is as good as any other: unknown; and the next one works.
#[test]
fn an_election_is_over_soon() {
    let cluster = Cluster::start(Version::V3_4, 3);
    let leader = cluster.leader();
    let left = cluster.all_but(leader);
    let endpoints: Vec<&str> = left.iter().map(|i| cluster.member(*i).url()).collect();
    let client = patient(&endpoints.join(","));
    cluster.member(left[0]).set_in_the_end("/a", "value=0");
    client.get("/a").unwrap();
    cluster.member(leader).kill();
    let mut unknown = 0;
    let works = wait_for("a write works", AMPLE, || {
        match client.run(Operation::CreateInOrder, "/queue") {
            Ok(response) => Some(response),
            Err(error) => {
                let detail = error.detail();
                assert!(detail.outcome_unknown || detail.retriable, "{error:?}");
                unknown += u64::from(detail.outcome_unknown);
                None
            }
        }
    });
    let mut list = Request::new(Operation::Get, key("/queue"));
    list.set_flags(flags::QUORUM).unwrap();
    let list = Call::new(Ask::Keys(list));
    let list = wait_for("a quorum", AMPLE, || client.execute(&list).ok());
    let made = list.node().unwrap().child_count() as u64;
    assert!(
        (1..=1 + unknown).contains(&made),
        "{made} made, {unknown} unknown"
    );
    assert!(works.node().is_some());
}
