//! Finding out what became of a write that ended in `OUTCOME_UNKNOWN`.

use super::{Ask, Call, Client};
use crate::cluster::evidence::{Fate, Finding, Search};
use crate::cluster::failover::attempt::{Attempt, AttemptOutcome};
use crate::cluster::failover::blocking;
use crate::cluster::members::member::Member;
use crate::cluster::retry::backoff::Backoff;
use crate::error::{Error, Phase, Result};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::request::Request;
use crate::status::Status;
use crate::transport::cancel::Cancel;
use crate::transport::exchange_limits::ExchangeLimits;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::wait::pause;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was in the history comes with the head, so that after so long a silence there was nothing.
const SILENCE: Duration = Duration::from_secs(2);

/// How long is looked.
#[derive(Clone, Copy, Debug)]
pub struct Lookout {
    /// At most, in all; `None`: as every call.
    pub timeout: Option<Duration>,
    /// So long again and again, while a write is not there that may still come.
    pub settle: Duration,
}

impl Client {
    /// Reads back what became of the request of `call`, which ended with `error`.
    pub fn resolve_outcome(
        &self,
        call: &Call,
        error: &Error,
        lookout: Lookout,
        cancel: Option<&Cancel>,
    ) -> Result<Finding> {
        self.refuse_elsewhere()?;
        let Ask::Keys(request) = &call.ask else {
            let why = "only requests that name an operation can be looked for";
            return Err(Error::invalid("request", why));
        };
        let now = Instant::now();
        let tokens = self.tokens(cancel);
        let mut look = OutcomeSearch {
            client: self,
            request,
            error,
            cancel,
            tokens: tokens.as_deref(),
            deadline: now + lookout.timeout.unwrap_or_else(|| self.timeout()),
        };
        let settled = look.deadline.min(now + lookout.settle);
        // checks the request, too
        let mut finding = look.once()?;
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        while finding.fate == Fate::NotApplied && !finding.is_final && Instant::now() < settled {
            let left = settled.saturating_duration_since(Instant::now());
            if pause(look.tokens, backoff.pause().min(left)) {
                let text = "cancelled while looking again";
                return self.ended(Err(Error::new(Status::CANCELLED, text)));
            }
            match look.once() {
                Ok(later) => finding = later,
                Err(error) if matches!(error.status(), Status::CANCELLED | Status::CLOSED) => {
                    return Err(error);
                }
                // what was seen was seen
                Err(_) => break,
            }
        }
        Ok(finding)
    }
}

struct OutcomeSearch<'a> {
    client: &'a Client,
    request: &'a Request,
    error: &'a Error,
    /// of this call
    cancel: Option<&'a Cancel>,
    /// the same, and that of the handle
    tokens: Option<&'a Cancel>,
    deadline: Instant,
}

impl OutcomeSearch<'_> {
    fn once(&mut self) -> Result<Finding> {
        let detail = self.error.detail();
        let mut search = Search::new(self.request, detail.known)?;
        if !detail.outcome_unknown {
            return Ok(Finding::promised(self.error));
        }
        let mut call = Call::new(Ask::Keys(search.question()?));
        call.deadline = Some(self.deadline.saturating_duration_since(Instant::now()));
        call.cancel = self.cancel.cloned();
        let answer = self.client.execute(&call);
        let place = match &answer {
            Ok(response) => Some(response.endpoint().clone()),
            Err(error) => error.detail().endpoint.clone(),
        };
        search.read(answer)?;
        let member = place.and_then(|url| self.client.member_set.find(&url));
        while let Some(http_request) = search.history() {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match &member {
                // a silence that is cut short shows nothing
                Some(member) if left > SILENCE => {
                    self.browse(member, &http_request?, &mut search)?
                }
                _ => search.lost(),
            }
        }
        Ok(search.finding())
    }

    /// One poll of the history.
    fn browse(
        &self,
        member: &Arc<Member>,
        http_request: &HttpRequest,
        search: &mut Search<'_>,
    ) -> Result<()> {
        match self.poll(member, http_request) {
            AttemptOutcome::Done(event) => search.told(*event),
            AttemptOutcome::Quiet(index) => search.quiet(index),
            AttemptOutcome::Fault(fault) if fault.kind == FaultKind::Cancelled => {
                return Err(Error::new(Status::CANCELLED, "cancelled while looking"));
            }
            AttemptOutcome::Fault(fault) => match silent(&fault) {
                Some(index) => search.quiet(index),
                None => search.lost(),
            },
            AttemptOutcome::Refused(_) | AttemptOutcome::Trouble(_) | AttemptOutcome::Stale(..) => {
                search.lost()
            }
        }
        Ok(())
    }

    fn poll(&self, member: &Arc<Member>, http_request: &HttpRequest) -> AttemptOutcome {
        let client = self.client;
        let limits = ExchangeLimits {
            deadline: self.deadline,
            connect: client.options.connect_timeout,
            send: SILENCE,
            head: SILENCE,
            body: SILENCE,
            max_body: client.options.max_response_bytes,
        };
        let attempt = Attempt::new(member.clone(), http_request, false, client.options.decode);
        blocking::attempt(&client.member_set, attempt, &limits, self.tokens)
    }
}

/// The index up to which a poll without an event has looked, if it had its time.
fn silent(fault: &Fault) -> Option<u64> {
    let head = fault.head.as_ref()?;
    let silent =
        fault.kind == FaultKind::Timeout && fault.phase == Phase::Body && !fault.body_began;
    silent.then_some(head.etcd_index)
}
