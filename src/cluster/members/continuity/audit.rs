//! What is asked when heads alone do not tell: is it the same process, and has it taken a snapshot?

use crate::cluster::members::continuity::{Continuity, Doubt, Sight};
use crate::cluster::members::rule::Rule;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::method::Method;
use crate::protocol::response_head::Head;
use std::time::Instant;

/// On the page of metrics of a server that counts snapshots, whether it has taken one or not.
const COUNTS: &str = "etcd_server_snapshot_apply_in_progress_total";
/// One line for each member that sent one; none before the first.
const TAKEN: &str = "etcd_network_snapshot_receive_success";
/// A key that need not exist: only the index of the store is wanted.
const BARRIER: &str = "/v2/keys/etcd_v2_barrier?quorum=true";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuditQuestion {
    /// a head that is new enough
    Sight,
    /// the identity of the process
    Process,
    /// how many snapshots it has taken in
    Snapshots,
    /// a quorum read, which waits until a snapshot that is on its way is in the store
    Barrier,
    Done,
    Failed,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditStep {
    /// send [`Audit::http_request`] to the member
    Ask,
    /// [`Continuity::end`] it
    End,
}

/// One audit, from question to question.
#[derive(Debug)]
pub struct Audit {
    question: AuditQuestion,
    #[cfg_attr(
        not(any(test, feature = "internals")),
        expect(dead_code, reason = "for tests")
    )]
    begun: Instant,
    /// when the running question was asked
    asked: Instant,
    /// the head that it proves something about was asked for then
    pub(super) until: Instant,
    pub(super) doubt: Doubt,
    first: bool,
    abandoned: bool,
    found: Found,
}

/// What it found.
#[derive(Debug)]
pub(super) struct Found {
    /// the process was that one then
    pub(super) checked: Instant,
    /// when it said which process it is
    pub(super) identified: Instant,
    pub(super) process: Option<Box<str>>,
    pub(super) snapshots: Option<u64>,
    /// the index of the store behind a snapshot, if there may have been one
    pub(super) barrier: Option<u64>,
}

impl Audit {
    pub(super) fn new(sighted: bool, now: Instant) -> Audit {
        Audit {
            question: match sighted {
                true => AuditQuestion::Process,
                false => AuditQuestion::Sight,
            },
            begun: now,
            asked: now,
            until: now,
            doubt: Doubt::default(),
            first: false,
            abandoned: false,
            found: Found {
                checked: now,
                identified: now,
                process: None,
                snapshots: None,
                barrier: None,
            },
        }
    }

    /// The request; asked for before each is sent.
    pub fn http_request(&mut self, record: &Continuity, now: Instant) -> HttpRequest {
        self.asked = now;
        record.state().count_read(now);
        match self.question {
            AuditQuestion::Sight => HttpRequest {
                method: Method::Head,
                ..HttpRequest::get("/v2/keys/")
            },
            AuditQuestion::Snapshots => HttpRequest::get("/metrics"),
            AuditQuestion::Barrier => HttpRequest::get(BARRIER),
            AuditQuestion::Process | AuditQuestion::Done | AuditQuestion::Failed => {
                self.capture(record);
                HttpRequest::get("/v2/stats/self")
            }
        }
    }

    /// What was seen until now is what is to be proven.
    fn capture(&mut self, record: &Continuity) {
        self.found.checked = self.asked;
        let mut state = record.state();
        if let Some(known) = &mut state.known {
            self.until = known.last.asked;
            self.doubt = self.doubt.and(std::mem::take(&mut known.doubt));
            self.first = known.standing.is_none();
        }
    }

    /// An answer came, whatever it is.
    pub fn answered(
        &mut self,
        record: &Continuity,
        head: &Head,
        body: &[u8],
        now: Instant,
    ) -> AuditStep {
        self.question = match self.question {
            AuditQuestion::Sight => {
                if let Some(sight) = Sight::of(head, (self.asked, now), self.asked) {
                    record.observe(sight);
                }
                AuditQuestion::Process
            }
            AuditQuestion::Process => {
                self.found.process = process(head, body);
                self.found.identified = now;
                let known = record
                    .state()
                    .known
                    .as_ref()
                    .and_then(|k| k.process.clone());
                let another = known.is_some() && known != self.found.process;
                let first = self.first && Rule::FirstContact.holds();
                match first || another || self.doubt.growth || self.doubt.backwards {
                    true => AuditQuestion::Snapshots,
                    false => AuditQuestion::Done,
                }
            }
            AuditQuestion::Snapshots => {
                self.found.snapshots = snapshots(head, body);
                let (before, process) = record
                    .state()
                    .known
                    .as_ref()
                    .map_or((None, None), |k| (k.snapshots, k.process.clone()));
                let same = process.is_some() && process == self.found.process;
                // a snapshot that the previous process took remains in the history, but the counter has restarted
                let taken_before = process.is_some() && !same && self.doubt.lag;
                let unchanged = match self.found.snapshots {
                    None => false,
                    Some(0) => !(taken_before && Rule::Before.holds()),
                    some => same && some == before && !self.doubt.backwards,
                };
                match unchanged || !Rule::Barrier.holds() {
                    true => AuditQuestion::Done,
                    false => AuditQuestion::Barrier,
                }
            }
            AuditQuestion::Barrier => {
                if head.etcd_index != 0 {
                    self.found.barrier = Some(head.etcd_index);
                    AuditQuestion::Done
                } else if head.status >= 500 {
                    AuditQuestion::Failed
                } else {
                    // not permitted, or not etcd: the last head is the best that can be had
                    let index = record.state().known.as_ref().map_or(0, |k| k.last.index);
                    self.found.barrier = (!self.first).then_some(index);
                    AuditQuestion::Done
                }
            }
            end => end,
        };
        match self.question {
            AuditQuestion::Done | AuditQuestion::Failed => AuditStep::End,
            _ => AuditStep::Ask,
        }
    }

    /// No answer came.
    pub fn failed(&mut self) {
        self.question = AuditQuestion::Failed;
    }

    /// The caller has run out of time; the member is not to blame.
    pub fn abandon(&mut self) {
        self.question = AuditQuestion::Failed;
        self.abandoned = true;
    }

    pub(super) fn is_in_vain(&self) -> bool {
        self.question != AuditQuestion::Done && !self.abandoned
    }

    /// When it was begun.
    #[cfg(any(test, feature = "internals"))]
    pub fn begun(&self) -> Instant {
        self.begun
    }

    pub(super) fn found(&self) -> Option<Found> {
        (self.question == AuditQuestion::Done).then(|| Found {
            process: self.found.process.clone(),
            ..self.found
        })
    }
}

/// Who answers: the id of the member and when it started; `None`: that is not served.
fn process(head: &Head, body: &[u8]) -> Option<Box<str>> {
    if head.status != 200 {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    let field = |name: &str| {
        let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    Some(format!("{} {}", field("id")?, field("startTime")?).into())
}

/// How many snapshots were taken in; `None`: that is not counted.
fn snapshots(head: &Head, body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    if head.status != 200 || !text.contains(COUNTS) {
        return None;
    }
    let counts = text.lines().filter(|line| line.starts_with(TAKEN));
    let values = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    Some(values.sum::<f64>() as u64)
}
