//! User and password: on every request of both drivers, changed while running, and nowhere else.

use crate::api;
use crate::support;

use api::Verbs;
use etcd_v2::client::{Client, Listener};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::credentials::Authorization;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::{Etcd, Scripted, Version, http, wait_for};

const LONG: Duration = Duration::from_secs(30);
/// `me:hunter2`, `me:changed`
const FIRST: &str = "Basic bWU6aHVudGVyMg==";
const SECOND: &str = "Basic bWU6Y2hhbmdlZA==";

fn basic(user: &str, password: &str) -> Option<Authorization> {
    Some(Authorization::basic(user, password).unwrap())
}

fn client(endpoints: &str, authorization: Option<Authorization>) -> api::Client {
    let mut options = api::options(endpoints, LONG.as_millis() as i64);
    options.set_authorization(authorization);
    api::Client::new(&options).unwrap()
}

fn submit(client: &Client) -> Result<(), etcd_v2::error::Error> {
    let (tell, told) = channel();
    let call = api::call(Operation::Get, "/submitted");
    client
        .submit(&call, move |result| tell.send(result.map(drop)).unwrap())
        .unwrap();
    told.recv_timeout(LONG).expect("a completion")
}

/// The values of `Authorization` that came with requests for this path.
fn told(server: &Scripted, path: &str) -> Vec<String> {
    let requests = server.requests().into_iter();
    let texts = requests.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    texts
        .filter(|text| {
            text.split(' ')
                .nth(1)
                .is_some_and(|target| target.contains(path))
        })
        .map(|text| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            let value = lines.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            value.map_or(String::new(), |(_, value)| value.to_owned())
        })
        .collect()
}

#[test]
fn every_request_of_both_drivers_carries_them_and_the_next_one_those_of_now() {
    let server = Scripted::json(&api::node_json("v"));
    let client = client(server.url(), basic("me", "hunter2"));
    client.get("/called").unwrap();
    submit(&client).unwrap();
    client.set_authorization(basic("me", "changed")).unwrap();
    client.get("/called").unwrap();
    submit(&client).unwrap();
    client.set_authorization(None).unwrap();
    client.get("/called").unwrap();
    submit(&client).unwrap();
    for path in ["/called", "/submitted"] {
        assert_eq!(told(&server, path), [FIRST, SECOND, ""], "{path}");
    }
    assert!(!format!("{client:?}").contains("hunter2"));
}

#[test]
fn a_watcher_takes_the_new_ones_with_its_next_poll() {
    let (change, changed) = channel::<()>();
    let changed = Mutex::new(changed);
    let server = Scripted::tcp(move |c| {
        while let Some(request) = c.read_request()? {
            let text = String::from_utf8_lossy(&request).into_owned();
            let index = (7..99).find(|index| text.contains(&format!("waitIndex={index}")));
            let Some(index) = index else {
                // what a watcher asks to learn whether the member's store is still the same
                c.answer(404, &[], "404 page not found\n")?;
                continue;
            };
            if index > 7 {
                // until the test is ready for it, or over
                let _ = changed.lock().unwrap().recv();
            }
            let event = api::node_json("v").replace("Index\":7", &format!("Index\":{index}"));
            c.answer_json(&event)?;
        }
        Ok(())
    });
    let client = client(server.url(), basic("me", "hunter2"));
    let mut options = WatchOptions::default();
    options.set_start_index(7).unwrap();
    let key = Key::parse("key", "/a").unwrap();
    let watcher = client.watch(&key, &options, Listener::default()).unwrap();
    let polls = |count| {
        wait_for("polls", LONG, || {
            let told = told(&server, "waitIndex");
            (told.len() >= count).then_some(told)
        })
    };
    polls(2);
    client.set_authorization(basic("me", "changed")).unwrap();
    change.send(()).unwrap();
    assert_eq!(polls(3), [FIRST, FIRST, SECOND]);
    for index in [7, 8] {
        let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
        assert_eq!(event.expect("an event").index(), index);
    }
    drop(change);
}

#[test]
fn a_redirect_takes_them_to_members_only() {
    let stranger = Scripted::json(&api::node_json("v"));
    let away = stranger.url().to_owned();
    let member = Scripted::tcp(move |c| {
        while let Some(request) = c.read_request()? {
            let text = String::from_utf8_lossy(&request).into_owned();
            let target = text.split(' ').nth(1).unwrap_or_default();
            let to = format!("{target}?moved");
            match text.contains("?moved") {
                true => c.answer_json(&api::node_json("v").replace("\"/a\"", "\"/here\""))?,
                false if text.contains("/away") || text.contains("/submitted") => {
                    c.answer(307, &[("Location", &format!("{away}{to}"))], "")?;
                }
                false => c.answer(307, &[("Location", &to)], "")?,
            }
        }
        Ok(())
    });
    let only = client(member.url(), basic("me", "hunter2"));
    only.get("/here").unwrap();
    assert_eq!(told(&member, "?moved"), [FIRST]);
    only.get("/away").unwrap();
    submit(&only).unwrap();
    assert_eq!(told(&stranger, "?moved"), ["", ""]);
    assert_eq!(told(&member, "/away"), [FIRST]);

    // who was given as an endpoint is no stranger
    let both = client(
        &format!("{},{}", member.url(), stranger.url()),
        basic("me", "hunter2"),
    );
    both.get("/away").unwrap();
    assert_eq!(told(&stranger, "?moved"), ["", "", FIRST]);
}

#[test]
fn no_message_tells_them_not_even_when_the_server_does() {
    let server = Scripted::tcp(|c| {
        while c.read_request()?.is_some() {
            c.answer(401, &[], r#"{"message":"Insufficient credentials"}"#)?;
        }
        Ok(())
    });
    let client = client(server.url(), basic("me", "hunter2"));
    for error in [client.get("/a").unwrap_err(), submit(&client).unwrap_err()] {
        assert_eq!(error.status(), Status::UNAUTHORIZED, "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("hunter2") && !text.contains("bWU6"),
            "{text}"
        );
    }
}

#[test]
fn real_servers_know_the_users_and_refuse_everybody_else() {
    for version in Version::ALL {
        let etcd = Etcd::start(version);
        etcd.enable_auth("root", "toor");
        let url = etcd.url();
        let root = client(url, basic("root", "toor"));
        root.set("/secret", "v").unwrap();
        let missing = submit(&root).unwrap_err();
        assert_eq!(missing.status(), Status::KEY_NOT_FOUND, "{missing:?}");
        for wrong in [None, basic("root", "wrong"), basic("nobody", "toor")] {
            let refused = client(url, wrong);
            for error in [
                refused.set("/secret", "w").unwrap_err(),
                submit(&refused).unwrap_err(),
            ] {
                assert_eq!(error.status(), Status::UNAUTHORIZED, "{version}: {error:?}");
                assert!(!error.detail().outcome_unknown, "{error:?}");
            }
            let key = Key::parse("key", "/secret").unwrap();
            let options = WatchOptions::default();
            let watcher = refused.watch(&key, &options, Listener::default()).unwrap();
            let error = watcher.next(Some(Instant::now() + LONG)).unwrap_err();
            assert_eq!(error.status(), Status::UNAUTHORIZED, "{version}: {error:?}");

            // and are let in as soon as they have the right ones
            refused.set_authorization(basic("root", "toor")).unwrap();
            refused.set("/secret", "w").unwrap();
        }
    }
}

#[test]
fn a_password_that_changes_under_a_watcher_loses_no_event() {
    let etcd = Etcd::start(Version::V3_4);
    etcd.enable_auth("root", "toor");
    let root = client(etcd.url(), basic("root", "toor"));
    let key = Key::parse("key", "/w").unwrap();
    let watcher = root
        .watch(&key, &WatchOptions::default(), Listener::default())
        .unwrap();
    wait_for("the watcher is live", LONG, || {
        (watcher.state().code() == 2).then_some(())
    });
    root.set("/w", "1").unwrap();
    let body = r#"{"user":"root","password":"new"}"#;
    let url = format!("{}/v2/auth/users/root", etcd.url());
    let own = http::basic("root", "toor");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", own.as_str()),
    ];
    let reply = http::request("PUT", &url, &headers, body.as_bytes()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    root.set_authorization(basic("root", "new")).unwrap();
    for value in ["2", "3"] {
        root.set("/w", value).unwrap();
    }
    for value in ["1", "2", "3"] {
        let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
        let event = event.expect("an event");
        assert_eq!(event.node().and_then(|node| node.value()), Some(value));
    }
}
