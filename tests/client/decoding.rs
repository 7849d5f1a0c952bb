//! A token and a deadline are heard while a huge answer is decoded. What is compared is processor time of the calling
//! thread, with that of decoding all of it in the same run: what else the machine does changes neither.

use crate::api;
use crate::support;

use api::call_with;
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::decode::decode;
use etcd_v2::protocol::decode_limits::DecodeLimits;
use etcd_v2::protocol::request::Operation;
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Scripted, wait_for};

/// Never waited for.
const LONG: Duration = Duration::from_secs(120);
const LONG_MS: i64 = 120_000;
/// Takes about a second in a build without optimisation, and a tenth of one with it.
const SIZE: usize = if cfg!(debug_assertions) {
    8 << 20
} else {
    32 << 20
};
/// By then the most of it has come.
const DEADLINE: Duration = Duration::from_secs(2);

/// An answer to `operation` at `/l`.
fn huge(operation: Operation) -> String {
    let index = r#""modifiedIndex":9,"createdIndex":7"#;
    match operation {
        Operation::Get => {
            let node = format!(r#"{{"key":"/l/k","value":"some \u003ctext\u003e",{index}}},"#);
            let nodes = node.repeat(SIZE / node.len());
            format!(
                r#"{{"action":"get","node":{{"key":"/l","dir":true,"nodes":[{nodes}{{"key":"/l/z","value":"",{index}}}],{index}}}}}"#
            )
        }
        _ => {
            let value = "\\u00e4\\n".repeat(SIZE / 8);
            format!(
                r#"{{"action":"set","node":{{"key":"/l","value":"1",{index}}},"prevNode":{{"key":"/l","value":"{value}",{index}}}}}"#
            )
        }
    }
}

/// Answers with `body`, but for its last bytes, which are sent for each word on the channel; until then some white space
/// shows that the answer gets on.
fn held_back(body: Arc<String>) -> (Scripted, Sender<()>) {
    const SPACES: usize = 1000;
    let (send, sends) = channel::<()>();
    let sends: Arc<Mutex<Receiver<()>>> = Arc::new(sends.into());
    let server = Scripted::tcp(move |conversation| {
        while let Some(_request) = conversation.request()? {
            let length = body.len() + SPACES;
            let head =
                format!("HTTP/1.1 200 OK\r\nX-Etcd-Index: 9\r\nContent-Length: {length}\r\n\r\n");
            let (most, last) = body.split_at(body.len() - 2);
            conversation.write(head)?;
            conversation.write(most)?;
            let mut spaces = SPACES;
            let sends = sends.lock().unwrap();
            while let Err(RecvTimeoutError::Timeout) = sends.recv_timeout(LONG / 600) {
                spaces -= 1;
                conversation.write(" ")?;
            }
            conversation.write(format!("{}{last}", " ".repeat(spaces)))?;
        }
        Ok(())
    });
    (server, send)
}

/// The clock of the processor time of one thread.
#[derive(Clone, Copy)]
struct ProcessorTime(libc::clockid_t);

impl ProcessorTime {
    fn of_this_thread() -> ProcessorTime {
        let mut clock = 0;
        // SAFETY: this thread exists; the clock id is written
        let done = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        assert_eq!(done, 0);
        ProcessorTime(clock)
    }

    fn now(self) -> Duration {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: a valid place
        assert_eq!(unsafe { libc::clock_gettime(self.0, &raw mut time) }, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

/// What decoding all of it takes here.
fn whole(body: &str) -> Duration {
    let clock = ProcessorTime::of_this_thread();
    let began = clock.now();
    let limits = DecodeLimits {
        depth: 64,
        nodes: u32::MAX,
    };
    decode(body.as_bytes(), &limits).unwrap();
    clock.now() - began
}

/// The answer itself is too long to be shown.
#[track_caller]
fn refused(told: Result<Response>, status: Status) -> Error {
    let error = told.map(drop).expect_err("it was decoded to its end");
    assert_eq!(error.status(), status, "{error:?}");
    error
}

#[track_caller]
fn heard(what: &str, after: Duration, whole: Duration) {
    eprintln!("{what}: {after:?} of processor time after it, decoding all takes {whole:?}");
    assert!(after < whole / 2, "{what}: {after:?} of {whole:?}");
}

#[test]
fn a_token_is_heard_while_a_huge_answer_is_decoded() {
    for (operation, status) in [
        (Operation::Get, Status::CANCELLED),
        (Operation::Set, Status::OUTCOME_UNKNOWN),
    ] {
        let body = Arc::new(huge(operation));
        let whole = whole(&body);
        let (server, send) = held_back(body);
        let client = api::client(server.url(), LONG_MS);
        // again only if decoding was over before this thread came to fire the token
        let told = (0..5).find_map(|_| {
            let token = Cancel::new().unwrap();
            let call = call_with(operation, "/l", &token);
            std::thread::scope(|scope| {
                let (tell, clock) = channel();
                let client = &client;
                let caller = scope.spawn(move || {
                    let clock = ProcessorTime::of_this_thread();
                    tell.send(clock).unwrap();
                    (client.execute(&call), clock.now())
                });
                let clock = clock.recv().unwrap();
                let mut last = Duration::MAX;
                wait_for("all that was sent is received", LONG, || {
                    let before = std::mem::replace(&mut last, clock.now());
                    std::thread::sleep(Duration::from_millis(50));
                    (!server.requests().is_empty() && before == clock.now()).then_some(())
                });
                send.send(()).unwrap();
                wait_for("decoding", LONG, || {
                    let decoding = caller.is_finished() || clock.now() - last > whole / 16;
                    decoding.then_some(())
                });
                if caller.is_finished() {
                    caller.join().unwrap().0.unwrap();
                    return None;
                }
                let fired = clock.now();
                token.fire();
                let (told, returned) = caller.join().unwrap();
                told.is_err().then(|| (told, returned - fired))
            })
        });
        let (told, after) = told.expect("the token was never heard");
        let error = refused(told, status);
        assert_eq!(error.detail().outcome_unknown, operation == Operation::Set);
        heard("a token", after, whole);
    }
}

#[test]
fn a_deadline_is_heard_while_a_huge_answer_is_decoded() {
    for (operation, status) in [
        (Operation::Get, Status::TIMEOUT),
        (Operation::Set, Status::OUTCOME_UNKNOWN),
    ] {
        let body = Arc::new(huge(operation));
        let whole = whole(&body);
        let (server, send) = held_back(body);
        let client = api::client(server.url(), LONG_MS);
        let clock = ProcessorTime::of_this_thread();
        let mut call = api::call(operation, "/l");
        call.deadline = Some(DEADLINE);
        let begin = Instant::now() + DEADLINE - whole / 4;
        let (told, after) = std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                std::thread::sleep(begin.saturating_duration_since(Instant::now()));
                let sent = clock.now();
                send.send(()).unwrap();
                sent
            });
            let told = client.execute(&call);
            let returned = clock.now();
            (told, returned.saturating_sub(sender.join().unwrap()))
        });
        refused(told, status);
        heard("a deadline", after, whole);
    }
}
