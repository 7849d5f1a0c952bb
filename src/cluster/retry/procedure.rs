//! Requests that follow one another until there is a result, as a driver runs them: rules without I/O and without a clock.

use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, ResponseKind};
use crate::transport::answer::Answer;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::Fault;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a driver does next.
#[derive(Debug)]
pub enum NextStep<T> {
    /// Run [`Procedure::exchange`], then report [`Procedure::answered`] or [`Procedure::failed`].
    Exchange,
    /// Let this time pass, then go on with [`Procedure::go`].
    Pause(Duration),
    /// Nothing more: the result.
    End(T),
}

/// A procedure of several exchanges.
pub trait Procedure {
    /// How it ends.
    type Output;

    /// Begins, or goes on after a pause.
    fn go(&mut self, now: Instant, member_set: &MemberSet) -> NextStep<Self::Output>;

    /// The exchange that [`NextStep::Exchange`] asks for; `None` when it was not asked for.
    fn exchange(&self) -> Option<(&Arc<Member>, &HttpRequest, &ExchangeLimits)>;

    /// How its answer is read before it is reported, if it may be large.
    fn reading(&self) -> Option<(ResponseKind, DecodeLimits)> {
        None
    }

    /// The exchange has brought an answer.
    fn answered(
        &mut self,
        answer: Answer,
        now: Instant,
        member_set: &MemberSet,
    ) -> NextStep<Self::Output>;

    /// It has brought none.
    fn failed(
        &mut self,
        fault: Box<Fault>,
        now: Instant,
        member_set: &MemberSet,
    ) -> NextStep<Self::Output>;

    /// The caller gave up in a pause.
    fn cancelled(&mut self, now: Instant) -> Self::Output;
}
