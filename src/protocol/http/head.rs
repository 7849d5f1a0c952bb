//! The head of an answer, collected until its blank line.
use super::{
    framing::{Fields, Framing},
    parse_error::ParseError,
    token::TOKEN,
};
use crate::protocol::{method::Method, response_head::Head};
use std::mem::{MaybeUninit, take};

/// Longest head, together with the interim ones before it.
pub(super) const LONGEST: usize = 64 * 1024;
/// Most headers in one head.
const MOST: usize = 128;
/// How every head begins.
const BEGINNING: &[u8] = b"HTTP/1.";

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParsedHead {
    pub(super) head: Head,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
}

/// What became of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /** all of it was kept, and more is needed */
    More,
    /** a head of status 1xx came to its end; another one follows */
    Interim,
    /** the head is complete */
    Done(ParsedHead),
}

/// Where the search for the blank line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /** at the first byte of a line */
    #[default]
    Start,
    /** after a CR that is the first byte of its line */
    Cr,
    /** further in a line */
    Inside,
}

/// Takes in a head, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct HeadParser {
    /// an incomplete head; a head that comes in one piece is never copied
    kept: Vec<u8>,
    at: At,
    /// bytes of interim heads
    spent: usize,
}

impl HeadParser {
    /// Whether nothing at all has come.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.spent == 0
    }

    /// Takes from the front of `input` what belongs to the head.
    #[inline]
    pub(super) fn advance(
        &mut self,
        method: Method,
        input: &mut &[u8],
    ) -> Result<Progress, ParseError> {
        if input.is_empty() {
            return Ok(Progress::More);
        }
        let room = LONGEST - self.spent.min(LONGEST);
        let kept = self.kept.len();
        let window = front(input, room.saturating_sub(kept));
        if kept == 0 {
            begins(window)?;
            let parsed = parse(window, method);
            if let Parse::Complete(length, progress) = parsed {
                self.spent += length;
                *input = input.get(length..).unwrap_or_default();
                return progress;
            }
            // a bad line counts when the head is complete, so that it makes no difference how it was cut
        }
        let end = self.at.blank_line(window);
        let taken = end.unwrap_or(window.len());
        self.kept.extend_from_slice(front(window, taken));
        *input = input.get(taken..).unwrap_or_default();
        if kept < BEGINNING.len() {
            begins(&self.kept)?;
        }
        if end.is_none() {
            return match self.kept.len() >= room {
                true => Err(ParseError::protocol(
                    "head of the answer is longer than 64 KiB",
                )),
                false => Ok(Progress::More),
            };
        }
        self.at = At::Start;
        let whole = take(&mut self.kept);
        self.spent += whole.len();
        match parse(&whole, method) {
            Parse::Complete(_, progress) => progress,
            Parse::Partial => Err(not_http("it has a blank line too early")),
            Parse::Bad(httparse::Error::TooManyHeaders) => Err(ParseError::protocol(
                "head of the answer has more than 128 headers",
            )),
            Parse::Bad(error) => Err(not_http(&error.to_string())),
        }
    }
}

impl At {
    /// The end of the first blank line in `part`, which goes on where the last one stopped.
    fn blank_line(&mut self, part: &[u8]) -> Option<usize> {
        let mut i = 0;
        loop {
            let rest = part.get(i..)?;
            match (*self, rest.first()?) {
                (At::Inside, _) => {
                    i += memchr::memchr(b'\n', rest)? + 1;
                    *self = At::Start;
                }
                (_, b'\n') => return Some(i + 1),
                (At::Start, b'\r') => {
                    i += 1;
                    *self = At::Cr;
                }
                _ => *self = At::Inside,
            }
        }
    }
}

fn front(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or(bytes)
}

/// Whoever speaks something else is told apart by his first bytes: he may never send a blank line.
fn begins(bytes: &[u8]) -> Result<(), ParseError> {
    let seen = front(bytes, BEGINNING.len());
    match BEGINNING.starts_with(seen) {
        true => Ok(()),
        false => Err(not_http("it begins otherwise")),
    }
}

fn not_http(why: &str) -> ParseError {
    ParseError::protocol(format!("head of the answer is not HTTP/1: {why}"))
}

enum Parse {
    /// bytes, and what they mean
    Complete(usize, Result<Progress, ParseError>),
    Partial,
    Bad(httparse::Error),
}

#[inline]
fn parse(bytes: &[u8], method: Method) -> Parse {
    match plain(bytes, method) {
        Some((length, progress)) => Parse::Complete(length, progress),
        None => parse_any(bytes, method),
    }
}

/// A complete head as etcd writes it: HTTP/1.1, printable ASCII, CRLF after every line. Anything else is `None`, and judged by
/// [`parse_any`], which would say the same of this one.
#[inline]
fn plain(bytes: &[u8], method: Method) -> Option<(usize, Result<Progress, ParseError>)> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 ")?;
    let (
        [
            hundreds @ b'2'..=b'9',
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
        ],
        rest,
    ) = rest.split_first_chunk::<3>()?
    else {
        return None;
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    let mut head = Head::new(100 * digit(hundreds) + 10 * digit(tens) + digit(ones));
    let mut fields = Fields::default();
    let (reason, mut rest) = line(rest)?;
    if !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    for headers in 0..=MOST {
        let (header, after) = line(rest)?;
        rest = after;
        if header.is_empty() {
            let length = bytes.len() - rest.len();
            let told = bytes.get(..length)?;
            // CR and LF of each line are the only ones: of the status, of the headers, and of the blank one
            if unprintable(told) != 2 * (headers + 2) {
                return None;
            }
            return Some((length, done(head, &fields, method, 1)));
        }
        let name = header.iter().position(|byte| !TOKEN[usize::from(*byte)])?;
        let (name, value) = header.split_at_checked(name)?;
        let value = value.strip_prefix(b":").filter(|_| !name.is_empty())?;
        if !fields.take(name, value) {
            head.set(name, value);
        }
    }
    None
}

/// The first line, and what follows its CRLF.
#[inline]
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r")?, rest.get(1..)?))
}

/// How many bytes are not printable ASCII.
fn unprintable(bytes: &[u8]) -> usize {
    // counters of one byte fill a vector register, and none overflows within a part
    let parts = bytes.chunks(128).map(|part| {
        let odd = part.iter().map(|b| u8::from(!(b' '..0x7f).contains(b)));
        usize::from(odd.sum::<u8>())
    });
    parts.sum()
}

fn parse_any(bytes: &[u8], method: Method) -> Parse {
    let mut fields = [const { MaybeUninit::uninit() }; MOST];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut fields) {
        Ok(httparse::Status::Complete(length)) => Parse::Complete(length, read(&response, method)),
        Ok(httparse::Status::Partial) => Parse::Partial,
        Err(error) => Parse::Bad(error),
    }
}

#[inline]
fn read(response: &httparse::Response<'_, '_>, method: Method) -> Result<Progress, ParseError> {
    // 0: httparse knows both in every complete head
    let status = response.code.unwrap_or(0);
    let version = response.version.unwrap_or(0);
    match status {
        0..=99 => return Err(not_http("its status is below 100")),
        // HTTP/2 or a websocket would follow
        101 => return Err(ParseError::protocol("status 101, which nobody asked for")),
        102..=199 | 100 => return Ok(Progress::Interim),
        _ => {}
    }
    let mut head = Head::new(status);
    head.relay = version == 0;
    let mut fields = Fields::default();
    for field in response.headers.iter() {
        let name = field.name.as_bytes();
        if !fields.take(name, field.value) {
            head.set(name, field.value);
        }
    }
    done(head, &fields, method, version)
}

fn done(head: Head, fields: &Fields, method: Method, version: u8) -> Result<Progress, ParseError> {
    let (framing, keep_alive) = fields.decide(method, head.status, version)?;
    Ok(Progress::Done(ParsedHead {
        head,
        framing,
        keep_alive,
    }))
}

/// Whether the short way says what the other one says; `None`: it leaves the head to that.
#[cfg(test)]
pub(super) fn ways_agree(bytes: &[u8], method: Method) -> Option<bool> {
    let (length, progress) = plain(bytes, method)?;
    let any = parse_any(bytes, method);
    Some(matches!(any, Parse::Complete(l, p) if (l, &p) == (length, &progress)))
}
