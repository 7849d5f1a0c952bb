//! The Rust API in few words, for tests that ask a lot of small things.

use super::{Etcd, wait_for};
use etcd_v2::client::{Ask, Call, Options, Watcher};
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::watch::state::State;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A client whose calls are executed, or submitted and waited for: suites named `…_submitted` go the second way.
#[derive(Debug)]
pub struct Client(etcd_v2::client::Client);

impl Client {
    pub fn new(options: &Options) -> Result<Client> {
        etcd_v2::client::Client::new(options).map(Client)
    }

    pub fn execute(&self, call: &Call) -> Result<Response> {
        if !env!("CARGO_CRATE_NAME").ends_with("_submitted") {
            return self.0.execute(call);
        }
        let (tell, told) = channel();
        self.0
            .submit(call, move |result| tell.send(result).unwrap())?;
        let result = told.recv().expect("a completion");
        assert!(told.recv().is_err(), "one completion");
        result
    }
}

impl std::ops::Deref for Client {
    type Target = etcd_v2::client::Client;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Comma-separated endpoints and a deadline for every call.
pub fn client(endpoints: &str, deadline_ms: i64) -> Client {
    Client::new(&options(endpoints, deadline_ms)).expect("a client")
}

/// The same, to be changed further.
pub fn options(endpoints: &str, deadline_ms: i64) -> Options {
    let mut options = Options::default();
    options
        .add_endpoints("endpoints", endpoints)
        .expect("endpoints");
    options.set_deadline_ms(deadline_ms).expect("a deadline");
    options
}

/// A key that is known to be good.
pub fn key(text: &str) -> Key {
    Key::parse("key", text).expect("a key")
}

/// Any operation with all that it needs.
pub fn request(operation: Operation, path: &str) -> Request {
    let mut request = Request::new(operation, key(path));
    match operation {
        Operation::Get | Operation::Delete => {}
        Operation::Refresh => request.set_ttl(100).unwrap(),
        Operation::CompareAndDelete => request.set_prev_index(5).unwrap(),
        Operation::CompareAndSwap => {
            request.set_prev_index(5).unwrap();
            request.set_value(b"new").unwrap();
        }
        _ => request.set_value(b"new").unwrap(),
    }
    request
}

/// A call of [`request`].
pub fn call(operation: Operation, path: &str) -> Call {
    Call::new(Ask::Keys(request(operation, path)))
}

/// A call with a token.
pub fn call_with(operation: Operation, path: &str, token: &Cancel) -> Call {
    let mut call = call(operation, path);
    call.cancel = Some(token.clone());
    call
}

/// A set of so many bytes.
pub fn big_set(path: &str, bytes: usize) -> Call {
    let mut request = Request::new(Operation::Set, key(path));
    request.set_value(&vec![b'x'; bytes]).unwrap();
    Call::new(Ask::Keys(request))
}

/// Reads through consensus.
pub fn quorum_get(path: &str) -> Call {
    let mut request = Request::new(Operation::Get, key(path));
    request.set_flags(flags::QUORUM).unwrap();
    Call::new(Ask::Keys(request))
}

/// Short for the commonest calls.
pub trait Verbs {
    fn get(&self, path: &str) -> Result<Response>;
    fn set(&self, path: &str, value: &str) -> Result<Response>;
    fn run(&self, operation: Operation, path: &str) -> Result<Response>;
}

impl Verbs for Client {
    fn get(&self, path: &str) -> Result<Response> {
        self.run(Operation::Get, path)
    }

    fn set(&self, path: &str, value: &str) -> Result<Response> {
        let mut request = Request::new(Operation::Set, key(path));
        request.set_value(value.as_bytes()).unwrap();
        self.execute(&Call::new(Ask::Keys(request)))
    }

    fn run(&self, operation: Operation, path: &str) -> Result<Response> {
        self.execute(&call(operation, path))
    }
}

/// Value of the answer's node.
#[track_caller]
pub fn value(answer: Result<Response>) -> String {
    let answer = answer.unwrap_or_else(|e| panic!("{e:?}"));
    let node = answer.node().expect("a node");
    node.value().expect("a value").to_owned()
}

/// The error of a call that must fail, and with this status.
#[track_caller]
pub fn refused(answer: Result<Response>, status: Status) -> Error {
    match answer {
        Ok(answer) => panic!(
            "expected {status:?}, got {}",
            String::from_utf8_lossy(answer.body())
        ),
        Err(error) => {
            assert_eq!(error.status(), status, "{error:?}");
            error
        }
    }
}

/// A JSON answer of etcd with this value.
pub fn node_json(value: &str) -> String {
    format!(
        r#"{{"action":"get","node":{{"key":"/a","value":"{value}","modifiedIndex":7,"createdIndex":7}}}}"#
    )
}

/// Lost history, with all that etcd said of it.
#[track_caller]
pub fn is_cleared(error: &Error, etcd: &Etcd) {
    let detail = error.detail();
    assert_eq!(detail.status, Status::HISTORY_CLEARED);
    assert_eq!((detail.etcd_code, detail.http_status), (401, 400));
    let cause = "the requested history has been cleared [";
    assert!(detail.cause.starts_with(cause), "{error:?}");
    assert_eq!(detail.index, etcd.index());
}

/// No member has the v2 API: the error says so, and what can be done.
#[track_caller]
pub fn is_unsupported(error: &Error) {
    let text = error.to_string();
    assert_eq!(error.status(), Status::UNSUPPORTED, "{text}");
    assert!(
        text.contains("3.6") && text.contains("--enable-v2"),
        "{text}"
    );
    assert!(!error.detail().outcome_unknown, "{error:?}");
}

/// A member has the poll of this watcher.
#[track_caller]
pub fn wait_until_live(watcher: &Watcher) {
    wait_for("the watcher is live", Duration::ZERO, || {
        matches!(watcher.state(), State::Live).then_some(())
    });
}

/// Submits it; what comes is the result, and then the end of the channel.
pub fn submit(client: &etcd_v2::client::Client, call: &Call) -> Receiver<Result<Response>> {
    let (tell, told) = channel();
    client
        .submit(call, move |result| {
            let _ = tell.send(result);
        })
        .unwrap();
    told
}

/// Runs it with one of the two drivers.
pub fn run(client: &etcd_v2::client::Client, call: &Call, submitted: bool) -> Result<Response> {
    match submitted {
        true => submit(client, call).recv().expect("a completion"),
        false => client.execute(call),
    }
}

/// So many of one call, many at once; `each` is given how each of them ended.
pub fn submit_many(
    client: &etcd_v2::client::Client,
    call: &Call,
    count: usize,
    each: impl Fn(Result<Response>),
) {
    const AT_ONCE: usize = 256;
    let (tell, told) = channel();
    for number in 0..count + AT_ONCE {
        if number < count {
            let tell = tell.clone();
            let end = move |result| tell.send(result).unwrap();
            client.submit(call, end).unwrap();
        }
        if number >= AT_ONCE {
            each(told.recv().unwrap());
        }
    }
}

/// On a thread of its own, so that one that hangs is told as such.
pub fn in_time<T: Send + 'static>(
    what: &str,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(work()));
    told.recv_timeout(limit)
        .unwrap_or_else(|_| panic!("{what} hangs"))
}

/// An address where nobody listens.
pub fn dead_endpoint() -> String {
    let port = super::etcd::free_ports(1)[0];
    format!("http://127.0.0.1:{port}")
}
