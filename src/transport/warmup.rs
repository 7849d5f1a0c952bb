//! A short first request for connections whose real first request has a long line.
//!
//! Clear-text etcd looks for HTTP/2 in the first 4,094 bytes of a connection and drops it without a word when it finds
//! no end of line in them; later requests are free of that.
use super::{
    exchange_context::ExchangeContext,
    fault::{Fault, FaultKind},
};
use crate::{
    error::Phase,
    protocol::{
        http::{
            request,
            response_reader::{ReaderEvent, ResponseReader},
        },
        http_request::HttpRequest,
        method::Method,
    },
};
use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{RecvFlags, recv, send},
};
use std::time::Instant;

/// Request lines longer than this need a connection that has answered before.
const LONG_LINE: usize = 4_000;
/// An answer to `GET /version` is some hundred bytes.
pub(crate) const LONGEST: u64 = 64 * 1024;

/// Whether the line of this request needs a connection that has answered before.
pub(crate) fn is_long(http_request: &HttpRequest) -> bool {
    let line = http_request.method.name().len()
        + http_request.target.len()
        + " ".len()
        + " HTTP/1.1".len();
    line > LONG_LINE
}

/// Asks for the version and takes the answer in, whatever it says. As a handshake it has to be over when connecting has:
/// the request has not left, so another member may still have all the time.
pub(super) fn warm_up(
    socket: &OwnedFd,
    host: &str,
    context: &ExchangeContext<'_>,
    end: Instant,
) -> Result<(), Box<Fault>> {
    let mut request = Vec::new();
    request::write(&HttpRequest::get("/version"), host, &[], &mut request).map_err(refused)?;
    push(socket, &request, context, end)?;
    let mut exchange = ResponseReader::new(Method::Get, LONGEST);
    let mut part = [0u8; 1024];
    loop {
        let n = pull(socket, &mut part, context, end)?;
        if take(&mut exchange, part.get(..n).unwrap_or_default())? {
            return Ok(());
        }
    }
}

/// Whether the answer is complete, and another request may follow it. An empty part is the end of the stream.
pub(crate) fn take(exchange: &mut ResponseReader, mut part: &[u8]) -> Result<bool, Box<Fault>> {
    let ended = part.is_empty();
    loop {
        let event = match ended {
            true => exchange.end_of_stream(),
            false => exchange.advance(&mut part),
        };
        match event.map_err(|flaw| refused(&flaw.text))? {
            ReaderEvent::More => return Ok(false),
            // etcd tells the length of so short an answer
            ReaderEvent::Head(_) if exchange.expected().is_none() => {
                return Err(refused("no Content-Length"));
            }
            ReaderEvent::Head(_) | ReaderEvent::Data(_) => {}
            ReaderEvent::End { surplus: 1.., .. } => {
                return Err(refused("surplus bytes after the answer"));
            }
            ReaderEvent::End { keep_alive, .. } if keep_alive => return Ok(true),
            ReaderEvent::End { .. } => return Err(refused("the server closes after every answer")),
        }
    }
}

fn push(
    socket: &OwnedFd,
    mut bytes: &[u8],
    context: &ExchangeContext<'_>,
    end: Instant,
) -> Result<(), Box<Fault>> {
    let began = Instant::now();
    while !bytes.is_empty() {
        match send(socket, bytes, super::io::send_flags()) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let waited = context.wait(socket.as_fd(), PollFlags::OUT, end);
                waited.map_err(|stop| context.state.record.stopped(Phase::Connect, stop, began))?;
            }
            Err(errno) => return Err(Fault::from_errno(Phase::Connect, errno)),
        }
    }
    Ok(())
}

fn pull(
    socket: &OwnedFd,
    part: &mut [u8],
    context: &ExchangeContext<'_>,
    end: Instant,
) -> Result<usize, Box<Fault>> {
    let began = Instant::now();
    loop {
        let waited = context.wait(socket.as_fd(), PollFlags::IN, end);
        waited.map_err(|stop| context.state.record.stopped(Phase::Connect, stop, began))?;
        match recv(socket, &mut *part, RecvFlags::empty()) {
            Ok((_, n)) => return Ok(n),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(Fault::from_errno(Phase::Connect, errno)),
        }
    }
}

fn refused(why: &str) -> Box<Fault> {
    let text = format!("GET /version, needed before a long request line: {why}");
    Fault::new(Phase::Connect, FaultKind::Protocol, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(parts: &[&[u8]]) -> Result<bool, String> {
        let mut exchange = ResponseReader::new(Method::Get, LONGEST);
        let mut complete = false;
        for part in parts {
            complete = take(&mut exchange, part).map_err(|fault| fault.text)?;
        }
        Ok(complete)
    }

    #[test]
    fn answers() {
        for whole in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"[..],
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nlost",
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
        ] {
            for cut in 1..whole.len() {
                let (front, rest) = whole.split_at(cut);
                assert_eq!(answer(&[front]), Ok(false), "{cut}");
                assert_eq!(answer(&[front, rest]), Ok(true), "{cut}");
                assert!(answer(&[front, b""]).is_err(), "{cut}");
            }
        }
        for (bad, why) in [
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                "the server closes",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n{}",
                "the server closes",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}!",
                "surplus bytes",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
                "larger than 65536 bytes",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "no Content-Length",
            ),
            ("HTTP/1.1 200 OK\r\n\r\n{}", "no Content-Length"),
            ("SSH-2.0-OpenSSH\r\n", "not HTTP"),
        ] {
            let text = answer(&[bad.as_bytes()]).unwrap_err();
            assert!(text.starts_with("GET /version, needed before"), "{text}");
            assert!(text.contains(why), "{text}");
        }
    }
}
