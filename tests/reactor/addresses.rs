//! One URL, several servers: a name with several addresses, or one address that is a load balancer. One of the servers is
//! of no use; the next connection goes to another one.

use super::api::{self, Verbs, call, node_json, options, refused, value};
use super::names;
use super::support::{Conversation, Scripted, Step, wait_for};
use etcd_v2::client::{Call, Client, Counters, Listener, Options, Patience, Watcher};
use etcd_v2::error::Result;
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::watch::options::WatchOptions;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ADDRESSES: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];
const LIVE: i32 = 2;

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

use Fault::{Closes, Foreign, HalfAnAnswer, Silent, Unavailable};

impl Fault {
    const ALL: [Fault; 5] = [Silent, HalfAnAnswer, Closes, Unavailable, Foreign];

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
        let listeners = wait_for("a port free at all addresses", Duration::ZERO, || {
            let first = TcpListener::bind((ADDRESSES[0], 0)).ok()?;
            let port = first.local_addr().ok()?.port();
            let rest = ADDRESSES[1..].iter().map(|a| TcpListener::bind((*a, port)));
            std::iter::once(Ok(first))
                .chain(rest)
                .collect::<std::io::Result<Vec<_>>>()
                .ok()
        });
        let port = listeners[0].local_addr().unwrap().port();
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
        let mut options = options(&self.url, 8_000);
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

fn run(client: &Client, call: &Call, submitted: bool) -> Result<Response> {
    if !submitted {
        return client.execute(call);
    }
    let (tell, told) = std::sync::mpsc::channel();
    client
        .submit(call, move |result| tell.send(result).unwrap())
        .unwrap();
    told.recv().unwrap()
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
        let client = site.client(|options| options.set_deadline_ms(1_500).unwrap());
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
        let names = Counters::names();
        let place = names.iter().position(|name| *name == "hedges").unwrap();
        assert_eq!(client.counters().unwrap().whole[place], 1);
        assert_eq!(site.servers[0].requests().len(), 1);
        assert_eq!(site.servers[1].requests().len(), 1);
        site.servers[0].wait_until_idle();
    }
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
                    let asked = site.servers[0].connections();
                    if site.servers.len() > 1 {
                        assert!(asked <= 2, "{fault:?}: {asked} connections");
                        // and so does who waits for one change
                        let soon = Patience::For(Duration::from_secs(5));
                        let told = client.watch_once(&key(), false, 0, soon, None);
                        let error = refused(told, Status::TIMEOUT);
                        assert_eq!(error.detail().index, 7, "{fault:?}: {error:?}");
                        assert_eq!(site.servers[0].connections(), asked);
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
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = api::client(&format!("http://{name}:{port}"), 5_000);
    let error = refused(client.get("/a"), Status::UNREACHABLE);
    assert!(error.detail().retriable);
}
