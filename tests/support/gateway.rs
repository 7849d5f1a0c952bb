//! Something between client and server that understands HTTP: it changes, withholds or replaces answers.

use super::http::find;
use super::scripted::{Conversation, Scripted};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What becomes of an answer.
pub enum Answer {
    /// This head and the server's body.
    Head(String),
    /// The same, but not before the first byte of the body.
    Buffered(String),
    /// This head, and of the body what comes in pieces of at most so many bytes; nothing after a larger one.
    UpTo(usize, String),
    /// These bytes; the server is left.
    Instead(Vec<u8>),
    /// Nothing, until the client leaves.
    Withheld,
}

/// A gateway in front of a server. Every connection takes one request; when the client closes its sending side, so does
/// the gateway.
pub struct Gateway(Scripted, Arc<Way>);

#[derive(Default)]
struct Way {
    blocked: AtomicBool,
    servers: Mutex<Vec<TcpStream>>,
}

impl Gateway {
    /// In front of `http://ADDRESS:PORT`. `edit` gets the request line and the head of the answer, with its empty line.
    pub fn to(url: &str, edit: impl Fn(&str, String) -> Answer + Send + Sync + 'static) -> Gateway {
        let upstream = url.strip_prefix("http://").unwrap_or(url).to_owned();
        let way = Arc::new(Way::default());
        let its = Arc::clone(&way);
        let carry = move |c: &mut Conversation| carry(c, &upstream, &its, &edit);
        Gateway(Scripted::tcp(carry), way)
    }

    /// Cuts what is on its way, and answers 503 by itself from now on; `false` ends that.
    pub fn block(&self, on: bool) {
        self.1.blocked.store(on, Ordering::SeqCst);
        if on {
            for server in self.1.servers.lock().unwrap().drain(..) {
                let _ = server.shutdown(Shutdown::Both);
            }
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// First line of every request so far.
    pub fn request_lines(&self) -> Vec<String> {
        self.0.request_lines()
    }
}

/// A head without this header.
pub fn without(head: &str, name: &str) -> String {
    let is_it = |line: &&str| {
        let field = line.split(':').next().unwrap_or_default();
        field.eq_ignore_ascii_case(name)
    };
    head.split_inclusive("\r\n")
        .filter(|line| !is_it(line))
        .collect()
}

fn carry(
    c: &mut Conversation,
    upstream: &str,
    way: &Way,
    edit: &dyn Fn(&str, String) -> Answer,
) -> io::Result<()> {
    let Some(request) = c.read_request()? else {
        return Ok(());
    };
    let end = find(&request, b"\r\n").unwrap_or(request.len());
    let line = String::from_utf8_lossy(&request[..end]).into_owned();
    let mut server = TcpStream::connect(upstream)?;
    way.servers.lock().unwrap().push(server.try_clone()?);
    if way.blocked.load(Ordering::SeqCst) {
        return c.write(b"HTTP/1.1 503 no\r\nContent-Length: 0\r\n\r\n");
    }
    server.set_nodelay(true)?;
    server.write_all(&request[..end])?;
    server.write_all(b"\r\nConnection: close")?;
    server.write_all(&request[end..])?;
    let (mut from, to) = (c.second_stream()?, server.try_clone()?);
    let ending = std::thread::spawn(move || {
        let mut rest = [0; 4096];
        while from.read(&mut rest).is_ok_and(|n| n > 0) {}
        let _ = to.shutdown(Shutdown::Write);
    });
    let done = answer(c, &mut server, &line, edit);
    let _ = server.shutdown(Shutdown::Both);
    let _ = c.close();
    let _ = ending.join();
    done
}

fn answer(
    c: &mut Conversation,
    server: &mut TcpStream,
    line: &str,
    edit: &dyn Fn(&str, String) -> Answer,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16384];
    let end = loop {
        if let Some(end) = find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        match server.read(&mut piece)? {
            0 => return Ok(()),
            n => bytes.extend_from_slice(&piece[..n]),
        }
    };
    let body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    match edit(line, head) {
        Answer::Head(head) => {
            c.write(head)?;
            c.write(body)?;
        }
        Answer::Buffered(head) => {
            let mut body = body;
            if body.is_empty() {
                match server.read(&mut piece)? {
                    0 => return Ok(()),
                    n => body.extend_from_slice(&piece[..n]),
                }
            }
            c.write([head.as_bytes(), &body].concat())?;
        }
        Answer::Instead(bytes) => return c.write(bytes),
        Answer::UpTo(most, head) => {
            c.write(head)?;
            let mut n = body.len();
            piece[..n].copy_from_slice(&body);
            while n <= most {
                c.write(&piece[..n])?;
                n = server.read(&mut piece)?;
                if n == 0 {
                    return Ok(());
                }
            }
            while server.read(&mut piece)? > 0 {}
            c.stay_silent();
            return Ok(());
        }
        Answer::Withheld => {
            // until the client, and after it the server, has closed
            while server.read(&mut piece)? > 0 {}
            return Ok(());
        }
    }
    loop {
        match server.read(&mut piece)? {
            0 => return Ok(()),
            n => c.write(&piece[..n])?,
        }
    }
}
