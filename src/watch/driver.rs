//! The words between the machine of a watcher and whoever does its I/O.
//!
//! A driver runs one exchange at a time: it sends [`PollAction::Start`], reports the head, and does what [`HeaderDecision`] says. When
//! the silence of [`HeaderDecision::Stay`] has passed without a byte of the body, it *ends the poll in order* if the exchange has a
//! time to [`finish`](PollRequest::finish): it closes its sending side (through TLS: close_notify), tells
//! [`Machine::on_finish`](super::machine::Machine::on_finish), and reads on for so long. A complete empty answer then
//! proves that nothing was held back on the way, since etcd writes the last chunk within a millisecond; a bare end, a cut
//! or more silence proves nothing and is reported as the fault that it is. The connection is not used again.

use super::batch::Batch;
use super::event::Event;
use super::state::State;
use crate::cluster::members::continuity::Need;
use crate::protocol::http_request::HttpRequest;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What an exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// a long poll
    Poll,
    /// a read of everything that is watched
    Snapshot,
    /// does the member that keeps a head back live
    Probe,
}

/// Which member is preferred. A wish: one that cannot be fulfilled is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPreference {
    /// the client's choice
    Any,
    /// the one that had the last exchange
    Same,
    /// another one than that
    Other,
    /// the one that had the last exchange and no other, since its word waits for proof: no wish. If that cannot be, it is a
    /// fault.
    Only,
}

/// A request to be sent now, on its own connection.
#[derive(Clone, Debug)]
pub struct PollRequest {
    /// the request
    pub http_request: HttpRequest,
    /// what it is for
    pub purpose: Purpose,
    /// to whom
    pub preference: MemberPreference,
    /// longest silence before the head, counted from the end of sending; connecting has the client's limit
    pub head: Duration,
    /// longest silence inside the body, once it has begun
    pub stall: Duration,
    /// after the silence of [`HeaderDecision::Stay`]: how long the end of a poll is waited for once the sending side is closed;
    /// zero: that silence is the end
    pub finish: Duration,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum PollAction {
    /// send this
    Start(Box<PollRequest>),
    /// an audit of the member that had the last exchange is wanted: see that
    /// one is made (see [`Continuity`](crate::cluster::members::continuity::Continuity)), report its end with
    /// [`Machine::vouch`](super::machine::Machine::vouch), and ask again now: the machine does not wait for it
    Prove(Need),
    /// nothing before this time; `None`: nothing before the running exchange says something
    Wait(Option<Instant>),
    /// nothing any more; a running exchange is dropped
    Closed,
}

/// What to do after a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderDecision {
    /// go on; longest silence from now to the first byte of the body. When it passes, the poll is ended in order, or if
    /// it has no time to finish, that is a timeout in the body.
    Stay(Duration),
    /// drop the connection; the exchange is over for the machine
    Leave,
}

/// What an exchange says of its member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberVerdict {
    /// it serves
    Good,
    /// it gets a penalty
    Bad,
    /// the same, since it has no v2 API; `first`: what was heard last was something else. If all members have said so in a
    /// row, tell [`Machine::on_without_api`](super::machine::Machine::on_without_api).
    WithoutApi {
        /// whether this begins a new row
        first: bool,
    },
    /// nothing
    Neither,
}

/// What the machine tells.
#[derive(Clone, Debug)]
pub enum Output {
    /// one event
    Event(Event),
    /// many
    Batch(Arc<Batch>),
    /// a new state
    State(State),
}
