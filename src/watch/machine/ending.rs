//! How exchanges end: with an event, in silence, with a refusal or with a fault.

use super::*;

impl Machine {
    /// The running exchange has a complete answer.
    pub fn on_answer(&mut self, now: Instant, verdict: Verdict) -> MemberVerdict {
        let Some(busy) = self.busy.take() else {
            return MemberVerdict::Neither;
        };
        let verdict = self.about_this(busy.kind, verdict);
        match busy.kind {
            // what comes before the event that waits is told would be told in the wrong order, and comes again
            ExchangeKind::Poll if self.is_holding() => MemberVerdict::Good,
            ExchangeKind::Poll => match verdict {
                Verdict::Success(response) => self.on_event(now, &busy, response),
                Verdict::NoEvent => {
                    self.quiet(now, &busy);
                    if now.saturating_duration_since(busy.started) < SHORT {
                        return self.excuse(now, "an empty answer, and sooner than it makes sense");
                    }
                    MemberVerdict::Good
                }
                Verdict::Refused(error) if is_etcds(&error, Status::HISTORY_CLEARED, 400) => {
                    if std::mem::take(&mut self.rechecking) && !self.restarted {
                        // the history no longer reaches back to the last event
                        return MemberVerdict::Good;
                    }
                    let index = busy.head.map_or(0, |(index, _)| index);
                    let index = index.max(error.detail().index);
                    let why = "the server's history was cleared";
                    self.lose(now, Loss::Cleared, index, why, Some(error));
                    MemberVerdict::Good
                }
                other => self.refused(now, other),
            },
            ExchangeKind::Probe => match verdict {
                // a read-only proxy answers HEAD with 501, but it does answer
                // without the headers of etcd: what it has to say stands in bodies, of which a HEAD has none
                Verdict::Trouble(error) if error.detail().http_status == 404 => {
                    self.withheld = true;
                    self.read_index(ExchangeKind::Poll);
                    MemberVerdict::Neither
                }
                Verdict::Trouble(error) if error.detail().http_status != 501 => {
                    self.kind = ExchangeKind::Poll;
                    self.refused(now, Verdict::Trouble(error))
                }
                _ => {
                    self.kind = ExchangeKind::Poll;
                    self.withheld = true;
                    // an explicit index and a member that answers is all that can be had
                    if self.position.wait_index() == 0 {
                        self.read_index(ExchangeKind::Poll);
                    } else if self.behind.is_none() {
                        self.enter(State::Live);
                    }
                    MemberVerdict::Good
                }
            },
            ExchangeKind::Index => self.on_index(now, verdict),
            ExchangeKind::Version => self.on_version(now, verdict),
            ExchangeKind::Recall => self.recalled(now, &busy, verdict),
            kind => self.on_snapshot(now, &busy, kind, verdict),
        }
    }

    /// An answer about another key is not the answer to this request.
    fn about_this(&self, kind: ExchangeKind, verdict: Verdict) -> Verdict {
        let asked = self.scope.key().text().trim_end_matches('/');
        let fits = |told: &str| match kind {
            // by string, not by segments: the history returns the deletion of /pre to a poll of /prefix
            ExchangeKind::Poll => told.starts_with(asked) || asked.starts_with(told),
            ExchangeKind::List
            | ExchangeKind::Resync
            | ExchangeKind::Verify
            | ExchangeKind::Look => told == asked,
            ExchangeKind::Probe
            | ExchangeKind::Index
            | ExchangeKind::Recall
            | ExchangeKind::Version => true,
        };
        match verdict {
            Verdict::Success(response)
                if response
                    .node()
                    .is_some_and(|node| !fits(node.key().trim_end_matches('/'))) =>
            {
                let text = "the answer is not etcd's: it is about another key";
                Verdict::Trouble(Error::new(Status::PROTOCOL, text))
            }
            verdict => verdict,
        }
    }

    fn on_event(&mut self, now: Instant, busy: &Busy, response: Response) -> MemberVerdict {
        let index = response.node().map_or(0, |node| node.modified_index());
        if self.position.wait_index() == 0 {
            self.anchor(index.saturating_sub(1));
        }
        let asked = self.position.wait_index();
        if self.rechecking && index > self.last.0 && index < asked {
            return self.unheard(now, busy, &response);
        }
        let mut after = self.position;
        if !after.take(index) {
            self.counters.filtered += 1;
            self.leave_member();
            let why = format!("told of index {index}, asked for {asked} and later");
            self.retry(now, &why);
            return MemberVerdict::Bad;
        }
        if self.passed < HISTORY {
            self.pace.reset();
        }
        (self.behind, self.mute, self.last_head) = (None, 0, index);
        self.hopeless = 0;
        self.known = self.known.max(index);
        self.lived = true;
        self.hold(now, busy, proof::Claim::Event(Box::new(response)));
        MemberVerdict::Good
    }

    /// An event is told, if it is one of the watch.
    pub(super) fn deliver(&mut self, now: Instant, response: Response) {
        let index = response.node().map_or(0, |node| node.modified_index());
        if !self.position.take(index) {
            return;
        }
        (self.last, self.rechecking) = ((index, proof::print(&response)), false);
        self.enter(State::Live);
        if !self.scope.holds(&response) {
            return self.passed(now);
        }
        self.passed = 0;
        if let Some(mirror) = &mut self.mirror {
            if let Err(out) = Mirror::own(mirror).and_then(|own| own.apply(&response)) {
                return self.close(Some(out.error(TABLE)));
            }
        }
        self.tell(Event::change(response));
    }

    /// An event is of another key.
    pub(super) fn passed(&mut self, now: Instant) {
        self.counters.filtered += 1;
        self.passed = self.passed.saturating_add(1);
        if self.passed > HISTORY {
            // more than any history holds: the server invents them
            self.not_before = now.checked_add(self.pace.pause());
        }
    }

    /// The poll is over, and all of its answer has come: not a byte of an event. Only if it was ended in order, that proves
    /// something: an empty answer may also be that of something in between which had enough. Then up to the index of the
    /// head there was nothing, since servers look through their history before they send the head.
    fn quiet(&mut self, now: Instant, busy: &Busy) {
        let Some((index, at)) = busy.head.filter(|(index, _)| *index != 0) else {
            return;
        };
        if now.saturating_duration_since(busy.started) >= SHORT && self.behind.is_none() {
            self.pace.reset();
        }
        if self.behind.is_some() {
            return;
        }
        let silent = |end: Instant| end.saturating_duration_since(at) >= SHORT;
        let silent = |end: Instant| silent(end) || !Rule::Silence.holds();
        if !busy.finish.is_some_and(silent) {
            return self.unproven(now, busy, index);
        }
        self.hold(now, busy, proof::Claim::Quiet(index));
    }

    /// A poll was silent, and it is not known why. A place that is never renewed falls out of the history of the servers:
    /// where a read can tell whether something is missing, one is made before that.
    fn unproven(&mut self, now: Instant, busy: &Busy, index: u64) {
        if !Rule::InOrder.holds() {
            return self.hold(now, busy, proof::Claim::Quiet(index));
        }
        let next = self.position.wait_index();
        let tells = self.mirror.is_some() || !self.scope.is_recursive();
        if tells && next != 0 && index >= next.saturating_add(LOOK_AFTER) {
            self.kind = ExchangeKind::Look;
        }
    }

    /// The running exchange ended without a complete answer.
    pub fn on_fault(&mut self, now: Instant, fault: &Fault) -> MemberVerdict {
        let Some(busy) = self.busy.take() else {
            return MemberVerdict::Neither;
        };
        // its member, or the way to it, is to be left, and what waits for its word comes again elsewhere
        self.let_go();
        // a member that does not answer may have the API
        self.absent = 0;
        match fault.kind {
            FaultKind::Cancelled => {
                self.close(None);
                return MemberVerdict::Neither;
            }
            FaultKind::TooLarge => {
                let error = Error::new(Status::TOO_LARGE, fault.text.clone());
                let etcds = fault.head.as_ref().is_some_and(|head| {
                    head.status == 200 && (head.etcd_index != 0 || !head.cluster_id.is_empty())
                });
                return self.hopeless(now, error, etcds);
            }
            FaultKind::Local => {
                self.retry(now, &fault.text);
                return MemberVerdict::Neither;
            }
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol | FaultKind::Tls => {}
        }
        // an idle connection that had gone stale
        if fault.reused && fault.received == 0 && fault.kind == FaultKind::Connection {
            return self.excuse(now, &fault.text);
        }
        if busy.kind == ExchangeKind::Poll {
            let (reached, silence) = busy.head.map_or((0, Duration::ZERO), |(index, at)| {
                (index, now.saturating_duration_since(at))
            });
            match (fault.kind, fault.phase) {
                // it did not even end: the member has stopped, or something on the way keeps things back
                (FaultKind::Timeout, Phase::Body) if !fault.body_began => {
                    if self.behind.is_none() {
                        self.pace.reset();
                        self.unproven(now, &busy, reached);
                    }
                    self.leave_member();
                    return MemberVerdict::Neither;
                }
                (FaultKind::Timeout, Phase::Head) => {
                    self.kind = ExchangeKind::Probe;
                    return MemberVerdict::Neither;
                }
                // an idle connection cut by something in between is nobody's failure
                (FaultKind::Connection | FaultKind::Protocol, Phase::Body)
                    if !fault.body_began && silence >= SHORT =>
                {
                    if self.behind.is_none() {
                        self.pace.reset();
                        self.unproven(now, &busy, reached);
                    }
                    return match busy.finish {
                        // something in between that closes both sides as soon as we close ours
                        Some(_) => MemberVerdict::Good,
                        None => MemberVerdict::Neither,
                    };
                }
                // perhaps inside an event: the place is kept
                (FaultKind::Connection | FaultKind::Protocol, Phase::Body) => {
                    return self.excuse(now, &fault.text);
                }
                _ => {}
            }
        }
        self.leave_member();
        self.retry(now, &fault.text);
        MemberVerdict::Bad
    }

    /// The head has come, of a store that is older than what the client has seen: the exchange is dropped.
    pub fn on_stale(&mut self, now: Instant, why: &str) {
        if self.busy.take().is_none() {
            return;
        }
        self.let_go();
        self.leave_member();
        self.retry(now, why);
    }

    /// What may happen on the way to any member is not its fault; if it happens again and again, it is.
    fn excuse(&mut self, now: Instant, why: &str) -> MemberVerdict {
        let again = self.pace.step() >= EXCUSED;
        if again {
            self.leave_member();
        }
        self.retry(now, why);
        if again {
            MemberVerdict::Bad
        } else {
            MemberVerdict::Neither
        }
    }

    /// An answer that is not what was asked for.
    pub(super) fn refused(&mut self, now: Instant, verdict: Verdict) -> MemberVerdict {
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
        if self.inquires(&error) {
            return MemberVerdict::Neither;
        }
        self.absent = 0;
        let malformed =
            matches!(error.detail().etcd_code, 200..=299) && is_etcds(&error, error.status(), 400);
        if definite && (malformed || error.status() == Status::TOO_LARGE) {
            return self.hopeless(now, error, true);
        }
        // rights change, also back; but who never had them is told at once
        if is_etcds(&error, Status::UNAUTHORIZED, 401) && definite && !self.lived {
            self.close(Some(error));
            return MemberVerdict::Good;
        }
        // a member that lost its watchers, not its history, or took rights away
        let patient = is_etcds(&error, Status::WATCHER_CLEARED, 400)
            || is_etcds(&error, Status::UNAUTHORIZED, 401);
        if !(definite && patient) {
            self.leave_member();
        }
        self.retry(now, &error.detail().message);
        if definite && error.detail().etcd_code != 0 {
            MemberVerdict::Good
        } else {
            MemberVerdict::Bad
        }
    }

    /// An answer that the client's limits do not let in, or that calls the request malformed. What one member sends is no
    /// reason to end, perhaps it is something on the way; what etcd sends again and again will not become better.
    fn hopeless(&mut self, now: Instant, error: Error, etcds: bool) -> MemberVerdict {
        self.hopeless += u8::from(etcds);
        if self.hopeless >= LAST_WORD {
            self.close(Some(error));
            return MemberVerdict::Neither;
        }
        self.leave_member();
        self.retry(now, &error.detail().message);
        MemberVerdict::Neither
    }
}

/// Whether it is this error of etcd, which comes with this HTTP status and no other: only etcd's own word ends a watcher.
fn is_etcds(error: &Error, status: Status, http: u16) -> bool {
    error.status() == status && error.detail().http_status == http && error.detail().etcd_code != 0
}
