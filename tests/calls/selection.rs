//! Which member is asked first.

use crate::api;
use crate::support;

use api::{Client, Verbs, dead_endpoint, node_json, options, value};
use etcd_v2::client::Selection;
use etcd_v2::protocol::request::Operation;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use support::{Cluster, Scripted, Step, Version, wait_for};

const AMPLE: Duration = Duration::from_secs(60);

fn client(endpoints: &str, selection: Selection) -> Client {
    let mut options = options(endpoints, 60_000);
    options.set_selection(selection);
    Client::new(&options).unwrap()
}

fn three() -> (Vec<Scripted>, String) {
    let members: Vec<_> = (0..3)
        .map(|i| Scripted::json(&node_json(&i.to_string())))
        .collect();
    let urls: Vec<_> = members.iter().map(|m| m.url().to_owned()).collect();
    (members, urls.join(","))
}

#[test]
fn round_robin_gives_everybody_a_share() {
    let (members, endpoints) = three();
    let client = client(&endpoints, Selection::RoundRobin);
    for i in 0..9 {
        assert_eq!(value(client.get("/a")), (i % 3).to_string());
    }
    for i in 0..9 {
        assert_eq!(value(client.set("/a", "x")), (i % 3).to_string());
    }
    for member in &members {
        assert_eq!((member.requests().len(), member.connections()), (6, 1));
    }
}

#[test]
fn round_robin_passes_over_who_fails() {
    let (members, endpoints) = three();
    let busy = Scripted::steps(vec![
        Step::Read,
        Step::Answer(503, Vec::new(), b"{\"message\":\"busy\"}".to_vec()),
        Step::Again,
    ]);
    let endpoints = format!("{},{},{endpoints}", dead_endpoint(), busy.url());
    let client = client(&endpoints, Selection::RoundRobin);
    for _ in 0..30 {
        client.get("/a").unwrap();
        client.run(Operation::CreateInOrder, "/a").unwrap();
    }
    let asked: Vec<_> = members.iter().map(|m| m.requests().len()).collect();
    assert_eq!(asked.iter().sum::<usize>(), 60);
    assert!(asked.iter().all(|n| *n >= 10), "{asked:?}");
    // only when its penalty is over
    assert!(busy.requests().len() < 20, "{}", busy.requests().len());
}

#[test]
fn a_random_start_is_anywhere_and_stays_there() {
    let (_members, endpoints) = three();
    let mut options = options(&endpoints, 20_000);
    options.set_random_start(true);
    let mut begun = BTreeSet::new();
    for _ in 0..100 {
        let client = Client::new(&options).unwrap();
        let first = value(client.get("/a"));
        for _ in 0..3 {
            assert_eq!(value(client.get("/a")), first);
        }
        begun.insert(first);
    }
    assert_eq!(begun.len(), 3, "{begun:?}");
}

#[test]
fn a_leader_that_is_not_on_the_list_is_not_asked() {
    let foreign = Scripted::json(&node_json("foreign"));
    for answer in [
        format!(
            r#"{{"id":"1","name":"x","peerURLs":[],"clientURLs":["{}"]}}"#,
            foreign.url()
        ),
        r#"{"id":"1","name":"","peerURLs":[],"clientURLs":[]}"#.to_owned(),
        "<html>".to_owned(),
    ] {
        let member = Scripted::tcp(move |c| {
            while let Some(request) = c.read_request()? {
                let leader = request.starts_with(b"GET /v2/members/leader");
                let body = if leader {
                    answer.clone()
                } else {
                    node_json("1")
                };
                c.follow(&[Step::json(&body)])?;
            }
            Ok(())
        });
        let client = client(member.url(), Selection::Leader);
        let began = Instant::now();
        for _ in 0..5 {
            assert_eq!(value(client.get("/a")), "1");
        }
        let lines = member.request_lines();
        let asks = |line: &&String| line.contains("/v2/members/leader");
        // a page of another kind does not go for a failing member; it is asked again after 5 s
        let most = 1 + began.elapsed().as_secs() as usize / 5;
        let asked = lines.iter().filter(asks).count();
        assert!((1..=most).contains(&asked), "{lines:?}");
        assert!(foreign.requests().is_empty());
    }
}

#[test]
fn a_member_that_does_not_say_who_leads_costs_a_second_at_most() {
    let member = Scripted::tcp(|c| {
        while let Some(request) = c.read_request()? {
            match request.starts_with(b"GET /v2/members/leader") {
                true => c.follow(&[Step::Silent])?,
                false => c.follow(&[Step::json(&node_json("1"))])?,
            }
        }
        Ok(())
    });
    let client = client(member.url(), Selection::Leader);
    let began = Instant::now();
    assert_eq!(value(client.set("/a", "1")), "1");
    let asked = member.requests().len();
    assert_eq!(value(client.set("/a", "1")), "1");
    let late = began.elapsed() >= Duration::from_secs(5);
    let more = member.requests().len() - asked;
    assert!(more == 1 || late, "not again at once");
}

fn the_leader_is_followed(version: Version) {
    let cluster = Cluster::start(version, 3);
    let follower = cluster.followers()[0];
    let endpoints = format!("{},{}", cluster.member(follower).url(), cluster.endpoints());
    let client = client(&endpoints, Selection::Leader);
    let asked = |places: &[usize]| {
        let response = client.set("/a", "1").ok()?;
        let is_it = |i: &usize| cluster.member(*i).url() == &**response.endpoint();
        places.iter().copied().find(is_it)
    };
    let all = [0, 1, 2];
    wait_for("the leader is asked", AMPLE, || {
        (asked(&all)? == cluster.leader()).then_some(())
    });
    wait_for("reads go there, too", AMPLE, || {
        let read = client.get("/a").unwrap();
        (&**read.endpoint() == cluster.member(cluster.leader()).url()).then_some(())
    });
    // a new term tells that it is another one, though the old one works; on a busy machine there may be several elections
    cluster.move_leader();
    wait_for("the new leader is asked", AMPLE, || {
        (asked(&all)? == cluster.leader()).then_some(())
    });
    // so does its failure
    let dead = cluster.leader();
    cluster.member(dead).kill();
    client.get("/a").unwrap();
    let left = cluster.all_but(dead);
    wait_for("the newest leader is asked", AMPLE, || {
        (asked(&left)? == cluster.leader_among(&left)).then_some(())
    });
}

#[test]
fn the_leader_is_followed_on_3_4() {
    the_leader_is_followed(Version::V3_4);
}

#[test]
fn the_leader_is_followed_on_3_5() {
    the_leader_is_followed(Version::V3_5);
}

#[test]
fn the_leader_is_followed_on_the_newest_3_5() {
    the_leader_is_followed(Version::V3_5Newest);
}
