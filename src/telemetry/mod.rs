//! What a client does: counted always, told to whoever listens. When nobody does, that costs a branch.
//!
//! A request has one [`RequestSpan`], whoever drives it: it is opened when the request begins, told of every exchange, and
//! closed once, if need be by being dropped.
#![forbid(unsafe_code)]

pub mod curl;
pub mod hooks;
pub mod metrics;
mod redact;

use crate::display;
use crate::error::{Error, line};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::method::Method;
use crate::status::Status;
use crate::telemetry::hooks::{
    Advice, Hooks, Level, RequestKind, Retry, Trace, TraceEvent, call_hook,
};
use crate::telemetry::metrics::{Metric, Metrics};
use crate::transport::answer::Answer;
use crate::transport::channel::Channel;
use crate::transport::credentials::Authorization;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::timings::Timings;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Of one client.
#[derive(Default)]
pub struct Telemetry {
    hooks: Hooks,
    metrics: Metrics,
    on_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Telemetry").field(&self.metrics).finish()
    }
}

impl Telemetry {
    /// With these listeners.
    pub fn new(hooks: Hooks) -> Telemetry {
        Telemetry {
            hooks,
            metrics: Metrics::default(),
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
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A request begins.
    pub fn open(
        self: &Arc<Telemetry>,
        kind: RequestKind,
        http_request: &HttpRequest,
        now: Instant,
    ) -> RequestSpan {
        let number = self.metrics.add(Metric::Requests) + 1;
        if kind == RequestKind::Watch {
            self.metrics.add(Metric::WatchPolls);
        }
        let target = self.hooks.any().then(|| public(&http_request.target));
        let span = RequestSpan {
            telemetry: self.clone(),
            kind,
            number,
            began: now,
            method: http_request.method,
            target,
            attempts: 0,
            asked: None,
            open: true,
        };
        if span.target.is_some() {
            span.log(Level::Debug, format_args!("begins"));
            span.trace(span.told(TraceEvent::Begin, now));
        }
        span
    }

    /// An answer of this member was refused because it was old.
    pub fn stale(&self, url: &str, why: &dyn fmt::Display) {
        self.metrics.add(Metric::Stale);
        self.log(Level::Warn, format_args!("{url}: refused: {why}"));
    }

    /// Tells a line, and formats it only if somebody listens at this level.
    pub fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        match &self.hooks.log {
            Some((most, listener)) if level <= *most => {
                let text = line(text.to_string());
                call_hook(|| listener(level, &text));
            }
            _ => {}
        }
    }
}

/// One request.
#[derive(Debug)]
pub struct RequestSpan {
    telemetry: Arc<Telemetry>,
    kind: RequestKind,
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

impl RequestSpan {
    /// This member is asked; in the first place or because an attempt before failed.
    pub fn attempt(&mut self, channel: &Channel, http_request: &HttpRequest) {
        if let Some(last) = &self.asked {
            self.telemetry.metrics.add(Metric::Retries);
            self.telemetry
                .metrics
                .add(match **last == **channel.endpoint().url() {
                    true => Metric::Reconnects,
                    false => Metric::Failovers,
                });
        }
        self.asked = Some(channel.endpoint().url().clone());
        self.exchange(channel, http_request);
    }

    /// One more exchange of the same attempt: after a redirect, or a look at the version.
    pub fn exchange(&mut self, channel: &Channel, http_request: &HttpRequest) {
        self.attempts += 1;
        if let Some(listener) = &self.telemetry.hooks.curl {
            let authorization = channel.authorization();
            let user = authorization.as_ref().map(Authorization::user);
            let command = curl::command(channel.endpoint(), http_request, user, channel.tls());
            call_hook(|| listener(&command));
        }
    }

    /// It brought an answer.
    pub fn answered(&self, channel: &Channel, answer: &Answer, now: Instant) {
        if self.target.is_none() {
            return;
        }
        let (url, status, timings) = (
            channel.endpoint().url(),
            answer.head.status,
            &answer.timings,
        );
        let took = Duration::from_nanos(timings.total()).as_secs_f64() * 1e3;
        self.log(
            Level::Debug,
            format_args!("{url} answered {status} in {took:.3} ms"),
        );
        self.trace(Trace {
            endpoint: url,
            http_status: status,
            timings: *timings,
            ..self.told(TraceEvent::Attempt, now)
        });
    }

    /// It brought none.
    pub fn failed(&self, channel: &Channel, fault: &Fault, now: Instant) {
        channel.metrics().fail();
        if self.target.is_none() {
            return;
        }
        let (url, phase) = (channel.endpoint().url(), fault.phase);
        self.log(
            Level::Warn,
            format_args!("{url} ({}): {}", phase.name(), fault.text),
        );
        self.trace(Trace {
            endpoint: url,
            http_status: fault.head.as_ref().map_or(0, |head| head.status),
            text: &fault.text,
            failed_in: Some(phase),
            timings: fault.timings,
            ..self.told(TraceEvent::Attempt, now)
        });
    }

    /// What the host makes of a failed attempt: `failure` is its error, `endpoints` are those of all members.
    pub fn consult(
        &self,
        failure: impl FnOnce() -> Error,
        endpoints: impl FnOnce() -> Vec<Arc<str>>,
    ) -> Advice {
        let Some(listener) = &self.telemetry.hooks.retry else {
            return Advice::Default;
        };
        let (error, endpoints) = (failure(), endpoints());
        let retry = Retry {
            endpoints: endpoints.iter().map(|url| &**url).collect(),
            attempts: self.attempts,
            method: self.method.name(),
            target: self.target.as_deref().unwrap_or_default(),
            http_status: error.detail().http_status,
            error: &error,
        };
        call_hook(|| listener(&retry)).unwrap_or_default()
    }

    /// As [`RequestSpan::close`], for what is one exchange only.
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
        let count = Metric::of_end(status);
        self.telemetry.metrics.add(count);
        if self.target.is_none() {
            return;
        }
        let took = display::seconds(now.saturating_duration_since(self.began));
        match end {
            Ok(()) => self.log(Level::Debug, format_args!("ended after {took}")),
            Err(error) => {
                // a watch goes on
                let grave = matches!(count, Metric::Timeouts | Metric::Unknown | Metric::Failed);
                let level = match grave && self.kind == RequestKind::Call {
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
            ..self.told(TraceEvent::End, now)
        });
    }

    fn told(&self, event: TraceEvent, now: Instant) -> Trace<'_> {
        Trace {
            event,
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
            timings: Timings::default(),
            total: now.saturating_duration_since(self.began),
        }
    }

    fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        let (number, method) = (self.number, self.method.name());
        let path = self.target.as_deref().unwrap_or_default();
        // of a query only the path: conditions are values, which are nobody's business
        let path = path.split('?').next().unwrap_or_default();
        self.telemetry.log(
            level,
            format_args!("request {number}, {method} {path}: {text}"),
        );
    }

    fn trace(&self, trace: Trace<'_>) {
        if let Some(listener) = &self.telemetry.hooks.trace {
            call_hook(|| listener(&trace));
        }
    }
}

impl Drop for RequestSpan {
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
mod tests;
