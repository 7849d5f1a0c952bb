//! Who is in the cluster.

use super::Client;
use crate::error::{Error, Result, line};
use crate::protocol::admin::members::{self, Member};
use crate::status::Status;
use std::time::{Duration, Instant};

/// How long a list waits to learn the leader, too.
const ASIDE: Duration = Duration::from_secs(2);

/// Members of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// in order of their ids
    pub list: Vec<Member>,
    /// id of the leader; empty: not known
    pub leader: String,
}

impl Client {
    /// All members, and which of them leads if that can be learnt from whoever listed them.
    pub fn members(&self) -> Result<Members> {
        let deadline = self.deadline();
        let response = self.page(&members::ask_list(), deadline)?;
        let list = members::list(response.body())?;
        let aside = deadline.min(Instant::now() + ASIDE);
        let leader = self
            .member_at("endpoint", response.endpoint())
            .and_then(|member| self.page_at(&member, &members::ask_leader(), aside))
            .and_then(|response| members::one(response.body()));
        Ok(Members {
            list,
            leader: leader.map(|leader| leader.id).unwrap_or_default(),
        })
    }

    /// The leader.
    pub fn leader(&self) -> Result<Members> {
        let response = self.page(&members::ask_leader(), self.deadline())?;
        let member = members::one(response.body())?;
        Ok(Members {
            leader: member.id.clone(),
            list: vec![member],
        })
    }

    /// One member more; it is known under its id before it has started.
    pub fn add_member(&self, peer_urls: &str) -> Result<Members> {
        let http_request = members::add(peer_urls)?;
        let response = self.page(&http_request, self.deadline()).map_err(hint)?;
        Ok(Members {
            list: vec![members::one(response.body())?],
            leader: String::new(),
        })
    }

    /// Other URLs for a member.
    pub fn update_member(&self, id: &str, peer_urls: &str) -> Result<()> {
        let http_request = members::update(id, peer_urls)?;
        self.page(&http_request, self.deadline()).map(drop)
    }

    /// One member less.
    pub fn remove_member(&self, id: &str) -> Result<()> {
        let http_request = members::remove(id)?;
        match self.page(&http_request, self.deadline()) {
            // an earlier copy of this request, whose answer was lost
            Err(e) if e.status() == Status::GONE && e.detail().outcome_unknown => Ok(()),
            result => result.map(drop),
        }
    }
}

/// All that etcd says to it is that it failed.
fn hint(mut error: Error) -> Error {
    let detail = error.detail_mut();
    if detail.http_status == 500 {
        let hint =
            "etcd refuses so while an added member has not started, or not all are connected";
        detail.message = line(format!("{} ({hint})", detail.message));
    }
    error
}
