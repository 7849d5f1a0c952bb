//! However an answer is cut, it means the same; whatever comes, nothing breaks.
use super::{
    parse_error::ParseError,
    response_reader::{ReaderEvent, ResponseReader},
};
use crate::{
    error::Phase,
    protocol::{method::Method, response_head::Head},
};

mod corpus;
mod fuzz;
mod rules;

const LIMIT: u64 = 600;

/// What an answer means, however it is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    heads: Vec<Head>,
    data: Vec<u8>,
    /// keep-alive, and bytes beyond the end
    end: Option<(bool, usize)>,
    error: Option<ParseError>,
    phase: Option<Phase>,
    began: bool,
}

/// Feeds the pieces; then the stream ends, if `close`.
fn run<'a>(method: Method, pieces: impl IntoIterator<Item = &'a [u8]>, close: bool) -> Seen {
    let mut exchange = ResponseReader::new(method, LIMIT);
    let mut seen = Seen::default();
    'pieces: for piece in pieces {
        let mut input = piece;
        loop {
            let before = input.len();
            match exchange.advance(&mut input) {
                Ok(ReaderEvent::More) => break assert!(input.is_empty(), "all is taken"),
                Ok(ReaderEvent::Head(head)) => seen.heads.push(head),
                Ok(ReaderEvent::Data(data)) => {
                    assert!(!data.is_empty());
                    assert!(before >= input.len() + data.len(), "more than was fed");
                    seen.data.extend_from_slice(data);
                }
                Ok(ReaderEvent::End {
                    keep_alive,
                    surplus,
                }) => {
                    assert_eq!(surplus, input.len());
                    let sum = seen.end.map_or(0, |end| end.1) + surplus;
                    seen.end = Some((keep_alive, sum));
                    break;
                }
                Err(error) => {
                    assert_eq!(
                        exchange.advance(&mut input),
                        Err(error.clone()),
                        "told again"
                    );
                    assert_eq!(exchange.end_of_stream(), Err(error.clone()), "told again");
                    seen.error = Some(error);
                    break 'pieces;
                }
            }
        }
    }
    if close && seen.end.is_none() && seen.error.is_none() {
        match exchange.end_of_stream() {
            Ok(event) => {
                let end = ReaderEvent::End {
                    keep_alive: false,
                    surplus: 0,
                };
                assert_eq!(event, end);
                seen.end = Some((false, 0));
            }
            Err(error) => seen.error = Some(error),
        }
    }
    seen.phase = Some(exchange.phase());
    seen.began = exchange.body_began();
    seen
}

fn whole(method: Method, bytes: &[u8]) -> Seen {
    run(method, [bytes], true)
}
