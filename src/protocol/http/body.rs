//! The body of an answer: finds its data in the input, without copying it.
use super::{framing::Framing, parse_error::ParseError};

/// Chunk extensions and trailers, together.
const LONGEST_EXTRA: u32 = 16 * 1024;
/// Of a chunk's size; no leading zeros without end.
const MOST_DIGITS: u8 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /** so many bytes are left */
    Length(u64),
    UntilClose,
    /** in the size of a chunk; value and digits so far */
    Size(u64, u8),
    /** spaces after the size */
    Space(u64),
    Extension(u64),
    /** the LF after the size is missing */
    SizeLf(u64),
    /** so much of the chunk is left */
    Data(u64),
    DataCr,
    DataLf,
    /** at the first byte of a trailer, or of the last line */
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// Decoder of one body.
#[derive(Clone, Debug)]
pub struct Body {
    state: State,
    began: bool,
    /// bytes of extensions and trailers so far
    extra: u32,
    /// bytes of data that may still come
    room: u64,
    limit: u64,
}

impl Body {
    /// A body that may have `limit` bytes of data.
    pub fn new(framing: Framing, limit: u64) -> Body {
        Body {
            state: match framing {
                Framing::None | Framing::Length(0) => State::Done,
                Framing::Length(length) => State::Length(length),
                Framing::Chunked => State::Size(0, 0),
                Framing::UntilClose => State::UntilClose,
            },
            began: false,
            extra: 0,
            room: limit,
            limit,
        }
    }

    /// Takes the next piece of data from the front of `input`. `None`: the input is used up, or the body has ended.
    pub fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, ParseError> {
        loop {
            match self.state {
                State::Done => return Ok(None),
                State::Length(left) if left > self.room => {
                    return Err(ParseError::too_large(self.limit));
                }
                _ => {}
            }
            let Some((first, rest)) = input.split_first() else {
                return Ok(None);
            };
            self.began = true;
            let left = match self.state {
                State::Length(left) | State::Data(left) => left,
                State::UntilClose => self.room,
                _ => {
                    self.state = self.step(*first)?;
                    *input = rest;
                    continue;
                }
            };
            if left == 0 {
                return Err(ParseError::too_large(self.limit));
            }
            let length = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
            let (data, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
            *input = rest;
            self.room -= data.len() as u64;
            self.state = match (self.state, left - data.len() as u64) {
                (State::UntilClose, _) => State::UntilClose,
                (State::Length(_), 0) => State::Done,
                (State::Length(_), left) => State::Length(left),
                (_, 0) => State::DataCr,
                (_, left) => State::Data(left),
            };
            return Ok(Some(data));
        }
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, ParseError> {
        let state = match (self.state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                if digits == MOST_DIGITS {
                    return Err(bad("size of a chunk has too many digits"));
                }
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                State::Size(size << 4 | u64::from(digit), digits + 1)
            }
            (State::Size(_, 0), _) => return Err(bad("a chunk has no size")),
            (State::Size(size, _) | State::Space(size), b' ' | b'\t') => {
                self.count()?;
                State::Space(size)
            }
            (State::Size(size, _) | State::Space(size), b';') => State::Extension(size),
            (State::Size(size, _) | State::Space(size) | State::Extension(size), b'\r') => {
                State::SizeLf(size)
            }
            (State::Size(..) | State::Space(_), _) => {
                return Err(bad("size of a chunk is no number"));
            }
            (State::Extension(size), 0x20..=0x7e | b'\t' | 0x80..) => {
                self.count()?;
                State::Extension(size)
            }
            (State::Extension(_), _) => return Err(bad("control character in a chunk extension")),
            (State::SizeLf(0), b'\n') => State::TrailerStart,
            (State::SizeLf(size), b'\n') if size > self.room => {
                return Err(ParseError::too_large(self.limit));
            }
            (State::SizeLf(size), b'\n') => State::Data(size),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0, 0),
            (State::DataCr | State::DataLf, _) => {
                return Err(bad("a chunk is longer than its size"));
            }
            (State::TrailerStart, b'\r') => State::LastLf,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerStart | State::Trailer, 0x20..=0x7e | b'\t' | 0x80..) => {
                self.count()?;
                State::Trailer
            }
            (State::TrailerStart | State::Trailer, _) => {
                return Err(bad("control character in a trailer"));
            }
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::LastLf, b'\n') => State::Done,
            (State::SizeLf(_) | State::TrailerLf | State::LastLf, _) => {
                return Err(bad("CR without LF"));
            }
            (State::Length(_) | State::UntilClose | State::Data(_) | State::Done, _) => self.state,
        };
        Ok(state)
    }

    fn count(&mut self) -> Result<(), ParseError> {
        self.extra += 1;
        match self.extra > LONGEST_EXTRA {
            true => Err(bad("extensions and trailers are longer than 16 KiB")),
            false => Ok(()),
        }
    }

    /// Bytes of data that will still come, if that is known.
    pub fn expected(&self) -> Option<u64> {
        match self.state {
            State::Length(left) => Some(left),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Whether any byte of it came, if only of its framing.
    pub fn began(&self) -> bool {
        self.began
    }

    /// Whether it has come to its end.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The connection has ended: was that the end of the body?
    pub fn end_of_stream(&self) -> Result<(), ParseError> {
        match self.state {
            State::Done | State::UntilClose => Ok(()),
            _ => Err(ParseError::protocol(
                "the body was cut: connection closed before its end",
            )),
        }
    }
}

fn bad(why: &str) -> ParseError {
    ParseError::protocol(format!("bad chunks in the answer: {why}"))
}
