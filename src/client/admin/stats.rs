//! What members count.

use super::Client;
use crate::error::{Error, Result};
use crate::protocol::admin::members::{self, Member};
use crate::protocol::admin::page::StatsKind;
use crate::protocol::admin::stats::{self};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::response::Response;
use crate::status::Status;
use crate::transport::wait::pause;
use std::time::{Duration, Instant};

/// How often the leader may change while it is looked for.
const CHANGES: usize = 3;
/// Before it is looked for again.
const BREATH: Duration = Duration::from_millis(100);

impl Client {
    /// The numbers of the member at `endpoint`, or of whichever is asked first; those of the followers come from the
    /// leader, wherever it is.
    pub fn stats(&self, kind: StatsKind, endpoint: Option<&str>) -> Result<Response> {
        let http_request = stats::ask(kind);
        match kind {
            StatsKind::Leader => self.of_leader(&http_request),
            StatsKind::Own | StatsKind::Store => self.page_of(endpoint, &http_request),
        }
    }

    fn of_leader(&self, http_request: &HttpRequest) -> Result<Response> {
        let deadline = self.deadline();
        let mut answer = self.page(http_request, deadline);
        for change in 0..CHANGES {
            match &answer {
                Err(error) if error.status() == Status::FORBIDDEN => {}
                _ => return answer,
            }
            if change > 0 {
                pause(
                    self.cancel.as_ref(),
                    BREATH.min(deadline.saturating_duration_since(Instant::now())),
                );
            }
            let response = self.page(&members::ask_leader(), deadline)?;
            answer = self.at_any_url(&members::one(response.body())?, http_request, deadline);
        }
        answer
    }

    /// From a member at the first of its URLs that answers.
    fn at_any_url(
        &self,
        member: &Member,
        http_request: &HttpRequest,
        deadline: Instant,
    ) -> Result<Response> {
        let text = format!("the leader {} has published no client URLs", member.id);
        let mut answer = Err(Error::new(Status::UNREACHABLE, text));
        for (tried, url) in member.client_urls.iter().enumerate() {
            let until = super::share(deadline, member.client_urls.len() - tried);
            answer = self
                .member_at("client URL", url)
                .and_then(|at| self.page_at(&at, http_request, until));
            match &answer {
                Err(error) if error.status() != Status::FORBIDDEN => {}
                _ => break,
            }
        }
        answer
    }
}
