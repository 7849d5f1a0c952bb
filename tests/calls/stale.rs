//! Answers that are older than what the client has been told: of members that are cut off from their peers, and of
//! others that only lag.

use crate::api;
use crate::support;

use api::{Client, Verbs, key, node_json, options, quorum_get, refused, value};
use etcd_v2::client::{Listener, Patience, StalenessPolicy};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::time::{Duration, Instant};
use support::{CProgram, Cluster, Mode, Proxy, Scripted, Step, Version, http, wait_for};

const AMPLE: Duration = Duration::from_secs(30);

fn client(endpoints: &str, policy: StalenessPolicy) -> Client {
    let mut options = options(endpoints, 20_000);
    options.set_stale(policy);
    Client::new(&options).unwrap()
}

/// An answer of a member that stands there.
fn told(status: u16, body: &str, cluster: &str, index: u64, term: u64) -> Step {
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    headers.push(("X-Etcd-Cluster-Id", cluster.to_owned()));
    headers.push(("X-Etcd-Index", index.to_string()));
    if term != 0 {
        headers.push(("X-Raft-Term", term.to_string()));
    }
    let headers = headers.into_iter().map(|(n, v)| (n.to_owned(), v));
    Step::Answer(status, headers.collect(), body.into())
}

/// Answers every request alike.
fn member(value: &str, cluster: &str, index: u64, term: u64) -> Scripted {
    let answer = told(200, &node_json(value), cluster, index, term);
    Scripted::steps(vec![Step::Read, answer, Step::Again])
}

/// The first answers once and goes; the next is asked in its stead.
fn after_one(value: &str, cluster: &str, index: u64, term: u64) -> Scripted {
    let answer = told(200, &node_json(value), cluster, index, term);
    Scripted::scripts(vec![
        vec![Step::Read, answer, Step::Close],
        vec![Step::Close],
    ])
}

fn list(members: &[&Scripted]) -> String {
    let urls: Vec<&str> = members.iter().map(|member| member.url()).collect();
    urls.join(",")
}

#[test]
fn what_is_older_is_told_or_refused_or_passed_on() {
    // by index, by term, of another cluster
    for (cluster, index, term, why) in [
        ("ab", 9, 5, "index 9 after 10"),
        ("ab", 10, 4, "term 4 after 5"),
        ("cd", 99, 9, "of cluster cd"),
    ] {
        for policy in [
            StalenessPolicy::Off,
            StalenessPolicy::Tell,
            StalenessPolicy::Refuse,
        ] {
            let first = after_one("new", "ab", 10, 5);
            let behind = member("old", cluster, index, term);
            let fresh = member("new", "ab", 11, 5);
            let client = client(&list(&[&first, &behind, &fresh]), policy);
            let answer = client.get("/a").unwrap();
            assert!(!answer.is_stale());
            first.wait_until_idle();
            let answer = client.get("/a").unwrap();
            let node = answer.node().unwrap().value().unwrap().to_owned();
            let expected = match policy {
                StalenessPolicy::Off => ("old", false),
                StalenessPolicy::Tell => ("old", true),
                StalenessPolicy::Refuse => ("new", false),
            };
            assert_eq!((node.as_str(), answer.is_stale()), expected, "{why}");
            // quorum reads and writes are what they are
            assert!(!client.execute(&quorum_get("/a")).unwrap().is_stale());
            assert!(!client.set("/a", "x").unwrap().is_stale());
        }
        let first = after_one("new", "ab", 10, 5);
        let behind = member("old", cluster, index, term);
        let client = client(&list(&[&first, &behind]), StalenessPolicy::Refuse);
        client.get("/a").unwrap();
        first.wait_until_idle();
        let error = refused(client.get("/a"), Status::STALE);
        let detail = error.detail();
        assert!(detail.stale && detail.retriable && !detail.outcome_unknown);
        assert!(detail.message.contains(why), "{error}");
        assert!(detail.message.contains(behind.url()), "{error}");
        let attempts = detail.attempts.iter();
        let tries = attempts.filter(|a| &*a.endpoint == behind.url()).count();
        assert_eq!(tries, 2, "asked twice, since it may catch up: {error:?}");
        let mut names = etcd_v2::client::ClientCounters::names();
        let refusals = names.position(|n| n == "stale_rejected").unwrap();
        assert_eq!(client.counters().unwrap().whole[refusals], 2);
        // never an empty list: it is asked again, and a quorum read is as fresh as it can be
        assert_eq!(value(client.execute(&quorum_get("/a"))), "old");
    }
}

#[test]
fn a_key_that_is_not_there_yet_is_told_too() {
    let missing = r#"{"errorCode":100,"message":"Key not found","cause":"/a","index":9}"#;
    for (policy, status, stale) in [
        (StalenessPolicy::Tell, Status::KEY_NOT_FOUND, true),
        (StalenessPolicy::Off, Status::KEY_NOT_FOUND, false),
        (StalenessPolicy::Refuse, Status::STALE, true),
    ] {
        let first = after_one("new", "ab", 10, 5);
        let answer = told(404, missing, "ab", 9, 0);
        let behind = Scripted::steps(vec![Step::Read, answer, Step::Again]);
        let client = client(&list(&[&first, &behind]), policy);
        client.get("/a").unwrap();
        first.wait_until_idle();
        let error = refused(client.get("/a"), status);
        assert_eq!(error.detail().stale, stale, "{error:?}");
    }
}

#[test]
fn a_member_that_lags_for_a_moment_is_asked_again_and_not_avoided() {
    let first = after_one("new", "ab", 10, 5);
    // it catches up before it is asked again
    let lags = Scripted::steps(vec![
        Step::Read,
        told(200, &node_json("old"), "ab", 9, 5),
        Step::Read,
        told(200, &node_json("new"), "ab", 10, 5),
        Step::Again,
    ]);
    let client = client(&list(&[&first, &lags]), StalenessPolicy::Refuse);
    client.get("/a").unwrap();
    first.wait_until_idle();
    assert_eq!(value(client.get("/a")), "new");
    assert_eq!(lags.requests().len(), 2);
}

/// One answer that lies, by much or by little, does not make every honest one old for ever; and what the members agree on
/// proves at once that it was a lie.
#[test]
fn one_answer_that_lies_is_believed_for_a_bounded_time() {
    std::thread::scope(|scope| {
        for (index, term, writes) in [
            (u64::MAX, 5, false),
            (1 << 40, 5, false),
            (1_000, 5, false),
            (10, u64::MAX, false),
            (10, 1_000, false),
            (1 << 40, 1_000, true),
        ] {
            scope.spawn(move || {
                let liar = after_one("lie", "ab", index, term);
                let honest = member("true", "ab", 10, 5);
                let client = client(&list(&[&liar, &honest]), StalenessPolicy::Refuse);
                assert_eq!(value(client.get("/a")), "lie");
                liar.wait_until_idle();
                if writes {
                    refused(client.get("/a"), Status::STALE);
                    client.set("/a", "x").unwrap();
                    assert_eq!(value(client.get("/a")), "true");
                    return;
                }
                wait_for("an honest answer counts", AMPLE, || {
                    match client.get("/a") {
                        Ok(answer) => (answer.node()?.value() == Some("true")).then_some(()),
                        Err(error) => {
                            assert_eq!(error.status(), Status::STALE, "{error:?}");
                            None
                        }
                    }
                });
                assert_eq!(value(client.get("/a")), "true");
            });
        }
    });
}

/// The same with an identifier of a cluster: who refuses what is foreign does not stay with it because of one answer.
#[test]
fn one_answer_of_another_cluster_is_believed_for_a_bounded_time() {
    let liar = after_one("lie", "cd", 10, 5);
    let honest = member("true", "ab", 10, 5);
    let client = client(&list(&[&liar, &honest]), StalenessPolicy::Refuse);
    assert_eq!(value(client.get("/a")), "lie");
    liar.wait_until_idle();
    refused(client.get("/a"), Status::STALE);
    wait_for("an honest answer counts", AMPLE, || {
        client.get("/a").ok().filter(|answer| {
            let node = answer.node();
            node.is_some_and(|node| node.value() == Some("true"))
        })
    });
}

/// A client that goes on from a member that dies to one that is cut off from its peers.
struct Partition {
    cluster: Cluster,
    /// before the member that will die
    proxy: Proxy,
    cut_off: usize,
    alive: usize,
}

impl Partition {
    /// `/a` is "old" on the member that is cut off, and "new" on the others.
    fn new(version: Version) -> Partition {
        let cluster = Cluster::isolatable(version, 3);
        let cut_off = cluster.leader();
        let others = cluster.all_but(cut_off);
        cluster.member(cut_off).set_in_the_end("/a", "value=old");
        wait_for("all have it", Duration::from_secs(20), || {
            let all = cluster.members().iter();
            all.map(|m| m.value("/a"))
                .all(|v| v.as_deref() == Some("old"))
                .then_some(())
        });
        cluster.isolate(cut_off);
        let leader = cluster.leader_among(&others);
        let first = others.into_iter().find(|i| *i != leader).unwrap();
        wait_for("it is written", Duration::from_secs(20), || {
            let reply = http::put(&cluster.member(leader).key_url("/a"), "value=new").ok()?;
            (reply.status == 200).then_some(())
        });
        wait_for("it is there", Duration::from_secs(20), || {
            (cluster.member(first).value("/a")? == "new").then_some(())
        });
        Partition {
            proxy: Proxy::to(cluster.member(first).url()),
            cluster,
            cut_off,
            alive: leader,
        }
    }

    /// A client that has read "new", and whose member is then gone; the next on its list is cut off.
    fn client(&self, policy: StalenessPolicy, with_the_other: bool) -> Client {
        self.proxy.set(Mode::Pass);
        let mut endpoints = vec![self.proxy.url().to_owned()];
        endpoints.push(self.cluster.member(self.cut_off).url().to_owned());
        if with_the_other {
            endpoints.push(self.cluster.member(self.alive).url().to_owned());
        }
        let client = client(&endpoints.join(","), policy);
        assert_eq!(value(client.get("/a")), "new");
        self.proxy.set(Mode::Refuse);
        client
    }
}

fn a_member_that_is_cut_off(version: Version) {
    let partition = Partition::new(version);
    let old = |answer: &Response| answer.node().unwrap().value() == Some("old");
    let answer = partition
        .client(StalenessPolicy::Off, true)
        .get("/a")
        .unwrap();
    assert!(old(&answer) && !answer.is_stale(), "what this is about");
    let answer = partition
        .client(StalenessPolicy::Tell, true)
        .get("/a")
        .unwrap();
    assert!(old(&answer) && answer.is_stale());
    let client = partition.client(StalenessPolicy::Refuse, true);
    let answer = client.get("/a").unwrap();
    assert_eq!(answer.node().unwrap().value(), Some("new"));
    let alive = partition.cluster.member(partition.alive).url();
    assert_eq!(&**answer.endpoint(), alive);

    let client = partition.client(StalenessPolicy::Refuse, false);
    let error = refused(client.get("/a"), Status::STALE);
    let message = &error.detail().message;
    let cut_off = partition.cluster.member(partition.cut_off);
    assert!(message.contains(cut_off.url()), "{message}");
    assert!(message.contains(" after "), "{message}");
    // it is one of them again, and nobody has to do anything
    partition.cluster.rejoin(partition.cut_off);
    wait_for("it is read", Duration::from_secs(30), || {
        match client.get("/a") {
            Ok(answer) => (answer.node()?.value() == Some("new")).then_some(()),
            Err(error) => {
                assert_eq!(error.status(), Status::STALE, "{error:?}");
                None
            }
        }
    });
}

#[test]
fn a_member_that_is_cut_off_is_found_out_on_3_4() {
    a_member_that_is_cut_off(Version::V3_4);
}

#[test]
fn a_member_that_is_cut_off_is_found_out_on_3_5() {
    a_member_that_is_cut_off(Version::V3_5);
}

#[test]
fn a_member_that_is_cut_off_is_found_out_on_the_newest_3_5() {
    a_member_that_is_cut_off(Version::V3_5Newest);
}

/// A watch on it is mute for as long as a poll lasts: here for ever.
#[test]
fn watches_leave_a_member_that_is_cut_off() {
    let partition = Partition::new(Version::V3_4);
    let urls = [partition.cut_off, partition.alive].map(|i| partition.cluster.member(i).url());
    partition.proxy.set(Mode::Pass);
    let endpoints = format!("{},{}", partition.proxy.url(), urls.join(","));
    let mut options = options(&endpoints, 20_000);
    options.set_stale(StalenessPolicy::Refuse);
    options.set_max_poll_ms(600_000).unwrap();
    let client = Client::new(&options).unwrap();
    // a healthy member lags for less than what the client has known for so long
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1_600) {
        assert_eq!(value(client.get("/a")), "new");
        std::thread::sleep(Duration::from_millis(100));
    }
    partition.proxy.set(Mode::Refuse);
    let watcher = client
        .watch(&key("/a"), &WatchOptions::default(), Listener::default())
        .unwrap();
    let writer = partition.cluster.member(partition.alive);
    std::thread::scope(|scope| {
        let once = scope.spawn(|| {
            let patience = Patience::For(Duration::from_secs(60));
            client.watch_once(&key("/a"), false, 0, patience, None)
        });
        wait_for("both watch the member that is left", AMPLE, || {
            let stats = http::get(&format!("{}/v2/stats/store", writer.url())).ok()?;
            (stats.json()["watchers"].as_u64() == Some(2)).then_some(())
        });
        writer.set_in_the_end("/a", "value=newer");
        let change = once.join().unwrap().unwrap();
        assert_eq!(change.node().unwrap().value(), Some("newer"));
        let event = watcher.next(Some(Instant::now() + AMPLE)).unwrap();
        let event = event.expect("an event in time");
        assert_eq!(event.node().unwrap().value(), Some("newer"));
    });
}

#[test]
fn it_is_told_to_c() {
    let first = || after_one("new", "ab", 10, 5);
    let (one, other) = (first(), first());
    let behind = member("old", "ab", 9, 5);
    let program = CProgram::new("stale").build();
    let arguments = [one.url(), behind.url(), other.url(), behind.url()];
    program.run(&arguments).success();
}

/// The guard rests on it: a member that stands for election in vain tells the term of its last change.
#[test]
fn a_follower_that_is_cut_off_does_not_raise_the_term() {
    for version in [Version::V3_4, Version::V3_5] {
        let cluster = Cluster::isolatable(version, 3);
        let term = |i: usize| {
            let reply = http::get(&cluster.member(i).key_url("/")).unwrap();
            reply.header("X-Raft-Term").unwrap().parse::<u64>().unwrap()
        };
        let leader = cluster.leader();
        let follower = cluster.all_but(leader)[0];
        cluster.member(follower).set_in_the_end("/a", "value=1");
        cluster.isolate(follower);
        let before = term(follower);
        // several elections of 500 to 1000 ms
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(term(follower), before);
        // on a busy machine the others may have had another election
        assert!(term(leader) >= before);
    }
}
