//! Which members a client knows.

use super::{Client, Options};
use crate::cluster::members::member_set::Source;
use crate::error::Result;
use crate::reactor::commands::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One member, as the client sees it.
#[derive(Clone, Debug)]
pub struct KnownMember {
    /// Its URL.
    pub url: Arc<str>,
    /// Where it is from.
    pub source: Source,
    /// How long it is still passed over because it failed; zero if it is not.
    pub penalty: Duration,
}

impl Client {
    /// The members that are known now, in the order in which they are asked if none has a penalty.
    pub fn endpoints(&self) -> Result<Vec<KnownMember>> {
        self.refuse_elsewhere()?;
        let now = Instant::now();
        let left = |until: Instant| until.saturating_duration_since(now);
        let members = self.member_set.sources().into_iter();
        Ok(members
            .map(|(member, source)| KnownMember {
                url: member.url().clone(),
                source,
                penalty: member.penalised_until(now).map_or(Duration::ZERO, left),
            })
            .collect())
    }

    /// Replaces all members by these, comma-separated; when one of them is bad everything stays as it was. Calls that run
    /// end where they are, and go on with the new members if they have to go on.
    pub fn set_endpoints(&self, parameter: &str, urls: &str) -> Result<()> {
        self.refuse_elsewhere()?;
        let mut named = Options::default();
        named.add_endpoints(parameter, urls)?;
        if named.needs_tls() {
            self.options.settings.tls.prepare()?;
        }
        self.member_set.reset(named.endpoints());
        self.sweep();
        Ok(())
    }

    /// The thread closes what it keeps for members that have left.
    pub(super) fn sweep(&self) {
        if let Some(reactor) = self.background.reactor() {
            // whose thread has ended keeps nothing
            let _ = reactor.commands().push(Command::Sweep);
        }
    }
}
