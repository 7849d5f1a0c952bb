//! Snapshots: at the beginning, after lost history, and to find out whether a single key changed at all.

use super::*;

impl Machine {
    pub(super) fn on_snapshot(
        &mut self,
        now: Instant,
        busy: &Busy,
        kind: ExchangeKind,
        verdict: Verdict,
    ) -> MemberVerdict {
        let (index, response) = match verdict {
            Verdict::Success(response) => match self.index_of(&response) {
                Some(index) => (index, Some(response)),
                None => {
                    self.read_index(kind);
                    return MemberVerdict::Good;
                }
            },
            Verdict::Refused(error) if unmarked::is_absence(&error) => (error.detail().index, None),
            other => return self.refused(now, other),
        };
        if index == 0 {
            self.leave_member();
            self.retry(now, "a listing without the index of the store");
            return MemberVerdict::Bad;
        }
        self.known = self.known.max(index);
        if index.saturating_add(1) < self.position.wait_index() {
            // older than what has been told
            if !self.fall_behind(now, index) {
                self.retry(now, "a listing from a member that is behind");
            }
            return MemberVerdict::Neither;
        }
        self.behind = None;
        (self.hopeless, self.index_read) = (0, 0);
        match kind {
            ExchangeKind::Verify => {
                self.kind = ExchangeKind::Poll;
                self.verified(now, busy, index, response);
            }
            ExchangeKind::Look if self.mirror.is_none() => {
                self.looked(now, busy, index, response.as_ref());
                self.kind = ExchangeKind::Poll;
            }
            _ => {
                let listing = proof::Listing {
                    kind,
                    index,
                    response,
                };
                self.hold(now, busy, proof::Claim::Listing(Box::new(listing)));
            }
        }
        MemberVerdict::Good
    }

    /// A listing is proven.
    pub(super) fn list(&mut self, listing: proof::Listing) {
        let index = listing.index;
        let next = self.position.wait_index();
        let agrees = |mirror: &Mirror| mirror.agrees(listing.response.as_ref(), next);
        match listing.kind {
            ExchangeKind::Look if self.rechecking && self.mirror.as_deref().is_some_and(agrees) => {
                // the store is the same, and a poll delivers what has changed since
                self.rechecking = false;
                self.kind = ExchangeKind::Poll;
                return;
            }
            ExchangeKind::Look => self.resynced(index, listing.response, false),
            ExchangeKind::Resync => self.resynced(index, listing.response, true),
            _ => self.listed(index, listing.response),
        }
        if self.is_closed() {
            return;
        }
        self.kind = ExchangeKind::Poll;
        if self.progress {
            self.tell(Event::progress(index));
        }
    }

    fn listed(&mut self, index: u64, response: Option<Response>) {
        let response = response.map(Response::shared);
        if let Some(mirror) = &mut self.mirror {
            let renewed = Mirror::own(mirror).and_then(|own| own.renew(response.as_ref(), index));
            if let Err(out) = renewed {
                return self.close(Some(out.error(TABLE)));
            }
        }
        self.begin_after(index);
        if let Some(response) = response {
            self.outputs
                .push_back(Output::Batch(Arc::new(Batch::Listing {
                    response,
                    index,
                    recursive: self.scope.is_recursive(),
                })));
        }
    }

    /// What differs from what was told is told. `lost`: history was; otherwise nothing is said if nothing differs.
    fn resynced(&mut self, index: u64, response: Option<Response>, lost: bool) {
        let mut told = lost;
        self.begin_after(index);
        if let Some(mirror) = &mut self.mirror {
            let response = response.map(Response::shared);
            let renewed = Mirror::own(mirror).and_then(|own| own.renew(response.as_ref(), index));
            let diff = match renewed {
                Ok(diff) => diff,
                Err(out) => return self.close(Some(out.error(TABLE))),
            };
            if !diff.changes().is_empty() {
                told = true;
                self.outputs
                    .push_back(Output::Batch(Arc::new(Batch::Diff(diff))));
            }
        }
        if told {
            self.counters.resyncs += 1;
            self.enter(State::Resynced);
        }
    }

    /// A key that is there and was not modified since the last index told has lost no event. Otherwise nothing is known:
    /// the place stays, and the next poll brings what there is, or the news that it is lost.
    fn looked(&mut self, now: Instant, busy: &Busy, index: u64, response: Option<&Response>) {
        let next = self.position.wait_index();
        let node = response.and_then(Response::node);
        let modified = node.map_or(0, |node| node.modified_index());
        if modified != 0 && modified < next && index >= next {
            self.hold(now, busy, proof::Claim::Unchanged(index));
        }
    }

    /// A key that was not modified since the last index told has lost no event. One that is not there may have come and
    /// gone.
    fn verified(&mut self, now: Instant, busy: &Busy, index: u64, response: Option<Response>) {
        let next = self.position.wait_index();
        let modified = response
            .as_ref()
            .and_then(Response::node)
            .map_or(0, |node| node.modified_index());
        let same = match self.last {
            (last, 0) => modified <= last,
            (last, _) => modified == last,
        };
        // an index that leads nowhere new would be the same again
        if modified != 0 && same && index >= next {
            self.hold(now, busy, proof::Claim::Unchanged(index));
        } else if self.mirror.is_some() {
            // this is the listing that is compared
            let kind = ExchangeKind::Resync;
            self.kind = kind;
            let listing = proof::Listing {
                kind,
                index,
                response,
            };
            self.hold(now, busy, proof::Claim::Listing(Box::new(listing)));
        } else {
            let told = self.refusal.take().map(|told| *told);
            let why = "the server's history was cleared";
            self.tell_loss(Loss::Cleared, index, why, told);
        }
    }
}
