//! A name server that says what the test wants, on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// An SRV record: priority, weight, port, target.
pub type Srv = (u16, u16, u16, &'static str);

/// What is said to a query.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These records; none is NXDOMAIN.
    Records(Vec<Srv>),
    /// The same, but over UDP only that there are too many.
    Long(Vec<Srv>),
    /// An error code.
    Code(u8),
    /// First what was not asked for, then these records.
    Noise(Vec<Srv>),
    /// Nothing.
    Silence,
    /// One message over UDP, and what is said over TCP: another message, or nothing before the close.
    Made(Message, Option<Message>),
    /// The message comes from another port.
    Stranger(Message),
}

/// A record of an answer: owner, type, class and data. An empty owner is the name of the question.
#[derive(Clone, Debug)]
pub struct Record {
    pub owner: &'static str,
    pub kind: u16,
    pub class: u16,
    pub data: Vec<u8>,
}

impl Record {
    /// An SRV record of the name of the question.
    pub fn srv((priority, weight, port, target): Srv) -> Record {
        let numbers = [priority, weight, port].map(u16::to_be_bytes).concat();
        let data = [numbers, encoded(target)].concat();
        Record {
            owner: "",
            kind: 33,
            class: 1,
            data,
        }
    }

    /// An alias.
    pub fn cname(owner: &'static str, target: &str) -> Record {
        Record {
            owner,
            kind: 5,
            class: 1,
            data: encoded(target),
        }
    }

    /// A name server of the zone.
    pub fn ns(owner: &'static str, target: &str) -> Record {
        Record {
            kind: 2,
            ..Record::cname(owner, target)
        }
    }
}

/// An answer, right or wrong in any of its parts.
#[derive(Clone, Debug)]
pub struct Message {
    /// what the identifier of the query is changed by
    pub id: u16,
    /// flags and code: 0x8180 for a good one
    pub flags: u16,
    /// name, type and class; an empty name is that of the query
    pub question: Option<(&'static str, u16, u16)>,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    /// bytes that are missing at the end
    pub cut: usize,
}

impl Message {
    /// A good answer with these records.
    pub fn of(answers: Vec<Record>) -> Message {
        Message {
            id: 0,
            flags: 0x8180,
            question: Some(("", 33, 1)),
            answers,
            authority: Vec::new(),
            cut: 0,
        }
    }

    /// The same with another code.
    pub fn code(self, code: u16) -> Message {
        let flags = self.flags & !15 | code;
        Message { flags, ..self }
    }

    /// As it goes over the wire.
    pub fn bytes(&self, query: &[u8]) -> Vec<u8> {
        let asked = name(query);
        let named = |given: &str| encoded(if given.is_empty() { &asked } else { given });
        let id = u16::from_be_bytes([query[0], query[1]]) ^ self.id;
        let counts = [
            self.question.iter().len(),
            self.answers.len(),
            self.authority.len(),
            0,
        ];
        let mut bytes = [id, self.flags].map(u16::to_be_bytes).concat();
        for count in counts {
            bytes.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        if let Some((name, kind, class)) = self.question {
            bytes.extend(named(name));
            bytes.extend([kind, class].map(u16::to_be_bytes).concat());
        }
        for record in self.answers.iter().chain(&self.authority) {
            bytes.extend(named(record.owner));
            bytes.extend([record.kind, record.class].map(u16::to_be_bytes).concat());
            bytes.extend(60u32.to_be_bytes());
            bytes.extend(u16::try_from(record.data.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(&record.data);
        }
        bytes.truncate(bytes.len() - self.cut);
        bytes
    }
}

type Zone = dyn Fn(&str, usize) -> Reply + Send + Sync;

/// The server.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    zone: Box<Zone>,
    stopping: AtomicBool,
    asked: Mutex<Vec<String>>,
}

impl NameServer {
    /// `zone` is asked with the name and with how many queries there were before this one.
    pub fn new(zone: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> NameServer {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            // the same number may be taken for TCP
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let shared = Arc::new(Shared {
            zone: Box::new(zone),
            stopping: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        udp.set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        tcp.set_nonblocking(true).unwrap();
        let (one, two) = (shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || one.over_udp(&udp)),
            std::thread::spawn(move || two.over_tcp(&tcp)),
        ];
        NameServer {
            address,
            shared,
            threads,
        }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Names that were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn reply(&self, query: &[u8]) -> Reply {
        let name = name(query);
        let mut asked = self.asked.lock().unwrap();
        asked.push(name.clone());
        let before = asked.len() - 1;
        drop(asked);
        (self.zone)(&name, before)
    }

    fn over_udp(&self, socket: &UdpSocket) {
        let mut room = [0; 2048];
        while !self.stopping.load(Ordering::SeqCst) {
            let Ok((length, from)) = socket.recv_from(&mut room) else {
                continue;
            };
            let query = &room[..length];
            let answers = match self.reply(query) {
                Reply::Records(records) => vec![message(query, &records, None, false)],
                Reply::Long(_) => vec![message(query, &[], Some(0), true)],
                Reply::Code(code) => vec![message(query, &[], Some(code), false)],
                Reply::Noise(records) => {
                    let mut other = message(query, &[(0, 0, 1, "evil.example")], None, false);
                    other[0] ^= 0x55;
                    let cut = vec![other[0] ^ 0x55; 5];
                    vec![
                        other,
                        cut,
                        query.to_vec(),
                        message(query, &records, None, false),
                    ]
                }
                Reply::Silence => Vec::new(),
                Reply::Made(message, _) => vec![message.bytes(query)],
                Reply::Stranger(message) => {
                    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
                    let _ = other.send_to(&message.bytes(query), from);
                    Vec::new()
                }
            };
            for answer in answers {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn over_tcp(&self, listener: &TcpListener) {
        while !self.stopping.load(Ordering::SeqCst) {
            let Ok((mut stream, _)) = listener.accept() else {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            };
            let _ = stream.set_nonblocking(false);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut length = [0; 2];
            if stream.read_exact(&mut length).is_err() {
                continue;
            }
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            if stream.read_exact(&mut query).is_err() {
                continue;
            }
            let answer = match self.reply(&query) {
                Reply::Long(records) | Reply::Records(records) => {
                    Some(message(&query, &records, None, false))
                }
                Reply::Made(_, answer) => answer.map(|answer| answer.bytes(&query)),
                _ => None,
            };
            if let Some(answer) = answer {
                let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
                // in pieces, as it may come
                let _ = stream.write_all(&length[..1]);
                let _ = stream.write_all(&[&length[1..], &answer].concat());
            }
        }
    }
}

/// The name in the question.
pub fn name(query: &[u8]) -> String {
    let (mut labels, mut at) = (Vec::new(), 12);
    while let Some(&length) = query.get(at).filter(|length| **length != 0) {
        let end = at + 1 + usize::from(length);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    labels.join(".")
}

pub fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

fn message(query: &[u8], records: &[Srv], code: Option<u8>, cut: bool) -> Vec<u8> {
    let end = 12 + encoded(&name(query)).len() + 4;
    let code = code.unwrap_or(if records.is_empty() { 3 } else { 0 });
    let mut bytes = query[..2].to_vec();
    bytes.extend([if cut { 0x83 } else { 0x81 }, 0x80 | code, 0, 1]);
    bytes.extend(u16::try_from(records.len()).unwrap().to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend_from_slice(&query[12..end]);
    for (priority, weight, port, target) in records {
        let target = encoded(target);
        // the name of the question, SRV, IN, a minute
        bytes.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
        let length = u16::try_from(6 + target.len()).unwrap();
        for number in [length, *priority, *weight, *port] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(target);
    }
    bytes
}
