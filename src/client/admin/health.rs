//! Whether members can do their work.

use super::Client;
use crate::error::Result;
use crate::protocol::admin::health;
use crate::protocol::admin::members::{self, Member};
use std::sync::Arc;
use std::time::Instant;

/// Of a member, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthState {
    /// it says so; all of them do
    Healthy = 1,
    /// some do
    Degraded = 2,
    /// it says so; none says otherwise
    #[default]
    Unhealthy = 3,
    /// no URL of it answers
    Unreachable = 4,
    /// there is none to ask
    NoClientUrls = 5,
}

/// A URL that did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlFailure {
    /// as the member publishes it
    pub url: String,
    /// one line
    pub text: String,
}

/// What is known of one member.
#[derive(Clone, Debug, Default)]
pub struct MemberRow {
    /// how it is
    pub state: HealthState,
    /// hex; empty when only a URL is known
    pub id: String,
    /// may be empty
    pub name: String,
    /// the one that answered; empty when none did
    pub url: Option<Arc<str>>,
    /// why it is unhealthy, if it told
    pub reason: String,
    /// those that were asked before
    pub failures: Vec<UrlFailure>,
}

/// What is known of all that were asked.
#[derive(Clone, Debug)]
pub struct Report {
    /// of all
    pub state: HealthState,
    /// each
    pub rows: Vec<MemberRow>,
}

impl Client {
    /// What the member at `endpoint` says of itself, or whichever is asked first.
    pub fn health(&self, endpoint: Option<&str>) -> Result<Report> {
        let response = self.page_of(endpoint, &health::ask())?;
        let row = MemberRow::default().says(response.body(), response.endpoint())?;
        Ok(Report::of(vec![row]))
    }

    /// Asks every member of the cluster at one of its client URLs.
    pub fn cluster_health(&self) -> Result<Report> {
        let deadline = self.deadline();
        let response = self.page(&members::ask_list(), deadline)?;
        let members = members::list(response.body())?;
        let mut rows = Vec::new();
        for (asked, member) in members.iter().enumerate() {
            // one that is silent leaves time for the others
            let until = super::share(deadline, members.len() - asked);
            rows.push(self.ask_member(member, until)?);
        }
        Ok(Report::of(rows))
    }

    fn ask_member(&self, member: &Member, deadline: Instant) -> Result<MemberRow> {
        let urls = &member.client_urls;
        let mut row = MemberRow {
            state: match urls.is_empty() {
                true => HealthState::NoClientUrls,
                false => HealthState::Unreachable,
            },
            id: member.id.clone(),
            name: member.name.clone(),
            ..MemberRow::default()
        };
        for (asked, url) in urls.iter().enumerate() {
            let until = super::share(deadline, urls.len() - asked);
            let answer = self
                .member_at("client URL", url)
                .and_then(|at| self.page_at(&at, &health::ask(), until));
            match answer {
                Ok(response) => return row.says(response.body(), response.endpoint()),
                Err(error) => row.failures.push(UrlFailure {
                    url: url.clone(),
                    text: error.to_string(),
                }),
            }
        }
        Ok(row)
    }
}

impl MemberRow {
    fn says(self, body: &[u8], url: &Arc<str>) -> Result<MemberRow> {
        let health = health::read(body)?;
        Ok(MemberRow {
            state: match health.healthy {
                true => HealthState::Healthy,
                false => HealthState::Unhealthy,
            },
            url: Some(url.clone()),
            reason: health.reason,
            ..self
        })
    }
}

impl Report {
    fn of(rows: Vec<MemberRow>) -> Report {
        let healthy = rows
            .iter()
            .filter(|r| r.state == HealthState::Healthy)
            .count();
        let state = match healthy {
            0 => HealthState::Unhealthy,
            n if n == rows.len() => HealthState::Healthy,
            _ => HealthState::Degraded,
        };
        Report { state, rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_as_healthy_as_its_members() {
        let report = |states: &[HealthState]| {
            let row = |state: &HealthState| MemberRow {
                state: *state,
                ..MemberRow::default()
            };
            Report::of(states.iter().map(row).collect()).state
        };
        use HealthState::*;
        assert_eq!(report(&[Healthy, Healthy]), Healthy);
        assert_eq!(report(&[Healthy, Unreachable]), Degraded);
        assert_eq!(report(&[NoClientUrls, Unhealthy, Healthy]), Degraded);
        assert_eq!(report(&[Unhealthy, Unreachable]), Unhealthy);
        assert_eq!(report(&[]), Unhealthy);
    }
}
