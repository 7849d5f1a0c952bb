//! Heads: they say that a member has the poll, where its store stands, and whether it is the same store.

use super::*;

impl Machine {
    /// The head of the running exchange has come.
    pub fn on_head(&mut self, now: Instant, head: &Head) -> HeaderDecision {
        let Some(busy) = &mut self.busy else {
            return HeaderDecision::Leave;
        };
        let index = head.etcd_index;
        busy.head = Some((index, now));
        let (kind, known, started) = (busy.kind, busy.known, busy.started);
        if kind == ExchangeKind::Poll {
            self.sighted();
        }
        if kind == ExchangeKind::Version {
            return HeaderDecision::Stay(STALL);
        }
        // without an index it says nothing of the store
        if index == 0 {
            if head.status >= 300 || kind != ExchangeKind::Poll {
                return HeaderDecision::Stay(STALL);
            }
            if self.position.wait_index() == 0 {
                // a change between this poll and the next would be missed
                self.busy = None;
                self.read_index(ExchangeKind::Poll);
                return HeaderDecision::Leave;
            }
            self.enter(State::Live);
            // its end proves nothing, so that there is no use in an early one
            return HeaderDecision::Stay(self.pace.poll(self.max_poll, self.max_poll).max(SHORT));
        }
        if kind == ExchangeKind::Poll && !self.reaches(now, index) {
            return HeaderDecision::Leave;
        }
        self.known = self.known.max(index);
        // an error may be told by somebody who is no cluster at all
        if head.status < 300 && self.is_another_cluster(head) {
            self.known = index;
            match kind {
                // what they bring is right, only not after what was known
                ExchangeKind::List | ExchangeKind::Resync | ExchangeKind::Look => {
                    self.position = WaitIndex::at(0)
                }
                ExchangeKind::Poll
                | ExchangeKind::Probe
                | ExchangeKind::Verify
                | ExchangeKind::Index
                | ExchangeKind::Recall
                | ExchangeKind::Version => {
                    self.busy = None;
                    self.held = None;
                    self.lose(
                        now,
                        Loss::Recreated,
                        index,
                        "another cluster answered",
                        None,
                    );
                    return HeaderDecision::Leave;
                }
            }
        }
        match kind {
            ExchangeKind::Poll | ExchangeKind::Recall if head.status < 300 => {
                self.pace.beat(now, index);
                (self.lived, self.absent) = (true, 0);
            }
            ExchangeKind::Probe => {}
            // what is wrong with it, the body tells
            _ => return HeaderDecision::Stay(STALL),
        }
        if self.position.wait_index() == 0 {
            self.anchor(index);
            self.proof = Some(started);
        } else if index.saturating_add(1) < self.position.wait_index() {
            return match self.fall_behind(now, index) {
                true => HeaderDecision::Leave,
                false => HeaderDecision::Stay(SHORT),
            };
        }
        self.behind = None;
        match kind {
            ExchangeKind::Probe => return HeaderDecision::Stay(STALL),
            ExchangeKind::Recall => return HeaderDecision::Stay(SHORT),
            _ => {}
        }
        self.mute = if index == self.last_head {
            self.mute.saturating_add(1)
        } else {
            0
        };
        self.last_head = index;
        if index < known || self.mute >= MUTE {
            self.mute = 0;
            self.leave_member();
        }
        self.enter(State::Live);
        HeaderDecision::Stay(self.patience())
    }

    /// How long this poll may be silent. What is shorter would prove nothing.
    fn patience(&mut self) -> Duration {
        let time = self.pace.poll(self.max_poll, self.shortest);
        match Rule::Silence.holds() {
            true => time.max(SHORT),
            false => time,
        }
    }

    /// The silence has passed, and our side of the connection is closed: what comes now is the end of the poll.
    pub fn on_finish(&mut self, now: Instant) {
        if let Some(busy) = &mut self.busy {
            busy.finish = Some(now);
        }
    }

    fn is_another_cluster(&mut self, head: &Head) -> bool {
        let Some(cluster) = head.cluster_id.number() else {
            return false;
        };
        let before = std::mem::replace(&mut self.cluster, cluster);
        before != 0 && before != cluster
    }
}
