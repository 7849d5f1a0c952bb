//! Handles that are derived from a client: a timeout and a token for every kind of call, and the end of the client.

use crate::api;
use crate::support;

use api::{Verbs, call, call_with, key, node_json, options, refused, request, value};
use etcd_v2::client::{Ask, Call, Client, Lookout, Patience};
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::watch::options::WatchOptions;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use support::scripted::{Scripted, Step};
use support::{Etcd, Version, wait_for};

/// Enough for what must end, and not for what must not wait for it.
const AMPLE: Duration = Duration::from_secs(100);

fn mute() -> Scripted {
    Scripted::steps(vec![Step::Read, Step::Silent])
}

/// A client whose own calls would outlast every test.
fn patient(url: &str) -> Client {
    Client::new(&options(url, 200_000)).unwrap()
}

/// A write that may have been applied.
fn lost() -> (Call, Error) {
    let eats = Scripted::steps(vec![Step::Read, Step::Close]);
    let client = api::client(eats.url(), 60_000);
    let set = call(Operation::Set, "/a");
    let error = refused(client.execute(&set), Status::OUTCOME_UNKNOWN);
    (set, error)
}

type Blocking = fn(&Client) -> Result<()>;

/// Every kind of call that a member which says nothing blocks.
const BLOCKING: &[(&str, Blocking)] = &[
    ("get", |c| c.execute(&call(Operation::Get, "/a")).map(drop)),
    ("a request with a token", |c| {
        let other = Cancel::new().unwrap();
        c.execute(&call_with(Operation::Get, "/a", &other))
            .map(drop)
    }),
    ("submitted", |c| {
        let (tell, told) = channel();
        c.submit(&call(Operation::Get, "/a"), move |result| {
            tell.send(result).unwrap()
        })?;
        told.recv().expect("a completion").map(drop)
    }),
    ("members", |c| c.members().map(drop)),
    ("users", |c| c.users().map(drop)),
    ("sync", |c| c.sync(None, None)),
    ("wait_ready", |c| c.wait_ready(Patience::Default, None)),
    ("watch_once", |c| {
        let a = key("/a");
        c.watch_once(&a, false, 1, Patience::Default, None)
            .map(drop)
    }),
    ("outcome", |c| {
        let (set, error) = lost();
        let lookout = Lookout {
            timeout: None,
            settle: Duration::ZERO,
        };
        c.resolve_outcome(&set, &error, lookout, None).map(drop)
    }),
];

#[test]
fn its_timeout_is_that_of_every_call() {
    std::thread::scope(|scope| {
        for (name, blocking) in BLOCKING {
            scope.spawn(move || {
                let mute = mute();
                let client = patient(mute.url());
                let time = Duration::from_millis(300);
                let hasty = client.with(Patience::For(time), None).unwrap();
                // and that of a handle which is derived from it, unless it is given another
                let same = hasty.with(Patience::Default, None).unwrap();
                for handle in [&hasty, &same] {
                    let began = Instant::now();
                    let error = blocking(handle).expect_err(name);
                    let took = began.elapsed();
                    assert_eq!(error.status(), Status::TIMEOUT, "{name}: {error:?}");
                    assert!((time..AMPLE).contains(&took), "{name}: {took:?}");
                }
            });
        }
    });
}

#[test]
fn its_token_ends_every_call() {
    std::thread::scope(|scope| {
        for (name, blocking) in BLOCKING {
            for nested in [false, true] {
                scope.spawn(move || {
                    let mute = mute();
                    let client = patient(mute.url());
                    let (token, other) = (Cancel::new().unwrap(), Cancel::new().unwrap());
                    let mut handle = client.with(Patience::Default, Some(&token)).unwrap();
                    if nested {
                        handle = handle.with(Patience::Default, Some(&other)).unwrap();
                    }
                    let ended = std::thread::scope(|scope| {
                        let blocked = scope.spawn(|| blocking(&handle));
                        mute.wait_for_requests(1);
                        token.fire();
                        blocked.join().unwrap()
                    });
                    let error = ended.expect_err(name);
                    assert_eq!(error.status(), Status::CANCELLED, "{name}: {error:?}");
                    // and whatever comes later
                    let error = blocking(&handle).expect_err(name);
                    assert_eq!(error.status(), Status::CANCELLED, "{name}: {error:?}");
                });
            }
        }
    });
}

#[test]
fn the_end_of_the_client_ends_every_call() {
    std::thread::scope(|scope| {
        for (name, blocking) in BLOCKING {
            scope.spawn(move || {
                let mute = mute();
                let client = patient(mute.url());
                let handle = client.with(Patience::For(AMPLE), None).unwrap();
                let again = handle.with(Patience::For(AMPLE), None).unwrap();
                let ended = std::thread::scope(|scope| {
                    let blocked = [&handle, &again].map(|h| scope.spawn(|| blocking(h)));
                    mute.wait_for_requests(2);
                    drop(client);
                    blocked.map(|blocked| blocked.join().unwrap())
                });
                // what was submitted ends with its thread, as it always did
                let status = match *name {
                    "submitted" => Status::CANCELLED,
                    _ => Status::CLOSED,
                };
                for error in ended.map(|ended| ended.expect_err(name)) {
                    assert_eq!(error.status(), status, "{name}: {error:?}");
                }
                let error = blocking(&again).expect_err(name);
                assert_eq!(error.status(), Status::CLOSED, "{name}: {error:?}");
            });
        }
    });
}

#[test]
fn the_end_of_the_client_leaves_a_write_unknown() {
    let mute = mute();
    let client = patient(mute.url());
    let handle = client.with(Patience::For(AMPLE), None).unwrap();
    let ended = std::thread::scope(|scope| {
        let blocked = scope.spawn(|| handle.execute(&call(Operation::Set, "/a")));
        mute.wait_for_requests(1);
        drop(client);
        blocked.join().unwrap()
    });
    let error = refused(ended, Status::OUTCOME_UNKNOWN);
    assert!(error.detail().outcome_unknown);
    refused(handle.execute(&call(Operation::Set, "/a")), Status::CLOSED);
    assert_eq!(mute.requests().len(), 1);
    let watched = handle.watch(&key("/a"), &WatchOptions::default(), Default::default());
    assert_eq!(watched.unwrap_err().status(), Status::CLOSED);
    assert_eq!(
        handle.with(Patience::Default, None).unwrap_err().status(),
        Status::CLOSED
    );
}

#[test]
fn its_end_ends_nothing() {
    let etcd = Etcd::shared(Version::V3_5);
    let client = patient(etcd.url());
    let token = Cancel::new().unwrap();
    let handle = client.with(Patience::For(AMPLE), Some(&token)).unwrap();
    handle.execute(&call(Operation::Set, "/derived/a")).unwrap();
    let watcher = handle.watch(
        &key("/derived/a"),
        &WatchOptions::default(),
        Default::default(),
    );
    let watcher = watcher.unwrap();
    drop(handle);
    wait_for("it watches", AMPLE, || {
        (watcher.state().code() == 2).then_some(())
    });
    client.execute(&call(Operation::Set, "/derived/a")).unwrap();
    assert!(
        watcher
            .next(Some(Instant::now() + AMPLE))
            .unwrap()
            .is_some()
    );
    // its token still ends what was made with it
    token.fire();
    let ended = watcher.next(Some(Instant::now() + AMPLE)).unwrap_err();
    assert_eq!(ended.status(), Status::CANCELLED);
    client.execute(&call(Operation::Get, "/derived/a")).unwrap();
}

#[test]
fn a_watcher_ends_with_the_client_whatever_handle_it_is_of() {
    let etcd = Etcd::shared(Version::V3_5);
    let client = patient(etcd.url());
    let token = Cancel::new().unwrap();
    let handle = client.with(Patience::Default, Some(&token)).unwrap();
    let none = WatchOptions::default();
    let watcher = handle.watch(&key("/derived/w"), &none, Default::default());
    let watcher = watcher.unwrap();
    drop(client);
    let ended = watcher.next(Some(Instant::now() + AMPLE)).unwrap_err();
    assert_eq!(ended.status(), Status::CLOSED);
}

/// Of two members, one of which says nothing, half of the time would be that one's.
#[test]
fn an_attempt_has_a_limit_of_its_own() {
    let etcd = Etcd::shared(Version::V3_5);
    etcd.set("/attempts", "value=1");
    let limit = Duration::from_secs(2);
    let limited = |mute: &Scripted| {
        let mut options = options(&format!("{},{}", mute.url(), etcd.url()), 300_000);
        options
            .set_attempt_timeout_ms(limit.as_millis() as i64)
            .unwrap();
        Client::new(&options).unwrap()
    };
    let read = || call(Operation::Get, "/attempts");
    type Run<'a> = Box<dyn Fn(&Scripted) -> Result<()> + Send + Sync + 'a>;
    let runs: [(&str, Run<'_>); 4] = [
        (
            "the client's",
            Box::new(|mute| limited(mute).execute(&read()).map(drop)),
        ),
        (
            "the request's",
            Box::new(|mute| {
                let both = format!("{},{}", mute.url(), etcd.url());
                let mut read = read();
                read.attempt_timeout = Some(limit);
                api::client(&both, 300_000).execute(&read).map(drop)
            }),
        ),
        (
            "members",
            Box::new(|mute| limited(mute).members().map(drop)),
        ),
        ("sync", Box::new(|mute| limited(mute).sync(None, None))),
    ];
    std::thread::scope(|scope| {
        for (name, run) in &runs {
            scope.spawn(move || {
                let mute = mute();
                let began = Instant::now();
                run(&mute).unwrap_or_else(|e| panic!("{name}: {e:?}"));
                let took = began.elapsed();
                assert!((limit..AMPLE).contains(&took), "{name}: {took:?}");
                assert!(!mute.requests().is_empty(), "{name}");
            });
        }
    });
}

#[test]
fn a_write_is_given_up_after_its_attempt_and_not_sent_again() {
    let (first, second) = (mute(), mute());
    let client = api::client(&format!("{},{}", first.url(), second.url()), 300_000);
    let mut set = Call::new(Ask::Keys(request(Operation::Set, "/a")));
    set.attempt_timeout = Some(Duration::from_secs(2));
    let began = Instant::now();
    refused(client.execute(&set), Status::OUTCOME_UNKNOWN);
    assert!(began.elapsed() < AMPLE);
    assert_eq!((first.requests().len(), second.requests().len()), (1, 0));
}

#[test]
fn a_raw_write_is_sent_again_only_by_consent() {
    let raw = |allow_repeat| Call {
        allow_repeat,
        ..Call::new(Ask::Raw(
            HttpRequest::raw("PUT", "/v2/keys/a", None, None).unwrap(),
        ))
    };
    let eats = || {
        Scripted::scripts(vec![
            vec![Step::Read, Step::Close],
            vec![Step::Read, Step::json(&node_json("1")), Step::Again],
        ])
    };
    let server = eats();
    let client = api::client(server.url(), 60_000);
    refused(client.execute(&raw(false)), Status::OUTCOME_UNKNOWN);
    assert_eq!(server.requests().len(), 1);
    let server = eats();
    let client = api::client(server.url(), 60_000);
    assert_eq!(value(client.execute(&raw(true))), "1");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(value(client.get("/a")), "1");
}
