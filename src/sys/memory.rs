//! What grows with the data of a server, and fails instead of aborting the process when memory runs out.

use crate::error::Error;
use crate::status::Status;
use std::collections::TryReserveError;

/// There is no memory for it. It takes none itself, so that what was begun is let go before an error is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> OutOfMemory {
        OutOfMemory
    }
}

impl OutOfMemory {
    /// The error of a call that needed it for `what`.
    pub(crate) fn error(self, what: &str) -> Error {
        Error::new(Status::LIMIT, format!("out of memory for {what}"))
    }
}

/// Appends one item.
pub(crate) fn push<T>(all: &mut Vec<T>, one: T) -> Result<(), OutOfMemory> {
    all.try_reserve(1)?;
    all.push(one);
    Ok(())
}

/// Makes a list out of another, item by item.
pub(crate) fn each<A, B>(
    all: &[A],
    make: impl Fn(&A) -> Result<B, OutOfMemory>,
) -> Result<Vec<B>, OutOfMemory> {
    let mut made = Vec::new();
    made.try_reserve_exact(all.len())?;
    for one in all {
        made.push(make(one)?);
    }
    Ok(made)
}

/// Copies text, with room for `more` bytes.
pub(crate) fn copy(text: &str, more: usize) -> Result<String, OutOfMemory> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len().saturating_add(more))?;
    copy.push_str(text);
    Ok(copy)
}
