//! Members that are found in the DNS.

use super::*;
use api::{Verbs, key, value};
use etcd_v2::client::{Options, Patience};
use etcd_v2::cluster::members::member_set::Source;
use etcd_v2::error::Phase;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::dns::{NameServer, Reply, Srv};
use support::{Etcd, Version, wait_for};

const PLAIN: &str = "_etcd-client._tcp.example.com";
const TLS: &str = "_etcd-client-ssl._tcp.example.com";

fn options(server: &NameServer) -> Options {
    let mut options = Options::default();
    options.set_discovery_srv("example.com.", None).unwrap();
    options.set_dns_server(&server.address()).unwrap();
    options.set_deadline_ms(LONG.as_millis() as i64).unwrap();
    options
}

fn client(server: &NameServer) -> Client {
    Client::new(&options(server)).unwrap()
}

/// Records for the name without TLS, none for any other.
fn plain(records: Vec<Srv>) -> impl Fn(&str, usize) -> Reply + Send + Sync {
    move |name, _| match name {
        PLAIN => Reply::Records(records.clone()),
        _ => Reply::Records(Vec::new()),
    }
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().parse().unwrap()
}

fn healthy() -> Scripted {
    Scripted::json(&node_json("1"))
}

#[test]
fn members_come_in_the_order_of_their_priorities() {
    let (first, second) = (healthy(), healthy());
    let server = NameServer::new(plain(vec![
        (20, 5, port(second.url()), "localhost"),
        (10, 5, port(first.url()), "localhost"),
        (0, 0, 7, ""),
    ]));
    let client = client(&server);
    assert!(urls(&client).is_empty());
    assert!(server.asked().is_empty());
    assert_eq!(value(client.get("/a")), "1");
    let known = client.endpoints().unwrap();
    let url = |server: &Scripted| format!("http://localhost:{}", port(server.url()));
    assert_eq!(urls(&client), [url(&first), url(&second)]);
    assert!(known.iter().all(|known| known.source == Source::Dns));
    assert_eq!(first.requests().len(), 1);
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(asked, [TLS, PLAIN]);
    // found once, they are not asked for again while they serve
    for _ in 0..5 {
        value(client.get("/a"));
    }
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn members_with_tls_are_not_led_past() {
    let plain = healthy();
    let port = port(plain.url());
    let server = NameServer::new(move |name, _| match name {
        TLS => Reply::Records(vec![(0, 0, 1, "localhost")]),
        _ => Reply::Records(vec![(0, 0, port, "localhost")]),
    });
    let client = client(&server);
    client.get("/a").unwrap_err();
    if cfg!(feature = "tls") {
        assert_eq!(urls(&client), ["https://localhost:1"]);
    }
    assert_eq!(plain.connections(), 0);
}

#[test]
fn a_cluster_of_several_has_a_name() {
    let server = NameServer::new(|_, _| Reply::Records(Vec::new()));
    let mut options = options(&server);
    options
        .set_discovery_srv("example.com", Some("blue"))
        .unwrap();
    let client = Client::new(&options).unwrap();
    client.get("/a").unwrap_err();
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(
        asked[..2],
        [
            "_etcd-client-blue._tcp.example.com",
            "_etcd-client-ssl-blue._tcp.example.com"
        ]
    );
}

#[test]
fn answers_that_are_long_late_or_not_for_us_are_no_hindrance() {
    let member = healthy();
    let srv: Srv = (0, 0, port(member.url()), "localhost");
    type Kind = fn(Srv) -> Reply;
    let kinds: [Kind; 2] = [|srv| Reply::Long(vec![srv]), |srv| Reply::Noise(vec![srv])];
    for kind in kinds {
        let server = NameServer::new(move |name, _| match name {
            PLAIN => kind(srv),
            _ => Reply::Records(Vec::new()),
        });
        assert_eq!(value(client(&server).get("/a")), "1");
    }
    // the first query is lost
    let server = NameServer::new(move |name, before| match (name, before) {
        (_, 0 | 1) => Reply::Silence,
        (PLAIN, _) => Reply::Records(vec![srv]),
        _ => Reply::Records(Vec::new()),
    });
    assert_eq!(value(client(&server).get("/a")), "1");
    assert!(server.asked().len() >= 4);
}

#[test]
fn both_look_ups_failing_is_the_error() {
    let replies = [
        Reply::Records(Vec::new()),
        Reply::Code(2),
        Reply::Code(5),
        Reply::Records(vec![(0, 0, 0, "localhost")]),
        Reply::Records(vec![(0, 0, 1, "")]),
    ];
    for reply in replies {
        let said = reply.clone();
        let server = NameServer::new(move |_, _| said.clone());
        let client = client(&server);
        let error = client.get("/a").unwrap_err();
        assert_eq!(error.status(), Status::UNREACHABLE, "{reply:?}: {error}");
        let text = error.to_string();
        assert!(text.contains(PLAIN) && !text.contains('\n'), "{text}");
        assert_eq!(error.detail().phase, Some(Phase::Resolve));
        assert!(error.detail().retriable);
        assert!(urls(&client).is_empty());
    }
}

/// A mute name server costs a call its deadline and not more, and any thread can end it.
#[test]
fn a_mute_name_server_is_given_up() {
    let server = NameServer::new(|_, _| Reply::Silence);
    let client = client(&server);
    let mut call = api::call(etcd_v2::protocol::request::Operation::Get, "/a");
    call.deadline = Some(Duration::from_millis(200));
    let began = Instant::now();
    let error = client.execute(&call).unwrap_err();
    let known = [Status::UNREACHABLE, Status::TIMEOUT];
    assert!(known.contains(&error.status()), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(80));
    let token = Cancel::new().unwrap();
    call.deadline = None;
    call.cancel = Some(token.clone());
    std::thread::scope(|scope| {
        let running = scope.spawn(|| client.execute(&call));
        wait_for("a query", LONG, || {
            (!server.asked().is_empty()).then_some(())
        });
        token.fire();
        let error = running.join().unwrap().unwrap_err();
        let known = [Status::CANCELLED, Status::UNREACHABLE];
        assert!(known.contains(&error.status()), "{error}");
    });
}

/// P37: all addresses change; the same call finds the new ones.
#[test]
fn members_that_moved_are_found_by_the_call_that_misses_them() {
    let (old, new) = (healthy(), healthy());
    let (old_port, new_port) = (port(old.url()), port(new.url()));
    let moved = Arc::new(AtomicUsize::new(0));
    let told = moved.clone();
    let server = NameServer::new(move |name, _| match (name, told.load(Ordering::SeqCst)) {
        (PLAIN, 0) => Reply::Records(vec![(0, 0, old_port, "localhost")]),
        (PLAIN, _) => Reply::Records(vec![(0, 0, new_port, "localhost")]),
        _ => Reply::Records(Vec::new()),
    });
    let client = client(&server);
    assert_eq!(value(client.get("/a")), "1");
    moved.store(1, Ordering::SeqCst);
    drop(old);
    // the look before has to be some time ago
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(value(client.set("/a", "1")), "1");
    assert_eq!(urls(&client), [format!("http://localhost:{new_port}")]);
}

/// When the DNS fails, what it said before stays good.
#[test]
fn what_was_found_outlives_the_name_server() {
    let member = healthy();
    let server = NameServer::new(plain(vec![(0, 0, port(member.url()), "localhost")]));
    let client = client(&server);
    value(client.get("/a"));
    drop(server);
    client.sync(Some(Duration::from_secs(8)), None).unwrap_err();
    assert_eq!(value(client.get("/a")), "1");
}

#[test]
fn watchers_wait_for_the_dns_too() {
    let etcd = Etcd::start(Version::V3_4);
    let srv: Srv = (0, 0, etcd.port(), "localhost");
    let server = NameServer::new(move |name, before| match (name, before) {
        // not the first time
        (_, 0..4) => Reply::Code(2),
        (PLAIN, _) => Reply::Records(vec![srv]),
        _ => Reply::Records(Vec::new()),
    });
    let client = client(&server);
    let watcher = client
        .watch(&key("/w"), &WatchOptions::default(), Default::default())
        .unwrap();
    wait_for("a place to start from", LONG, || {
        (watcher.next_index() != 0).then_some(())
    });
    client.set("/w", "x").unwrap();
    let event = watcher
        .next(Some(Instant::now() + LONG))
        .unwrap()
        .expect("an event");
    assert_eq!(event.node().unwrap().value(), Some("x"));
    // and so does who waits for one change, with a client that knows nobody yet
    let client = Client::new(&options(&server)).unwrap();
    let change = client.watch_once(&key("/w"), false, 1, Patience::For(LONG), None);
    assert_eq!(change.unwrap().node().unwrap().value(), Some("x"));
}
