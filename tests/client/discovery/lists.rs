//! What the cluster says of its own members.

use super::*;
use api::{Verbs, refused, value};
use etcd_v2::cluster::members::member_set::Source;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::time::Instant;
use support::{BlackHole, Cluster, Version, http, wait_for};

/// A member of a real cluster is enough to find the others, and who is removed goes.
#[test]
fn one_member_is_enough_to_find_the_others() {
    for version in Version::ALL {
        let cluster = Cluster::start(version, 3);
        let members: Vec<&str> = cluster.members().iter().map(|m| m.url()).collect();
        let client = client(members[0]);
        client.set("/a", "1").unwrap();
        client.sync(None, None).unwrap();
        let mut found = urls(&client);
        assert_eq!(found[0], members[0]);
        found.sort();
        let mut all = members.clone();
        all.sort();
        assert_eq!(found, all);
        let known = client.endpoints().unwrap();
        assert_eq!(known[0].source, Source::Seed);
        assert!(
            known[1..]
                .iter()
                .all(|known| known.source == Source::Synced)
        );

        // the one that was named is killed: nobody notices
        cluster.member(0).kill();
        for _ in 0..5 {
            assert_eq!(value(client.get("/a")), "1");
        }
        cluster.member(0).restart();

        // one that was found is removed from the cluster
        let list = http::get(&format!("{}/v2/members", members[0]))
            .unwrap()
            .json();
        let gone = list["members"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["clientURLs"][0] == members[2])
            .unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("{}/v2/members/{gone}", members[0]);
        wait_for("removal", LONG, || {
            http::request("DELETE", &path, &[], b"")
                .is_ok_and(|reply| reply.status == 204 || reply.status == 410)
                .then_some(())
        });
        wait_for("a list without it", LONG, || {
            client.sync(None, None).unwrap();
            (urls(&client) == [members[0], members[1]]).then_some(())
        });
        // it may have been the leader
        wait_for("a write", LONG, || client.set("/a", "after").ok());

        // as a seed it stays, whatever the cluster says
        let seeds = format!("{},{}", members[2], members[0]);
        client.set_endpoints("urls", &seeds).unwrap();
        client.sync(None, None).unwrap();
        assert_eq!(urls(&client), [members[2], members[0], members[1]]);
        assert_eq!(value(client.execute(&api::quorum_get("/a"))), "after");
    }
}

/// P31 and P32 over real sockets: nothing that a server says makes the client worse off.
#[test]
fn useless_lists_leave_the_members_as_they_are() {
    let dead = api::dead_endpoint();
    let stranger = listing(200, "c2", &list(&["http://127.0.0.1:1"]));
    let bodies = [
        "".to_owned(),
        "<html>It works!</html>".to_owned(),
        r#"{"members":[]}"#.to_owned(),
        list(&[]),
        list(&[
            "https://127.0.0.1:1",
            "junk",
            "http://0.0.0.0:1",
            "http://[fe80::1]:1",
        ]),
        list(&[&dead]),
        list(&[stranger.url()]),
        list(&["http://a:1"])[..40].to_owned(),
    ];
    for body in bodies {
        let server = listing(200, "c1", &body);
        let client = client(server.url());
        let error = client.sync(None, None).unwrap_err();
        let known = [Status::PROTOCOL, Status::UNREACHABLE];
        assert!(known.contains(&error.status()), "{body}: {error}");
        assert_eq!(urls(&client), [server.url()], "{body}");
        assert_eq!(value(client.get("/a")), "1");
    }
}

#[test]
fn a_member_that_answers_nothing_is_neither_asked_for_long_nor_taken_in() {
    let hole = BlackHole::new();
    let good = listing(200, "c1", &list(&[]));
    let server = listing(200, "c1", &list(&[hole.url(), good.url()]));
    let client = client(&format!("{},{}", hole.url(), server.url()));
    client.sync(None, None).unwrap();
    assert_eq!(urls(&client), [hole.url(), server.url(), good.url()]);
}

#[test]
fn looking_ends_with_its_deadline_and_with_the_token() {
    let mute = Scripted::tcp(|conversation: &mut Conversation| -> io::Result<()> {
        conversation.read_request()?;
        conversation.stay_silent();
        Ok(())
    });
    let client = client(mute.url());
    let began = Instant::now();
    let short = Some(Duration::from_millis(100));
    refused(client.sync(short, None).map(|()| panic!()), Status::TIMEOUT);
    assert!(began.elapsed() >= Duration::from_millis(100));
    let token = Cancel::new().unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| client.sync(None, Some(&token)));
        mute.wait_for_requests(2);
        token.fire();
        let error = call.join().unwrap().unwrap_err();
        assert_eq!(error.status(), Status::CANCELLED);
    });
    assert_eq!(urls(&client), [mute.url()]);
}
