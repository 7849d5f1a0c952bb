//! Which body makes an answer that of a page. Anything else comes from somebody who is no etcd, and another member is
//! asked.

use super::{auth, health, members, roles, stats, users, versions};
use crate::error::{Error, Result};
use crate::status::Status;

/// A page, by what its success carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// nothing
    Empty,
    /// a list of members
    Members,
    /// one member
    Member,
    /// numbers of one of three kinds
    Stats(stats::StatsKind),
    /// versions of server and cluster
    Version,
    /// health of a member; also with status 503
    Health,
    /// whether auth is on
    Enabled,
    /// a list of users
    Users,
    /// one user
    User,
    /// a list of roles
    Roles,
    /// one role
    Role,
}

impl Page {
    /// Every page.
    #[cfg(test)]
    pub(super) const ALL: [Page; 13] = [
        Page::Empty,
        Page::Members,
        Page::Member,
        Page::Stats(stats::StatsKind::Own),
        Page::Stats(stats::StatsKind::Store),
        Page::Stats(stats::StatsKind::Leader),
        Page::Version,
        Page::Health,
        Page::Enabled,
        Page::Users,
        Page::User,
        Page::Roles,
        Page::Role,
    ];

    /// Refuses what is not this page. Never panics, whatever the bytes.
    pub(crate) fn check(self, body: &[u8]) -> Result<()> {
        match self {
            Page::Empty if body.trim_ascii().is_empty() => Ok(()),
            Page::Empty => Err(Error::new(
                Status::PROTOCOL,
                "the answer is not etcd's: it should be empty",
            )),
            Page::Members => members::list(body).map(drop),
            Page::Member => members::one(body).map(drop),
            Page::Stats(kind) => stats::read(kind, body).map(drop),
            Page::Version => versions::read(body).map(drop),
            Page::Health => health::read(body).map(drop),
            Page::Enabled => auth::enabled(body).map(drop),
            Page::Users => users::list(body).map(drop),
            Page::User => users::one(body).map(drop),
            Page::Roles => roles::list(body).map(drop),
            Page::Role => roles::one(body).map(drop),
        }
    }
}
