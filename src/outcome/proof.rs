//! The proof that one copy of a write was not applied, and will not be.

use super::proving_refusals::RefusalRow;
use super::transmission::{Sent, Transmission};
use crate::protocol::response_head::Head;

/// Proof that a copy of a write was not applied. It is made here and from its grounds only; without one the outcome of
/// a copy is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotApplied(Ground);

/// What a proof rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// no byte of the request left; so it is, too, when the handshake never ended
    NothingLeft,
    /// the request left in part: the server never had all of it
    Incomplete,
    /// TLS 1.3: the server refused the client before it read anything
    TurnedAway,
    /// etcd itself said so
    Refused,
}

/// How an alert of TLS came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alert {
    /// its number
    pub(crate) description: u8,
    /// whether this is TLS 1.3
    pub(crate) tls13: bool,
    /// whether the connection has carried an exchange before
    pub(crate) reused: bool,
    /// whether a ticket or application data came before it
    pub(crate) heard: bool,
}

/// Alerts by which a server of TLS 1.3 refuses the certificate of a client, or misses it.
const ABOUT_THE_CLIENT: [u8; 7] = [42, 43, 44, 45, 46, 48, 116];

impl NotApplied {
    /// From what the kernel took of the request.
    pub(crate) fn left(request: &Transmission) -> Option<NotApplied> {
        match request.sent() {
            Sent::None => Some(NotApplied(Ground::NothingLeft)),
            Sent::Partly => Some(NotApplied(Ground::Incomplete)),
            Sent::Fully => None,
        }
    }

    /// From an alert after the handshake.
    pub(crate) fn turned_away(alert: Alert) -> Option<NotApplied> {
        let first = alert.tls13 && !alert.reused && !alert.heard;
        (first && ABOUT_THE_CLIENT.contains(&alert.description))
            .then_some(NotApplied(Ground::TurnedAway))
    }

    /// From what etcd says instead of applying. Behind an intermediary it is about the last copy only: nginx sends a
    /// second one when the connection to its upstream breaks.
    pub(super) fn refused(_: RefusalRow, head: &Head) -> Option<NotApplied> {
        (!head.is_relayed()).then_some(NotApplied(Ground::Refused))
    }

    /// What it rests on.
    #[cfg(any(test, feature = "internals"))]
    pub fn ground(self) -> Ground {
        self.0
    }
}
