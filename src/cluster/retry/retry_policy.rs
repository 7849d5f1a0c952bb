//! What a failed exchange means for the request: whether to go on, and where.

use crate::protocol::http_request::Idempotency;
use crate::transport::fault::{Fault, FaultKind};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAction {
    /// The same member once more, over a fresh connection: an idle one had gone stale.
    Again,
    /// Another member.
    Other,
    /// The caller has to be told.
    Stop,
}

/// Judgement of one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryDecision {
    /// What to do next.
    pub next: RetryAction,
    /// Whether the member is to blame.
    pub blame: bool,
}

/// Whether a request that was sent and not answered may be sent again.
pub fn repeatable(repeat: Idempotency, allowed: bool) -> bool {
    match repeat {
        Idempotency::Safe => true,
        Idempotency::IfAllowed => allowed,
        Idempotency::Never => false,
    }
}

/// Judges a fault of a request of class `repeat`; `allowed` is the caller's consent to repeat.
pub fn decide(fault: &Fault, repeat: Idempotency, allowed: bool) -> RetryDecision {
    let left = fault.not_applied.is_none();
    let stale = fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection;
    let next = match fault.kind {
        FaultKind::Cancelled | FaultKind::Local | FaultKind::TooLarge => RetryAction::Stop,
        _ if left && !repeatable(repeat, allowed) => RetryAction::Stop,
        _ if stale => RetryAction::Again,
        _ => RetryAction::Other,
    };
    let blame = match fault.kind {
        FaultKind::Cancelled | FaultKind::Local | FaultKind::TooLarge => false,
        _ => !stale,
    };
    RetryDecision { next, blame }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Phase;
    use crate::outcome::transmission::Sent;

    fn fault(kind: FaultKind, sent: Sent, reused: bool, received: u64) -> Fault {
        Fault {
            reused,
            received,
            ..Fault::of(Phase::Head, kind, sent)
        }
    }

    #[test]
    fn what_never_left_may_go_anywhere() {
        for repeat in [
            Idempotency::Safe,
            Idempotency::IfAllowed,
            Idempotency::Never,
        ] {
            for sent in [Sent::None, Sent::Partly] {
                let o = decide(&fault(FaultKind::Connection, sent, false, 0), repeat, false);
                assert_eq!(
                    o,
                    RetryDecision {
                        next: RetryAction::Other,
                        blame: true
                    }
                );
                let o = decide(&fault(FaultKind::Connection, sent, true, 0), repeat, false);
                assert_eq!(
                    o,
                    RetryDecision {
                        next: RetryAction::Again,
                        blame: false
                    }
                );
            }
        }
    }

    #[test]
    fn what_left_and_was_not_answered_is_repeated_only_when_harmless() {
        let f = fault(FaultKind::Timeout, Sent::Fully, false, 0);
        assert_eq!(
            decide(&f, Idempotency::Safe, false).next,
            RetryAction::Other
        );
        assert_eq!(
            decide(&f, Idempotency::IfAllowed, true).next,
            RetryAction::Other
        );
        for (repeat, allowed) in [
            (Idempotency::IfAllowed, false),
            (Idempotency::Never, true),
            (Idempotency::Never, false),
        ] {
            let o = decide(&f, repeat, allowed);
            assert_eq!(
                o,
                RetryDecision {
                    next: RetryAction::Stop,
                    blame: true
                }
            );
        }
        // a stale connection makes no exception: the bytes may have been read before it was closed
        let f = fault(FaultKind::Connection, Sent::Fully, true, 0);
        assert_eq!(decide(&f, Idempotency::Never, true).next, RetryAction::Stop);
        assert_eq!(
            decide(&f, Idempotency::Safe, false).next,
            RetryAction::Again
        );
    }

    #[test]
    fn the_callers_own_limits_blame_nobody() {
        for kind in [FaultKind::Cancelled, FaultKind::Local, FaultKind::TooLarge] {
            let o = decide(
                &fault(kind, Sent::Fully, false, 9),
                Idempotency::Safe,
                false,
            );
            assert_eq!(
                o,
                RetryDecision {
                    next: RetryAction::Stop,
                    blame: false
                }
            );
        }
    }
}
