//! Something between client and server that understands HTTP: it changes, withholds or replaces answers.

use super::http::find;
use super::scripted::{Conversation, Scripted};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// What becomes of an answer.
pub enum Answer {
    /// This head and the server's body.
    Head(String),
    /// These bytes; the server is left.
    Instead(Vec<u8>),
    /// Nothing, until the client leaves.
    Withheld,
}

/// A gateway in front of a server. Every connection takes one request; when the client closes its sending side, so does
/// the gateway.
pub struct Gateway(Scripted);

impl Gateway {
    /// In front of `http://ADDRESS:PORT`. `edit` gets the request line and the head of the answer, up to its empty line.
    pub fn to(url: &str, edit: impl Fn(&str, String) -> Answer + Send + Sync + 'static) -> Gateway {
        let upstream = url.strip_prefix("http://").unwrap_or(url).to_owned();
        Gateway(Scripted::tcp(move |c| carry(c, &upstream, &edit)))
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
    edit: &dyn Fn(&str, String) -> Answer,
) -> io::Result<()> {
    let Some(request) = c.read_request()? else {
        return Ok(());
    };
    let end = find(&request, b"\r\n").unwrap_or(request.len());
    let line = String::from_utf8_lossy(&request[..end]).into_owned();
    let mut server = TcpStream::connect(upstream)?;
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
            break end + 2;
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
        Answer::Instead(bytes) => return c.write(bytes),
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
