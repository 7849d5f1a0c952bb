//! The body of an answer: finds its data in the input, without copying it.
use super::{framing::Framing, parse_error::ParseError};

/// Chunk extensions and trailers, together.
const LONGEST_EXTRA: u32 = 16 * 1024;
/// Of a chunk's size; no leading zeros without end.
const MOST_DIGITS: u8 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
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
pub struct BodyDecoder {
    state: BodyState,
    began: bool,
    /// bytes of extensions and trailers so far
    extra: u32,
    /// bytes of data that may still come
    room: u64,
    limit: u64,
}

impl BodyDecoder {
    /// A body that may have `limit` bytes of data.
    pub fn new(framing: Framing, limit: u64) -> BodyDecoder {
        BodyDecoder {
            state: match framing {
                Framing::None | Framing::Length(0) => BodyState::Done,
                Framing::Length(length) => BodyState::Length(length),
                Framing::Chunked => BodyState::Size(0, 0),
                Framing::UntilClose => BodyState::UntilClose,
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
                BodyState::Done => return Ok(None),
                BodyState::Length(left) if left > self.room => {
                    return Err(ParseError::too_large(self.limit));
                }
                _ => {}
            }
            let Some((first, rest)) = input.split_first() else {
                return Ok(None);
            };
            self.began = true;
            let left = match self.state {
                BodyState::Length(left) | BodyState::Data(left) => left,
                BodyState::UntilClose => self.room,
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
                (BodyState::UntilClose, _) => BodyState::UntilClose,
                (BodyState::Length(_), 0) => BodyState::Done,
                (BodyState::Length(_), left) => BodyState::Length(left),
                (_, 0) => BodyState::DataCr,
                (_, left) => BodyState::Data(left),
            };
            return Ok(Some(data));
        }
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<BodyState, ParseError> {
        let state = match (self.state, byte) {
            (BodyState::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
                if digits == MOST_DIGITS {
                    return Err(bad("size of a chunk has too many digits"));
                }
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                BodyState::Size(size << 4 | u64::from(digit), digits + 1)
            }
            (BodyState::Size(_, 0), _) => return Err(bad("a chunk has no size")),
            (BodyState::Size(size, _) | BodyState::Space(size), b' ' | b'\t') => {
                self.count()?;
                BodyState::Space(size)
            }
            (BodyState::Size(size, _) | BodyState::Space(size), b';') => BodyState::Extension(size),
            (
                BodyState::Size(size, _) | BodyState::Space(size) | BodyState::Extension(size),
                b'\r',
            ) => BodyState::SizeLf(size),
            (BodyState::Size(..) | BodyState::Space(_), _) => {
                return Err(bad("size of a chunk is no number"));
            }
            (BodyState::Extension(size), 0x20..=0x7e | b'\t' | 0x80..) => {
                self.count()?;
                BodyState::Extension(size)
            }
            (BodyState::Extension(_), _) => {
                return Err(bad("control character in a chunk extension"));
            }
            (BodyState::SizeLf(0), b'\n') => BodyState::TrailerStart,
            (BodyState::SizeLf(size), b'\n') if size > self.room => {
                return Err(ParseError::too_large(self.limit));
            }
            (BodyState::SizeLf(size), b'\n') => BodyState::Data(size),
            (BodyState::DataCr, b'\r') => BodyState::DataLf,
            (BodyState::DataLf, b'\n') => BodyState::Size(0, 0),
            (BodyState::DataCr | BodyState::DataLf, _) => {
                return Err(bad("a chunk is longer than its size"));
            }
            (BodyState::TrailerStart, b'\r') => BodyState::LastLf,
            (BodyState::Trailer, b'\r') => BodyState::TrailerLf,
            (BodyState::TrailerStart | BodyState::Trailer, 0x20..=0x7e | b'\t' | 0x80..) => {
                self.count()?;
                BodyState::Trailer
            }
            (BodyState::TrailerStart | BodyState::Trailer, _) => {
                return Err(bad("control character in a trailer"));
            }
            (BodyState::TrailerLf, b'\n') => BodyState::TrailerStart,
            (BodyState::LastLf, b'\n') => BodyState::Done,
            (BodyState::SizeLf(_) | BodyState::TrailerLf | BodyState::LastLf, _) => {
                return Err(bad("CR without LF"));
            }
            (
                BodyState::Length(_) | BodyState::UntilClose | BodyState::Data(_) | BodyState::Done,
                _,
            ) => self.state,
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
            BodyState::Length(left) => Some(left),
            BodyState::Done => Some(0),
            _ => None,
        }
    }

    /// Whether any byte of it came, if only of its framing.
    pub fn began(&self) -> bool {
        self.began
    }

    /// Whether it has come to its end.
    pub fn is_done(&self) -> bool {
        self.state == BodyState::Done
    }

    /// The connection has ended: was that the end of the body?
    pub fn end_of_stream(&self) -> Result<(), ParseError> {
        match self.state {
            BodyState::Done | BodyState::UntilClose => Ok(()),
            _ => Err(ParseError::protocol(
                "the body was cut: connection closed before its end",
            )),
        }
    }
}

fn bad(why: &str) -> ParseError {
    ParseError::protocol(format!("bad chunks in the answer: {why}"))
}
