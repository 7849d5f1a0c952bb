//! The client's half of HTTP/1.1 as pure data: bytes in, events out; no I/O, no clock.
//!
//! [`request`] writes a request, [`response_reader`] reads its answer in pieces of any size: `head` up to the blank line,
//! `framing` says how the body ends, [`body`] finds its data. What is wrong with the bytes is a [`parse_error::ParseError`].

pub mod body;
pub mod framing;
mod head;
pub mod parse_error;
pub mod request;
pub mod response_reader;
mod token;

#[cfg(test)]
mod tests;
