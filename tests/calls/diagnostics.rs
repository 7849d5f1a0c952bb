//! What a client tells of itself: moments of requests, lines of the log, numbers, and what it asks before it goes on.

use crate::api;
use crate::support;

use api::{Client, Verbs, call, key, options};
use etcd_v2::client::{ClientCounters, Options, Patience};
use etcd_v2::error::Phase;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::telemetry::hooks::{Advice, Level, RequestKind, TraceEvent};
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::transport::credentials::Authorization;
use etcd_v2::watch::options::WatchOptions;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{BlackHole, Etcd, Scripted, Step, Version, wait_for};

const GOOD: &str = r#"{"action":"get","node":{"key":"/k","value":"v"}}"#;

/// A moment, as far as tests look at it.
#[derive(Clone, Debug)]
struct Seen {
    event: TraceEvent,
    kind: RequestKind,
    request: u64,
    target: String,
    endpoint: String,
    status: Status,
    http_status: u16,
    text: String,
    failed_in: Option<Phase>,
    connecting: u64,
    waiting: u64,
    moved: (u64, u64),
    reused: bool,
    spent: u64,
    total: Duration,
}

#[derive(Clone, Default)]
struct Ears {
    traces: Arc<Mutex<Vec<Seen>>>,
    lines: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Ears {
    fn listen(&self, options: &mut Options) {
        let (traces, lines) = (self.traces.clone(), self.lines.clone());
        options.set_trace(Arc::new(move |t| {
            traces.lock().unwrap().push(Seen {
                event: t.event,
                kind: t.kind,
                request: t.request,
                target: t.target.to_owned(),
                endpoint: t.endpoint.to_owned(),
                status: t.status,
                http_status: t.http_status,
                text: t.text.to_owned(),
                failed_in: t.failed_in,
                connecting: t.timings.spent(Phase::Connect),
                waiting: t.timings.spent(Phase::Head),
                moved: (t.timings.sent, t.timings.received),
                reused: t.timings.reused,
                spent: t.timings.total(),
                total: t.total,
            });
        }));
        options.set_log(
            Level::Debug,
            Arc::new(move |level, line| lines.lock().unwrap().push((level, line.to_owned()))),
        );
    }

    fn traces(&self) -> Vec<Seen> {
        std::mem::take(&mut self.traces.lock().unwrap())
    }

    fn lines(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

fn heard(endpoints: &str, deadline_ms: i64) -> (Client, Ears) {
    let ears = Ears::default();
    let mut options = options(endpoints, deadline_ms);
    ears.listen(&mut options);
    (Client::new(&options).unwrap(), ears)
}

fn value(counters: &ClientCounters, name: &str) -> u64 {
    let at = ClientCounters::names().position(|n| n == name);
    counters.whole[at.unwrap_or_else(|| panic!("no counter {name}"))]
}

fn of_member(counters: &ClientCounters, url: &str, name: &str) -> u64 {
    let at = ClientCounters::names().position(|n| n == name).unwrap();
    let found = counters.members.iter().find(|(member, _)| **member == *url);
    found.expect("the member").1[at]
}

#[test]
fn a_call_has_a_beginning_attempts_and_an_end() {
    let etcd = Etcd::shared(Version::V3_4);
    let (client, ears) = heard(etcd.url(), 60_000);
    client.set("/traced/k", "canary").unwrap();
    let first = ears.traces();
    let moments: Vec<_> = first.iter().map(|t| (t.event, t.request)).collect();
    assert_eq!(
        moments,
        [
            (TraceEvent::Begin, 1),
            (TraceEvent::Attempt, 1),
            (TraceEvent::End, 1)
        ]
    );
    let [begin, attempt, end] = &first[..] else {
        panic!()
    };
    assert_eq!(begin.endpoint, "");
    assert_eq!(begin.target, "/v2/keys/traced/k");
    assert_eq!((&*attempt.endpoint, attempt.http_status), (etcd.url(), 201));
    assert!(attempt.connecting > 0 && attempt.waiting > 0 && !attempt.reused);
    assert!(attempt.moved.0 > 60 && attempt.moved.1 > 100, "{attempt:?}");
    assert!(
        Duration::from_nanos(attempt.spent) <= attempt.total,
        "{attempt:?}"
    );
    assert!(attempt.total <= end.total && end.status == Status::OK);

    client.get("/traced/missing").unwrap_err();
    let second = ears.traces();
    let [_, attempt, end] = &second[..] else {
        panic!("{second:?}")
    };
    assert!(attempt.reused && attempt.http_status == 404 && attempt.text.is_empty());
    assert_eq!((end.status, end.http_status), (Status::KEY_NOT_FOUND, 404));
    assert!(end.text.contains("/traced/missing"), "{end:?}");

    let lines = ears.lines();
    assert!(
        lines
            .iter()
            .all(|(_, line)| !line.contains("canary") && !line.contains('\n'))
    );
    assert!(
        lines.iter().all(|(level, _)| *level == Level::Debug),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|(_, line)| line.starts_with("request 1, PUT /v2/keys/traced/k: "))
    );
}

#[test]
fn what_fails_is_told_and_counted() {
    let refused = Etcd::start(Version::V3_4);
    let (dead, good) = (refused.url().to_owned(), Scripted::json(GOOD));
    drop(refused);
    let (client, ears) = heard(&format!("{dead},{}", good.url()), 60_000);
    client.get("/k").unwrap();
    let traces = ears.traces();
    let attempts: Vec<_> = traces
        .iter()
        .filter(|t| t.event == TraceEvent::Attempt)
        .collect();
    let [failed, answered] = attempts[..] else {
        panic!("{traces:?}")
    };
    assert_eq!(
        (&failed.endpoint, failed.failed_in),
        (&dead, Some(Phase::Connect))
    );
    assert_eq!(failed.text, "connection refused");
    assert_eq!(
        (&*answered.endpoint, answered.http_status),
        (good.url(), 200)
    );
    let lines = ears.lines();
    let warnings: Vec<_> = lines
        .iter()
        .filter(|(level, _)| *level < Level::Debug)
        .collect();
    let [(Level::Warn, line)] = warnings[..] else {
        panic!("{lines:?}")
    };
    let said = format!("request 1, GET /v2/keys/k: {dead} (connect): connection refused");
    assert_eq!(*line, said);
    let counters = client.counters().unwrap();
    for (name, expected) in [
        ("requests", 1),
        ("attempts", 2),
        ("failed_attempts", 1),
        ("retries", 1),
        ("failovers", 1),
        ("reconnects", 0),
        ("succeeded", 1),
        ("in_flight", 0),
        ("connections_opened", 1),
        ("connections_open", 1),
        ("connections_idle", 1),
    ] {
        assert_eq!(value(&counters, name), expected, "{name}");
    }
    assert_eq!(of_member(&counters, &dead, "failed_attempts"), 1);
    assert_eq!(of_member(&counters, good.url(), "attempts"), 1);
    let request = good.requests().remove(0);
    assert_eq!(value(&counters, "bytes_sent"), request.len() as u64);
    assert_eq!(
        of_member(&counters, good.url(), "bytes_sent"),
        request.len() as u64
    );
    assert!(value(&counters, "bytes_received") > GOOD.len() as u64);
}

#[test]
fn every_end_has_a_number() {
    let mute = BlackHole::new();
    let (client, ears) = heard(mute.url(), 150);
    assert_eq!(client.get("/k").unwrap_err().status(), Status::TIMEOUT);
    let token = Cancel::new().unwrap();
    token.fire();
    let cancelled = api::call_with(Operation::Get, "/k", &token);
    assert_eq!(
        client.execute(&cancelled).unwrap_err().status(),
        Status::CANCELLED
    );
    let counters = client.counters().unwrap();
    assert_eq!(value(&counters, "timeouts"), 1);
    assert_eq!(value(&counters, "in_flight"), 0);
    let lines = ears.lines();
    let grave = lines.iter().filter(|(level, _)| *level == Level::Error);
    assert_eq!(grave.count(), 1, "{lines:?}");

    let eats = Scripted::steps(vec![Step::Read, Step::Close]);
    let (client, ears) = heard(eats.url(), 60_000);
    let unknown = client.set("/k", "canary").unwrap_err();
    assert_eq!(unknown.status(), Status::OUTCOME_UNKNOWN);
    client.get("/k").unwrap_err();
    let counters = client.counters().unwrap();
    assert_eq!(value(&counters, "outcome_unknown"), 1);
    assert_eq!(value(&counters, "failed"), 1);
    assert_eq!(value(&counters, "connections_open"), 0);
    let ends: Vec<_> = ears
        .traces()
        .into_iter()
        .filter(|t| t.event == TraceEvent::End)
        .collect();
    let statuses: Vec<_> = ends.iter().map(|t| t.status).collect();
    assert_eq!(statuses, [Status::OUTCOME_UNKNOWN, Status::UNREACHABLE]);
}

#[test]
fn polls_of_watches_are_requests_too() {
    let etcd = Etcd::shared(Version::V3_4);
    let index = etcd.set("/told/k", "value=canary");
    let (client, ears) = heard(etcd.url(), 60_000);
    client
        .watch_once(&key("/told/k"), false, index, Patience::Default, None)
        .unwrap();
    let mut options = WatchOptions::default();
    options.set_start_index(index).unwrap();
    let watcher = client
        .watch(&key("/told/k"), &options, Default::default())
        .unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    assert_eq!(watcher.next(Some(end)).unwrap().unwrap().index(), index);
    // an unknown member is polled again once it has said who it is, so that only the one in flight is the next poll
    let counters = wait_for("the next poll is on its way", Duration::ZERO, || {
        let counters = client.counters().unwrap();
        (value(&counters, "in_flight") == 1).then_some(counters)
    });
    assert!(value(&counters, "watch_polls") >= 3);
    assert_eq!(value(&counters, "watchers"), 1);
    assert_eq!(value(&counters, "events_delivered"), 1);
    drop(watcher);
    wait_for("nothing is on its way", Duration::ZERO, || {
        (value(&client.counters().unwrap(), "in_flight") == 0).then_some(())
    });
    let counters = client.counters().unwrap();
    assert_eq!(
        (
            value(&counters, "watchers"),
            value(&counters, "events_delivered")
        ),
        (0, 1)
    );
    let traces = ears.traces();
    assert!(
        traces
            .iter()
            .all(|t| t.kind == RequestKind::Watch && t.target.contains("wait=true"))
    );
    let requests = traces.iter().map(|t| t.request).max().unwrap();
    assert!(requests >= 3, "{traces:?}");
    for request in 1..=requests {
        let of: Vec<_> = traces
            .iter()
            .filter(|t| t.request == request)
            .map(|t| t.event)
            .collect();
        assert_eq!(of.first(), Some(&TraceEvent::Begin), "{traces:?}");
        assert_eq!(of.last(), Some(&TraceEvent::End), "{traces:?}");
        assert_eq!(
            of.iter().filter(|m| **m != TraceEvent::Attempt).count(),
            2,
            "{traces:?}"
        );
    }
}

#[test]
fn idle_connections_are_counted_on_both_sides() {
    let server = Scripted::json(GOOD);
    let (client, _) = heard(server.url(), 60_000);
    for _ in 0..5 {
        client.get("/k").unwrap();
    }
    let counters = client.counters().unwrap();
    let connections = server.connections() as u64;
    assert_eq!(value(&counters, "connections_opened"), connections);
    assert_eq!(value(&counters, "connections_idle"), connections);
    assert_eq!(
        of_member(&counters, server.url(), "connections_open"),
        connections
    );
}

/// What a hook was asked: attempts, HTTP status, members, status of the error.
type Asked = Arc<Mutex<Vec<(u32, u16, Vec<String>, Status)>>>;

fn hooked(endpoints: &str, advice: Advice, stop_after: u32) -> (Client, Asked) {
    let asked = Asked::default();
    let told = asked.clone();
    let mut options = options(endpoints, 60_000);
    options.set_retry_hook(Arc::new(move |retry| {
        told.lock().unwrap().push((
            retry.attempts,
            retry.http_status,
            retry
                .endpoints
                .iter()
                .map(|url| (*url).to_owned())
                .collect(),
            retry.error.status(),
        ));
        match retry.attempts >= stop_after {
            true => Advice::Stop,
            false => advice,
        }
    }));
    (Client::new(&options).unwrap(), asked)
}

fn broken() -> Scripted {
    Scripted::steps(vec![
        Step::Read,
        Step::Answer(500, Vec::new(), b"no leader".to_vec()),
        Step::Again,
    ])
}

#[test]
fn a_hook_is_asked_after_each_failed_attempt_and_may_stop() {
    let servers = [broken(), broken()];
    let endpoints = format!("{},{}", servers[0].url(), servers[1].url());
    let (client, asked) = hooked(&endpoints, Advice::Default, 1);
    assert_eq!(client.get("/k").unwrap_err().status(), Status::SERVER_ERROR);
    let asked = asked.lock().unwrap().clone();
    let both = servers.each_ref().map(|s| s.url().to_owned()).to_vec();
    assert_eq!(asked, [(1, 500, both, Status::SERVER_ERROR)]);
    assert_eq!(servers.each_ref().map(|s| s.requests().len()), [1, 0]);

    // and without a word from it everything is as it would be
    let counts = |advice, stop| {
        let servers = [broken(), broken()];
        let endpoints = format!("{},{}", servers[0].url(), servers[1].url());
        let (client, asked) = hooked(&endpoints, advice, stop);
        client.get("/k").unwrap_err();
        let requests: usize = servers.iter().map(|s| s.requests().len()).sum();
        assert_eq!(asked.lock().unwrap().len(), requests);
        requests
    };
    assert_eq!(counts(Advice::Default, u32::MAX), 4);
    // time for more than the two rounds that there would be
    assert_eq!(counts(Advice::Pause(Duration::from_millis(1)), 9), 9);
}

#[test]
fn no_hook_has_a_write_repeated_that_may_have_been_applied() {
    let eats = || Scripted::steps(vec![Step::Read, Step::Close]);
    let servers = [eats(), eats()];
    let endpoints = format!("{},{}", servers[0].url(), servers[1].url());
    let (client, asked) = hooked(&endpoints, Advice::Pause(Duration::from_millis(1)), 9);
    for operation in [
        Operation::Set,
        Operation::CreateInOrder,
        Operation::CompareAndSwap,
    ] {
        let error = client.execute(&call(operation, "/k")).unwrap_err();
        assert_eq!(error.status(), Status::OUTCOME_UNKNOWN);
    }
    assert_eq!(servers.iter().map(|s| s.requests().len()).sum::<usize>(), 3);
    assert!(asked.lock().unwrap().is_empty());
    // with consent it is asked, and may give time
    let mut consent = call(Operation::Set, "/k");
    consent.allow_repeat = true;
    client.execute(&consent).unwrap_err();
    assert_eq!(asked.lock().unwrap().len(), 9);
}

#[test]
fn a_hook_that_pauses_never_passes_the_deadline() {
    let server = broken();
    let asked = Asked::default();
    // time for an answer on a busy machine
    let mut options = options(server.url(), 5_000);
    let count = asked.clone();
    options.set_retry_hook(Arc::new(move |retry| {
        count
            .lock()
            .unwrap()
            .push((retry.attempts, 0, Vec::new(), Status::OK));
        Advice::Pause(Duration::from_secs(3600))
    }));
    let client = Client::new(&options).unwrap();
    let error = client.get("/k").unwrap_err();
    // the error that was answered before the pause
    assert_eq!(error.status(), Status::SERVER_ERROR);
    assert_eq!(asked.lock().unwrap().len(), 1);
}

#[test]
fn nothing_that_is_told_has_a_secret() {
    let etcd = Etcd::start(Version::V3_4);
    etcd.enable_auth("root", "canary-password");
    let (client, ears) = heard(&format!("{},http://127.0.0.1:1", etcd.url()), 60_000);
    let commands = Arc::new(Mutex::new(Vec::new()));
    let told = commands.clone();
    let mut options = options(etcd.url(), 60_000);
    options.set_curl(Arc::new(move |line| {
        told.lock().unwrap().push(line.to_owned())
    }));
    options.set_authorization(Some(
        Authorization::basic("root", "canary-password").unwrap(),
    ));
    let other = Client::new(&options).unwrap();
    let mut errors = vec![client.set("/secret", "canary-value").unwrap_err()];
    for password in ["canary-wrong", "canary-password"] {
        let authorization = Authorization::basic("root", password).unwrap();
        client.set_authorization(Some(authorization)).unwrap();
        errors.extend(client.set("/secret", "canary-value").err());
        errors.extend(client.run(Operation::CompareAndDelete, "/secret").err());
    }
    other.get("/secret").unwrap();
    let mut told: Vec<String> = ears.lines().into_iter().map(|(_, line)| line).collect();
    assert!(told.len() > 10);
    told.extend(ears.traces().iter().map(|t| format!("{t:?}")));
    told.extend(errors.iter().map(|error| format!("{error:?}")));
    told.append(&mut commands.lock().unwrap());
    told.push(format!("{:?} {:?} {options:?}", *client, *other));
    let header = Authorization::basic("root", "canary-password").unwrap();
    let header = header.header().trim_start_matches("Basic ");
    for line in told {
        assert!(!line.contains("canary") && !line.contains(header), "{line}");
    }
}
