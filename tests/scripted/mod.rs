//! A server that does what a test says, byte by byte.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]
use etcd_v2::{
    protocol::wire::{Expect, Method, Repeat, Wire},
    transport::{
        cancel::Cancel,
        channel::{Answer, Channel, Limits, Settings},
        endpoint::Endpoint,
        fault::Fault,
    },
};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Longest time that anything may take that is not expected to take any.
pub const LONG: Duration = Duration::from_secs(20);

pub fn settings() -> Settings {
    Settings {
        max_idle: 16,
        idle_age: Duration::from_secs(60),
        keepalive: Some((Duration::from_secs(30), Duration::from_secs(10), 3)),
        user_timeout: Some(Duration::from_secs(20)),
    }
}

pub fn limits() -> Limits {
    Limits {
        deadline: Instant::now() + LONG,
        connect: LONG,
        send: LONG,
        head: LONG,
        body: LONG,
        max_body: 64 << 20,
    }
}

pub fn channel(url: &str) -> Channel {
    Channel::new(Endpoint::parse("endpoints", url).unwrap(), &settings())
}

pub fn put(target: &str, body: &[u8]) -> Wire {
    Wire {
        method: Method::Put,
        target: target.into(),
        body: Some(body.into()),
        content_type: Some("application/x-www-form-urlencoded".into()),
        repeat: Repeat::Never,
        expect: Expect::Anything,
    }
}

pub fn with_method(method: Method, target: &str) -> Wire {
    Wire {
        method,
        ..Wire::get(target)
    }
}

pub fn get(channel: &Channel, target: &str) -> Result<Answer, Box<Fault>> {
    channel.exchange(&Wire::get(target), &limits(), None)
}

/// One connection as the server sees it.
pub struct Peer {
    pub stream: TcpStream,
    pub number: usize,
    unread: Vec<u8>,
}

impl Peer {
    /// Head and body of the next request; `None` at the end of the connection.
    pub fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let mut part = [0; 65536];
        loop {
            if let Some(at) = self.unread.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(self.unread[..at + 2].into()).unwrap();
                let length = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "))
                    .map_or(0, |l| l.parse().unwrap());
                if self.unread.len() >= at + 4 + length {
                    let body = self.unread[at + 4..at + 4 + length].to_vec();
                    self.unread.drain(..at + 4 + length);
                    return Some((head, body));
                }
            }
            match self.stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(n) => self.unread.extend_from_slice(&part[..n]),
            }
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // the client may be gone already
        let _ = self.stream.write_all(bytes.as_ref());
    }

    pub fn answer(&mut self, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send([head.as_bytes(), body].concat());
    }

    /// Returns when the client has closed the connection.
    pub fn until_closed(&mut self) {
        while self.request().is_some() {}
    }
}

/// Runs `script` for every connection, each in a thread of its own; ends with the process.
pub struct Server {
    pub url: String,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub fn new(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let script = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                let script = script.clone();
                thread::spawn(move || {
                    script(&mut Peer {
                        stream,
                        number,
                        unread: Vec::new(),
                    })
                });
            }
        });
        Server { url, connections }
    }

    /// Answers everything with the request's first line.
    pub fn echo() -> Server {
        Server::new(|peer| {
            while let Some((head, _)) = peer.request() {
                peer.answer(head.lines().next().unwrap());
            }
        })
    }

    /// Reads one request, sends `bytes`, closes.
    pub fn canned(bytes: impl Into<Vec<u8>>) -> Server {
        let bytes = bytes.into();
        Server::new(move |peer| {
            if peer.request().is_some() {
                peer.send(&bytes);
            }
        })
    }

    pub fn channel(&self) -> Channel {
        channel(&self.url)
    }

    pub fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Runs `call` with a fresh token, fires it when `begun` says so, and returns what came of it and how long that took.
pub fn cancelled<T: Send>(
    begun: &mpsc::Receiver<()>,
    call: impl FnOnce(&Cancel) -> T + Send,
) -> (T, Duration) {
    let token = Cancel::new().unwrap();
    thread::scope(|scope| {
        let running = scope.spawn(|| call(&token));
        begun.recv_timeout(LONG).unwrap();
        // the call is on its way into its wait: fired before or in it, it has to return
        let fired = Instant::now();
        token.fire();
        let outcome = running.join().unwrap();
        (outcome, fired.elapsed())
    })
}
