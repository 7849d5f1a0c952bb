//! Name servers that do not stop: with datagrams that are no answer, over TCP, or with answers that are right and lead
//! nowhere. Deadlines, tokens, other calls and the end of a client do not wait for them, and a look-up ends by itself.

use super::*;
use api::{call, call_with, value};
use etcd_v2::client::Options;
use etcd_v2::error::Result;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use support::dns::{Message, Record, encoded};
use support::wait_for;

/// It excludes a hang, not a slow machine.
const AMPLE: Duration = Duration::from_secs(100);
const CUT: u16 = 0x8380;
/// Bytes of a datagram that loopback carries.
const DATAGRAM: usize = 65_000;

/// What one query gets.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// the answer of this number over UDP
    udp: fn(&[u8], usize) -> Vec<u8>,
    /// again and again until nobody wants to hear it
    endless: bool,
    /// what follows a query over TCP; called until it fails
    tcp: fn(&mut TcpStream, &[u8]) -> std::io::Result<()>,
}

fn good() -> Message {
    Message::of(vec![Record::srv((0, 0, 1, "localhost"))])
}

fn cut(query: &[u8], _: usize) -> Vec<u8> {
    let flags = CUT;
    Message {
        flags,
        ..Message::of(Vec::new())
    }
    .bytes(query)
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}

/// As many records as have room; `record` makes owner, type and data of each.
fn long(query: &[u8], record: impl Fn(usize) -> (Vec<u8>, u16, Vec<u8>)) -> Vec<u8> {
    let mut bytes = good().bytes(query);
    bytes.truncate(12 + encoded(&support::dns::name(query)).len() + 4);
    let mut count = 0u16;
    while bytes.len() < DATAGRAM - 600 {
        let (owner, kind, data) = record(count.into());
        bytes.extend(owner);
        bytes.extend([kind, 1].map(u16::to_be_bytes).concat());
        bytes.extend(60u32.to_be_bytes());
        bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(data);
        count += 1;
    }
    bytes[6..8].copy_from_slice(&count.to_be_bytes());
    bytes
}

/// A name below that of the question; 0 is that one itself.
fn below(number: usize) -> Vec<u8> {
    let label = format!("a{number}");
    let mut name = Vec::new();
    if number > 0 {
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label.bytes());
    }
    // the name of the question
    name.extend([0xc0, 12]);
    name
}

/// Each leads to the next.
fn aliases(query: &[u8], _: usize) -> Vec<u8> {
    long(query, |number| (below(number), 5, below(number + 1)))
}

fn another_id(mut message: Vec<u8>) -> Vec<u8> {
    message[0] ^= 0x55;
    message
}

/// Members that are there, but for the port.
fn members(query: &[u8], _: usize) -> Vec<u8> {
    long(query, |number| {
        let port = u16::try_from(1 + number % 600).unwrap();
        let numbers = [0, 0, port].map(u16::to_be_bytes).concat();
        (below(0), 33, [numbers, encoded("localhost")].concat())
    })
}

fn closes(_: &mut TcpStream, _: &[u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Other.into())
}

fn kinds() -> Vec<Kind> {
    let udp = |name, udp, endless| Kind {
        name,
        udp,
        endless,
        tcp: closes,
    };
    let tcp = |name, tcp| Kind {
        name,
        udp: cut,
        endless: false,
        tcp,
    };
    vec![
        udp(
            "another id",
            |query, _| another_id(good().bytes(query)),
            true,
        ),
        udp(
            "another id, and long",
            |query, number| another_id(aliases(query, number)),
            true,
        ),
        udp(
            "another question",
            |query, _| {
                let question = Some(("evil.example", 33, 1));
                Message { question, ..good() }.bytes(query)
            },
            true,
        ),
        udp("noise", |_, number| vec![number as u8; 40], true),
        udp("a query", |query, _| query.to_vec(), true),
        udp(
            "another alias each time",
            |query, number| {
                let alias = Record::cname("", &format!("a{number}.example.com"));
                Message::of(vec![alias]).bytes(query)
            },
            false,
        ),
        udp("aliases", aliases, false),
        udp("members", members, false),
        tcp("bytes over TCP", |stream, _| {
            stream.write_all(&[0xff; 4096])
        }),
        tcp("a byte now and then over TCP", |stream, _| {
            std::thread::sleep(Duration::from_millis(50));
            stream.write_all(&[0xff])
        }),
        tcp("empty messages over TCP", |stream, _| {
            stream.write_all(&[0; 4096])
        }),
        tcp("other messages over TCP", |stream, query| {
            stream.write_all(&framed(&another_id(good().bytes(query))))
        }),
        tcp("aliases over TCP", |stream, query| {
            stream.write_all(&framed(&aliases(query, 0)))
        }),
        tcp("silence over TCP", |stream, _| stream.read_exact(&mut [0])),
    ]
}

/// The name server.
struct Flood {
    address: SocketAddr,
    queries: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Flood {
    fn new(kind: Kind) -> Flood {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let (queries, over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let address = udp.local_addr().unwrap();
        tcp.set_nonblocking(true).unwrap();
        let (seen, ends, ends_too) = (queries.clone(), over.clone(), over.clone());
        let threads = vec![
            std::thread::spawn(move || over_udp(kind, &udp, &seen, &ends)),
            std::thread::spawn(move || over_tcp(kind, &tcp, &ends_too)),
        ];
        Flood {
            address,
            queries,
            over,
            threads,
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn over_udp(kind: Kind, socket: &UdpSocket, queries: &AtomicUsize, over: &AtomicBool) {
    let wait = Some(Duration::from_millis(1));
    socket.set_read_timeout(wait).unwrap();
    let mut room = [0; 2048];
    let mut asking: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let mut number = queries.load(Ordering::SeqCst);
        if let Ok((length, from)) = socket.recv_from(&mut room) {
            number += 1;
            asking.push((from, room[..length].to_vec()));
            // those before them have had their answers
            asking.drain(..asking.len().saturating_sub(8));
            queries.store(number, Ordering::SeqCst);
        }
        for _ in 0..8 {
            for (from, query) in &asking {
                let _ = socket.send_to(&(kind.udp)(query, number), from);
            }
        }
        if !kind.endless {
            asking.clear();
        }
    }
}

fn over_tcp(kind: Kind, listener: &TcpListener, over: &Arc<AtomicBool>) {
    let mut talks = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let Ok((mut stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        let over = over.clone();
        talks.push(std::thread::spawn(move || {
            let _ = stream.set_nonblocking(false);
            let wait = Some(Duration::from_secs(20));
            let _ = stream.set_read_timeout(wait);
            let _ = stream.set_write_timeout(wait);
            let mut length = [0; 2];
            let mut query = Vec::new();
            if stream.read_exact(&mut length).is_ok() {
                query = vec![0; u16::from_be_bytes(length).into()];
            }
            let mut goes_on = stream.read_exact(&mut query).is_ok() && !query.is_empty();
            while goes_on && !over.load(Ordering::SeqCst) {
                goes_on = (kind.tcp)(&mut stream, &query).is_ok();
            }
        }));
    }
    for talk in talks {
        let _ = talk.join();
    }
}

fn options(flood: &Flood) -> Options {
    let mut options = Options::default();
    options.set_discovery_srv("example.com", None).unwrap();
    options.set_dns_server(&flood.address.to_string()).unwrap();
    options.set_deadline_ms(90_000).unwrap();
    options
}

/// On a thread of its own, so that one that hangs is told as such.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(work()));
    told.recv_timeout(AMPLE)
        .unwrap_or_else(|_| panic!("{what} hangs"))
}

/// By one driver or the other.
fn run(
    client: &etcd_v2::client::Client,
    call: &etcd_v2::client::Call,
    submitted: bool,
) -> Result<Response> {
    if !submitted {
        return client.execute(call);
    }
    let (tell, told) = channel();
    client.submit(call, move |result| drop(tell.send(result)))?;
    told.recv().expect("a completion")
}

fn one(kind: Kind) {
    let name = kind.name;
    let flood = Flood::new(kind);
    for submitted in [false, true] {
        let what = format!("{name}, submitted: {submitted}");
        let client = Arc::new(etcd_v2::client::Client::new(&options(&flood)).unwrap());
        let theirs = client.clone();
        let ended = in_time(&format!("{what}: a call with a deadline"), move || {
            let mut call = call(Operation::Get, "/a");
            call.deadline = Some(Duration::from_millis(300));
            run(&theirs, &call, submitted)
        });
        let status = ended.expect_err(&what).status();
        let known = [Status::TIMEOUT, Status::UNREACHABLE];
        assert!(known.contains(&status), "{what}: {status:?}");
        let (theirs, token) = (client.clone(), Cancel::new().unwrap());
        let fires = token.clone();
        let asked = flood.queries.load(Ordering::SeqCst);
        let running = std::thread::spawn(move || {
            run(&theirs, &call_with(Operation::Get, "/a", &fires), submitted)
        });
        wait_for("a query", AMPLE, || {
            let more = flood.queries.load(Ordering::SeqCst) > asked;
            (more || running.is_finished()).then_some(())
        });
        token.fire();
        let ended = in_time(&format!("{what}: a cancelled call"), move || running.join());
        let status = ended.unwrap().expect_err(&what).status();
        let known = [Status::CANCELLED, Status::UNREACHABLE];
        assert!(known.contains(&status), "{what}: {status:?}");
        in_time(&format!("{what}: the end of the client"), move || {
            drop(client)
        });
    }
    // who knows a member looks for more beside its calls
    let member = Scripted::json(&node_json("1"));
    let mut options = options(&flood);
    options.add_endpoints("endpoints", member.url()).unwrap();
    options.set_sync_interval_ms(100).unwrap();
    let client = Arc::new(etcd_v2::client::Client::new(&options).unwrap());
    let asked = flood.queries.load(Ordering::SeqCst);
    for submitted in [true, false, true] {
        let theirs = client.clone();
        let answer = in_time(&format!("{name}: another call"), move || {
            run(&theirs, &call(Operation::Get, "/a"), submitted)
        });
        assert_eq!(value(answer), "1");
        wait_for("a query", AMPLE, || {
            (flood.queries.load(Ordering::SeqCst) > asked).then_some(())
        });
    }
    in_time(&format!("{name}: the end of the client"), move || {
        drop(client)
    });
    // no deadline ends it here
    let client = Client::new(&self::options(&flood)).unwrap();
    let looked = client.sync(Some(LONG), None);
    let status = looked.map_or_else(|error| error.status(), |_| Status::OK);
    assert_ne!(status, Status::TIMEOUT, "{name}: the look-up has no end");
}

#[test]
fn nobody_waits_for_a_name_server_that_does_not_stop() {
    std::thread::scope(|scope| {
        for kind in kinds() {
            scope.spawn(move || one(kind));
        }
    });
}
