//! Waiting until a cluster does its work, for programs that start before it.

use super::{Ask, Call, Client, Patience};
use crate::cluster::retry::backoff::Backoff;
use crate::display::seconds;
use crate::error::{Error, Result, line};
use crate::protocol::admin::health;
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::status::Status;
use crate::transport::cancel::Cancel;
use crate::transport::wait::pause;
use std::time::{Duration, Instant};

/// Nobody makes it; that it is not there is an answer, too.
const KEY: &str = "/_etcd_v2_no_such_key";

impl Client {
    /// Waits until a member reads through consensus, with pauses that grow while none does.
    pub fn wait_ready(&self, patience: Patience, cancel: Option<&Cancel>) -> Result<()> {
        self.refuse_elsewhere()?;
        let began = Instant::now();
        let end = began + patience.or(self.timeout());
        let tokens = self.tokens(cancel);
        let mut pauses = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut last: Option<Error> = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let error = match self.is_ready(left.min(self.options.deadline), cancel) {
                Ok(()) => return Ok(()),
                Err(error) if cannot_change(error.status()) => return Err(error),
                Err(error) => error,
            };
            // the end may come before anybody could be asked once more
            let error = match last.take() {
                Some(before) if error.detail().attempts.is_empty() => before,
                _ => error,
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(not_ready(error, began.elapsed()));
            }
            last = Some(error);
            if pause(tokens.as_deref(), pauses.pause().min(left)) {
                return self.ended(Err(Error::new(Status::CANCELLED, "cancelled")));
            }
        }
    }

    fn is_ready(&self, deadline: Duration, cancel: Option<&Cancel>) -> Result<()> {
        let mut request = Request::new(Operation::Get, Key::parse("key", KEY)?);
        request.set_flags(flags::QUORUM)?;
        let call = |ask| Call {
            deadline: Some(deadline),
            cancel: cancel.cloned(),
            ..Call::new(ask)
        };
        let error = match self.execute(&call(Ask::Keys(request))) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.status() {
            Status::KEY_NOT_FOUND => Ok(()),
            // that is said before anything is read
            Status::UNAUTHORIZED => {
                let response = self.execute(&call(Ask::Raw(health::ask())))?;
                match health::read(response.body())?.healthy {
                    true => Ok(()),
                    false => {
                        let text = format!("{} is not healthy", response.endpoint());
                        Err(Error::new(Status::SERVER_ERROR, text))
                    }
                }
            }
            _ => Err(error),
        }
    }
}

/// Whether waiting is in vain.
fn cannot_change(status: Status) -> bool {
    matches!(
        status,
        Status::INVALID_ARGUMENT
            | Status::CANCELLED
            | Status::CLOSED
            | Status::FORKED
            | Status::INTERNAL
    )
}

/// With everything that the last try has to tell.
fn not_ready(mut last: Error, waited: Duration) -> Error {
    let detail = last.detail_mut();
    detail.message = line(format!(
        "no member was ready within {}: {}",
        seconds(waited),
        detail.message
    ));
    detail.status = Status::TIMEOUT;
    detail.retriable = true;
    last
}
