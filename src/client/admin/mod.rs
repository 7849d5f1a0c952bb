//! What a caller can ask for beside the key space: members, stats, versions, health, users and roles.
//!
//! Each call has the client's deadline for all that it takes. Reads go to any member, as those of keys do; what depends
//! on the member that answers can be asked of one alone.

mod auth;
mod health;
mod members;
mod stats;

pub use health::{HealthState, MemberRow, Report, UrlFailure};
pub use members::Members;

use super::Client;
use crate::cluster::failover::blocking;
use crate::cluster::failover::machine::CallOptions;
use crate::cluster::failover::request_sequence::{self, RequestSequence};
use crate::cluster::members::member::Member;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::retry::budget::Budget;
use crate::error::Result;
use crate::protocol::admin::versions::{self, Versions};
use crate::protocol::endpoint::Endpoint;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response::Response;
use std::sync::Arc;
use std::time::Instant;

/// Largest page: it is read into more memory than it has itself.
const LARGEST: u64 = 64 << 20;

impl Client {
    /// What the member at `endpoint` runs, or whichever is asked first.
    pub fn server_version(&self, endpoint: Option<&str>) -> Result<(Versions, Arc<str>)> {
        let response = self.page_of(endpoint, &versions::ask())?;
        let versions = versions::read(response.body())?;
        Ok((versions, response.endpoint().clone()))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.timeout()
    }

    /// A page, from whichever member can give it.
    fn page(&self, http_request: &HttpRequest, deadline: Instant) -> Result<Response> {
        self.fetch(&self.member_set, http_request, deadline)
    }

    /// A page from this member and no other.
    fn page_at(
        &self,
        member: &Arc<Member>,
        http_request: &HttpRequest,
        deadline: Instant,
    ) -> Result<Response> {
        let member_set = self.member_set.alone(member.clone());
        self.fetch(&member_set, http_request, deadline)
    }

    /// A page that each member has its own of.
    fn page_of(&self, endpoint: Option<&str>, http_request: &HttpRequest) -> Result<Response> {
        match endpoint {
            None => self.page(http_request, self.deadline()),
            Some(url) => self.page_at(
                &self.member_at("endpoint", url)?,
                http_request,
                self.deadline(),
            ),
        }
    }

    /// The member with this URL. One that is not on the list is asked all the same, but told no secrets.
    fn member_at(&self, parameter: &str, url: &str) -> Result<Arc<Member>> {
        let endpoint = Endpoint::parse(parameter, url)?;
        let known = self.member_set.find(endpoint.url());
        Ok(known.unwrap_or_else(|| Arc::new(Member::stranger(endpoint, &self.options.settings))))
    }

    fn fetch(
        &self,
        member_set: &MemberSet,
        http_request: &HttpRequest,
        deadline: Instant,
    ) -> Result<Response> {
        self.refuse_elsewhere()?;
        let now = Instant::now();
        let budget = self.budget(now, deadline.saturating_duration_since(now));
        let terms = CallOptions {
            // of what may be repeated at all: see the class of each request
            allow_repeat: true,
            budget: Budget {
                max_body: budget.max_body.min(LARGEST),
                ..budget
            },
            decode: self.options.decode,
            refresh: false,
            plain_read: false,
            consensus: false,
        };
        let sequence = RequestSequence::plain(http_request, terms, now);
        let cancel = self.cancel.as_ref();
        self.ended(request_sequence::result(blocking::run(
            member_set, sequence, cancel,
        )))
    }
}

/// The end of the share that the first of `left` has of the time until `deadline`.
fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    let left = u32::try_from(left.max(1)).unwrap_or(u32::MAX);
    now + deadline.saturating_duration_since(now) / left
}
