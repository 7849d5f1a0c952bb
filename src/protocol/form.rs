//! The parameters of one request, counted first and written once, into a query or into a form body.
use super::{
    escape::{encode_into, encoded_len},
    key::Key,
    size_limits::MAX_FORM,
    size_limits::MAX_TARGET,
};
use crate::{
    error::{Error, Result},
    status::Status,
};
use std::fmt::Write as _;

#[derive(Clone, Copy)]
enum Piece<'a> {
    /// needs no escape
    Word(&'static str),
    Text(&'a str),
    Number(u64),
}

/// Names and values in order. No request has more than eight.
#[derive(Default)]
pub(crate) struct Form<'a> {
    pairs: [Option<(&'static str, Piece<'a>)>; 8],
    count: usize,
    size: usize,
}

impl<'a> Form<'a> {
    pub(crate) fn word(&mut self, name: &'static str, word: &'static str) {
        self.add(name, Piece::Word(word), word.len());
    }

    pub(crate) fn text(&mut self, name: &'static str, text: &'a str) {
        self.add(name, Piece::Text(text), encoded_len(text));
    }

    pub(crate) fn number(&mut self, name: &'static str, number: u64) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        self.add(name, Piece::Number(number), digits);
    }

    fn add(&mut self, name: &'static str, piece: Piece<'a>, size: usize) {
        debug_assert!(self.count < self.pairs.len());
        if let Some(slot) = self.pairs.get_mut(self.count) {
            *slot = Some((name, piece));
            // `&` or `?` before all but the first of a body
            self.size += usize::from(self.count > 0) + name.len() + 1 + size;
            self.count += 1;
        }
    }

    fn write(&self, out: &mut String) {
        for (i, (name, piece)) in self.pairs.iter().flatten().enumerate() {
            if i > 0 {
                out.push('&');
            }
            out.push_str(name);
            out.push('=');
            match *piece {
                Piece::Word(word) => out.push_str(word),
                Piece::Text(text) => encode_into(out, text),
                // writing to a String cannot fail
                Piece::Number(number) => drop(write!(out, "{number}")),
            }
        }
    }

    /// As the body of a PUT or POST.
    pub(crate) fn body(&self) -> Result<Vec<u8>> {
        if self.size > MAX_FORM {
            return Err(Error::new(
                Status::TOO_LARGE,
                format!(
                    "value: {} bytes once encoded with its options, etcd reads at most {MAX_FORM}; split it or store less",
                    self.size
                ),
            ));
        }
        let mut out = String::with_capacity(self.size);
        self.write(&mut out);
        debug_assert_eq!(out.len(), self.size);
        Ok(out.into_bytes())
    }

    /// As the query behind the path of `key`.
    pub(crate) fn target(&self, key: &Key) -> Result<String> {
        let question = usize::from(self.count > 0);
        let size = key.path_len() + question + self.size;
        if size > MAX_TARGET {
            let has_text = self
                .pairs
                .iter()
                .flatten()
                .any(|(_, piece)| matches!(piece, Piece::Text(_)));
            let (parameter, advice) = if has_text {
                ("prev_value", "use prev_index instead")
            } else {
                ("key", "use a shorter key")
            };
            return Err(Error::new(
                Status::TOO_LARGE,
                format!(
                    "{parameter}: {size} bytes on the request line, at most {MAX_TARGET} go; {advice}"
                ),
            ));
        }
        let mut out = String::with_capacity(size);
        key.write_path(&mut out);
        if question == 1 {
            out.push('?');
        }
        self.write(&mut out);
        debug_assert_eq!(out.len(), size);
        Ok(out)
    }
}
