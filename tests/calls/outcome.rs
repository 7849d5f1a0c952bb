//! What became of writes whose answer was lost: read back from real servers.

use crate::api;
use crate::support;

use api::{Client, Verbs, call, client, key, options, refused, request};
use etcd_v2::client::{Ask, Call, Fate, Finding, Lookout};
use etcd_v2::error::Error;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::time::Duration;
use support::etcd::Setup;
use support::{CProgram, Cluster, Etcd, Mode, Proxy, Version, wait_for};

const ONCE: Lookout = Lookout {
    timeout: Some(Duration::from_secs(30)),
    settle: Duration::ZERO,
};

const WRITES: [Operation; 8] = [
    Operation::Set,
    Operation::Create,
    Operation::Update,
    Operation::Refresh,
    Operation::Delete,
    Operation::CreateInOrder,
    Operation::CompareAndSwap,
    Operation::CompareAndDelete,
];

/// The request is applied, and its answer is lost.
const NO_ANSWER: Mode = Mode::CutAnswer(1);
/// The request is lost.
const NO_REQUEST: Mode = Mode::BlackHole;

enum Server {
    Shared(&'static Etcd),
    Own(Box<Etcd>),
}

impl std::ops::Deref for Server {
    type Target = Etcd;

    fn deref(&self) -> &Etcd {
        match self {
            Server::Shared(etcd) => etcd,
            Server::Own(etcd) => etcd,
        }
    }
}

/// A client that reaches its server through a wire.
struct Pair {
    etcd: Server,
    proxy: Proxy,
    client: Client,
}

impl Pair {
    fn new(version: Version) -> Pair {
        Pair::with(Server::Shared(Etcd::shared(version)))
    }

    /// With a server that nobody else writes to: each of its changes is accounted for.
    fn alone(version: Version) -> Pair {
        Pair::with(Server::Own(Box::new(Etcd::start(version))))
    }

    fn with(etcd: Server) -> Pair {
        let proxy = Proxy::to(etcd.url());
        let client = client(proxy.url(), 20_000);
        // asks for the version of the member, which is not to be lost later
        client.set("/known", "").unwrap();
        client.run(Operation::Refresh, "/known").unwrap();
        Pair {
            etcd,
            proxy,
            client,
        }
    }

    /// Runs a call while answers or requests are lost.
    #[track_caller]
    fn lose(&self, mode: Mode, call: &Call) -> Error {
        let mut call = call.clone();
        let token = Cancel::new().unwrap();
        call.cancel = Some(token.clone());
        let lost = self.proxy.swallowed();
        self.proxy.set(mode);
        let error = std::thread::scope(|scope| {
            if mode == NO_REQUEST {
                // not by a deadline: on a busy machine it may not have been sent by then
                scope.spawn(|| {
                    self.proxy.wait_for_swallowed(lost + 1);
                    token.fire();
                });
            }
            refused(self.client.execute(&call), Status::OUTCOME_UNKNOWN)
        });
        self.proxy.set(Mode::Pass);
        assert!(error.detail().outcome_unknown);
        error
    }

    fn resolve(&self, call: &Call, error: &Error) -> Finding {
        let found = self.client.resolve_outcome(call, error, ONCE, None);
        found.unwrap_or_else(|e| panic!("{e:?}"))
    }
}

/// A call that would work: what it needs is there, and known to the client.
fn ready(pair: &Pair, operation: Operation, path: &str) -> Call {
    let absent = matches!(operation, Operation::Create | Operation::CreateInOrder);
    if absent {
        pair.client.get("/").unwrap();
        return call(operation, path);
    }
    let response = pair.client.set(path, "old").unwrap();
    let mut request = Request::new(operation, key(path));
    match operation {
        Operation::CompareAndSwap | Operation::CompareAndDelete => {
            request.set_prev_index(response.head().etcd_index).unwrap()
        }
        Operation::Refresh => request.set_ttl(500).unwrap(),
        _ => {}
    }
    if matches!(
        operation,
        Operation::Set | Operation::Update | Operation::CompareAndSwap
    ) {
        request.set_value(b"new").unwrap();
    }
    Call::new(Ask::Keys(request))
}

fn value_of(finding: &Finding) -> Option<&str> {
    let node = finding.evidence.as_ref().and_then(Response::node);
    node.and_then(|node| node.value())
}

fn lost_answers_are_found(version: Version) {
    let pair = Pair::alone(version);
    for operation in WRITES {
        let path = format!("/answers/{operation:?}");
        let call = ready(&pair, operation, &path);
        let before = pair.etcd.index();
        let error = pair.lose(NO_ANSWER, &call);
        assert!(error.detail().known.index <= before, "{operation:?}");
        let after = pair.etcd.index();
        assert_eq!(after, before + 1, "{operation:?} was applied");
        let finding = pair.resolve(&call, &error);
        assert_eq!(finding.fate, Fate::Applied, "{operation:?}: {finding:?}");
        assert!(finding.is_final);
        assert_eq!(finding.modified_index, after, "{operation:?}: {finding:?}");
        assert!(finding.index >= after);
        assert!(finding.text.starts_with("applied: "), "{}", finding.text);
        if operation == Operation::CreateInOrder {
            let evidence = finding.evidence.unwrap();
            let child = evidence.node().unwrap().child(0).unwrap();
            assert_eq!(child.key(), format!("{path}/{after:020}"));
        }
    }
}

#[test]
fn lost_answers_are_found_on_3_4() {
    lost_answers_are_found(Version::V3_4);
}

#[test]
fn lost_answers_are_found_on_3_5() {
    lost_answers_are_found(Version::V3_5);
}

#[test]
fn lost_answers_are_found_on_the_newest_3_5() {
    lost_answers_are_found(Version::V3_5Newest);
}

fn lost_requests_are_not(version: Version) {
    let pair = Pair::alone(version);
    for operation in WRITES {
        let path = format!("/requests/{operation:?}");
        let call = ready(&pair, operation, &path);
        let error = pair.lose(NO_REQUEST, &call);
        let index = pair.etcd.index();
        let finding = pair.resolve(&call, &error);
        assert_eq!(finding.fate, Fate::NotApplied, "{operation:?}: {finding:?}");
        assert!(!finding.is_final, "{operation:?}: a copy may still come");
        assert_eq!((finding.modified_index, finding.index >= index), (0, true));
        assert!(finding.text.contains("not applied"), "{}", finding.text);
    }
}

#[test]
fn lost_requests_are_not_on_3_4() {
    lost_requests_are_not(Version::V3_4);
}

#[test]
fn lost_requests_are_not_on_3_5() {
    lost_requests_are_not(Version::V3_5);
}

#[test]
fn lost_requests_are_not_on_the_newest_3_5() {
    lost_requests_are_not(Version::V3_5Newest);
}

#[test]
fn what_others_did_since_does_not_hide_it() {
    let pair = Pair::alone(Version::V3_4);
    for operation in WRITES {
        let path = format!("/hidden/{operation:?}");
        let call = ready(&pair, operation, &path);
        let error = pair.lose(NO_ANSWER, &call);
        let applied = pair.etcd.index();
        if operation == Operation::CreateInOrder {
            // a consumer was faster
            let child = format!("{path}/{applied:020}");
            support::http::delete(&pair.etcd.key_url(&child)).unwrap();
        } else {
            pair.etcd.set(&path, "value=other");
            pair.etcd.set(&path, "value=another");
        }
        let finding = pair.resolve(&call, &error);
        assert_eq!(finding.fate, Fate::Applied, "{operation:?}: {finding:?}");
        assert_eq!(
            finding.modified_index, applied,
            "{operation:?}: {finding:?}"
        );
    }
}

#[test]
fn what_others_did_instead_is_not_taken_for_it() {
    let pair = Pair::alone(Version::V3_5);
    for operation in WRITES {
        let path = format!("/instead/{operation:?}");
        let call = ready(&pair, operation, &path);
        let error = pair.lose(NO_REQUEST, &call);
        if operation == Operation::CreateInOrder {
            let url = pair.etcd.key_url(&path);
            support::http::post(&url, "value=other").unwrap();
            support::http::put(&format!("{url}/new"), "value=new").unwrap();
        } else {
            pair.etcd.set(&path, "value=other");
        }
        let finding = pair.resolve(&call, &error);
        assert_eq!(finding.fate, Fate::NotApplied, "{operation:?}: {finding:?}");
        // the index of a comparison never comes back
        let compares = matches!(
            operation,
            Operation::CompareAndSwap | Operation::CompareAndDelete
        );
        assert_eq!(finding.is_final, compares, "{operation:?}");
    }
}

#[test]
fn directories_are_found_too() {
    let pair = Pair::alone(Version::V3_4);
    let dir = |operation, path: &str| {
        let mut request = Request::new(operation, key(path));
        request.set_flags(flags::DIR).unwrap();
        Call::new(Ask::Keys(request))
    };
    for operation in [Operation::Set, Operation::Create, Operation::Delete] {
        for mode in [NO_ANSWER, NO_REQUEST] {
            let path = format!("/dirs/{operation:?}{}", mode == NO_ANSWER);
            if operation == Operation::Delete {
                pair.client.execute(&dir(Operation::Set, &path)).unwrap();
            }
            pair.client.get("/").unwrap();
            let call = dir(operation, &path);
            let error = pair.lose(mode, &call);
            let finding = pair.resolve(&call, &error);
            let fate = match mode {
                NO_ANSWER => Fate::Applied,
                _ => Fate::NotApplied,
            };
            assert_eq!(finding.fate, fate, "{path}: {finding:?}");
        }
    }
}

#[test]
fn what_the_history_has_forgotten_is_told_by_the_key_or_not_at_all() {
    // a thousand changes: others would lose their history
    let pair = Pair::alone(Version::V3_5);
    let mut lost = Vec::new();
    for (path, other) in [("/forgotten/kept", None), ("/forgotten/gone", Some("x"))] {
        let call = ready(&pair, Operation::Set, path);
        let error = pair.lose(NO_ANSWER, &call);
        if let Some(value) = other {
            pair.etcd.set(path, &format!("value={value}"));
        }
        lost.push((call, error));
    }
    let untouched = ready(&pair, Operation::Delete, "/forgotten/untouched");
    let error = pair.lose(NO_REQUEST, &untouched);
    lost.push((untouched, error));
    pair.etcd.change("/forgotten/noise", 1001);
    let fates: Vec<_> = lost
        .iter()
        .map(|(call, error)| pair.resolve(call, error))
        .collect();
    assert_eq!(fates[0].fate, Fate::Applied, "{:?}", fates[0]);
    assert_eq!(value_of(&fates[0]), Some("new"));
    assert_eq!(fates[1].fate, Fate::Unsure, "{:?}", fates[1]);
    assert!(fates[1].text.contains("history"), "{}", fates[1].text);
    assert_eq!(fates[2].fate, Fate::NotApplied, "{:?}", fates[2]);
}

#[test]
fn values_that_are_not_unique_are_not_told_apart() {
    let pair = Pair::new(Version::V3_4);
    let call = ready(&pair, Operation::CreateInOrder, "/twins");
    let error = pair.lose(NO_ANSWER, &call);
    support::http::post(&pair.etcd.key_url("/twins"), "value=new").unwrap();
    let finding = pair.resolve(&call, &error);
    assert_eq!(finding.fate, Fate::Unsure, "{finding:?}");
    assert!(finding.text.contains("2 children"), "{}", finding.text);
}

#[test]
fn a_client_that_knew_nothing_cannot_tell() {
    let pair = Pair::new(Version::V3_4);
    let fresh = Pair {
        client: client(pair.proxy.url(), 20_000),
        ..pair
    };
    let call = call(Operation::Set, "/fresh");
    let error = fresh.lose(NO_ANSWER, &call);
    assert_eq!(error.detail().known.index, 0);
    let finding = fresh.resolve(&call, &error);
    assert_eq!(finding.fate, Fate::Unsure);
    assert_eq!(value_of(&finding), Some("new"), "the evidence is there");
}

#[test]
fn an_error_that_is_a_promise_needs_no_look() {
    let dead = api::dead_endpoint();
    let client = client(&dead, 20_000);
    let call = call(Operation::Create, "/a");
    let error = refused(client.execute(&call), Status::UNREACHABLE);
    let finding = client.resolve_outcome(&call, &error, ONCE, None).unwrap();
    assert_eq!((finding.fate, finding.is_final), (Fate::NotApplied, true));
    assert_eq!((finding.index, finding.evidence.is_none()), (0, true));
    assert!(finding.text.contains(&dead), "{}", finding.text);
}

#[test]
fn what_cannot_be_looked_for_is_refused_by_name() {
    let pair = Pair::new(Version::V3_5);
    let write = call(Operation::Set, "/refused");
    let error = pair.lose(NO_REQUEST, &write);
    let raw =
        etcd_v2::protocol::http_request::HttpRequest::raw("PUT", "/v2/keys/x", None, None).unwrap();
    for bad in [Call::new(Ask::Raw(raw)), call(Operation::Get, "/refused")] {
        let told = pair.client.resolve_outcome(&bad, &error, ONCE, None);
        let told = told.expect_err("nothing to look for");
        assert_eq!(told.status(), Status::INVALID_ARGUMENT);
        assert!(told.to_string().starts_with("request: "), "{told}");
    }
    // and it ends when it is told to
    let token = Cancel::new().unwrap();
    token.fire();
    let told = pair
        .client
        .resolve_outcome(&write, &error, ONCE, Some(&token));
    assert_eq!(told.expect_err("cancelled").status(), Status::CANCELLED);
    pair.proxy.set(Mode::Refuse);
    let short = Lookout {
        timeout: Some(Duration::from_millis(300)),
        settle: Duration::from_secs(3_000),
    };
    let told = pair.client.resolve_outcome(&write, &error, short, None);
    let told = told.expect_err("nobody answers");
    assert!(
        matches!(told.status(), Status::UNREACHABLE | Status::TIMEOUT),
        "{told:?}"
    );
}

/// Protocol 8: both followers stopped, the write is reported to have failed, they go on, and it is committed.
fn committed_after_it_was_reported_to_have_failed(version: Version) {
    // it leads for so long without the others, in which the write has to reach its log
    let cluster = Setup::new(version).timing(100, 2_000).cluster(3);
    let leader = wait_for("a leader that stays it", Duration::ZERO, || {
        let leader = cluster.leader();
        let member = cluster.member(leader);
        member.set_in_the_end("/late", "value=old");
        member.is_leader().then_some(leader)
    });
    let client = client(cluster.member(leader).url(), 40_000);
    client.get("/late").unwrap();
    let followers = cluster.all_but(leader);
    for &i in &followers {
        cluster.member(i).pause();
    }
    let set = call_set("/late", "late");
    let error = refused(client.execute(&set), Status::OUTCOME_UNKNOWN);
    let detail = error.detail();
    assert!(detail.outcome_unknown, "{error:?}");
    // without a quorum nothing can be said either
    let short = Lookout {
        timeout: Some(Duration::from_millis(500)),
        settle: Duration::ZERO,
    };
    let none = client.resolve_outcome(&set, &error, short, None);
    assert_eq!(none.expect_err("no quorum").status(), Status::TIMEOUT);
    // one of them: together with the other it could outvote the member that has the write
    cluster.member(followers[0]).resume();
    let settle = Lookout {
        timeout: Some(Duration::from_secs(90)),
        settle: Duration::from_secs(60),
    };
    let finding = client.resolve_outcome(&set, &error, settle, None).unwrap();
    assert_eq!(finding.fate, Fate::Applied, "{finding:?}");
    assert_eq!(value_of(&finding), Some("late"));
}

fn call_set(path: &str, value: &str) -> Call {
    let mut request = request(Operation::Set, path);
    request.set_value(value.as_bytes()).unwrap();
    Call::new(Ask::Keys(request))
}

#[test]
fn committed_after_it_was_reported_to_have_failed_on_3_4() {
    committed_after_it_was_reported_to_have_failed(Version::V3_4);
}

#[test]
fn committed_after_it_was_reported_to_have_failed_on_3_5() {
    committed_after_it_was_reported_to_have_failed(Version::V3_5);
}

#[test]
fn committed_after_it_was_reported_to_have_failed_on_the_newest_3_5() {
    committed_after_it_was_reported_to_have_failed(Version::V3_5Newest);
}

/// Protocol 7.4: a stopped member runs what lies in its buffers when it goes on, unless its connections to the others have
/// broken meanwhile. Whatever it does, what is said agrees with the store.
#[test]
fn a_write_in_the_buffer_of_a_stopped_member_is_not_applied_and_then_it_is() {
    let cluster = Cluster::start(Version::V3_4, 3);
    let mut round = 0;
    wait_for("a write from a buffer", Duration::from_secs(200), || {
        round += 1;
        written_from_a_buffer(&cluster, &round.to_string()).then_some(())
    });
}

fn written_from_a_buffer(cluster: &Cluster, value: &str) -> bool {
    let stopped = cluster.member(cluster.followers()[0]);
    let others = cluster.members().iter().map(|member| member.url());
    let others: Vec<&str> = others.filter(|url| *url != stopped.url()).collect();
    let mut all = options(&format!("{},{}", stopped.url(), others.join(",")), 30_000);
    all.set_connect_timeout_ms(5_000).unwrap();
    let client = Client::new(&all).unwrap();
    stopped.set_in_the_end("/buffer", "value=old");
    client.get("/buffer").unwrap();
    stopped.pause();
    let set = call_set("/buffer", value);
    let mut lost = set.clone();
    // after five seconds the others hang up
    lost.deadline = Some(Duration::from_secs(2));
    let error = client.execute(&lost).expect_err("nobody answers");
    if error.status() != Status::OUTCOME_UNKNOWN {
        // on a busy machine it may be over before anything was sent
        assert!(!error.detail().outcome_unknown, "{error:?}");
        stopped.resume();
        return false;
    }
    assert_eq!(error.detail().endpoint.as_deref(), Some(stopped.url()));
    let finding = client.resolve_outcome(&set, &error, ONCE, None).unwrap();
    assert_eq!((finding.fate, finding.is_final), (Fate::NotApplied, false));
    let finding = std::thread::scope(|scope| {
        let look = scope.spawn(|| {
            let settle = Lookout {
                timeout: Some(Duration::from_secs(60)),
                settle: Duration::from_secs(10),
            };
            client.resolve_outcome(&set, &error, settle, None)
        });
        stopped.resume();
        look.join().unwrap().unwrap()
    });
    let applied = finding.fate == Fate::Applied;
    if applied {
        wait_for("it is everywhere", Duration::ZERO, || {
            (stopped.value("/buffer")? == value).then_some(())
        });
    }
    applied
}

#[test]
fn it_is_told_to_c() {
    let program = CProgram::new("outcome").build();
    let etcd = Etcd::start(Version::V3_5);
    let pid = etcd.pid().unwrap().to_string();
    program.run(&[etcd.url(), &pid]).success();
    let Some(program) = program.under_valgrind() else {
        return;
    };
    let etcd = Etcd::start(Version::V3_4);
    let pid = etcd.pid().unwrap().to_string();
    program.run(&[etcd.url(), &pid]).success();
}
