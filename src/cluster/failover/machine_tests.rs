use super::*;
use crate::client::Options;
use crate::error::Phase;
use crate::outcome::proof::NotApplied;
use crate::outcome::transmission::Sent;
use crate::outcome::transmission::Transmission;
use crate::protocol::action::Action;
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::key::Key;
use crate::protocol::method::Method;
use crate::protocol::request::{Operation, Request};
use crate::protocol::response_head::Head;
use crate::transport::fault::FaultKind;

/// A cluster of three and one request on its way over it.
struct Walk {
    member_set: MemberSet,
    now: Instant,
    failover: Failover<Arc<HttpRequest>>,
    asked: Vec<String>,
}

impl Walk {
    fn new(operation: Operation, allow_repeat: bool) -> Walk {
        let mut request = Request::new(operation, Key::parse("key", "/k").unwrap());
        if operation == Operation::Refresh {
            request.set_ttl(5).unwrap();
        }
        if operation == Operation::CompareAndSwap {
            request.set_value(b"v").unwrap();
            request.set_prev_index(7).unwrap();
        }
        let refresh = operation == Operation::Refresh;
        Walk::of(request.http_request().unwrap(), allow_repeat, refresh)
    }

    fn of(http_request: HttpRequest, allow_repeat: bool, refresh: bool) -> Walk {
        let mut options = Options::default();
        options
            .add_endpoints("endpoints", "http://a:1,http://b:1,http://c:1")
            .unwrap();
        let member_set = MemberSet::new(options.endpoints(), options.settings());
        let now = Instant::now();
        let terms = CallOptions {
            allow_repeat,
            budget: Budget {
                deadline: now + Duration::from_secs(9),
                connect: Duration::from_secs(2),
                attempt: None,
                max_body: 1 << 20,
            },
            decode: DecodeLimits {
                depth: 10,
                nodes: 10,
            },
            refresh,
            plain_read: false,
            consensus: false,
        };
        let failover = Failover::new(Arc::new(http_request), terms, now);
        Walk {
            member_set,
            now,
            failover,
            asked: Vec::new(),
        }
    }

    /// Runs it; `reply` plays the members.
    fn run(
        &mut self,
        mut reply: impl FnMut(&str, &HttpRequest, usize) -> Reply,
    ) -> Result<Box<Response>, Error> {
        let mut todo = self.failover.go(self.now, &self.member_set);
        loop {
            assert!(self.asked.len() < 50, "endless");
            todo = match todo {
                FailoverStep::End(result) => return result.map_err(Told::into_error),
                FailoverStep::Pause(time) => {
                    self.asked.push("pause".into());
                    self.now += time;
                    self.failover.go(self.now, &self.member_set)
                }
                FailoverStep::Exchange => {
                    let (member, http_request, limits) = self.failover.exchange().unwrap();
                    let host = member.url().trim_start_matches("http://").to_owned();
                    let (said, silence) =
                        (reply(&host, http_request, self.asked.len()), limits.head);
                    self.asked.push(host);
                    let success = success_of(http_request);
                    match said {
                        Reply::Good => self.failover.answered(
                            Answer {
                                head: head_of_etcd(200, &success),
                                body: success.into_bytes(),
                                partial: None,
                                content: Default::default(),
                                timings: Default::default(),
                            },
                            self.now,
                            &self.member_set,
                        ),
                        Reply::Answer(status, body) => {
                            let mut head = head_of_etcd(status, body);
                            if let Some(location) = body.strip_prefix("Location: ") {
                                head.location = Some(location.into());
                            }
                            let answer = Answer {
                                head,
                                body: body.into(),
                                partial: body
                                    .starts_with("early")
                                    .then(|| NotApplied::left(&Transmission::of(Sent::Partly)))
                                    .flatten(),
                                content: Default::default(),
                                timings: Default::default(),
                            };
                            self.failover.answered(answer, self.now, &self.member_set)
                        }
                        Reply::Fault(kind, sent, reused) => {
                            if kind == FaultKind::Timeout {
                                self.now += silence;
                            }
                            let fault = Fault {
                                reused,
                                ..Fault::of(Phase::Head, kind, sent)
                            };
                            self.failover
                                .failed(Box::new(fault), self.now, &self.member_set)
                        }
                    }
                }
            };
        }
    }
}

fn success_of(http_request: &HttpRequest) -> String {
    let child = match http_request.method {
        Method::Post => "/00000000000000000007",
        _ => "",
    };
    let action = match http_request.action {
        Some(Action::Set) => "set",
        Some(Action::Create) => "create",
        Some(Action::Update) => "update",
        Some(Action::Delete) => "delete",
        Some(Action::CompareAndSwap) => "compareAndSwap",
        _ => "get",
    };
    format!(
        r#"{{"action":"{action}","node":{{"key":"/k{child}","value":"v","modifiedIndex":7,"createdIndex":7}}}}"#
    )
}

/// With the headers that etcd 3 sends with such a body.
fn head_of_etcd(status: u16, body: &str) -> Head {
    let mut head = Head::new(status);
    if body.starts_with('{') {
        head.content_type = "application/json".into();
        head.cluster_id = "7e27652122e8b2ae".into();
        let index = body.split("\"index\":").nth(1);
        head.etcd_index = index.map_or(0, |n| n.trim_end_matches('}').parse().unwrap());
    }
    if body.contains("etcdserver") {
        head.add_origin();
    }
    if body == "404 page not found\n" {
        head.content_type = "text/plain; charset=utf-8".into();
        head.add_origin();
    }
    head
}

enum Reply {
    /// the success of what was asked
    Good,
    Answer(u16, &'static str),
    Fault(FaultKind, Sent, bool),
}

const REFUSED: Reply = Reply::Fault(FaultKind::Connection, Sent::None, false);
const SILENT: Reply = Reply::Fault(FaultKind::Timeout, Sent::Fully, false);
fn nobody() -> Reply {
    Reply::Answer(
        503,
        r#"{"message":"httpproxy: zero endpoints currently available"}"#,
    )
}
const GOOD: Reply = Reply::Good;

#[test]
fn who_cannot_be_reached_is_left_and_who_answers_is_kept() {
    for operation in [
        Operation::Get,
        Operation::CreateInOrder,
        Operation::CompareAndSwap,
    ] {
        let mut walk = Walk::new(operation, false);
        walk.run(|host, _, _| if host == "a:1" { REFUSED } else { GOOD })
            .unwrap();
        assert_eq!(walk.asked, ["a:1", "b:1"]);
        let next = walk.member_set.pick(walk.now, &[]).unwrap().url().clone();
        assert_eq!(&*next, "http://b:1");
    }
}

#[test]
fn silence_costs_a_read_its_share_and_a_write_its_certainty() {
    let mut walk = Walk::new(Operation::Get, false);
    let began = walk.now;
    walk.run(|host, _, _| if host == "c:1" { GOOD } else { SILENT })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1", "c:1"]);
    assert_eq!(walk.now - began, Duration::from_secs(6));

    for operation in [
        Operation::Set,
        Operation::CreateInOrder,
        Operation::CompareAndSwap,
        Operation::Create,
    ] {
        let mut walk = Walk::new(operation, false);
        let error = walk.run(|_, _, _| SILENT).unwrap_err();
        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN);
        assert_eq!(walk.asked, ["a:1"]);
        assert_eq!(error.detail().attempts.len(), 1);
    }
}

#[test]
fn consent_repeats_a_set_and_nothing_else() {
    let mut walk = Walk::new(Operation::Set, true);
    walk.run(|host, _, _| if host == "a:1" { SILENT } else { GOOD })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1"]);

    // what the second copy met does not tell what became of the first
    let mut walk = Walk::new(Operation::Delete, true);
    let gone = Reply::Answer(
        404,
        r#"{"errorCode":100,"message":"Key not found","cause":"/k","index":9}"#,
    );
    let mut replies = [SILENT, gone].into_iter();
    let error = walk.run(|_, _, _| replies.next().unwrap()).unwrap_err();
    assert_eq!(error.status(), Status::KEY_NOT_FOUND);
    assert!(error.detail().outcome_unknown);

    let mut walk = Walk::new(Operation::CreateInOrder, true);
    assert_eq!(
        walk.run(|_, _, _| SILENT).unwrap_err().status(),
        Status::OUTCOME_UNKNOWN
    );
    assert_eq!(walk.asked, ["a:1"]);
}

#[test]
fn when_all_fail_there_is_one_more_round() {
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    let error = walk.run(|_, _, _| REFUSED).unwrap_err();
    assert_eq!(error.status(), Status::UNREACHABLE);
    assert!(!error.detail().outcome_unknown && error.detail().retriable);
    assert_eq!(walk.asked.iter().filter(|a| *a != "pause").count(), 6);
    assert_eq!(walk.asked.iter().position(|a| a == "pause"), Some(3));
    assert_eq!(error.detail().attempts.len(), 6);
}

#[test]
fn a_stale_connection_is_tried_anew_at_the_same_member() {
    let stale = || Reply::Fault(FaultKind::Connection, Sent::Partly, true);
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    walk.run(|_, _, n| if n == 0 { stale() } else { GOOD })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "a:1"]);
}

#[test]
fn redirects_keep_method_and_body_and_have_an_end() {
    let mut walk = Walk::new(Operation::Set, false);
    let mut seen = Vec::new();
    walk.run(|host, http_request, _| {
        seen.push((
            host.to_owned(),
            http_request.method.name(),
            http_request.target.clone(),
            http_request.body.clone(),
        ));
        match host {
            "a:1" => Reply::Answer(307, "Location: http://c:1/v2/keys/k?"),
            "c:1" => Reply::Answer(307, "Location: http://d:4/v2/keys/k"),
            _ => GOOD,
        }
    })
    .unwrap();
    assert_eq!(walk.asked, ["a:1", "c:1", "d:4"]);
    assert_eq!(
        (seen[2].1, seen[2].2.as_str(), &seen[2].3),
        ("PUT", "/v2/keys/k", &seen[0].3)
    );
    assert_eq!(seen[1].2, "/v2/keys/k?");

    for location in [
        "Location: /v2/keys/k",
        "Location: gopher://x/",
        "Location: ://",
        "Location: http://a b/",
        "Location: http://login/",
    ] {
        let mut walk = Walk::new(Operation::Get, false);
        let error = walk
            .run(|_, _, _| Reply::Answer(307, location))
            .unwrap_err();
        assert_eq!(error.status(), Status::REDIRECT, "{location}");
        assert!(!error.detail().outcome_unknown);
        // only a leader is the place for a write, and it keeps path and query
        let mut walk = Walk::new(Operation::Set, false);
        let error = walk
            .run(|_, _, _| Reply::Answer(307, location))
            .unwrap_err();
        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN, "{location}");
        assert_eq!(walk.asked, ["a:1"]);
    }
}

#[test]
fn refresh_is_only_sent_to_who_knows_it() {
    let mut walk = Walk::new(Operation::Refresh, false);
    let version = |http_request: &HttpRequest| http_request.target == "/version";
    walk.run(|_, http_request, _| {
        if version(http_request) {
            Reply::Answer(200, r#"{"etcdserver":"3.4.23"}"#)
        } else {
            GOOD
        }
    })
    .unwrap();
    assert_eq!(walk.asked, ["a:1", "a:1"]);

    let mut walk = Walk::new(Operation::Refresh, false);
    let old = |_: &str, http_request: &HttpRequest, _: usize| {
        assert_eq!(http_request.target, "/version");
        Reply::Answer(200, "etcd 2.0.13")
    };
    assert_eq!(walk.run(old).unwrap_err().status(), Status::UNSUPPORTED);

    // that nobody answered the question says nothing about the write
    let mut walk = Walk::new(Operation::Refresh, false);
    let error = walk.run(|_, _, _| SILENT).unwrap_err();
    assert_eq!(error.status(), Status::TIMEOUT);
    assert!(!error.detail().outcome_unknown);
}

#[test]
fn trouble_of_one_member_is_no_trouble_of_the_next() {
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    walk.run(|host, _, _| if host == "a:1" { nobody() } else { GOOD })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1"]);

    let timed_out = || {
        Reply::Answer(
            500,
            r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#,
        )
    };
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    let error = walk.run(|_, _, _| timed_out()).unwrap_err();
    assert_eq!(
        (error.status(), error.detail().etcd_code),
        (Status::OUTCOME_UNKNOWN, 300)
    );
    assert_eq!(walk.asked, ["a:1"]);
    let mut walk = Walk::new(Operation::Get, false);
    walk.run(|host, _, _| if host == "c:1" { GOOD } else { timed_out() })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1", "c:1"]);
}

#[test]
fn a_second_round_needs_hope_of_another_word() {
    let page = || Reply::Answer(404, "404 page not found\n");
    let version = || Reply::Answer(200, r#"{"etcdserver":"3.6.1","etcdcluster":"3.6.0"}"#);
    let without_the_api = |http_request: &HttpRequest| match &*http_request.target {
        "/version" => version(),
        _ => page(),
    };
    for operation in [Operation::Get, Operation::CreateInOrder] {
        let mut walk = Walk::new(operation, false);
        let error = walk
            .run(|_, http_request, _| without_the_api(http_request))
            .unwrap_err();
        assert_eq!(error.status(), Status::UNSUPPORTED);
        assert!(!error.detail().retriable && !error.detail().outcome_unknown);
        // who says so is asked for its version
        assert_eq!(walk.asked, ["a:1", "a:1", "b:1", "b:1", "c:1", "c:1"]);

        // who was not reached may be there in a moment, and may have the API
        let mut walk = Walk::new(operation, false);
        let other = |host: &str, http_request: &HttpRequest, _: usize| match host {
            "b:1" => REFUSED,
            _ => without_the_api(http_request),
        };
        let error = walk.run(other).unwrap_err();
        assert_eq!(error.status(), Status::UNREACHABLE);
        assert!(error.detail().retriable && !error.detail().outcome_unknown);
        assert_eq!(walk.asked.len(), 11, "{:?}", walk.asked);
    }
    // whoever is no etcd proves nothing
    let mut walk = Walk::new(Operation::Get, false);
    let error = walk.run(|_, _, _| page()).unwrap_err();
    assert_eq!(error.status(), Status::PROTOCOL);
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    let error = walk.run(|_, _, _| page()).unwrap_err();
    assert_eq!(error.status(), Status::OUTCOME_UNKNOWN);
    assert_eq!(walk.asked, ["a:1", "a:1"]);
    let mut walk = Walk::new(Operation::CreateInOrder, false);
    walk.run(|_, _, n| if n < 4 { nobody() } else { GOOD })
        .unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1", "c:1", "pause", "a:1"]);
}

#[test]
fn a_fault_behind_a_redirect_names_who_was_asked() {
    let mut walk = Walk::new(Operation::Set, false);
    let leader = |host: &str, _: &HttpRequest, _: usize| match host {
        "a:1" => Reply::Answer(307, "Location: http://d:4/v2/keys/k"),
        "d:4" => REFUSED,
        _ => GOOD,
    };
    walk.run(leader).unwrap();
    assert_eq!(walk.asked, ["a:1", "d:4", "b:1"]);

    let mut walk = Walk::new(Operation::Set, false);
    let leader = |host: &str, _: &HttpRequest, _: usize| match host {
        "a:1" => Reply::Answer(307, "Location: http://d:4/v2/keys/k"),
        _ => SILENT,
    };
    let error = walk.run(leader).unwrap_err();
    assert_eq!(error.status(), Status::OUTCOME_UNKNOWN);
    assert_eq!(error.detail().endpoint.as_deref(), Some("http://d:4"));
}

#[test]
fn a_silent_answer_to_the_question_before_a_refresh_costs_a_share() {
    let mut walk = Walk::new(Operation::Refresh, false);
    let began = walk.now;
    let paused = |host: &str, http_request: &HttpRequest, _: usize| match (
        host,
        http_request.target.as_str(),
    ) {
        ("a:1", _) => SILENT,
        (_, "/version") => Reply::Answer(200, r#"{"etcdserver":"3.4.23"}"#),
        _ => GOOD,
    };
    walk.run(paused).unwrap();
    assert_eq!(walk.asked, ["a:1", "b:1", "b:1"]);
    assert_eq!(walk.now - began, Duration::from_secs(3));
}

#[test]
fn an_answer_before_the_request_has_left_lets_a_write_go_on() {
    for (said, asked) in [("early", &["a:1", "b:1"][..]), ("late", &["a:1"])] {
        let mut walk = Walk::new(Operation::CreateInOrder, false);
        let end = walk.run(|host, _, _| match host {
            "a:1" => Reply::Answer(502, said),
            _ => GOOD,
        });
        assert_eq!(end.is_ok(), said == "early");
        assert_eq!(walk.asked, asked);
    }
}

#[test]
fn a_page_that_is_not_there_is_no_failure_of_the_member() {
    let answers = |status: u16| {
        let mut walk = Walk::of(HttpRequest::get("/v2/none"), false, false);
        let error = walk
            .run(|_, _, _| Reply::Answer(status, "no such page\n"))
            .unwrap_err();
        let members = walk.member_set.members();
        let healthy = members.iter().all(|member| member.is_trusted(walk.now));
        (error.status(), walk.asked.len(), healthy)
    };
    assert_eq!(answers(404), (Status::PROTOCOL, 3, true));
    // all of them twice, with a pause between
    assert_eq!(answers(500), (Status::SERVER_ERROR, 7, false));
}
