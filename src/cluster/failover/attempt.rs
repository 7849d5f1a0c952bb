//! One try at one member: the exchanges that it takes (a look at its version, redirects) and what they come to.

use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::members::staleness::{Staleness, StalenessPolicy};
use crate::display;
use crate::error::{Error, Phase, Result};
use crate::outcome::answer::{NoPage, judge};
use crate::outcome::proof::NotApplied;
use crate::protocol::admin::versions;
use crate::protocol::answer::Verdict;
use crate::protocol::body::Body;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::endpoint::{Endpoint, Scheme};
use crate::protocol::http_request::{HttpRequest, ResponseKind, check_target};
use crate::protocol::response::Response;
use crate::protocol::version;
use crate::status::Status;
use crate::telemetry::RequestSpan;
use crate::transport::answer::Answer;
use crate::transport::fault::{Fault, FaultKind};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

/// Redirects followed in one try.
const HOPS: usize = 5;

/// How one try ended.
#[derive(Debug)]
pub enum AttemptOutcome {
    /// With an answer.
    Done(Box<Response>),
    /// With a watch poll that ended without an event; the store's index when it was registered, 0 if unknown.
    Quiet(u64),
    /// With etcd's definite word.
    Refused(Error),
    /// With the word of a member that cannot help.
    Trouble(Error),
    /// With an answer that is older than one seen before, which nobody wants; whether the member is to blame.
    Stale(Error, bool),
    /// Without a complete answer.
    Fault(Box<Fault>),
}

impl AttemptOutcome {
    /// Closes the span of a request that is one attempt only.
    pub fn close(&self, span: &mut RequestSpan, now: Instant) {
        match self {
            AttemptOutcome::Done(_) | AttemptOutcome::Quiet(_) => span.close(Ok(()), now),
            AttemptOutcome::Refused(error)
            | AttemptOutcome::Trouble(error)
            | AttemptOutcome::Stale(error, _) => {
                span.close(Err(error), now);
            }
            AttemptOutcome::Fault(fault) => span.fault(fault, now),
        }
    }

    /// What it is, given that its answer is older than one seen before.
    pub fn aged(self, stale: Option<Staleness>, policy: StalenessPolicy) -> AttemptOutcome {
        let Some(stale) = stale else {
            return self;
        };
        match (self, policy) {
            (AttemptOutcome::Done(mut response), StalenessPolicy::Tell) => {
                response.set_stale();
                AttemptOutcome::Done(response)
            }
            (AttemptOutcome::Refused(mut error), StalenessPolicy::Tell) => {
                error.detail_mut().stale = true;
                AttemptOutcome::Refused(error)
            }
            (AttemptOutcome::Done(_) | AttemptOutcome::Refused(_), StalenessPolicy::Refuse) => {
                let mut error = Error::new(Status::STALE, stale.to_string());
                error.detail_mut().stale = true;
                error.detail_mut().retriable = true;
                AttemptOutcome::Stale(error, stale.blames())
            }
            (step, _) => step,
        }
    }
}

/// A try in progress. The driver runs [`Attempt::exchange`] and tells each answer, until there is a [`AttemptOutcome`].
#[derive(Debug)]
pub struct Attempt<W> {
    member: Arc<Member>,
    http_request: W,
    stage: AttemptStage,
    decode: DecodeLimits,
    /// whether a member that answers "404 page not found" is asked for its version
    inquires: bool,
}

#[derive(Debug)]
enum AttemptStage {
    /// Does the member know `refresh`? Older ones would overwrite the value.
    Version(HttpRequest),
    Request,
    Hop(Hop),
    /// the answer was "404 page not found": the version shows whether the server is etcd
    Inquiry(Box<Inquiry>),
}

#[derive(Debug)]
struct Inquiry {
    of: Arc<Member>,
    http_request: HttpRequest,
    about: NoPage,
}

/// Where a redirect leads.
#[derive(Debug)]
struct Hop {
    to: Arc<Member>,
    http_request: HttpRequest,
    number: usize,
}

impl<W: Deref<Target = HttpRequest>> Attempt<W> {
    /// Of `member`, with `http_request`; `refresh` makes sure first that the member understands it.
    pub fn new(
        member: Arc<Member>,
        http_request: W,
        refresh: bool,
        decode: DecodeLimits,
    ) -> Attempt<W> {
        let stage = match refresh && !member.refreshes() {
            true => AttemptStage::Version(HttpRequest::get("/version")),
            false => AttemptStage::Request,
        };
        Attempt {
            member,
            http_request,
            stage,
            decode,
            inquires: false,
        }
    }

    /// A member that answers "404 page not found" is asked for its version before the answer is judged.
    pub fn inquiring(self) -> Attempt<W> {
        Attempt {
            inquires: true,
            ..self
        }
    }

    /// The member that is visited, whoever it redirects to.
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Whether the request itself is sent now, and not a request for the version before or after it.
    pub fn is_copy(&self) -> bool {
        matches!(self.stage, AttemptStage::Request | AttemptStage::Hop(_))
    }

    /// Whether the request has been answered, and the version is requested now.
    pub fn is_inquiry(&self) -> bool {
        matches!(self.stage, AttemptStage::Inquiry(_))
    }

    /// What to send, and to whom.
    pub fn exchange(&self) -> (&Arc<Member>, &HttpRequest) {
        match &self.stage {
            AttemptStage::Version(http_request) => (&self.member, http_request),
            AttemptStage::Request => (&self.member, &self.http_request),
            AttemptStage::Hop(hop) => (&hop.to, &hop.http_request),
            AttemptStage::Inquiry(inquiry) => (&inquiry.of, &inquiry.http_request),
        }
    }

    /// How the answer is read.
    pub fn reading(&self) -> (ResponseKind, DecodeLimits) {
        (self.exchange().1.expect, self.decode)
    }

    /// The exchange brought an answer; no step asks for the next exchange. With it comes the proof, if there is one, that
    /// the write that this answers was not applied.
    pub fn answered(
        &mut self,
        answer: Answer,
        member_set: &MemberSet,
    ) -> (Option<AttemptOutcome>, Option<NotApplied>) {
        if let AttemptStage::Version(_) = self.stage {
            return (self.learn(&answer), None);
        }
        let (to, _) = self.exchange();
        let (of, url, index) = (to.clone(), to.url().clone(), answer.head.etcd_index);
        if self.is_inquiry() {
            let (error, proof) = self.inquired(Some(&answer));
            return (
                error.map(|error| AttemptOutcome::Trouble(at(error, &url))),
                proof,
            );
        }
        let no_page = NoPage::of((answer.head.status, &answer.body), &self.http_request);
        let mut proof = answer.partial;
        let verdict = judge(
            answer.head,
            Body::of(answer.body, answer.content),
            &self.http_request,
            &mut proof,
            &self.decode,
        );
        let step = match verdict {
            Verdict::Success(mut response) => {
                response.set_endpoint(url);
                AttemptOutcome::Done(Box::new(response))
            }
            Verdict::NoEvent => AttemptOutcome::Quiet(index),
            Verdict::Refused(error) => AttemptOutcome::Refused(at(error, &url)),
            Verdict::Trouble(error) => match no_page.filter(|_| self.inquires) {
                Some(about) => {
                    let (http_request, about) = (versions::ask(), about(error, proof));
                    self.stage = AttemptStage::Inquiry(Box::new(Inquiry {
                        of,
                        http_request,
                        about,
                    }));
                    return (None, None);
                }
                None => AttemptOutcome::Trouble(at(error, &url)),
            },
            Verdict::Redirect(location) => match self.hop(&location, member_set) {
                Ok(hop) => {
                    self.stage = AttemptStage::Hop(hop);
                    return (None, proof);
                }
                Err(error) => AttemptOutcome::Trouble(error),
            },
        };
        (Some(step), proof)
    }

    /// The exchange failed. If it was an inquiry, the request itself has been answered.
    pub fn failed(&mut self, fault: Box<Fault>) -> (AttemptOutcome, Option<NotApplied>) {
        let gave_up = matches!(fault.kind, FaultKind::Cancelled | FaultKind::Local);
        let url = self.exchange().0.url().clone();
        match self.is_copy() {
            true => {
                let proof = fault.not_applied;
                (AttemptOutcome::Fault(fault), proof)
            }
            false if gave_up => (AttemptOutcome::Fault(fault), None),
            false => match self.inquired(None) {
                (Some(error), proof) => (AttemptOutcome::Trouble(at(error, &url)), proof),
                (None, proof) => (AttemptOutcome::Fault(fault), proof),
            },
        }
    }

    /// The end of an inquiry.
    fn inquired(&mut self, version: Option<&Answer>) -> (Option<Error>, Option<NotApplied>) {
        match std::mem::replace(&mut self.stage, AttemptStage::Request) {
            AttemptStage::Inquiry(inquiry) => {
                let version = version.map(|version| (&version.head, &*version.body));
                let (error, proof) = inquiry.about.judge(version);
                (Some(error), proof)
            }
            stage => {
                self.stage = stage;
                (None, None)
            }
        }
    }

    fn learn(&mut self, answer: &Answer) -> Option<AttemptOutcome> {
        let url = self.member.url();
        let refuse = |why: String| {
            at(
                Error::new(Status::UNSUPPORTED, format!("{url}: {why}")),
                url,
            )
        };
        match version::of(&answer.body).filter(|_| answer.head.status == 200) {
            Some(version) if version >= (2, 3) => {}
            Some((major, minor)) => {
                let why =
                    format!("etcd {major}.{minor} has no refresh and would overwrite the value");
                return Some(AttemptOutcome::Refused(refuse(why)));
            }
            None => {
                let why = format!(
                    "cannot tell whether it knows refresh, /version answered {}",
                    answer.head.status
                );
                let mut error = refuse(why);
                error.detail_mut().retriable = answer.head.status >= 500;
                return Some(AttemptOutcome::Trouble(error));
            }
        }
        self.member.set_refreshes();
        self.stage = AttemptStage::Request;
        None
    }

    fn hop(&self, location: &str, member_set: &MemberSet) -> Result<Hop> {
        let (from, number) = match &self.stage {
            AttemptStage::Hop(hop) => (&hop.to, hop.number + 1),
            _ => (&self.member, 1),
        };
        let refuse = |why: &str| {
            let text = format!(
                "{}: redirected to {}: {why}",
                from.url(),
                display::url(location)
            );
            Error::new(Status::REDIRECT, text)
        };
        if number > HOPS {
            return Err(refuse(&format!("more than {HOPS} redirects")));
        }
        if !location.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Err(refuse("not a location"));
        }
        let (to, target) = if location.starts_with('/') {
            (from.clone(), location)
        } else if !location.contains("://") {
            // an endpoint may be a bare name, but a location that is one was meant relative to something
            return Err(refuse("neither a URL nor a path"));
        } else {
            let after_scheme = location.find("://").map_or(0, |i| i + 3);
            let path = location.get(after_scheme..).and_then(|rest| rest.find('/'));
            let (origin, target) =
                location.split_at(path.map_or(location.len(), |i| i + after_scheme));
            let endpoint =
                Endpoint::parse("Location", origin).map_err(|e| refuse(&e.detail().message))?;
            let known = member_set.find(endpoint.url());
            let secure = from.channel().endpoint().scheme() == Scheme::Https;
            // what went over TLS so far goes in clear to nobody but those whom the caller named
            if known.is_none() && secure && endpoint.scheme() != Scheme::Https {
                return Err(refuse("clear text, told by a member with TLS"));
            }
            (
                known
                    .unwrap_or_else(|| Arc::new(Member::stranger(endpoint, member_set.settings()))),
                target,
            )
        };
        let target = if target.is_empty() { "/" } else { target };
        if check_target(target).is_err() {
            return Err(refuse("not a location"));
        }
        let http_request = HttpRequest {
            target: target.to_owned(),
            ..self.http_request.clone()
        };
        Ok(Hop {
            to,
            http_request,
            number,
        })
    }
}

/// Says which member a complete answer came from, so that no earlier try is taken for the one that decided.
fn at(mut error: Error, url: &Arc<str>) -> Error {
    let detail = error.detail_mut();
    detail.endpoint.get_or_insert_with(|| url.clone());
    detail.phase.get_or_insert(Phase::Body);
    error
}
