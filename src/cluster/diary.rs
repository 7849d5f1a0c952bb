//! What a client does: counted always, told to whoever listens. When nobody does, that costs a branch.
//!
//! A request has one [`Entry`], whoever drives it: it is opened when the request begins, told of every exchange, and
//! closed once, if need be by being dropped.

pub mod counts;
pub mod curl;
pub mod listeners;
mod redact;

use self::counts::{Count, Counts};
use self::listeners::{Advice, Kind, Level, Listeners, Moment, Retry, Trace, undisturbed};
use super::member::Member;
use super::roster::Roster;
use super::trail::Trail;
use super::visit::Step;
use crate::echo;
use crate::error::{Error, line};
use crate::protocol::wire::{Method, Wire};
use crate::status::Status;
use crate::transport::channel::Answer;
use crate::transport::course::Course;
use crate::transport::credentials::Authorization;
use crate::transport::fault::{Fault, FaultKind};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Of one client.
#[derive(Default)]
pub struct Diary {
    listeners: Listeners,
    counts: Counts,
    on_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Diary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Diary").field(&self.counts).finish()
    }
}

impl Diary {
    /// With these listeners.
    pub fn new(listeners: Listeners) -> Diary {
        Diary {
            listeners,
            counts: Counts::default(),
            on_change: OnceLock::new(),
        }
    }

    /// Has this called whenever the members or the settings have changed; only the first one is.
    pub fn on_change(&self, call: Box<dyn Fn() + Send + Sync>) {
        let _ = self.on_change.set(call);
    }

    /// The members or the settings have changed; to be told with nothing locked.
    pub fn changed(&self) {
        if let Some(call) = self.on_change.get() {
            call();
        }
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A request begins.
    pub fn open(self: &Arc<Diary>, kind: Kind, wire: &Wire, now: Instant) -> Entry {
        let number = self.counts.add(Count::Requests) + 1;
        if kind == Kind::Watch {
            self.counts.add(Count::WatchPolls);
        }
        let target = self.listeners.any().then(|| public(&wire.target));
        let entry = Entry {
            diary: self.clone(),
            kind,
            number,
            began: now,
            method: wire.method,
            target,
            attempts: 0,
            asked: None,
            open: true,
        };
        if entry.target.is_some() {
            entry.log(Level::Debug, format_args!("begins"));
            entry.trace(entry.told(Moment::Begin, now));
        }
        entry
    }

    /// An answer of this member was refused because it was old.
    pub fn stale(&self, url: &str, why: &dyn fmt::Display) {
        self.counts.add(Count::Stale);
        self.log(Level::Warn, format_args!("{url}: refused: {why}"));
    }

    /// Tells a line, and formats it only if somebody listens at this level.
    pub fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        match &self.listeners.log {
            Some((most, listener)) if level <= *most => {
                let text = line(text.to_string());
                undisturbed(|| listener(level, &text));
            }
            _ => {}
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct Entry {
    diary: Arc<Diary>,
    kind: Kind,
    number: u64,
    began: Instant,
    method: Method,
    /// only if somebody listens
    target: Option<Box<str>>,
    attempts: u32,
    /// who was asked last
    asked: Option<Arc<str>>,
    open: bool,
}

impl Entry {
    /// This member is asked; in the first place or because an attempt before failed.
    pub fn attempt(&mut self, member: &Member, wire: &Wire) {
        if let Some(last) = &self.asked {
            self.diary.counts.add(Count::Retries);
            self.diary.counts.add(match **last == **member.url() {
                true => Count::Reconnects,
                false => Count::Failovers,
            });
        }
        self.asked = Some(member.url().clone());
        self.exchange(member, wire);
    }

    /// One more exchange of the same attempt: after a redirect, or a look at the version.
    pub fn exchange(&mut self, member: &Member, wire: &Wire) {
        self.attempts += 1;
        if let Some(listener) = &self.diary.listeners.curl {
            let channel = member.channel();
            let authorization = channel.authorization();
            let user = authorization.as_ref().map(Authorization::user);
            let command = curl::command(channel.endpoint(), wire, user, channel.tls());
            undisturbed(|| listener(&command));
        }
    }

    /// It brought an answer.
    pub fn answered(&self, member: &Member, answer: &Answer, now: Instant) {
        if self.target.is_none() {
            return;
        }
        let (url, status, course) = (member.url(), answer.head.status, &answer.course);
        let took = Duration::from_nanos(course.total()).as_secs_f64() * 1e3;
        self.log(
            Level::Debug,
            format_args!("{url} answered {status} in {took:.3} ms"),
        );
        self.trace(Trace {
            endpoint: url,
            http_status: status,
            course: *course,
            ..self.told(Moment::Attempt, now)
        });
    }

    /// It brought none.
    pub fn failed(&self, member: &Member, fault: &Fault, now: Instant) {
        member.channel().tally().fail();
        if self.target.is_none() {
            return;
        }
        let (url, phase) = (member.url(), fault.phase);
        self.log(
            Level::Warn,
            format_args!("{url} ({}): {}", phase.name(), fault.text),
        );
        self.trace(Trace {
            endpoint: url,
            http_status: fault.head.as_ref().map_or(0, |head| head.status),
            text: &fault.text,
            failed_in: Some(phase),
            course: fault.course,
            ..self.told(Moment::Attempt, now)
        });
    }

    /// What the host makes of a failed attempt.
    pub fn consult(&self, trail: &Trail, roster: &Roster) -> Advice {
        let Some(listener) = &self.diary.listeners.retry else {
            return Advice::Default;
        };
        let error = trail.last();
        let members = roster.members();
        let retry = Retry {
            endpoints: members.iter().map(|member| &**member.url()).collect(),
            attempts: self.attempts,
            method: self.method.name(),
            target: self.target.as_deref().unwrap_or_default(),
            http_status: error.detail().http_status,
            error: &error,
        };
        undisturbed(|| listener(&retry)).unwrap_or_default()
    }

    /// As [`Entry::close`], for what is one try only.
    pub fn step(&mut self, step: &Step, now: Instant) {
        match step {
            Step::Done(_) | Step::Quiet(_) => self.close(Ok(()), now),
            Step::Refused(error) | Step::Trouble(error) | Step::Stale(error, _) => {
                self.close(Err(error), now);
            }
            Step::Fault(fault) => self.fault(fault, now),
        }
    }

    /// As [`Entry::close`], for what is one exchange only.
    pub fn fault(&mut self, fault: &Fault, now: Instant) {
        let status = match fault.kind {
            FaultKind::Timeout => Status::TIMEOUT,
            FaultKind::Cancelled => Status::CANCELLED,
            FaultKind::Protocol => Status::PROTOCOL,
            FaultKind::TooLarge => Status::TOO_LARGE,
            FaultKind::Tls => Status::TLS,
            FaultKind::Local => Status::LIMIT,
            FaultKind::Connection => Status::UNREACHABLE,
        };
        let error = Error::new(status, fault.text.clone());
        self.close(Err(&error), now);
    }

    /// The end; what comes after it is not told.
    pub fn close(&mut self, end: Result<(), &Error>, now: Instant) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let status = end.err().map_or(Status::OK, Error::status);
        let count = Count::of_end(status);
        self.diary.counts.add(count);
        if self.target.is_none() {
            return;
        }
        let took = echo::seconds(now.saturating_duration_since(self.began));
        match end {
            Ok(()) => self.log(Level::Debug, format_args!("ended after {took}")),
            Err(error) => {
                // a watch goes on
                let grave = matches!(count, Count::Timeouts | Count::Unknown | Count::Failed);
                let level = match grave && self.kind == Kind::Call {
                    true => Level::Error,
                    false => Level::Debug,
                };
                self.log(level, format_args!("ended after {took}: {error}"));
            }
        }
        let text = end.err().map(Error::to_string).unwrap_or_default();
        self.trace(Trace {
            endpoint: self.asked.as_deref().unwrap_or_default(),
            status,
            http_status: end.err().map_or(0, |error| error.detail().http_status),
            text: &text,
            ..self.told(Moment::End, now)
        });
    }

    fn told(&self, moment: Moment, now: Instant) -> Trace<'_> {
        Trace {
            moment,
            kind: self.kind,
            request: self.number,
            method: self.method.name(),
            target: self.target.as_deref().unwrap_or_default(),
            attempts: self.attempts,
            endpoint: "",
            status: Status::OK,
            http_status: 0,
            text: "",
            failed_in: None,
            course: Course::default(),
            total: now.saturating_duration_since(self.began),
        }
    }

    fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        let (number, method) = (self.number, self.method.name());
        let path = self.target.as_deref().unwrap_or_default();
        // of a query only the path: conditions are values, which are nobody's business
        let path = path.split('?').next().unwrap_or_default();
        self.diary.log(
            level,
            format_args!("request {number}, {method} {path}: {text}"),
        );
    }

    fn trace(&self, trace: Trace<'_>) {
        if let Some(listener) = &self.diary.listeners.trace {
            undisturbed(|| listener(&trace));
        }
    }
}

impl Drop for Entry {
    /// Given up without an answer: a poll that is renewed, or a loop that broke.
    fn drop(&mut self) {
        if self.open {
            let error = Error::new(Status::CANCELLED, "given up");
            self.close(Err(&error), Instant::now());
        }
    }
}

/// A target without the values in it.
fn public(target: &str) -> Box<str> {
    let Some((path, query)) = target.split_once('?') else {
        return target.into();
    };
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name @ ("value" | "prevValue"), _)) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", masked.collect::<Vec<_>>().join("&")).into()
}

#[cfg(test)]
#[path = "diary/tests.rs"]
mod tests;
