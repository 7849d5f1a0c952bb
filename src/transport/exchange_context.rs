//! What the parts of a blocking exchange share: its state and its cancellation token.
use super::{
    cancel::Cancel, exchange_limits::ExchangeLimits, exchange_state::ExchangeState,
    fault::FaultKind, wait,
};
use crate::protocol::method::Method;
use rustix::{event::PollFlags, fd::BorrowedFd};
use std::time::{Duration, Instant};

/// One exchange on the thread of its caller.
#[derive(Debug)]
pub(super) struct ExchangeContext<'a> {
    pub(super) state: ExchangeState,
    pub(super) cancel: Option<&'a Cancel>,
    /// when our sending side was closed
    pub(super) finished: Option<Instant>,
}

impl<'a> ExchangeContext<'a> {
    pub(super) fn new(
        method: Method,
        limits: &ExchangeLimits,
        cancel: Option<&'a Cancel>,
        now: Instant,
    ) -> ExchangeContext<'a> {
        ExchangeContext {
            state: ExchangeState::new(method, limits, now),
            cancel,
            finished: None,
        }
    }

    /// The end of a wait that may take `longest`: never beyond the deadline.
    pub(super) fn end_of(&self, longest: Duration) -> Instant {
        let deadline = self.state.limits.deadline;
        // an end that no clock can show is no end
        let end = Instant::now().checked_add(longest);
        end.map_or(deadline, |end| end.min(deadline))
    }

    /// Cancelled already, or too late already?
    pub(super) fn check(&self) -> Result<(), FaultKind> {
        self.check_until(self.state.limits.deadline)
    }

    /// The same in a wait that ends earlier.
    pub(super) fn check_until(&self, end: Instant) -> Result<(), FaultKind> {
        wait::check(self.cancel, end)
    }

    /// Waits until `socket` is ready for `interest`, or in trouble.
    pub(super) fn wait(
        &self,
        socket: BorrowedFd<'_>,
        interest: PollFlags,
        end: Instant,
    ) -> Result<(), FaultKind> {
        wait::one(socket, interest, self.cancel, end)
    }
}
