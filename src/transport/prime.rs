//! A short first request for connections whose real first request has a long line.
//!
//! Clear-text etcd looks for HTTP/2 in the first 4,094 bytes of a connection and drops it without a word when it finds
//! no end of line in them; later requests are free of that.
use super::{
    attempt::{Attempt, Failure},
    fault::FaultKind,
    wait,
};
use crate::error::Phase;
use rustix::{
    event::PollFlags,
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{RecvFlags, recv, send},
};
use std::time::Instant;

/// Request lines longer than this need a connection that has answered before.
pub(super) const LONG_LINE: usize = 4_000;
/// An answer to `GET /version` is some hundred bytes.
const LONGEST: usize = 64 * 1024;

/// Asks for the version and takes the answer in, whatever it says.
pub(super) fn prime(socket: &OwnedFd, host: &str, attempt: &Attempt) -> Result<(), Failure> {
    let request = format!("GET /version HTTP/1.1\r\nhost: {host}\r\n\r\n");
    push(socket, request.as_bytes(), attempt)?;
    let mut answer = Vec::new();
    loop {
        if let Some(length) = complete(&answer)? {
            return match answer.len() == length {
                true => Ok(()),
                false => Err(refused("surplus bytes after the answer")),
            };
        }
        if answer.len() > LONGEST {
            return Err(refused("endless answer"));
        }
        pull(socket, &mut answer, attempt)?;
    }
}

fn push(socket: &OwnedFd, mut bytes: &[u8], attempt: &Attempt) -> Result<(), Failure> {
    let began = Instant::now();
    let end = attempt.end_of(attempt.limits.head);
    while !bytes.is_empty() {
        match send(socket, bytes, super::stream::send_flags(false)) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let cancel = attempt.cancel.as_ref();
                wait::one(socket.as_fd(), PollFlags::OUT, cancel, end)
                    .map_err(|stop| attempt.stopped(Phase::Connect, stop, began))?;
            }
            Err(errno) => return Err(Failure::from_errno(Phase::Connect, errno)),
        }
    }
    Ok(())
}

fn pull(socket: &OwnedFd, answer: &mut Vec<u8>, attempt: &Attempt) -> Result<(), Failure> {
    let began = Instant::now();
    let end = attempt.end_of(attempt.limits.head);
    let mut part = [0u8; 1024];
    loop {
        wait::one(socket.as_fd(), PollFlags::IN, attempt.cancel.as_ref(), end)
            .map_err(|stop| attempt.stopped(Phase::Connect, stop, began))?;
        match recv(socket, &mut part[..], RecvFlags::empty()) {
            Ok((_, 0)) => return Err(refused("connection closed")),
            Ok((_, n)) => {
                answer.extend_from_slice(part.get(..n).unwrap_or_default());
                return Ok(());
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(Failure::from_errno(Phase::Connect, errno)),
        }
    }
}

/// Length of the whole answer, once its head is there and says so, and all of it came.
fn complete(answer: &[u8]) -> Result<Option<usize>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let start = match head.parse(answer) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(e) => return Err(refused(&e.to_string())),
    };
    if head.version != Some(1) {
        return Err(refused("not HTTP/1.1"));
    }
    let mut length = None;
    for field in head.headers.iter() {
        let value = std::str::from_utf8(field.value).unwrap_or_default().trim();
        if field.name.eq_ignore_ascii_case("content-length") {
            length = value.parse::<usize>().ok();
        } else if field.name.eq_ignore_ascii_case("connection")
            && value.to_ascii_lowercase().contains("close")
        {
            return Err(refused("the server closes after every answer"));
        }
    }
    let length = length.ok_or_else(|| refused("no Content-Length"))?;
    let whole = start.saturating_add(length);
    if whole > LONGEST {
        return Err(refused("endless answer"));
    }
    Ok((answer.len() >= whole).then_some(whole))
}

fn refused(why: &str) -> Failure {
    let text = format!("GET /version, needed before a long request line: {why}");
    Failure::new(Phase::Connect, FaultKind::Protocol, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..whole.len() {
            assert_eq!(complete(&whole[..cut]).unwrap(), None, "{cut}");
        }
        assert_eq!(complete(whole).unwrap(), Some(whole.len()));
        for bad in [
            "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n",
        ] {
            assert!(complete(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
