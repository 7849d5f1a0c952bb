//! The answer to one request, from its first byte to its last.
use super::{
    body::BodyDecoder,
    head::{HeadParser, ParsedHead, Progress},
    parse_error::ParseError,
};
use crate::{
    error::Phase,
    protocol::{method::Method, response_head::Head},
};

/// What the input meant.
#[derive(Debug, PartialEq, Eq)]
pub enum ReaderEvent<'a> {
    /// the input is used up, and more is needed
    More,
    /// status and headers
    Head(Head),
    /// the next piece of the body, never empty
    Data(&'a [u8]),
    /// the answer is complete; told again for every later call
    End {
        /// whether the server will take another request on this connection
        keep_alive: bool,
        /// bytes of input that nobody asked for: the connection is not to be used again
        surplus: usize,
    },
}

#[derive(Debug)]
enum ReaderState {
    Head(HeadParser),
    Body {
        body: BodyDecoder,
        keep_alive: bool,
    },
    End {
        keep_alive: bool,
        began: bool,
    },
    Failed {
        error: ParseError,
        phase: Phase,
        began: bool,
    },
}

/// Reads one answer: [`ResponseReader::advance`] takes input until it gives [`ReaderEvent::End`].
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    max_body: u64,
    state: ReaderState,
}

impl ResponseReader {
    /// Waits for the answer to a request with `method`; its body may have `max_body` bytes.
    pub fn new(method: Method, max_body: u64) -> ResponseReader {
        ResponseReader {
            method,
            max_body,
            state: ReaderState::Head(HeadParser::default()),
        }
    }

    /// Takes from the front of `input` what makes the next event. To be called until it says [`ReaderEvent::More`], also
    /// when the input is used up: an end may need no further byte.
    pub fn advance<'a>(&mut self, input: &mut &'a [u8]) -> Result<ReaderEvent<'a>, ParseError> {
        let outcome = self.next(input);
        if let Err(error) = &outcome {
            self.fail(error.clone());
        }
        outcome
    }

    fn fail(&mut self, error: ParseError) {
        self.state = ReaderState::Failed {
            error,
            phase: self.phase(),
            began: self.body_began(),
        };
    }

    #[inline]
    fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<ReaderEvent<'a>, ParseError> {
        loop {
            match &mut self.state {
                ReaderState::Head(collector) => match collector.advance(self.method, input)? {
                    Progress::More => return Ok(ReaderEvent::More),
                    Progress::Interim => {}
                    Progress::Done(ParsedHead {
                        head,
                        framing,
                        keep_alive,
                    }) => {
                        let body = BodyDecoder::new(framing, self.max_body);
                        self.state = ReaderState::Body { body, keep_alive };
                        return Ok(ReaderEvent::Head(head));
                    }
                },
                ReaderState::Body { body, keep_alive } => match body.advance(input)? {
                    Some(data) => return Ok(ReaderEvent::Data(data)),
                    None if body.is_done() => {
                        self.state = ReaderState::End {
                            keep_alive: *keep_alive,
                            began: body.began(),
                        };
                    }
                    None => return Ok(ReaderEvent::More),
                },
                ReaderState::End { keep_alive, .. } => {
                    return Ok(ReaderEvent::End {
                        keep_alive: *keep_alive,
                        surplus: input.len(),
                    });
                }
                ReaderState::Failed { error, .. } => return Err(error.clone()),
            }
        }
    }

    /// The connection has ended. That is the end of the answer ([`ReaderEvent::End`]), or an error.
    pub fn end_of_stream(&mut self) -> Result<ReaderEvent<'static>, ParseError> {
        let outcome = match &self.state {
            ReaderState::End { .. } => Ok(()),
            ReaderState::Body { body, .. } => body.end_of_stream(),
            ReaderState::Head(collector) if collector.is_empty() => {
                Err(ParseError::connection("connection closed before an answer"))
            }
            ReaderState::Head(_) => Err(ParseError::connection(
                "connection closed inside the head of the answer",
            )),
            ReaderState::Failed { error, .. } => Err(error.clone()),
        };
        if let Err(error) = outcome {
            self.fail(error.clone());
            return Err(error);
        }
        self.state = ReaderState::End {
            keep_alive: false,
            began: self.body_began(),
        };
        Ok(ReaderEvent::End {
            keep_alive: false,
            surplus: 0,
        })
    }

    /// The part of the answer where it stands, or ended.
    pub fn phase(&self) -> Phase {
        match self.state {
            ReaderState::Head(_) => Phase::Head,
            ReaderState::Body { .. } | ReaderState::End { .. } => Phase::Body,
            ReaderState::Failed { phase, .. } => phase,
        }
    }

    /// Whether any byte came after the head, if only the beginning of a chunk; also to be asked after an error.
    pub fn body_began(&self) -> bool {
        match &self.state {
            ReaderState::Head(_) => false,
            ReaderState::Body { body, .. } => body.began(),
            ReaderState::End { began, .. } | ReaderState::Failed { began, .. } => *began,
        }
    }

    /// Bytes of body that will still come, if that is known; a server's word, not to be believed without limit.
    pub fn expected(&self) -> Option<u64> {
        match &self.state {
            ReaderState::Body { body, .. } => body.expected(),
            _ => None,
        }
    }
}
