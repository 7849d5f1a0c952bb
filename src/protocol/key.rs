//! A key: non-empty segments separated by `/`, none of them `.` or `..`.
use crate::error::Result;

/// A validated key, ready for the request line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    text: String,
}

impl Key {
    /// `parameter` is the name that an error message uses.
    pub fn parse(parameter: &str, text: &str) -> Result<Key> {
        let _ = (parameter, text);
        todo!()
    }
    /// As given.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        todo!()
    }
    /// Appends `/v2/keys...`, percent-encoded.
    pub fn write_path(&self, out: &mut String) {
        let _ = out;
        todo!()
    }
}
