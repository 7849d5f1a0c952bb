//! One URL, several servers: a name with several addresses, or one address that is a load balancer. One of the servers
//! fails; the next connection goes to another one.

use super::api::{self, Verbs, call, node_json, options, refused, run, value};
use super::names;
use super::support::etcd::free_ports;
use super::support::{Conversation, Etcd, Proxy, Scripted, Step, Version, wait_for, with_all};
use etcd_v2::client::{Client, ClientCounters, Listener, Options, Patience, Watcher};
use etcd_v2::error::Result;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ADDRESSES: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
const LIVE: i32 = 2;

with_all! {
    /// What a server does that is of no use.
    #[derive(Clone, Copy, Debug)]
    enum Fault {
        /// takes requests and says nothing
        Silent,
        /// the head, and nothing of the body
        HalfAnAnswer,
        /// closes after the request
        Closes,
        /// answers that it cannot help
        Unavailable,
        /// answers something that is not etcd's
        Foreign,
    }
}

use Fault::{Closes, Foreign, HalfAnAnswer, Silent, Unavailable};

impl Fault {
    fn steps(self) -> Vec<Step> {
        let head = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 90\r\n\r\n{";
        let page = |status, text: &str| Step::Answer(status, Vec::new(), text.into());
        match self {
            Silent => vec![Step::Read, Step::Silent],
            HalfAnAnswer => vec![Step::Read, Step::Write(head.to_vec()), Step::Silent],
            Closes => vec![Step::Read, Step::Close],
            Unavailable => vec![Step::Read, page(503, "no server"), Step::Again],
            Foreign => vec![Step::Read, page(200, "<html>login</html>"), Step::Again],
        }
    }
}

/// Answers reads, and polls with a head.
fn serve(conversation: &mut Conversation) -> std::io::Result<()> {
    while let Some((line, _)) = conversation.request()? {
        if line.contains("wait=true") {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: c1\r\n\
                 X-Etcd-Index: 7\r\nX-Raft-Index: 9\r\nX-Raft-Term: 2\r\n\
                 Transfer-Encoding: chunked\r\n\r\n";
            conversation.write(head)?;
            conversation.stay_silent();
            conversation.write("0\r\n\r\n")?;
        } else {
            conversation.follow(&[Step::json(&node_json("1"))])?;
        }
    }
    Ok(())
}

/// One at each of these addresses, all with one port.
fn listeners(addresses: &[&str]) -> (u16, Vec<TcpListener>) {
    wait_for("a port free at all addresses", Duration::ZERO, || {
        let first = TcpListener::bind((addresses[0], 0)).ok()?;
        let port = first.local_addr().ok()?.port();
        let rest = addresses[1..].iter().map(|a| TcpListener::bind((*a, port)));
        let all = std::iter::once(Ok(first)).chain(rest);
        Some((port, all.collect::<std::io::Result<_>>().ok()?))
    })
}

/// A URL and the servers behind it.
struct Site {
    url: String,
    /// requests go first to the one that is of no use, or every third connection does
    servers: Vec<Scripted>,
}

impl Site {
    /// A name of three addresses, the first of which is of no use.
    fn named(fault: Fault) -> Site {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("n{}.several.test", NUMBER.fetch_add(1, Ordering::SeqCst));
        names::set(&name, &ADDRESSES);
        let (port, listeners) = listeners(&ADDRESSES);
        let servers = listeners.into_iter().enumerate().map(|(number, listener)| {
            Scripted::on(listener, move |conversation| match number {
                0 => conversation.follow(&fault.steps()),
                _ => serve(conversation),
            })
        });
        Site {
            url: format!("http://{name}:{port}"),
            servers: servers.collect(),
        }
    }

    /// One address; the first of three connections goes to a server that is of no use.
    fn balanced(fault: Fault) -> Site {
        let server = Scripted::tcp(move |conversation| match conversation.number() % 3 {
            0 => conversation.follow(&fault.steps()),
            _ => serve(conversation),
        });
        Site {
            url: server.url().to_owned(),
            servers: vec![server],
        }
    }

    fn all(fault: Fault) -> [Site; 2] {
        [Site::named(fault), Site::balanced(fault)]
    }

    fn client(&self, change: impl FnOnce(&mut Options)) -> Client {
        // one of two rounds has a quarter of it
        let mut options = options(&self.url, 16_000);
        change(&mut options);
        Client::new(&options).unwrap()
    }

    fn writes(&self) -> usize {
        let lines = self.servers.iter().flat_map(Scripted::request_lines);
        lines.filter(|line| !line.starts_with("GET ")).count()
    }
}

fn key() -> Key {
    Key::parse("key", "/a").unwrap()
}

/// Everything at once, since much of it waits.
fn each_site(work: impl Fn(Fault, &Site, bool) + Sync) {
    std::thread::scope(|scope| {
        for fault in Fault::ALL {
            for submitted in [false, true] {
                for site in Site::all(fault) {
                    let work = &work;
                    scope.spawn(move || work(fault, &site, submitted));
                }
            }
        }
    });
}

#[test]
fn reads_are_answered_by_the_next_connection() {
    each_site(|fault, site, submitted| {
        // etcd's word or not, a word is definite: nobody knows of the servers behind one address
        if matches!(fault, Foreign) && site.servers.len() == 1 {
            return;
        }
        let client = site.client(|_| {});
        for number in 0..5 {
            let answer = run(&client, &call(Operation::Get, "/a"), submitted);
            assert!(
                answer.is_ok(),
                "{fault:?} {} {submitted} {number}: {answer:?}",
                site.url
            );
            assert_eq!(value(answer), "1");
        }
        // it is not asked again before all others have failed
        if site.servers.len() > 1 {
            assert_eq!(site.servers[0].requests().len(), 1, "{fault:?} {submitted}");
        }
    });
}

#[test]
fn writes_are_sent_once_and_the_next_one_goes_elsewhere() {
    each_site(|fault, site, submitted| {
        let client = site.client(|options| options.set_deadline_ms(10_000).unwrap());
        let first = run(&client, &call(Operation::CreateInOrder, "/a"), submitted);
        let error = first.expect_err("the first server is of no use");
        assert!(error.detail().outcome_unknown, "{fault:?}: {error:?}");
        assert_eq!(site.writes(), 1, "{fault:?} {submitted}: {error:?}");
        let second = run(&client, &call(Operation::Set, "/a"), submitted);
        assert!(
            second.is_ok(),
            "{fault:?} {} {submitted}: {second:?}",
            site.url
        );
        assert_eq!(site.writes(), 2);
    });
}

#[test]
fn a_hedged_read_goes_to_another_address() {
    for submitted in [false, true] {
        let site = Site::named(Silent);
        let client = site.client(|options| {
            options.set_hedge_ms(1_000).unwrap();
            options.set_deadline_ms(400_000).unwrap();
        });
        let began = Instant::now();
        assert_eq!(
            value(run(&client, &call(Operation::Get, "/a"), submitted)),
            "1"
        );
        // the share of the first address would have been more than two minutes
        assert!(began.elapsed() < Duration::from_secs(100));
        let mut names = ClientCounters::names();
        let place = names.position(|name| name == "hedges").unwrap();
        assert_eq!(client.counters().unwrap().whole[place], 1);
        site.servers[0].wait_for_requests(1);
        site.servers[0].wait_until_idle();
        assert_eq!(site.servers[0].requests().len(), 1);
        assert_eq!(site.servers[1].requests().len(), 1);
    }
}

/// How many connections were made until now, with that of this look, which stands in line behind them.
fn accepted(server: &Scripted) -> usize {
    let looks = || {
        let lines = server.request_lines();
        lines.iter().filter(|line| line.contains("/look")).count()
    };
    let before = looks();
    let address = server.url().strip_prefix("http://").unwrap();
    let mut look = TcpStream::connect(address).unwrap();
    look.write_all(b"GET /look HTTP/1.1\r\n\r\n").unwrap();
    wait_for("the look", Duration::ZERO, || {
        (looks() > before).then_some(())
    });
    server.connections()
}

#[test]
fn a_watcher_leaves_the_address() {
    let watch = |client: &Client| -> Watcher {
        client
            .watch(&key(), &WatchOptions::default(), Listener::default())
            .unwrap()
    };
    std::thread::scope(|scope| {
        for fault in Fault::ALL {
            // its head says that the poll lives; that nothing follows is what polls are like
            if matches!(fault, HalfAnAnswer) {
                continue;
            }
            for site in Site::all(fault) {
                scope.spawn(move || {
                    let client = site.client(|_| {});
                    let watcher = watch(&client);
                    wait_for(
                        &format!("the watcher is live, {fault:?} {}", site.url),
                        Duration::ZERO,
                        || (watcher.state().code() == LIVE).then_some(()),
                    );
                    if site.servers.len() > 1 {
                        let asked = accepted(&site.servers[0]);
                        assert!(asked <= 2 + 1, "{fault:?}: {asked} connections");
                        // and so does who waits for one change
                        let soon = Patience::For(Duration::from_secs(10));
                        let told = client.watch_once(&key(), false, 0, soon, None);
                        let error = refused(told, Status::TIMEOUT);
                        assert_eq!(error.detail().index, 7, "{fault:?}: {error:?}");
                        assert_eq!(accepted(&site.servers[0]), asked + 1);
                    }
                });
            }
        }
    });
}

#[test]
fn all_of_no_use_ends_as_it_would_with_several_members() {
    let name = "none.several.test";
    names::set(name, &ADDRESSES);
    // no site of another test listens there
    let port = free_ports(1)[0];
    let client = api::client(&format!("http://{name}:{port}"), 5_000);
    let error = refused(client.get("/a"), Status::UNREACHABLE);
    assert!(error.detail().retriable);
}

/// A server at each of these addresses, all with one port, that answers with its number.
fn numbered(addresses: &[&'static str]) -> (u16, Vec<Scripted>) {
    let (port, listeners) = listeners(addresses);
    let servers = listeners.into_iter().enumerate().map(|(number, listener)| {
        let answer = Step::json(&node_json(&number.to_string()));
        let steps = [Step::Read, answer, Step::Again];
        Scripted::on(listener, move |conversation| conversation.follow(&steps))
    });
    (port, servers.collect())
}

/// Of the age of a connection.
const NO_LIMIT: i64 = -1;

#[test]
fn a_busy_client_follows_a_name_that_has_moved() {
    for submitted in [false, true] {
        let name = format!("moves{submitted}.several.test");
        names::set(&name, &ADDRESSES[..1]);
        let (port, servers) = numbered(&ADDRESSES[..2]);
        let made = |age| {
            let mut options = options(&format!("http://{name}:{port}"), 60_000);
            options.set_max_connection_age_ms(age).unwrap();
            Client::new(&options).unwrap()
        };
        let read = |client: &Client| value(run(client, &call(Operation::Get, "/a"), submitted));
        let (moves, stays) = (made(200), made(NO_LIMIT));
        let began = Instant::now();
        assert_eq!((read(&moves), read(&stays)), ("0".into(), "0".into()));
        names::set(&name, &ADDRESSES[1..2]);
        // it is never idle
        wait_for("the new address is asked", Duration::ZERO, || {
            let (moved, stayed) = (read(&moves), read(&stays));
            assert_eq!(stayed, "0");
            (moved == "1").then_some(())
        });
        // not at the first request: a connection has its age
        assert!(began.elapsed() >= Duration::from_millis(100) || servers[0].requests().len() > 4);
        let before = servers[1].connections();
        wait_for("another connection later", Duration::ZERO, || {
            assert_eq!(read(&moves), "1");
            (servers[1].connections() > before).then_some(())
        });
        if submitted {
            // what is idle is closed when it is old, long before it has been idle for a minute
            servers[1].wait_until_idle();
        }
    }
}

#[test]
fn connections_made_together_do_not_end_together() {
    let server = Scripted::steps(vec![Step::Read, Step::json(&node_json("1")), Step::Again]);
    let mut options = options(server.url(), 60_000);
    // they end within its second half, which is longer than a stall
    options.set_max_connection_age_ms(10_000).unwrap();
    let client = Client::new(&options).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    for _ in 0..30 {
        let tell = tell.clone();
        let end = move |result: Result<Response>| tell.send(result.is_ok()).unwrap();
        client.submit(&call(Operation::Get, "/a"), end).unwrap();
    }
    assert!((0..30).all(|_| told.recv().unwrap()));
    let most = server.open_connections();
    wait_for("some are closed, some are not", Duration::ZERO, || {
        let open = server.open_connections();
        assert!(open > 0 || most < 3, "all at once");
        (open < most).then_some(())
    });
    server.wait_until_idle();
}

#[test]
fn a_long_poll_is_not_cut_and_the_next_one_goes_over_another_connection() {
    const AGE: Duration = Duration::from_millis(200);
    const EVENTS: usize = 3;
    let etcd = Etcd::start(Version::V3_5);
    let made = |age: i64| {
        let proxy = Proxy::to(etcd.url());
        let mut options = options(proxy.url(), 60_000);
        options.set_max_connection_age_ms(age).unwrap();
        let client = Client::new(&options).unwrap();
        let watcher = client
            .watch(&key(), &WatchOptions::default(), Listener::default())
            .unwrap();
        api::wait_until_live(&watcher);
        (proxy, client, watcher)
    };
    let (young, old) = (made(AGE.as_millis() as i64), made(NO_LIMIT));
    let next = |watcher: &Watcher| {
        let event = watcher.next(Some(Instant::now() + Duration::from_secs(100)));
        let event = event.unwrap().expect("an event");
        event.node().unwrap().value().unwrap().to_owned()
    };
    let row = |client: &Client, name| {
        let place = ClientCounters::names().position(|n| n == name).unwrap();
        client.counters().unwrap().whole[place] as usize
    };
    // until an event is proven the member may be asked who it is, over a connection of its own
    etcd.set("/a", "value=first");
    let polls = [&young, &old].map(|(_, client, watcher)| {
        assert_eq!(next(watcher), "first");
        wait_for("the next poll", Duration::ZERO, || {
            (row(client, "in_flight") == 1).then(|| row(client, "watch_polls"))
        })
    });
    let before = [&young, &old].map(|(proxy, ..)| proxy.connections());
    for number in 0..EVENTS {
        // the poll that waits is older than a connection may be
        std::thread::sleep(2 * AGE);
        etcd.set("/a", &format!("value={number}"));
        for (_, _, watcher) in [&young, &old] {
            assert_eq!(next(watcher), number.to_string());
        }
    }
    for ((_, client, _), polls) in [&young, &old].into_iter().zip(polls) {
        wait_for("the next poll", Duration::ZERO, || {
            (row(client, "watch_polls") >= polls + EVENTS).then_some(())
        });
        // each poll ended with its event
        assert_eq!(row(client, "watch_polls"), polls + EVENTS);
        assert_eq!(row(client, "reconnects"), 0);
    }
    let connections = [&young, &old].map(|(proxy, ..)| proxy.connections());
    assert!(
        connections[0] >= before[0] + EVENTS,
        "{before:?} {connections:?}"
    );
    assert_eq!(connections[1], before[1]);
}
