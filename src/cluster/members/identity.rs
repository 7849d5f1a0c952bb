//! Which cluster a client talks to, for those who refuse every other one.

use crate::cluster::members::watermark::DOUBT;
use std::time::Duration;

/// The identifier that counts, and who else has another.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    id: u64,
    owner: u64,
    /// by a second answer
    repeated: bool,
    /// by a second member
    confirmed: bool,
    rival: Option<Rival>,
}

#[derive(Clone, Copy, Debug)]
struct Rival {
    id: u64,
    since: Duration,
    /// who told it after the time of doubt
    member: Option<u64>,
}

impl Identity {
    /// The one that `member` told first.
    pub fn new(id: u64, member: u64) -> Identity {
        Identity {
            id,
            owner: member,
            ..Identity::default()
        }
    }

    /// 0: none yet.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// It is told again.
    pub fn repeat(&mut self, member: u64) {
        self.repeated = true;
        if member != self.owner {
            self.confirmed = true;
            self.rival = None;
        }
    }

    /// Whether another one counts from now on: the first was told by a single answer, or by a single member that two others
    /// have contradicted for the time of doubt.
    pub fn yields_to(&mut self, id: u64, member: u64, now: Duration) -> bool {
        if self.id == 0 {
            return true;
        }
        if self.confirmed {
            return false;
        }
        let rival = self.rival.get_or_insert(Rival {
            id,
            since: now,
            member: None,
        });
        if rival.id != id {
            *rival = Rival {
                id,
                since: now,
                member: None,
            };
        }
        if now < rival.since + DOUBT {
            return false;
        }
        !self.repeated || *rival.member.get_or_insert(member) != member
    }
}
