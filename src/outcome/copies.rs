//! The copies of one request that have left, and what that makes of its error.

use super::proof::NotApplied;
use crate::error::Error;
use crate::protocol::http_request::{HttpRequest, Idempotency};
use crate::status::Status;

/// Counts the copies of one request. Each is unknown from its beginning on until it is proven that it was not applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Copies {
    write: bool,
    begun: u32,
    proven: u32,
}

impl Copies {
    /// Of a request that changes nothing.
    pub fn of_a_read() -> Copies {
        Copies::default()
    }

    /// Nothing has left yet.
    pub fn of(http_request: &HttpRequest) -> Copies {
        Copies {
            write: http_request.repeat != Idempotency::Safe,
            ..Copies::default()
        }
    }

    /// A copy is about to leave.
    pub fn begin(&mut self) {
        self.begun = self.begun.saturating_add(1);
    }

    /// The last one has ended without a success.
    pub fn end(&mut self, proof: Option<NotApplied>) {
        self.proven = self.proven.saturating_add(u32::from(proof.is_some()));
    }

    /// Whether a copy may have been, or may still be, applied.
    pub fn is_unknown(&self) -> bool {
        self.write && self.begun > self.proven
    }

    /// The error as the caller gets it. `refused`: etcd itself says what it is about, which keeps its status.
    pub fn tell(&self, error: Error, refused: bool) -> Told {
        Told(match (self.is_unknown(), refused) {
            (false, _) => error,
            (true, true) => {
                let mut error = error;
                error.doubt();
                error
            }
            (true, false) => doubtful(error),
        })
    }
}

/// The error of a request, which says "not applied" only with a proof for every copy: made by [`Copies::tell`] only.
#[derive(Debug)]
pub struct Told(Error);

impl Told {
    /// The same for the caller.
    pub fn into_error(self) -> Error {
        self.0
    }

    /// The same for logs and counters.
    pub fn error(&self) -> &Error {
        &self.0
    }
}

/// Whatever the reason: the outcome is unknown. The reason stays in the message, and what the server said beside it.
pub(super) fn doubtful(mut error: Error) -> Error {
    if error.status() != Status::OUTCOME_UNKNOWN {
        let text = format!("whether it was applied is unknown: {error}");
        error.retitle(Status::OUTCOME_UNKNOWN, text);
    }
    error.doubt();
    error
}
