//! History that is lost: what the server no longer holds, and clusters that began again.

use super::*;

/// A member may lag behind the place of a watch, and so may all that can be reached while the cluster comes up again. When
/// none has caught up after this time and so many heads, the indices have begun again: the store is another one.
const PATIENCE: Duration = Duration::from_secs(15);
const HEADS: u32 = 3;

impl Machine {
    /// Events from the place of the watch on are gone; `index` is where the store stands (0: unknown), `told` what etcd said
    /// about it.
    pub(super) fn lose(
        &mut self,
        now: Instant,
        loss: Loss,
        index: u64,
        why: &str,
        told: Option<Error>,
    ) {
        self.behind = None;
        (self.held, self.rechecking) = (None, false);
        if loss == Loss::Recreated {
            // the other store is that of the watch from here on
            (self.proof, self.last) = (Some(now), (0, 0));
        }
        if loss == Loss::Cleared && !self.scope.is_recursive() && self.open_gap.is_none() {
            // a single key tells by its own indices whether it changed
            (self.kind, self.refusal) = (ExchangeKind::Verify, told.map(Box::new));
            return self.retry(now, why);
        }
        self.tell_loss(loss, index, why, told);
        if !self.is_closed() {
            self.retry(now, why);
        }
    }

    /// What is lost is told as the watch wishes.
    pub(super) fn tell_loss(&mut self, loss: Loss, index: u64, why: &str, told: Option<Error>) {
        match self.on_lost {
            OnLost::Fail => {
                let next = self.position.wait_index();
                let text = format!("{why}: the events from index {next} on are lost");
                let error = told.unwrap_or_else(|| Error::new(Status::HISTORY_CLEARED, ""));
                let mut error = error.with_message(text);
                error.detail_mut().index = index;
                self.close(Some(error));
            }
            OnLost::Resync => {
                if loss == Loss::Recreated {
                    self.position = WaitIndex::at(0);
                }
                self.kind = ExchangeKind::Resync;
            }
            OnLost::Gap => self.gap(loss, index),
        }
    }

    /// Tells a gap from the place of the watch to `index`, and goes on after it.
    pub(super) fn gap(&mut self, loss: Loss, index: u64) {
        self.kind = ExchangeKind::Poll;
        let next = self.position.wait_index();
        let (from, loss) = self.open_gap.take().unwrap_or((next, loss));
        if index == 0 || (loss == Loss::Cleared && index < next) {
            // never the same index again: the next head tells where "now" is
            self.open_gap = Some((from, loss));
            self.position = WaitIndex::at(0);
            return;
        }
        self.tell(Event::gap(from, index, loss));
        self.begin_after(index);
    }

    /// The watch goes on after `index`.
    pub(super) fn begin_after(&mut self, index: u64) {
        self.position = WaitIndex::at(index.saturating_add(1));
        (self.last, self.rechecking) = ((index, 0), false);
    }

    /// A watch without a place gets one: everything up to `index` is not its business.
    pub(super) fn anchor(&mut self, index: u64) {
        if self.position.wait_index() != 0 || index == 0 {
            return;
        }
        self.begin_after(index);
        if let Some((from, loss)) = self.open_gap.take() {
            let next = index.saturating_add(1);
            if next < from {
                self.tell(Event::gap(from, index, Loss::Recreated));
            } else if loss == Loss::Recreated || next > from {
                self.tell(Event::gap(from, index, loss));
            }
        }
    }

    /// A member's store has not reached the place of the watch. Its poll may still wait for it, shortly; `true` when that
    /// has been hoped for long enough.
    pub(super) fn fall_behind(&mut self, now: Instant, index: u64) -> bool {
        // after a time without any head it may be a member that comes up again
        let before = self
            .behind
            .take()
            .filter(|b| now.saturating_duration_since(b.last) < PATIENCE / 2);
        let since = before.as_ref().map_or(now, |behind| behind.since);
        let heads = before.map_or(1, |behind| behind.heads.saturating_add(1));
        self.behind = Some(Box::new(Behind {
            since,
            last: now,
            heads,
        }));
        self.leave_member();
        if heads >= HEADS && now.saturating_duration_since(since) >= PATIENCE {
            self.busy = None;
            self.known = index;
            self.lose(
                now,
                Loss::Recreated,
                index,
                "no member has got as far as this watch",
                None,
            );
            return true;
        }
        self.enter(State::Reconnecting {
            why: format!(
                "the member is at index {index}, the watch at {}",
                self.position.wait_index()
            )
            .into(),
            attempt: heads,
        });
        false
    }
}
