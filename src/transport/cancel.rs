//! A token that ends calls from another thread.
use crate::error::Result;

/// Shared by any number of calls and threads; clones are the same token.
#[derive(Clone, Debug)]
pub struct Cancel {}

impl Cancel {
    /// Needs one descriptor (an eventfd); `LIMIT` when there is none left.
    pub fn new() -> Result<Cancel> {
        todo!()
    }
    /// Ends every call that holds this token, now and later.
    pub fn fire(&self) {
        todo!()
    }
    /// Whether it was fired.
    pub fn is_fired(&self) -> bool {
        todo!()
    }
}
