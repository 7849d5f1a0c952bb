//! The pages beside the key space, by what their success carries.

/// Whose numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatsKind {
    /// of the member itself
    Own,
    /// of its store
    Store,
    /// of the followers, which only the leader has
    Leader,
}

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
    Stats(StatsKind),
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
        Page::Stats(StatsKind::Own),
        Page::Stats(StatsKind::Store),
        Page::Stats(StatsKind::Leader),
        Page::Version,
        Page::Health,
        Page::Enabled,
        Page::Users,
        Page::User,
        Page::Roles,
        Page::Role,
    ];
}
