//! How exchanges end: with an event, in silence, with a refusal or with a fault.

use super::*;

impl Machine {
    /// The running exchange has a complete answer.
    pub fn on_answer(&mut self, now: Instant, verdict: Verdict) -> Regard {
        let Some(busy) = self.busy.take() else {
            return Regard::Neither;
        };
        match busy.task {
            Task::Poll => match verdict {
                Verdict::Success(response) => self.on_event(now, response),
                Verdict::NoEvent => {
                    self.quiet(now, &busy, true);
                    if now.saturating_duration_since(busy.started) < SHORT {
                        return self.excuse(now, "an empty answer, and sooner than it makes sense");
                    }
                    Regard::Good
                }
                Verdict::Refused(error) if error.status() == Status::HISTORY_CLEARED => {
                    let index = busy.head.map_or(0, |(index, _)| index);
                    let index = index.max(error.detail().index);
                    self.lose(
                        now,
                        Loss::Cleared,
                        index,
                        "the server's history was cleared",
                    );
                    Regard::Good
                }
                other => self.refused(now, other),
            },
            Task::Probe => match verdict {
                // a read-only proxy answers HEAD with 501, but it does answer
                Verdict::Trouble(error) if error.detail().http_status != 501 => {
                    self.task = Task::Poll;
                    self.refused(now, Verdict::Trouble(error))
                }
                _ => {
                    self.task = Task::Poll;
                    self.withheld = true;
                    // an explicit index and a member that answers is all that can be had
                    if self.behind.is_none() && self.position.wait_index() != 0 {
                        self.enter(State::Live);
                    }
                    Regard::Good
                }
            },
            task => self.on_snapshot(now, task, verdict),
        }
    }

    fn on_event(&mut self, now: Instant, response: Response) -> Regard {
        let index = response.node().map_or(0, |node| node.modified_index());
        if self.position.wait_index() == 0 {
            self.anchor(index.saturating_sub(1));
        }
        let asked = self.position.wait_index();
        if !self.position.take(index) {
            self.counters.filtered += 1;
            self.leave_member();
            let why = format!("told of index {index}, asked for {asked} and later");
            self.retry(now, &why);
            return Regard::Bad;
        }
        self.pace.reset();
        (self.behind, self.unproved, self.mute, self.last_head) = (None, None, 0, index);
        self.known = self.known.max(index);
        self.lived = true;
        self.enter(State::Live);
        if !self.scope.holds(&response) {
            self.counters.filtered += 1;
            return Regard::Good;
        }
        if let Some(mirror) = &mut self.mirror {
            Arc::make_mut(mirror).apply(&response);
        }
        self.tell(Event::change(response));
        Regard::Good
    }

    /// The poll is over, and not a byte of an event had come: up to the index of its head there was none, since servers
    /// look through their history before they send the head. `complete`: the server said so itself.
    fn quiet(&mut self, now: Instant, busy: &Busy, complete: bool) {
        if now.saturating_duration_since(busy.started) >= SHORT && self.behind.is_none() {
            self.pace.reset();
        }
        let Some((index, at)) = busy.head else { return };
        if index == 0 || self.behind.is_some() {
            return;
        }
        let silence = now.saturating_duration_since(at);
        let before = self.unproved.take().map(|unproved| *unproved);
        let (proved, silence) = match before {
            _ if complete || silence >= SHORT => (index, SHORT),
            // a server under load may pause between a head and its event: short polls prove nothing one by one, but
            // each looks again through what the first one looked through
            Some((first, sum)) => (first, sum + silence),
            None => (index, silence),
        };
        if silence < SHORT {
            self.unproved = Some(Box::new((proved, silence)));
            return;
        }
        self.position.quiet(proved);
        if self.progress {
            self.tell(Event::progress(proved));
        }
    }

    /// The running exchange ended without a complete answer.
    pub fn on_fault(&mut self, now: Instant, fault: &Fault) -> Regard {
        let Some(busy) = self.busy.take() else {
            return Regard::Neither;
        };
        match fault.kind {
            FaultKind::Cancelled => {
                self.close(None);
                return Regard::Neither;
            }
            FaultKind::TooLarge => {
                self.close(Some(Error::new(Status::TOO_LARGE, fault.text.clone())));
                return Regard::Neither;
            }
            FaultKind::Local => {
                self.retry(now, &fault.text);
                return Regard::Neither;
            }
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol | FaultKind::Tls => {}
        }
        // an idle connection that had gone stale
        if fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection {
            return self.excuse(now, &fault.text);
        }
        if busy.task == Task::Poll {
            let silence = busy
                .head
                .map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(at));
            match (fault.kind, fault.phase) {
                // the poll's own time is over
                (FaultKind::Timeout, Phase::Body) if !fault.body_began => {
                    self.quiet(now, &busy, false);
                    if self.behind.is_none() {
                        self.pace.reset();
                    }
                    return Regard::Good;
                }
                (FaultKind::Timeout, Phase::Head) => {
                    self.task = Task::Probe;
                    return Regard::Neither;
                }
                // an idle connection cut by something in between is nobody's failure
                (FaultKind::Connection | FaultKind::Protocol, Phase::Body)
                    if !fault.body_began && silence >= SHORT =>
                {
                    self.quiet(now, &busy, false);
                    return Regard::Neither;
                }
                // perhaps inside an event: the place is kept
                (FaultKind::Connection | FaultKind::Protocol, Phase::Body) => {
                    return self.excuse(now, &fault.text);
                }
                _ => {}
            }
        }
        if busy.task == Task::Probe {
            self.task = Task::Poll;
        }
        self.leave_member();
        self.retry(now, &fault.text);
        Regard::Bad
    }

    /// The head has come, of a store that is older than what the client has seen: the exchange is dropped.
    pub fn on_stale(&mut self, now: Instant, why: &str) {
        let Some(busy) = self.busy.take() else {
            return;
        };
        if busy.task == Task::Probe {
            self.task = Task::Poll;
        }
        self.leave_member();
        self.retry(now, why);
    }

    /// What may happen on the way to any member is not its fault; if it happens again and again, it is.
    fn excuse(&mut self, now: Instant, why: &str) -> Regard {
        let again = self.pace.step() >= EXCUSED;
        if again {
            self.leave_member();
        }
        self.retry(now, why);
        if again { Regard::Bad } else { Regard::Neither }
    }

    /// An answer that is not what was asked for.
    pub(super) fn refused(&mut self, now: Instant, verdict: Verdict) -> Regard {
        let (error, definite) = match verdict {
            Verdict::Refused(error) => (error, true),
            Verdict::Trouble(error) => (error, false),
            Verdict::Redirect(location) => {
                let why = format!("redirected to {location:?}");
                (Error::new(Status::REDIRECT, why), false)
            }
            Verdict::Success(_) | Verdict::NoEvent => {
                let why = "an answer to another question";
                (Error::new(Status::PROTOCOL, why), false)
            }
        };
        let patient = match error.status() {
            // the server lost its watchers, not its history
            Status::WATCHER_CLEARED => true,
            // rights change, also back; but who never had them is told at once
            Status::UNAUTHORIZED => self.lived,
            _ => false,
        };
        if definite && !patient {
            self.close(Some(error));
            return Regard::Good;
        }
        if !definite {
            self.leave_member();
        }
        self.retry(now, &error.detail().message);
        if definite { Regard::Good } else { Regard::Bad }
    }
}
