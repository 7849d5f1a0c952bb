//! Asking the cluster who its members are.

use super::Client;
use crate::cluster::budget::Budget;
use crate::cluster::census::Census;
use crate::cluster::failover;
use crate::error::Result;
use crate::transport::cancel::Cancel;
use std::time::{Duration, Instant};

impl Client {
    /// Asks a member for the list of all, and takes in those that are new and answer. When nothing of use comes back the
    /// members stay as they are. `timeout`: instead of the client's deadline.
    pub fn sync(&self, timeout: Option<Duration>, cancel: Option<&Cancel>) -> Result<()> {
        self.refuse_elsewhere()?;
        let now = Instant::now();
        let budget = self.budget(now, timeout.unwrap_or(self.options.deadline));
        let (roster, settings) = (&self.roster, &self.options.settings);
        let census = Census::new(budget, self.options.decode, roster, now);
        if failover::count(roster, settings, census, cancel)? {
            self.sweep();
        }
        Ok(())
    }

    pub(super) fn budget(&self, now: Instant, time: Duration) -> Budget {
        Budget {
            deadline: now + time,
            connect: self.options.connect_timeout,
            max_body: self.options.max_response_bytes,
        }
    }
}
