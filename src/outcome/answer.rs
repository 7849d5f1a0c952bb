//! What the answer to a request means, and for a write whether it proves anything.

use super::copies::doubtful;
use super::proof::NotApplied;
use super::proving_refusals;
use crate::display;
use crate::error::Error;
use crate::protocol::absent;
use crate::protocol::action::Action;
use crate::protocol::admin::page::Page;
use crate::protocol::answer::{self, Verdict};
use crate::protocol::body::Body;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, Idempotency, ResponseKind};
use crate::protocol::key;
use crate::protocol::method::Method;
use crate::protocol::response::Response;
use crate::protocol::response_head::Head;
use crate::status::Status;

/// Judges a complete answer to `http_request`. `proof` comes as the proof that the request did not leave in full, if there is
/// one. It is left, with any verdict but a success, as the proof that a write was not applied; without it, only a word of
/// etcd itself is [`Verdict::Refused`], and the outcome is unknown.
pub fn judge(
    head: Head,
    body: Body,
    http_request: &HttpRequest,
    proof: &mut Option<NotApplied>,
    limits: &DecodeLimits,
) -> Verdict {
    if http_request.repeat != Idempotency::Safe {
        return judge_write(head, body, http_request, proof, limits);
    }
    *proof = None;
    let verdict = answer::judge(head, body, http_request.expect, limits);
    match verdict {
        Verdict::Success(response) => match is_other(&response, http_request) {
            Some(why) => other(why, response),
            None => Verdict::Success(response),
        },
        verdict => verdict,
    }
}

fn judge_write(
    head: Head,
    mut body: Body,
    http_request: &HttpRequest,
    proof: &mut Option<NotApplied>,
    limits: &DecodeLimits,
) -> Verdict {
    // a success is the usual case, and no refusal
    let refused = match head.status {
        200..=299 => None,
        _ => proving_refusals::find(&head, &mut body, http_request),
    };
    let by_refusal = refused.and_then(|row| NotApplied::refused(row, &head));
    let partial = proof.is_some();
    *proof = proof.or(by_refusal);
    let verdict = match answer::judge(head, body, http_request.expect, limits) {
        Verdict::Success(response) => match is_other(&response, http_request) {
            Some(why) => other(why, response),
            None if partial => other("it came before the request was sent", response),
            None => done(response, http_request),
        },
        Verdict::Refused(error) if refused.is_some() => Verdict::Refused(error),
        // only the redirect to the leader of 0.4 is followed: any other may lead to another key
        Verdict::Redirect(location) if refused.is_some() && proof.is_some() => {
            Verdict::Redirect(location)
        }
        Verdict::Redirect(location) => Verdict::Trouble(not_followed(&location)),
        Verdict::Refused(error) | Verdict::Trouble(error) => Verdict::Trouble(error),
        Verdict::NoEvent => Verdict::NoEvent,
    };
    match verdict {
        Verdict::Trouble(error) if proof.is_none() => Verdict::Trouble(doubtful(error)),
        verdict => verdict,
    }
}

/// The answer "404 page not found", which is judged once the version of the server is known.
#[derive(Debug)]
pub struct NoPage {
    error: Error,
    proof: Option<NotApplied>,
    write: bool,
    of_the_api: bool,
}

impl NoPage {
    /// Of an answer to `http_request`, if the member is to be asked for its version: for a clear error, or because an answer of etcd
    /// would prove that a write was not applied.
    pub fn of(
        (status, body): (u16, &[u8]),
        http_request: &HttpRequest,
    ) -> Option<impl FnOnce(Error, Option<NotApplied>) -> NoPage + use<>> {
        let write = http_request.repeat != Idempotency::Safe;
        let of_the_api = absent::is_of_the_api(http_request);
        let wanted = absent::is_no_page(status, body) && (write || of_the_api);
        wanted.then_some(move |error, proof| NoPage {
            error,
            proof,
            write,
            of_the_api,
        })
    }

    /// The error and the proof, given the answer to `/version` (`None`: there was none). Any server written in Go has this
    /// page, and an intermediary may have forwarded a write, so that only a direct answer of etcd 3 proves anything.
    pub fn judge(self, version: Option<(&Head, &[u8])>) -> (Error, Option<NotApplied>) {
        let told = version.and_then(|(head, body)| absent::explain(head.status, body));
        let direct = version.is_some_and(|(head, _)| head.is_of_3() && !head.is_relayed());
        let proof = self.proof.filter(|_| told.is_some() && direct);
        let mut error = match told {
            Some(mut told) if self.of_the_api => {
                let facts = told.detail_mut();
                facts.body.clone_from(&self.error.detail().body);
                told
            }
            _ => self.error,
        };
        if self.write && proof.is_none() {
            error = doubtful(error);
        }
        (error, proof)
    }
}

/// Why a success cannot be the answer to this request: it is about another key or another action.
fn is_other(response: &Response, http_request: &HttpRequest) -> Option<&'static str> {
    let raw = match http_request.expect {
        ResponseKind::Keys | ResponseKind::Action => false,
        ResponseKind::Anything => true,
        ResponseKind::Event | ResponseKind::Page(_) => return None,
    };
    let key = response.node().map(|node| node.key());
    let fits = key.is_none_or(|key| match raw {
        true => key::answers_raw(http_request.method, &http_request.target, key),
        false => key::answers(http_request.method, &http_request.target, key),
    });
    if !fits {
        return Some("it is about another key");
    }
    let done = response.action();
    let same = match http_request.action {
        Some(action) => done == action,
        None => {
            key.is_none()
                || !http_request.target.starts_with("/v2/keys")
                || goes_with(done, http_request)
        }
    };
    (!same).then_some("it is about something else that was done")
}

/// Whether a raw request can have this action.
fn goes_with(done: Action, http_request: &HttpRequest) -> bool {
    match http_request.method {
        // a poll is answered with the action of any client
        Method::Get | Method::Head => {
            done == Action::Get || http_request.target.contains("wait=true")
        }
        Method::Put => matches!(
            done,
            Action::Set | Action::Create | Action::Update | Action::CompareAndSwap
        ),
        Method::Post => done == Action::Create,
        Method::Delete => matches!(done, Action::Delete | Action::CompareAndDelete),
    }
}

fn other(why: &str, response: Response) -> Verdict {
    Verdict::Trouble(not_this(why, response))
}

/// Only etcd's success answer says that a write was applied; an empty page is nobody's without its headers.
fn done(response: Response, http_request: &HttpRequest) -> Verdict {
    let head = response.head();
    let why = match http_request.expect {
        ResponseKind::Keys | ResponseKind::Action if !matches!(head.status, 200 | 201) => {
            "its status"
        }
        ResponseKind::Page(Page::Empty) if head.cluster_id.is_empty() => "it tells no cluster",
        _ => return Verdict::Success(response),
    };
    Verdict::Trouble(not_this(why, response))
}

/// How much of a body an error keeps.
const KEPT: usize = 512;

fn not_this(why: &str, response: Response) -> Error {
    let status = response.head().status;
    let text = format!("the answer is not etcd's: {why} (status {status})");
    let mut error = Error::new(Status::PROTOCOL, text);
    let body = response.body();
    let facts = error.detail_mut();
    facts.http_status = status;
    facts.body = body.get(..KEPT).unwrap_or(body).to_vec();
    error
}

/// A redirect that is not that of a follower to its leader: whoever sent it may have handed the request on before.
fn not_followed(location: &str) -> Error {
    let text = format!(
        "redirected to {}, which is not followed",
        display::url(location)
    );
    Error::new(Status::REDIRECT, text)
}
