//! A complete answer.
use super::{
    cancel::Cancel,
    exchange_limits::ExchangeLimits,
    fault::{Fault, FaultKind},
    timings::Timings,
    wait,
};
use crate::{
    display::seconds,
    error::Phase,
    outcome::{proof::NotApplied, transmission::Sent},
    protocol::{
        body::{Body, Content, LARGE, Stopped},
        decode_limits::DecodeLimits,
        http_request::ResponseKind,
        response_head::Head,
    },
};
use std::time::Instant;

/// How much room a server's word is believed at once; what is really longer grows.
const BELIEVED: u64 = 1 << 20;
/// How much of a body a fault keeps.
pub(super) const KEPT: usize = 1024;

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// status and headers
    pub head: Head,
    /// body; capacity for one more byte is kept
    pub body: Vec<u8>,
    /// what was read in it already
    pub content: Content,
    /// the proof that not all of the request had left when it came
    pub partial: Option<NotApplied>,
    /// how it went
    pub timings: Timings,
}

impl Answer {
    /// Reads a large body, a small one is read where it is judged: until the deadline of `limits`, or until `cancel` is
    /// fired. No proof is lost.
    pub(crate) fn read(
        mut self,
        how: (ResponseKind, DecodeLimits),
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
    ) -> Result<Answer, Box<Fault>> {
        if self.body.len() <= LARGE {
            return Ok(self);
        }
        let began = Instant::now();
        let stop = || wait::check(cancel, limits.deadline).err();
        let mut body = Body::of(std::mem::take(&mut self.body), self.content);
        let read = body.read(self.head.status, how, &|| stop().is_none());
        (self.body, self.content) = body.into_parts();
        match (read, stop()) {
            (Ok(()), _) => Ok(self),
            (Err(Stopped), why) => Err(self.unread(why.unwrap_or(FaultKind::Timeout), began)),
        }
    }

    fn unread(mut self, stop: FaultKind, began: Instant) -> Box<Fault> {
        let (kind, text) = match stop {
            FaultKind::Cancelled => (FaultKind::Cancelled, "cancelled".to_owned()),
            _ => {
                let spent = seconds(began.elapsed());
                let text = format!(
                    "answer of {} bytes not decoded within {spent}",
                    self.body.len()
                );
                (FaultKind::Timeout, text)
            }
        };
        self.body.truncate(KEPT);
        self.body.shrink_to_fit();
        let mut fault = Fault::new(Phase::Body, kind, text);
        fault.sent = self.partial.map_or(Sent::Fully, |_| Sent::Partly);
        fault.not_applied = self.partial;
        fault.received = self.timings.received;
        fault.reused = self.timings.reused;
        fault.head = Some(Box::new(self.head));
        fault.body_began = true;
        fault.body = self.body;
        fault.timings = self.timings;
        fault
    }
}

/// There is no room for what a server has sent.
pub(super) fn out_of_memory() -> Box<Fault> {
    let text = "out of memory for the body of the answer";
    Fault::new(Phase::Body, FaultKind::Local, text)
}

/// Room for a body whose length is told.
pub(super) fn room_for(told: Option<u64>) -> usize {
    // one byte more, for the NUL of C
    let room = told.unwrap_or(0).min(BELIEVED) + 1;
    usize::try_from(room).unwrap_or(1)
}
