//! The Rust API in few words, for tests that ask a lot of small things.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use etcd_v2::client::{Ask, Call, Options};
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;

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
        let (tell, told) = std::sync::mpsc::channel();
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

/// An address where nobody listens.
pub fn dead_endpoint() -> String {
    let port = super::support::etcd::free_ports(1)[0];
    format!("http://127.0.0.1:{port}")
}
