//! Which body makes an answer that of a page. Anything else does not come from etcd, and another member is tried.

use super::page::Page;
use super::{auth, health, members, roles, stats, users, versions};
use crate::error::{Error, Result};
use crate::status::Status;

/// Refuses what is not this page. Never panics, whatever the bytes.
pub(crate) fn check(page: Page, body: &[u8]) -> Result<()> {
    match page {
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
