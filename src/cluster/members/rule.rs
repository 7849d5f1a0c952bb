//! The rules that keep a watcher from missing an event. A test removes them one by one, and must find a lost event each time.

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// only a poll that was closed cleanly proves that there was no event
    InOrder,
    /// and only after a second without data
    Silence,
    /// if the raft index grew by as much as a snapshot needs, the store may have been restored from one
    Growth,
    /// a connection that was made after the last proof may lead to another process
    Process,
    /// a member that the client has not asked before may have been restored from a snapshot
    FirstContact,
    /// answers from before a process was identified may have come from another process
    Identity,
    /// the event history from before a restored snapshot is not reliable
    Floor,
    /// a snapshot that was restored before a restart still affects the history after it
    Before,
    /// before a live event others may have been skipped: a later response head shows whether the store was replaced
    LaterHead,
    /// a member that delivers an event has at least that index
    Reached,
    /// if the store may be another one, it must have the last event that was delivered
    LastEvent,
    /// and no event between that and the index that the watch waits for
    Recheck,
    /// a quorum read waits until a pending snapshot is restored
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
