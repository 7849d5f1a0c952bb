use super::*;
use crate::client::Options;
use crate::outcome::transmission::Sent;
use crate::protocol::decode_limits::DecodeLimits;
use crate::transport::fault::FaultKind;
use std::time::Duration;

/// A member set and how its members, and others, answer.
struct World {
    member_set: MemberSet,
    asked: Vec<String>,
    time: Duration,
}

enum Reply {
    /// status, cluster id, body
    Says(u16, &'static str, String),
    Fails,
    /// over a connection that was idle for too long
    Stale,
}
use Reply::{Fails, Says, Stale};

/// A list in which every member has one of these URLs.
fn list(urls: &[&str]) -> String {
    let members: Vec<String> = urls
        .iter()
        .enumerate()
        .map(|(i, url)| {
            format!(r#"{{"id":"{i:x}","name":"n{i}","peerURLs":[],"clientURLs":["{url}"]}}"#)
        })
        .collect();
    format!(r#"{{"members":[{}]}}"#, members.join(","))
}

fn says(urls: &[&str]) -> Reply {
    Says(200, "c1", list(urls))
}

impl World {
    fn new(seeds: &str) -> World {
        let mut options = Options::default();
        options.add_endpoints("endpoints", seeds).unwrap();
        World {
            member_set: MemberSet::new(options.endpoints(), options.settings()),
            asked: Vec::new(),
            time: Duration::from_secs(9),
        }
    }

    fn look(&mut self, mut reply: impl FnMut(&str, &str) -> Reply) -> Result<bool> {
        let now = Instant::now();
        let budget = Budget {
            deadline: now + self.time,
            connect: Duration::from_secs(2),
            attempt: None,
            max_body: 1 << 30,
        };
        let decode = DecodeLimits {
            depth: 10,
            nodes: 10,
        };
        let member_set = &self.member_set;
        let mut sync = MembershipSync::new(budget, decode, member_set, now);
        let mut todo = sync.go(now, member_set);
        loop {
            assert!(self.asked.len() < 400, "endless");
            let SyncStep::Exchange = todo else {
                let SyncStep::End(result) = todo else {
                    panic!()
                };
                return result;
            };
            let (member, http_request, limits) = sync.exchange().unwrap();
            assert!(limits.max_body <= LONGEST && limits.head <= Duration::from_secs(2));
            let host = member.url().trim_start_matches("http://").to_owned();
            let stranger = member_set.find(member.url()).is_none();
            assert!(!stranger || member.channel().authorization().is_none());
            let said = reply(&host, &http_request.target);
            self.asked.push(format!("{host}{}", http_request.target));
            let fault = |reused| {
                Box::new(Fault {
                    reused,
                    ..Fault::of(Phase::Connect, FaultKind::Connection, Sent::None)
                })
            };
            todo = match said {
                Says(status, cluster, body) => {
                    let mut head = Head::new(status);
                    head.cluster_id = cluster.into();
                    let answer = Answer {
                        head,
                        body: body.into_bytes(),
                        partial: None,
                        content: Default::default(),
                        timings: Default::default(),
                    };
                    sync.answered(answer, now, member_set)
                }
                Fails => sync.failed(fault(false), now, member_set),
                Stale => sync.failed(fault(true), now, member_set),
            };
        }
    }

    fn hosts(&self) -> Vec<String> {
        let members = self.member_set.members();
        let host = |m: &Arc<Member>| m.url().trim_start_matches("http://").to_owned();
        members.iter().map(host).collect()
    }
}

#[test]
fn members_that_are_new_are_tried_and_taken_in() {
    let mut world = World::new("a:1");
    let changed =
        world.look(|_, _| says(&["http://b:1", "http://a:1", "http://c:1", "http://b:1/"]));
    assert!(changed.unwrap());
    assert_eq!(world.hosts(), ["a:1", "b:1", "c:1"]);
    assert_eq!(
        world.asked,
        ["a:1/v2/members", "b:1/v2/members", "c:1/v2/members"]
    );
    // those that are known are not tried again
    world.asked.clear();
    assert!(
        !world
            .look(|_, _| says(&["http://b:1", "http://a:1", "http://c:1"]))
            .unwrap()
    );
    assert_eq!(world.asked, ["a:1/v2/members"]);
}

#[test]
fn who_left_the_cluster_goes_and_a_seed_stays() {
    let mut world = World::new("a:1,b:1");
    world
        .look(|_, _| says(&["http://a:1", "http://b:1", "http://c:1"]))
        .unwrap();
    assert_eq!(world.hosts(), ["a:1", "b:1", "c:1"]);
    assert!(world.look(|_, _| says(&["http://d:1"])).unwrap());
    assert_eq!(world.hosts(), ["a:1", "b:1", "d:1"]);
}

/// P31: nothing of use in the list, so nothing changes.
#[test]
fn what_is_no_list_changes_nothing() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let bodies = [
        "",
        " ",
        "{}",
        "[]",
        "null",
        "<html><body>404</body></html>",
        r#"{"members":null}"#,
        r#"{"members":[]}"#,
        r#"{"members":{}}"#,
        r#"{"members":[1,2]}"#,
        r#"{"members":[{"id":"1","name":"","peerURLs":[],"clientURLs":[]}]}"#,
        r#"{"members":[{"id":"1","name":"","peerURLs":null,"clientURLs":null}]}"#,
        r#"{"members":[{"id":"1","clientURLs":["http://b:1"]"#,
        r#"{"members":[{"id":"1","clientURLs":[5]}]}"#,
        r#"{"members":[{"id":"1","clientURLs":["","ftp://b","http://b:0","http://0.0.0.0:1","http://127.0.0.1:1"]}]}"#,
        r#"{"members":[{"id":"1","clientURLs":["http://me:secret@b:1"]}]}"#,
        "\u{feff}{\"members\":[]}",
        deep.as_str(),
    ];
    for body in bodies {
        for status in [200, 201, 302, 404, 500, 503] {
            let mut world = World::new("a:1");
            let reply = |_: &str, _: &str| Says(status, "c1", body.to_owned());
            let error = world.look(reply).unwrap_err();
            assert_eq!(world.hosts(), ["a:1"], "{body}");
            let known = [Status::PROTOCOL, Status::REDIRECT, Status::SERVER_ERROR];
            assert!(known.contains(&error.status()), "{body}: {error}");
            let text = error.to_string();
            assert!(
                text.contains("http://a:1") && !text.contains('\n'),
                "{text}"
            );
            assert!(!text.contains("secret"), "{text}");
        }
    }
}

#[test]
fn one_bad_list_or_member_is_made_up_for_by_the_others() {
    let mut world = World::new("a:1,b:1,c:1");
    let changed = world.look(|host, _| match host {
        "a:1" => Fails,
        "b:1" => Says(200, "c1", "<html>".into()),
        _ => says(&[
            "ftp://x",
            "http://c:1",
            "http://d:1",
            "junk",
            "http://[::]:1",
        ]),
    });
    assert!(changed.unwrap());
    assert_eq!(world.hosts(), ["a:1", "b:1", "c:1", "d:1"]);
    // it could not be reached, which is no matter of the list
    let a = world.member_set.find("http://a:1").unwrap();
    assert!(!a.is_trusted(Instant::now()));
    let b = world.member_set.find("http://b:1").unwrap();
    assert!(b.is_trusted(Instant::now()));
}

/// P32: a member is used only after it has answered.
#[test]
fn who_does_not_answer_or_belongs_elsewhere_is_not_taken_in() {
    let mut world = World::new("a:1");
    let all = [
        "http://a:1",
        "http://b:1",
        "http://c:1",
        "http://d:1",
        "http://e:1",
    ];
    let changed = world.look(|host, _| match host {
        "a:1" => says(&all),
        "b:1" => Fails,
        "c:1" => Says(200, "c2", list(&all)),
        "d:1" => Says(200, "c1", "<html>".into()),
        _ => says(&all),
    });
    assert!(changed.unwrap());
    assert_eq!(world.hosts(), ["a:1", "e:1"]);

    let mut world = World::new("a:1");
    let error = world.look(|host, _| match host {
        "a:1" => says(&["http://vip:1"]),
        _ => Fails,
    });
    assert_eq!(error.unwrap_err().status(), Status::UNREACHABLE);
    assert_eq!(world.hosts(), ["a:1"]);
}

#[test]
fn a_list_of_another_cluster_is_not_believed() {
    let mut world = World::new("a:1,b:1");
    let mut head = Head::new(200);
    head.cluster_id = "c1".into();
    world.member_set.staleness().see(1, &head, Instant::now());
    for other in ["c2", ""] {
        let error = world
            .look(|_, _| Says(200, other, list(&["http://x:1"])))
            .unwrap_err();
        assert_eq!(error.status(), Status::PROTOCOL);
        assert!(error.to_string().contains("cluster"), "{error}");
        assert_eq!(world.hosts(), ["a:1", "b:1"]);
    }
    assert!(world.look(|_, _| says(&["http://x:1"])).unwrap());
}

#[test]
fn the_list_of_old_servers_is_read_too() {
    let mut world = World::new("a:1");
    let changed = world.look(|host, target| match (host, target) {
        (_, "/v2/members") => Says(404, "", "404 page not found\n".into()),
        (_, "/v2/machines") => Says(200, "", "http://a:1, http://b:1, http://c:1,".into()),
        ("b:1", "/version") => Says(200, "", "etcd 0.4.9".into()),
        _ => Says(200, "", "<html>".into()),
    });
    assert!(changed.unwrap());
    assert_eq!(world.hosts(), ["a:1", "b:1"]);
    let mut world = World::new("a:1,b:1");
    let error = world.look(|_, _| Says(404, "", "404 page not found\n".into()));
    assert_eq!(error.unwrap_err().detail().http_status, 404);
    assert_eq!(world.asked.len(), 4);
}

#[test]
fn stale_connections_are_tried_anew_once() {
    let mut world = World::new("a:1");
    let mut first = true;
    let changed = world.look(|_, _| match std::mem::take(&mut first) {
        true => Stale,
        false => says(&["http://b:1"]),
    });
    assert!(changed.unwrap());
    let mut world = World::new("a:1");
    assert!(world.look(|_, _| Stale).is_err());
    assert_eq!(world.asked.len(), 2);
}

#[test]
fn a_list_without_end_is_cut_and_a_changed_roster_is_left_alone() {
    let urls: Vec<String> = (0..1000).map(|i| format!("http://m{i}:1")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut world = World::new("a:1");
    world.look(|_, _| says(&urls)).unwrap();
    assert_eq!(world.hosts().len(), 1 + MOST);

    let world = World::new("a:1");
    let member_set = &world.member_set;
    let now = Instant::now();
    let budget = Budget {
        deadline: now + world.time,
        connect: world.time,
        attempt: None,
        max_body: 1,
    };
    let decode = DecodeLimits { depth: 1, nodes: 1 };
    let mut sync = MembershipSync::new(budget, decode, member_set, now);
    let SyncStep::Exchange = sync.go(now, member_set) else {
        panic!()
    };
    let later = now + world.time;
    // the caller names others meanwhile
    member_set.reset(&[Endpoint::parse("url", "x:1").unwrap()]);
    let mut head = Head::new(200);
    head.cluster_id = "c1".into();
    let answer = || Answer {
        head: head.clone(),
        body: list(&["http://b:1"]).into_bytes(),
        partial: None,
        content: Default::default(),
        timings: Default::default(),
    };
    let SyncStep::Exchange = sync.answered(answer(), now, member_set) else {
        panic!()
    };
    let SyncStep::End(Ok(false)) = sync.answered(answer(), now, member_set) else {
        panic!()
    };
    assert_eq!(world.hosts(), ["x:1"]);
    // and time is not made up
    let mut late = MembershipSync::new(budget, decode, &world.member_set, now);
    let SyncStep::End(Err(error)) = late.go(later, &world.member_set) else {
        panic!()
    };
    assert_eq!(error.status(), Status::TIMEOUT);
}
