//! Asking the cluster who its members are.

use super::Client;
use crate::cluster::discovery::membership_sync::MembershipSync;
use crate::cluster::failover::blocking;
use crate::cluster::retry::budget::Budget;
use crate::error::Result;
use crate::reactor::periodic_sync::{PeriodicSync, SyncOptions};
use crate::transport::cancel::Cancel;
use std::time::{Duration, Instant};

impl Client {
    /// Asks the DNS, where it is to be asked, and a member for the list of all, and takes in those that are new and answer.
    /// When nothing of use comes back the members stay as they are. `timeout`: instead of the client's deadline.
    pub fn sync(&self, timeout: Option<Duration>, cancel: Option<&Cancel>) -> Result<()> {
        self.refuse_elsewhere()?;
        let now = Instant::now();
        let cancel = self.tokens(cancel);
        let budget = self.budget(now, timeout.unwrap_or_else(|| self.timeout()));
        // who asks once may be helped with it later
        self.member_set.sync_limiter().want();
        let sync = MembershipSync::new(budget, self.options.decode, &self.member_set, now);
        if self.ended(blocking::run(&self.member_set, sync, cancel.as_deref()))? {
            self.sweep();
        }
        self.keep();
        Ok(())
    }

    /// The thread looks for members, too, once it runs and somebody wants them to be found.
    pub(super) fn keep(&self) {
        let (options, sync_limiter) = (&self.options, self.member_set.sync_limiter());
        let Some(reactor) = self.background.reactor() else {
            return;
        };
        if (sync_limiter.is_wanted() || self.member_set.directory().is_some())
            && self.background.keep()
        {
            let sync = PeriodicSync::new(SyncOptions {
                interval: options.sync_interval,
                deadline: options.deadline,
                attempt: options.attempt_timeout,
                connect: options.connect_timeout,
                decode: options.decode,
            });
            // a thread that has ended needs none
            let _ = reactor.add(Box::new(sync));
        }
    }

    pub(super) fn budget(&self, now: Instant, time: Duration) -> Budget {
        Budget {
            deadline: now + time,
            attempt: self.options.attempt_timeout,
            connect: self.options.connect_timeout,
            max_body: self.options.max_response_bytes,
        }
    }
}
