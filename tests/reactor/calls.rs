//! Many calls at once.

use super::*;
use etcd_v2::client::CompletionQueue;
use etcd_v2::error::Error;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;
use support::etcd::Setup;
use support::{Etcd, Version, http};

#[test]
fn ten_thousand_sets_arrive_once_each() {
    const ALL: usize = 10_000;
    const WINDOW: usize = 256;
    let etcd = Etcd::start(Version::V3_4);
    let before = etcd.index();
    let client = client(etcd.url());
    let queue = CompletionQueue::new();
    let mut seen = vec![0; ALL];
    let (mut begun, mut done) = (0, 0);
    while done < ALL {
        while begun < ALL && begun < done + WINDOW {
            let call = set(&format!("/sets/{begun}"), &begun.to_string());
            client.submit_to(&call, &queue, begun).unwrap();
            begun += 1;
        }
        let completed = queue.next(Some(LONG)).unwrap().expect("a result");
        let answer = completed.result.unwrap();
        let node = answer.node().unwrap();
        assert_eq!(node.value().unwrap(), completed.user.to_string());
        seen[completed.user] += 1;
        done += 1;
    }
    assert!(seen.iter().all(|count| *count == 1));
    // no write was sent twice
    assert_eq!(etcd.index() - before, ALL as u64);
    let all = http::get(&etcd.key_url("/sets")).unwrap().json();
    assert_eq!(all["node"]["nodes"].as_array().unwrap().len(), ALL);
}

#[test]
fn every_kind_of_call_can_be_submitted() {
    let etcd = Etcd::shared(Version::V3_5);
    let client = client(etcd.url());
    let run = |call: &Call| only(&submit(&client, call));
    let operation = |operation, key| run(&api::call(operation, key));
    let value = |answer: Result<Response>| api::value(answer);
    assert_eq!(value(operation(Operation::Create, "/kinds/a")), "new");
    operation(Operation::Update, "/kinds/a").unwrap();
    operation(Operation::Refresh, "/kinds/a").unwrap();
    assert_eq!(value(operation(Operation::CreateInOrder, "/kinds")), "new");
    let taken = api::refused(
        operation(Operation::Create, "/kinds/a"),
        Status::ALREADY_EXISTS,
    );
    assert_eq!(taken.detail().endpoint.as_deref(), Some(etcd.url()));
    let swap = operation(Operation::CompareAndSwap, "/kinds/a");
    api::refused(swap, Status::COMPARE_FAILED);
    assert_eq!(value(run(&get("/kinds/a"))), "new");
    let version = HttpRequest::raw("GET", "/version", None, None).unwrap();
    let answer = run(&Call::new(Ask::Raw(version))).unwrap();
    assert!(String::from_utf8_lossy(answer.body()).contains("etcdserver"));

    // the update of a directory takes two exchanges
    let update_dir = |key: &str| {
        let mut request = Request::new(Operation::Update, Key::parse("key", key).unwrap());
        let dir = etcd_v2::protocol::request::flags::DIR;
        request.set_flags(dir).unwrap();
        request.set_ttl(100).unwrap();
        run(&Call::new(Ask::Keys(request)))
    };
    api::refused(update_dir("/kinds/a"), Status::NOT_A_DIRECTORY);
    let error = update_dir("/kinds").map(|_| ());
    // 3.5 refuses it on its own
    assert!(error.is_ok() || error.is_err_and(|e| e.status() == Status::RAFT_INTERNAL));
    assert_eq!(etcd.value("/kinds/a").as_deref(), Some("new"));
    operation(Operation::Delete, "/kinds/a").unwrap();
}

#[test]
fn a_wrong_call_is_refused_at_once_and_its_completion_not_run() {
    let client = client("127.0.0.1:1");
    let cas = Request::new(Operation::CompareAndSwap, Key::parse("key", "/a").unwrap());
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    let error = client
        .submit(&Call::new(Ask::Keys(cas)), move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap_err();
    assert_eq!(error.status(), Status::INVALID_ARGUMENT);
    assert_eq!(Arc::strong_count(&called), 1, "dropped");
    assert_eq!(called.load(Ordering::SeqCst), 0);
    assert_eq!(client.turns(), 0, "no thread was needed");
}

#[test]
fn completions_submit_further_calls() {
    let etcd = Etcd::shared(Version::V3_4);
    let mut options = options(etcd.url());
    // a completion makes room for the call that it submits
    options.set_max_in_flight(1).unwrap();
    let client = Arc::new(Client::new(&options).unwrap());
    let (tell, told) = channel();
    fn chain(client: &Arc<Client>, n: usize, tell: std::sync::mpsc::Sender<Result<usize>>) {
        let again = client.clone();
        let call = set("/chain", &n.to_string());
        let sent = client.submit(&call, move |result| match result {
            Ok(_) if n < 100 => chain(&again, n + 1, tell),
            result => tell.send(result.map(|_| n)).unwrap(),
        });
        sent.unwrap();
    }
    chain(&client, 1, tell);
    assert_eq!(told.recv_timeout(LONG).unwrap().unwrap(), 100);
    assert_eq!(etcd.value("/chain").as_deref(), Some("100"));
}

#[test]
fn a_completion_that_panics_is_not_the_end_of_the_others() {
    let etcd = Etcd::shared(Version::V3_4);
    let client = client(etcd.url());
    client
        .submit(&get("/"), |_| panic!("in a completion"))
        .unwrap();
    only(&submit(&client, &get("/"))).unwrap();
}

#[test]
fn no_more_calls_are_taken_than_may_be_in_flight() {
    let mute = support::Scripted::steps(vec![support::Step::Silent]);
    let mut options = options(mute.url());
    options.set_max_in_flight(3).unwrap();
    let client = Client::new(&options).unwrap();
    let calls: Vec<_> = (0..3).map(|_| submit(&client, &get("/a"))).collect();
    let error = client.submit(&get("/a"), |_| unreachable!()).unwrap_err();
    assert_eq!(error.status(), Status::LIMIT);
    drop(client);
    for call in &calls {
        api::refused(only(call), Status::CANCELLED);
    }
}

/// What may come of a call that is cancelled, late, cut off or answered.
fn is_an_end(result: &std::result::Result<(), Error>) -> bool {
    let Err(error) = result else {
        return true;
    };
    [
        Status::CANCELLED,
        Status::OUTCOME_UNKNOWN,
        Status::TIMEOUT,
        Status::UNREACHABLE,
    ]
    .contains(&error.status())
}

#[test]
fn each_completion_runs_once_under_cancels_deadlines_kills_and_the_end_of_the_client() {
    const ALL: usize = 3_000;
    let etcd = Setup::new(Version::V3_4).start();
    etcd.set("/mixed/0", "value=x");
    let client = client(etcd.url());
    let counts: Arc<Vec<AtomicUsize>> = Arc::new((0..ALL).map(|_| AtomicUsize::new(0)).collect());
    let odd = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tokens = Vec::new();
    for i in 0..ALL {
        let mut call = if i % 3 == 0 {
            get("/mixed")
        } else {
            set(&format!("/mixed/{}", i % 50), "x")
        };
        match i % 4 {
            0 => {
                let token = Cancel::new().unwrap();
                call.cancel = Some(token.clone());
                tokens.push(token);
            }
            1 => call.deadline = Some(Duration::from_millis(1 + (i % 40) as u64)),
            _ => {}
        }
        let (counts, odd) = (counts.clone(), odd.clone());
        client
            .submit(&call, move |result| {
                counts[i].fetch_add(1, Ordering::SeqCst);
                let result = result.map(|_| ());
                if !is_an_end(&result) {
                    odd.lock().unwrap().push(result);
                }
            })
            .unwrap();
        if i % 5 == 0 {
            if let Some(token) = tokens.pop() {
                token.fire();
            }
        }
        match i {
            900 => etcd.kill(),
            1_500 => etcd.restart(),
            _ => {}
        }
    }
    for token in &tokens {
        token.fire();
    }
    drop(client);
    let wrong: Vec<_> = counts
        .iter()
        .map(|count| count.load(Ordering::SeqCst))
        .enumerate()
        .filter(|(_, count)| *count != 1)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(Arc::strong_count(&counts), 1, "every completion is gone");
    assert!(odd.lock().unwrap().is_empty(), "{odd:?}");
}

#[test]
fn a_token_is_noticed_at_once_by_all_its_calls() {
    let mute = support::Scripted::steps(vec![support::Step::Read, support::Step::Silent]);
    let client = client(mute.url());
    let token = Cancel::new().unwrap();
    let mut call = get("/a");
    call.cancel = Some(token.clone());
    // 64 wait for an answer, the others for a connection
    let calls: Vec<_> = (0..500).map(|_| submit(&client, &call)).collect();
    let other = submit(&client, &get("/a"));
    mute.wait_for_requests(64);
    let fired = Instant::now();
    token.fire();
    for call in &calls {
        api::refused(only(call), Status::CANCELLED);
    }
    let took = fired.elapsed();
    eprintln!("500 calls of one token: {took:?}");
    assert!(took < LONG / 2, "{took:?}");
    assert!(other.try_recv().is_err(), "has another token: none");
    // the token is of no use any more
    api::refused(only(&submit(&client, &call)), Status::CANCELLED);
}
