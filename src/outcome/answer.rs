//! What the answer to a request means, and for a write whether it proves anything.

use super::copies::doubtful;
use super::proof::NotApplied;
use super::refusals;
use crate::echo;
use crate::error::Error;
use crate::protocol::admin::page::Page;
use crate::protocol::answer::{self, Head, Limits, Verdict};
use crate::protocol::key;
use crate::protocol::response::Response;
use crate::protocol::wire::{Expect, Repeat, Wire};
use crate::status::Status;

/// Judges a complete answer to `wire`. `partial` is the proof that the request did not leave in full. With any verdict
/// but a success comes the proof that a write was not applied, if there is one; without it, only a word of etcd itself
/// is [`Verdict::Refused`], and the outcome is unknown.
pub fn judge(
    head: Head,
    body: Vec<u8>,
    wire: &Wire,
    partial: Option<NotApplied>,
    limits: &Limits,
) -> (Verdict, Option<NotApplied>) {
    if wire.repeat == Repeat::Safe {
        return (
            about(answer::judge(head, body, wire.expect, limits), wire),
            None,
        );
    }
    // a success is the usual case, and no refusal
    let refused = match head.status {
        200..=299 => None,
        _ => refusals::find(&head, &body, wire),
    };
    let proof = partial.or(refused.and_then(|(_, proof)| proof));
    let verdict = match about(answer::judge(head, body, wire.expect, limits), wire) {
        Verdict::Success(response) => match partial {
            Some(_) => Verdict::Trouble(not_this("it came before the request was sent", response)),
            None => done(response, wire),
        },
        Verdict::Refused(error) if refused.is_some() => Verdict::Refused(error),
        Verdict::Redirect(location) if proof.is_some() => Verdict::Redirect(location),
        Verdict::Redirect(location) => Verdict::Trouble(not_followed(&location)),
        Verdict::Refused(error) | Verdict::Trouble(error) => Verdict::Trouble(error),
        Verdict::NoEvent => Verdict::NoEvent,
    };
    match verdict {
        Verdict::Trouble(error) if proof.is_none() => (Verdict::Trouble(doubtful(error)), proof),
        verdict => (verdict, proof),
    }
}

/// Refuses an answer that is about another key.
fn about(verdict: Verdict, wire: &Wire) -> Verdict {
    let Verdict::Success(response) = verdict else {
        return verdict;
    };
    let node = response
        .node()
        .filter(|_| wire.expect == Expect::Keys || wire.expect == Expect::Action);
    match node {
        Some(node) if !key::answers(wire.method, &wire.target, node.key()) => {
            Verdict::Trouble(not_this("it is about another key", response))
        }
        _ => Verdict::Success(response),
    }
}

/// Only etcd's success answer says that a write was applied; an empty page is nobody's without its headers.
fn done(response: Response, wire: &Wire) -> Verdict {
    let head = response.head();
    let why = match wire.expect {
        Expect::Keys | Expect::Action if !matches!(head.status, 200 | 201) => "its status",
        Expect::Page(Page::Empty) if head.cluster_id.is_empty() => "it tells no cluster",
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
        echo::url(location)
    );
    Error::new(Status::REDIRECT, text)
}
