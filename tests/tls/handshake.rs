//! Handshakes that do not end, and those that need not be made in full.

use super::api;
use super::server::{Manner, TlsServer};
use super::support::{Authority, CProgram, Scripted, Step, Wish, wait_for};
use super::ways::{LONG, client, trust};
use etcd_v2::client::{Client, Options};
use etcd_v2::error::Error;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use rustls::HandshakeKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Instant;

const ANSWER: &str =
    r#"{"action":"set","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#;

/// Takes a connection and says nothing.
fn mute() -> Scripted {
    mute_after(Arc::default())
}

/// The same; counts those that have said hello.
fn mute_after(hellos: Arc<AtomicUsize>) -> Scripted {
    Scripted::tcp(move |c| {
        c.read_bytes(11)?;
        hellos.fetch_add(1, Ordering::SeqCst);
        c.follow(&[Step::Silent])
    })
}

fn to(server: &Scripted, deadline_ms: i64, set: impl FnOnce(&mut Options)) -> Client {
    let url = server.url().replace("http://", "https://");
    let mut options = api::options(&url, deadline_ms);
    options.tls_mut().set_insecure(true).unwrap();
    set(&mut options);
    Client::new(&options).unwrap()
}

/// A write by both drivers.
fn both(client: &Client, token: Option<&Cancel>) -> [Error; 2] {
    let mut call = api::call(Operation::Set, "/a");
    call.cancel = token.cloned();
    let (tell, told) = channel();
    client
        .submit(&call, move |result| tell.send(result.map(drop)).unwrap())
        .unwrap();
    let executed = client.execute(&call).map(drop).unwrap_err();
    let submitted = told.recv_timeout(LONG).expect("a completion");
    [executed, submitted.unwrap_err()]
}

#[test]
fn a_mute_server_is_left_when_the_time_to_connect_is_over() {
    let server = mute();
    let client = to(&server, 60_000, |o| {
        o.set_connect_timeout_ms(3_000).unwrap()
    });
    for error in both(&client, None) {
        assert_eq!(error.status(), Status::UNREACHABLE, "{error:?}");
        let detail = error.detail();
        assert_eq!(
            detail.phase.map(|phase| phase.name()),
            Some("TLS"),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("(TLS): no TLS handshake within"),
            "{error}"
        );
        assert!(!detail.outcome_unknown && detail.retriable, "{error:?}");
    }
}

#[test]
fn a_mute_server_is_left_at_the_deadline() {
    let server = mute();
    let client = to(&server, 4_000, |o| {
        o.set_connect_timeout_ms(60_000).unwrap()
    });
    for error in both(&client, None) {
        assert_eq!(error.status(), Status::TIMEOUT, "{error:?}");
        assert!(error.to_string().contains("(TLS)"), "{error}");
        assert!(!error.detail().outcome_unknown, "{error:?}");
    }
}

#[test]
fn a_token_ends_a_handshake() {
    let hellos = Arc::<AtomicUsize>::default();
    let server = mute_after(hellos.clone());
    let client = to(&server, 60_000, |o| {
        o.set_connect_timeout_ms(60_000).unwrap()
    });
    let token = Cancel::new().unwrap();
    std::thread::scope(|scope| {
        let calls = scope.spawn(|| both(&client, Some(&token)));
        // both are in the middle of it
        wait_for("two handshakes", LONG, || {
            (hellos.load(Ordering::SeqCst) == 2).then_some(())
        });
        let began = Instant::now();
        token.fire();
        for error in calls.join().unwrap() {
            assert_eq!(error.status(), Status::CANCELLED, "{error:?}");
            assert!(error.to_string().contains("(TLS): cancelled"), "{error}");
        }
        assert!(began.elapsed() < LONG / 2);
    });
}

#[test]
fn later_handshakes_are_short_in_both_drivers_together() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    let server = TlsServer::start(&pair, None, Manner::Answer(ANSWER));
    let client = client(&server.url, |options| {
        trust(&authority, options);
        // a connection for every call
        options.set_max_idle_connections(0).unwrap();
    });
    let call = api::call(Operation::Set, "/a");
    for _ in 0..3 {
        client.execute(&call).unwrap();
    }
    let (tell, told) = channel();
    client
        .submit(&call, move |result| tell.send(result.map(drop)).unwrap())
        .unwrap();
    told.recv_timeout(LONG).expect("a completion").unwrap();
    let kinds: Vec<_> = server.visits().iter().map(|visit| visit.kind).collect();
    let [first, rest @ ..] = &kinds[..] else {
        panic!("no visit");
    };
    assert_eq!(*first, HandshakeKind::Full);
    assert_eq!(rest, [HandshakeKind::Resumed; 3], "{kinds:?}");
}

/// The server closes every connection after its handshake, and what the client writes then would end the program.
#[test]
fn no_server_ends_a_program_that_leaves_sigpipe_as_it_is() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    let server = TlsServer::start(&pair, None, Manner::Leave);
    let program = CProgram::new("process_sigpipe").build();
    let file = authority.file();
    let arguments = [
        server.url.as_str(),
        "30",
        "4000000",
        "2000",
        "4",
        file.as_str(),
    ];
    let output = program.run(&arguments).success();
    assert_eq!((output.stdout.trim(), output.stderr.as_str()), ("0", ""));
    assert!(server.visits().len() >= 60, "{}", server.visits().len());
}
