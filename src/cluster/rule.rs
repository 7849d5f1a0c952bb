//! The rules on which the word of a watcher rests. A test takes them away one by one, and has to find a loss each time.

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// only a poll that was ended in order shows that there was nothing
    InOrder,
    /// a second of silence comes before that end
    Silence,
    /// a raft index that grew by a whole snapshot may be one
    Growth,
    /// a connection that is newer than what is proven may lead to another process
    Process,
    /// a member that is new to the client may have a history that is not its own
    FirstContact,
    /// who answered before a process said who it is may have been another
    Identity,
    /// what was restored from a snapshot tells nothing of the time before
    Floor,
    /// what a process took in before it was restarted is in its history still
    Before,
    /// an event that came alive may have come over a hole: a later head shows whether it did
    LaterHead,
    /// a store that tells an event has got as far as it
    Reached,
    /// a store that may be another one has the last event that was told
    LastEvent,
    /// and nothing between that and the place of the watch
    Recheck,
    /// a quorum read waits behind a snapshot that is still to be taken in
    Barrier,
}

impl Rule {
    /// All of them.
    #[cfg(test)]
    pub const ALL: [Rule; 13] = [
        Rule::InOrder,
        Rule::Silence,
        Rule::Growth,
        Rule::Process,
        Rule::FirstContact,
        Rule::Identity,
        Rule::Floor,
        Rule::Before,
        Rule::LaterHead,
        Rule::Reached,
        Rule::LastEvent,
        Rule::Recheck,
        Rule::Barrier,
    ];

    /// Whether it is kept; always, but in that test.
    #[cfg(not(test))]
    #[inline]
    pub fn holds(self) -> bool {
        true
    }

    /// Whether it is kept.
    #[cfg(test)]
    pub fn holds(self) -> bool {
        MISSING.get() != Some(self)
    }

    /// From here on this thread does without it.
    #[cfg(test)]
    pub fn set_missing(rule: Option<Rule>) {
        MISSING.set(rule);
    }
}

#[cfg(test)]
thread_local! {
    static MISSING: std::cell::Cell<Option<Rule>> = const { std::cell::Cell::new(None) };
}
