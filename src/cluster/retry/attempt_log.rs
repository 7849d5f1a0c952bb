//! What one call has been through so far, and the error that it ends with when no member would do.

use crate::display::seconds;
use crate::error::{Attempt, Error, Known, Phase, line};
use crate::outcome::copies::{Copies, Told};
use crate::status::Status;
use crate::transport::fault::{Fault, FaultKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Attempts kept for the error; a watch may make thousands.
const KEPT: usize = 32;

/// The tries of one call.
#[derive(Debug)]
pub struct AttemptLog {
    started: Instant,
    attempts: Vec<Attempt>,
    /// What has left.
    pub copies: Copies,
    /// What was known of the store before the first try.
    pub known: Option<Known>,
    /// The last answer of a member that could not help.
    trouble: Option<Error>,
    http_status: u16,
    /// Whether somebody answered in what is not HTTP, or cut an answer.
    garbled: bool,
    /// Whether TLS said no, and whether anything else went wrong.
    tls: (bool, bool),
}

impl AttemptLog {
    /// Nothing tried yet, and nothing to be changed.
    pub fn new(started: Instant) -> AttemptLog {
        AttemptLog::of(started, Copies::of_a_read())
    }

    /// Nothing tried yet of a request that sends `copies`.
    pub fn of(started: Instant, copies: Copies) -> AttemptLog {
        AttemptLog {
            started,
            attempts: Vec::new(),
            copies,
            known: None,
            trouble: None,
            http_status: 0,
            garbled: false,
            tls: (false, false),
        }
    }

    /// All of it; what stays behind is empty.
    pub fn take(&mut self) -> AttemptLog {
        std::mem::replace(self, AttemptLog::of(self.started, self.copies))
    }

    /// One more try failed.
    pub fn fault(&mut self, endpoint: &Arc<str>, fault: &Fault, took: Duration) {
        if let Some(head) = &fault.head {
            self.http_status = head.status;
        }
        self.garbled |= fault.kind == FaultKind::Protocol;
        match fault.kind {
            FaultKind::Tls => self.tls.0 = true,
            _ => self.tls.1 = true,
        }
        self.push(endpoint, fault.phase, fault.text.clone(), took);
    }

    /// The DNS does not tell who is a member.
    pub fn nameless(&mut self, name: &str, why: &str) {
        self.push(&name.into(), Phase::Resolve, why.to_owned(), Duration::ZERO);
    }

    /// A member answered that it cannot help.
    pub fn trouble(&mut self, endpoint: &Arc<str>, error: Error, took: Duration) {
        self.push(endpoint, Phase::Body, error.detail().message.clone(), took);
        // UNSUPPORTED of one member is the result only if no other member has answered otherwise
        let others = self.trouble.as_ref();
        let others = others.is_some_and(|other| other.status() != Status::UNSUPPORTED);
        if error.status() != Status::UNSUPPORTED || !others {
            self.trouble = Some(blame(error, endpoint));
        }
    }

    /// The last try, as an error would tell it.
    pub fn last(&self) -> Error {
        let Some(attempt) = self.attempts.last() else {
            return Error::new(Status::UNREACHABLE, "no member was asked");
        };
        let by_answer = attempt.phase == Phase::Body;
        if let Some(trouble) = self.trouble.as_ref().filter(|_| by_answer) {
            return trouble.clone();
        }
        let status = match self.garbled {
            true => Status::PROTOCOL,
            false => Status::UNREACHABLE,
        };
        let (endpoint, phase) = (&attempt.endpoint, attempt.phase.name());
        let text = format!("{endpoint} ({phase}): {}", attempt.text);
        let mut error = Error::new(status, text);
        let detail = error.detail_mut();
        (detail.endpoint, detail.phase) = (Some(endpoint.clone()), Some(attempt.phase));
        detail.retriable = true;
        if self.copies.is_unknown() {
            error.doubt();
        }
        error
    }

    fn push(&mut self, endpoint: &Arc<str>, phase: Phase, text: String, took: Duration) {
        if self.attempts.len() == KEPT {
            self.attempts.remove(0);
        }
        self.attempts.push(Attempt {
            endpoint: endpoint.clone(),
            phase,
            text: line(text),
            took,
        });
    }

    /// Puts what is known of the tries into an error.
    pub fn sign(self, error: Error) -> Told {
        self.end(error, false)
    }

    /// The same with a word of etcd itself about the last copy.
    pub fn refused(self, error: Error) -> Told {
        self.end(error, true)
    }

    fn end(self, mut error: Error, refused: bool) -> Told {
        let detail = error.detail_mut();
        if let Some(last) = self.attempts.last() {
            detail.endpoint.get_or_insert_with(|| last.endpoint.clone());
            detail.phase.get_or_insert(last.phase);
        }
        if detail.http_status == 0 {
            detail.http_status = self.http_status;
        }
        detail.known = self.known.unwrap_or_default();
        detail.attempts = self.attempts;
        self.copies.tell(error, refused)
    }

    /// The last error that a member answered, if it applies to the whole call: it says nothing of a copy that was sent to
    /// another member before.
    fn word(&mut self) -> Option<Error> {
        let unknown = self.copies.is_unknown();
        let failed = self.tls != (false, false);
        let trouble = self.trouble.take();
        trouble
            .filter(|trouble| trouble.detail().outcome_unknown || !unknown)
            // members that did not answer may have the API
            .filter(|trouble| !failed || trouble.status() != Status::UNSUPPORTED)
    }

    /// The deadline passed; an error that a member answered before takes precedence.
    pub fn out_of_time(mut self, now: Instant) -> Told {
        if let Some(trouble) = self.word() {
            return self.sign(trouble);
        }
        if self.copies.is_unknown() {
            return self.unknown();
        }
        let waited = seconds(now.saturating_duration_since(self.started));
        let mut error = Error::new(
            Status::TIMEOUT,
            format!("no answer within {waited}{}", self.summary()),
        );
        error.detail_mut().retriable = true;
        self.sign(error)
    }

    /// Every member was asked as often as it may be.
    pub fn exhausted(mut self) -> Told {
        if let Some(trouble) = self.word() {
            return self.sign(trouble);
        }
        if self.copies.is_unknown() {
            return self.unknown();
        }
        let (status, text) = match (self.tls.0, self.garbled) {
            // this is what has to be mended, whatever became of the others
            (true, _) => (
                Status::TLS,
                "no member could be reached, or proved to be one",
            ),
            (false, true) => (Status::PROTOCOL, "the answer is not etcd's"),
            (false, false) => (Status::UNREACHABLE, "no member could be reached"),
        };
        let mut error = Error::new(status, format!("{text}{}", self.summary()));
        error.detail_mut().retriable = self.tls != (true, false);
        self.sign(error)
    }

    /// The request left and nobody will say what became of it.
    pub fn unknown(self) -> Told {
        let error = Error::new(
            Status::OUTCOME_UNKNOWN,
            format!(
                "the request was sent, whether it was applied is unknown{}",
                self.summary()
            ),
        );
        self.sign(error)
    }

    /// The caller's token was fired.
    pub fn cancelled(self) -> Told {
        // that the caller gave up says nothing about the write
        if self.copies.is_unknown() {
            return self.unknown();
        }
        let error = Error::new(Status::CANCELLED, format!("cancelled{}", self.summary()));
        self.sign(error)
    }

    /// A fault that no other member would mend.
    pub fn stopped(self, kind: FaultKind) -> Told {
        match kind {
            FaultKind::Cancelled => self.cancelled(),
            FaultKind::Local => {
                let error = Error::new(
                    Status::LIMIT,
                    format!("out of descriptors or memory{}", self.summary()),
                );
                self.sign(error)
            }
            FaultKind::TooLarge => {
                let error = Error::new(
                    Status::TOO_LARGE,
                    format!(
                        "the answer is larger than max_response_bytes allows{}",
                        self.summary()
                    ),
                );
                self.sign(error)
            }
            FaultKind::Connection | FaultKind::Timeout | FaultKind::Protocol | FaultKind::Tls => {
                self.unknown()
            }
        }
    }

    /// The last tries in half a line; what happened several times is told once.
    pub fn summary(&self) -> String {
        let mut told: Vec<(String, u32)> = Vec::new();
        for attempt in &self.attempts {
            let (endpoint, phase) = (&attempt.endpoint, attempt.phase.name());
            let text = format!("{endpoint} ({phase}): {}", attempt.text);
            let before = told.iter().position(|(same, _)| *same == text);
            let times = before.map_or(0, |at| told.remove(at).1);
            told.push((text, times + 1));
        }
        let mut line = String::new();
        let hidden = told.len().saturating_sub(3);
        for (i, (text, times)) in told.iter().skip(hidden).enumerate() {
            line.push_str(if i == 0 { ": " } else { "; " });
            line.push_str(text);
            if *times > 1 {
                line.push_str(&format!(" ({times} times)"));
            }
        }
        if hidden > 0 {
            line.push_str(&format!("; and {hidden} more"));
        }
        line
    }
}

/// The message names the member, so that one line of a log is enough.
fn blame(mut error: Error, endpoint: &str) -> Error {
    let message = &mut error.detail_mut().message;
    if !message.contains(endpoint) {
        *message = line(format!("{endpoint}: {message}"));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(attempt_log: &mut AttemptLog, endpoints: &[&str]) {
        for endpoint in endpoints {
            let took = Duration::ZERO;
            attempt_log.push(&(*endpoint).into(), Phase::Connect, "refused".into(), took);
        }
    }

    #[test]
    fn a_summary_tells_the_last_three_and_each_once() {
        let mut attempt_log = AttemptLog::new(Instant::now());
        assert_eq!(attempt_log.summary(), "");
        refused(&mut attempt_log, &["http://a", "http://b", "http://a"]);
        assert_eq!(
            attempt_log.summary(),
            ": http://b (connect): refused; http://a (connect): refused (2 times)"
        );
        refused(&mut attempt_log, &["http://c", "http://d"]);
        assert_eq!(
            attempt_log.summary(),
            ": http://a (connect): refused (2 times); http://c (connect): refused; \
             http://d (connect): refused; and 1 more"
        );
    }
}
