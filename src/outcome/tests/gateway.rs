//! Random writes through a gateway that applies them or not and answers anything, against what it really did. It lies in
//! every way but one: it does not forge a refusal of etcd over a direct connection.

use super::answers::{ETCD, http_request, refusals};
use crate::client::Options;
use crate::cluster::failover::machine::{CallOptions, FailoverStep};
use crate::cluster::failover::request_sequence::{RequestSequence, result};
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::retry::budget::Budget;
use crate::cluster::retry::procedure::Procedure;
use crate::error::{Error, Phase};
use crate::outcome::proof::{Alert, NotApplied};
use crate::outcome::transmission::Sent;
use crate::outcome::transmission::Transmission;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::http_request::{HttpRequest, Idempotency};
use crate::protocol::request::Operation;
use crate::protocol::response_head::Head;
use crate::transport::answer::Answer;
use crate::transport::fault::{Fault, FaultKind};
use crate::watch::poll_schedule::PollSchedule;
use std::sync::Arc;
use std::time::{Duration, Instant};

const OPERATIONS: [Operation; 7] = [
    Operation::Set,
    Operation::Create,
    Operation::CreateInOrder,
    Operation::Update,
    Operation::CompareAndSwap,
    Operation::CompareAndDelete,
    Operation::Delete,
];

/// What really happened.
#[derive(Default)]
struct Truth {
    /// copies that a server had in full
    copies: u32,
    applied: u32,
}

/// One request through the gateway.
struct Run<'a> {
    dice: &'a mut PollSchedule,
    http_request: Arc<HttpRequest>,
    truth: Truth,
    told: String,
}

enum Reply {
    Answer(Box<Answer>),
    Fault(Box<Fault>),
}

fn answer(head: Head, body: &str, partial: Option<NotApplied>) -> Reply {
    Reply::Answer(Box::new(Answer {
        head,
        body: body.into(),
        content: Default::default(),
        partial,
        timings: Default::default(),
    }))
}

impl Run<'_> {
    fn below(&mut self, n: u64) -> u64 {
        self.dice.dice() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn reply(&mut self) -> Reply {
        let sent = match self.below(8) {
            0 => Sent::None,
            1 => Sent::Partly,
            _ => Sent::Fully,
        };
        let partial = NotApplied::left(&Transmission::of(sent));
        // what has not come in full cannot be applied
        let whole = sent == Sent::Fully;
        self.truth.copies += u32::from(whole);
        if !whole || self.one_in(3) {
            return self.not_applied(sent, partial);
        }
        let applied = self.one_in(2);
        self.truth.applied += u32::from(applied);
        self.anything(applied)
    }

    /// The answer to `/version`, which says nothing of the request itself, whoever answers.
    fn version(&mut self) -> Reply {
        self.told.push_str(" version");
        if self.one_in(8) {
            return self.fault(Sent::Fully, None);
        }
        let bodies = [
            r#"{"etcdserver":"3.6.1","etcdcluster":"3.6.0"}"#,
            r#"{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}"#,
            "404 page not found\n",
            "<html>sorry</html>",
        ];
        let place = self.below(6).saturating_sub(2) as usize;
        let head = Head {
            origins: self.below(3) as u8,
            ..Head::new(if place == 2 { 404 } else { 200 })
        };
        answer(head, bodies[place], None)
    }

    /// The request did not come to etcd, or etcd itself refuses it; the ends that prove it are among these.
    fn not_applied(&mut self, sent: Sent, partial: Option<NotApplied>) -> Reply {
        if sent != Sent::Fully && self.one_in(2) {
            return self.fault(sent, None);
        }
        if sent == Sent::Fully && self.one_in(4) {
            return self.fault(sent, Some((true, false, false)));
        }
        if self.one_in(8) {
            let to = format!("http://leader:1{}", self.http_request.target);
            let head = Head {
                location: Some(to),
                ..Head::new(307)
            };
            self.told.push_str(" leader");
            return answer(head, "", partial);
        }
        let mut all = refusals();
        let place = self.below(all.len() as u64) as usize;
        let (head, body, _) = all.swap_remove(place);
        self.told.push_str(&format!(" refused {}", head.status));
        answer(head, &body, partial)
    }

    /// Whatever became of the request: pages, JSON, cuts, alerts, refusals that an intermediary passes on.
    fn anything(&mut self, applied: bool) -> Reply {
        let status = 200 + self.below(400) as u16;
        self.told.push_str(&format!(
            " {}{status}",
            if applied { "applied " } else { "" }
        ));
        let relayed = |mut head: Head, way: u64| {
            match way {
                0 => head.set(b"Via", b"1.1 gateway"),
                1 => head.set(b"Server", b"nginx"),
                _ => head.origins = 2,
            }
            head
        };
        match self.below(8) {
            0 => {
                let reused = self.one_in(2);
                let tls13 = self.one_in(2);
                // a server that has read the request has sent its tickets, or is none of 1.3
                self.fault(Sent::Fully, Some((tls13 && reused, reused, true)))
            }
            1 => self.fault(Sent::Fully, None),
            2 => {
                let mut all = refusals();
                let place = self.below(all.len() as u64) as usize;
                let (head, body, _) = all.swap_remove(place);
                let way = self.below(3);
                // an earlier copy was applied, and this is what the second one met
                answer(relayed(head, way), &body, None)
            }
            3 => {
                let all = refusals();
                let place = self.below(all.len() as u64) as usize;
                let (head, body, _) = &all[place];
                let cut = self.below(body.len() as u64) as usize;
                answer(head.clone(), body.get(..cut).unwrap_or_default(), None)
            }
            4 => {
                let to = ["http://login/", "/v2/keys/k", "https://a/v2/keys/other"];
                let head = Head {
                    location: Some(to[self.below(3) as usize].into()),
                    ..Head::new(status)
                };
                answer(head, "", None)
            }
            5 if applied => {
                let body = r#"{"action":"set","node":{"key":"/k","value":"v","modifiedIndex":9,"createdIndex":9}}"#;
                let head = Head {
                    cluster_id: ETCD.into(),
                    etcd_index: 9,
                    ..Head::new(200)
                };
                answer(head, body, None)
            }
            _ => {
                let bodies = [
                    "",
                    "<html>sorry</html>",
                    r#"{"message":"Service Unavailable"}"#,
                    r#"{"message":"During election"}"#,
                    r#"{"errorCode":105,"message":"Key already exists","cause":"/k","index":9}"#,
                    r#"{"errorCode":301,"message":"During Leader Election","index":9}"#,
                    r#"{"action":"set","node":{"key":"/other","modifiedIndex":9,"createdIndex":9}}"#,
                    "404 page not found\n",
                ];
                let kinds = ["application/json", "text/html", "text/plain", ""];
                let head = Head {
                    content_type: kinds[self.below(4) as usize].into(),
                    ..Head::new(status)
                };
                answer(head, bodies[self.below(8) as usize], None)
            }
        }
    }

    /// The connection ends; `alert`: of TLS 1.3, reused, after a ticket.
    fn fault(&mut self, sent: Sent, alert: Option<(bool, bool, bool)>) -> Reply {
        let kinds = [
            FaultKind::Connection,
            FaultKind::Timeout,
            FaultKind::Protocol,
            FaultKind::Tls,
        ];
        let kind = kinds[self.below(4) as usize];
        let descriptions = [0, 10, 20, 22, 40, 42, 48, 70, 80, 116];
        let turned_away = alert.and_then(|(tls13, reused, heard)| {
            NotApplied::turned_away(Alert {
                description: descriptions[self.below(10) as usize],
                tls13,
                reused,
                heard,
            })
        });
        self.told.push_str(&format!(" {kind:?} {sent:?}"));
        let fault = Fault::of(Phase::Head, kind, sent);
        Reply::Fault(Box::new(Fault {
            not_applied: fault.not_applied.or(turned_away),
            reused: self.one_in(2),
            ..fault
        }))
    }
}

/// Runs one request to its end over three members.
fn run(dice: &mut PollSchedule, allow_repeat: bool) -> (Run<'_>, Result<(), Error>) {
    let operation = OPERATIONS[(dice.dice() % OPERATIONS.len() as u64) as usize];
    let mut options = Options::default();
    let endpoints = ["http://a:1", "http://a:1,http://b:1,http://c:1"];
    let endpoints = endpoints[(dice.dice() % 2) as usize];
    options.add_endpoints("endpoints", endpoints).unwrap();
    let member_set = MemberSet::new(options.endpoints(), options.settings());
    let mut now = Instant::now();
    let decode = DecodeLimits {
        depth: 10,
        nodes: 10,
    };
    let terms = CallOptions {
        allow_repeat,
        budget: Budget {
            deadline: now + Duration::from_secs(9),
            connect: Duration::from_secs(2),
            attempt: None,
            max_body: 1 << 20,
        },
        decode,
        refresh: false,
        plain_read: false,
        consensus: true,
    };
    let http_request = Arc::new(http_request(operation));
    let mut sequence = RequestSequence::plain(http_request.clone(), terms, now);
    let mut run = Run {
        dice,
        http_request,
        truth: Truth::default(),
        told: format!("{operation:?}"),
    };
    let mut todo = sequence.go(now, &member_set);
    loop {
        todo = match todo {
            FailoverStep::End(end) => return (run, result(end).map(drop)),
            FailoverStep::Pause(_) if run.one_in(8) => {
                return (run, result(sequence.cancelled(now)).map(drop));
            }
            FailoverStep::Pause(time) => {
                now += time;
                sequence.go(now, &member_set)
            }
            FailoverStep::Exchange => {
                let own = sequence
                    .exchange()
                    .is_some_and(|(_, http_request, _)| http_request.repeat != Idempotency::Safe);
                let reply = match own {
                    true => run.reply(),
                    false => run.version(),
                };
                match reply {
                    Reply::Answer(answer) => sequence.answered(*answer, now, &member_set),
                    Reply::Fault(fault) => sequence.failed(fault, now, &member_set),
                }
            }
        };
    }
}

#[test]
fn no_write_is_told_wrongly_or_sent_twice() {
    let mut dice = PollSchedule::new(9);
    let (mut exchanges, mut runs, mut promises, mut unknown) = (0, 0, 0, 0);
    while exchanges < 100_000 {
        let allow_repeat = dice.dice() % 4 == 0;
        let (run, result) = run(&mut dice, allow_repeat);
        let (truth, told) = (run.truth, run.told);
        exchanges += told.matches(' ').count();
        runs += 1;
        // a copy that etcd refused is none
        let repeatable = allow_repeat && run.http_request.repeat == Idempotency::IfAllowed;
        assert!(
            truth.applied <= 1 || repeatable,
            "applied {} times: {told}",
            truth.applied
        );
        match result {
            Ok(()) => assert!(truth.applied > 0, "done, but not applied: {told}"),
            Err(error) if error.detail().outcome_unknown => unknown += 1,
            Err(error) => {
                assert_eq!(truth.applied, 0, "told as not applied: {told}: {error:?}");
                promises += 1;
            }
        }
    }
    // the gateway is no monoculture
    assert!(
        promises > runs / 10 && unknown > runs / 10,
        "{promises} {unknown} of {runs}"
    );
}
