//! What ends a watcher: etcd's own word that nothing changes, and no single answer of something on the way.

use super::*;
use etcd_v2::client::{Listener, Watcher};
use etcd_v2::status::Status;
use etcd_v2::transport::credentials::Authorization;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use support::gateway::Answer;
use support::{Etcd, Gateway, Scripted, Version, wait_for};

/// Stands for the headers of the real answer: a gateway may pass them on with an error page of its own.
const ETCDS: &str = "X-Real: here\r\n";
/// Headers as etcd has them.
const FOREIGN: &str = "X-Etcd-Cluster-Id: cdf818194e3a8c32\r\nX-Etcd-Index: 7\r\n";

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} no\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Answers none of which is etcd's last word to a watcher.
fn strange_answers() -> Vec<(String, Vec<u8>)> {
    let json = "Content-Type: application/json\r\n";
    let huge = |more: &str| {
        format!("HTTP/1.1 200 OK\r\n{more}Content-Length: 99999999999\r\n\r\n{{").into_bytes()
    };
    let mut all = vec![
        ("oversized".to_owned(), huge("")),
        ("oversized, etcd's head".to_owned(), huge(ETCDS)),
        (
            "oversized chunk".to_owned(),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff0\r\n{".to_vec(),
        ),
        (
            "login page".to_owned(),
            answer(302, "Location: http://127.0.0.1:1/login\r\n", ""),
        ),
        (
            "moved".to_owned(),
            answer(301, "Location: /elsewhere\r\n", ""),
        ),
    ];
    for status in [400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 429, 451] {
        let texts = [
            ("", ""),
            (json, r#"{"message":"no"}"#),
            ("Content-Type: text/html\r\n", "<html>no</html>"),
            (json, r#"{"errorCode":5,"message":"no"}"#),
            (json, r#"{"errorCode":110,"message":"no"}"#),
            (json, r#"{"errorCode":100,"message":"no"}"#),
            (
                json,
                r#"{"errorCode":209,"message":"Invalid field","cause":"x","index":0}"#,
            ),
        ];
        for (headers, body) in texts {
            // that is etcd's, and so is a poll's answer to a missing key for a listing
            let code = |code: &str| body.contains(&format!("\"errorCode\":{code},"));
            if (status == 401 && code("110")) || (status == 404 && code("100")) {
                continue;
            }
            for more in ["", ETCDS, FOREIGN] {
                let name = format!("{status} {body} {more:?}");
                all.push((name, answer(status, &format!("{headers}{more}"), body)));
            }
        }
    }
    all
}

fn watch(client: &Client, key: &str, set: impl FnOnce(&mut WatchOptions)) -> Watcher {
    let mut options = WatchOptions::default();
    set(&mut options);
    let key = Key::parse("key", key).unwrap();
    client.watch(&key, &options, Listener::default()).unwrap()
}

fn end(watcher: &Watcher) -> etcd_v2::error::Error {
    let until = Instant::now() + LONG;
    loop {
        match watcher.next(Some(until)) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it has not ended: {:?}", watcher.state()),
            Err(error) => return error,
        }
    }
}

/// The first answer to each of its requests is strange, whatever it asks for; all that is behind it is etcd.
#[test]
fn no_strange_answer_ends_a_watcher() {
    let etcd = Etcd::start(Version::V3_5);
    let strange = strange_answers();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some((name, bytes)) = strange.get(number) else {
                        return;
                    };
                    for on_lost in [OnLost::Gap, OnLost::Fail, OnLost::Resync] {
                        let key = format!("/strange/{number}-{on_lost:?}");
                        lives_on(&etcd, &key, &format!("{name}, {on_lost:?}"), bytes, on_lost);
                    }
                }
            });
        }
    });
    assert!(strange.len() > 150, "{}", strange.len());
}

fn lives_on(etcd: &Etcd, key: &str, name: &str, bytes: &[u8], on_lost: OnLost) {
    let left = AtomicUsize::new(2);
    let bytes = bytes.to_vec();
    let gateway = Gateway::to(etcd.url(), move |_, head| {
        let count = |left: usize| left.checked_sub(1);
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count) {
            Ok(_) => Answer::Instead(with_real_headers(&bytes, &head)),
            Err(_) => Answer::Head(head),
        }
    });
    let client = client(gateway.url());
    let watcher = watch(&client, key, |o| o.set_on_lost(on_lost));
    wait_for(name, LONG, || match watcher.state().code() {
        5 => panic!("{name}: {:?}", watcher.state()),
        code => (code == 2).then_some(()),
    });
    etcd.set(key, "value=x");
    let event = watcher.next(Some(Instant::now() + LONG)).unwrap();
    assert_eq!(event.expect(name).kind(), EventKind::Change, "{name}");
}

fn with_real_headers(answer: &[u8], head: &str) -> Vec<u8> {
    let real = head.split_inclusive("\r\n");
    let real: String = real.filter(|line| line.starts_with("X-Etcd-")).collect();
    String::from_utf8_lossy(answer)
        .replace(ETCDS, &real)
        .into_bytes()
}

/// One member goes on with it for ever, the other one is etcd.
#[test]
fn another_member_is_asked() {
    let etcd = Etcd::start(Version::V3_4);
    for (name, bytes) in strange_answers().into_iter().filter(|(name, _)| {
        name.contains("oversized") || name.contains("login") || name.ends_with("\"\"")
    }) {
        let bad = Scripted::tcp(move |c| {
            while c.read_request()?.is_some() {
                c.write(&bytes)?;
            }
            Ok(())
        });
        let client = client(&format!("{},{}", bad.url(), etcd.url()));
        let watcher = watch(&client, "/two", |_| {});
        wait_for(&name, LONG, || match watcher.state().code() {
            5 => panic!("{name}: {:?}", watcher.state()),
            code => (code == 2).then_some(()),
        });
    }
}

#[test]
fn a_change_that_is_too_large_for_the_client_ends_it_once_every_member_has_said_so() {
    let etcd = Etcd::start(Version::V3_4);
    let mut options = options(etcd.url());
    options.set_max_response_bytes(4096).unwrap();
    let client = Client::new(&options).unwrap();
    let index = etcd.set("/large", &format!("value={}", "x".repeat(8000)));
    let watcher = watch(&client, "/large", |o| o.set_start_index(index).unwrap());
    assert_eq!(end(&watcher).status(), Status::TOO_LARGE);
    assert!(watcher.counters().polls >= 5);
}

#[test]
fn lost_history_ends_it_with_all_that_etcd_said() {
    for version in Version::ALL {
        let etcd = Etcd::start(version);
        let client = client(etcd.url());
        let first = etcd.set("/lost", "value=0");
        etcd.change("/other", 1100);
        let watcher = watch(&client, "/lost", |o| {
            o.set_start_index(first).unwrap();
            o.set_on_lost(OnLost::Fail);
        });
        let error = end(&watcher);
        api::is_cleared(&error, &etcd);
        let detail = error.detail();
        assert_eq!(detail.endpoint.as_deref(), Some(etcd.url()));
        assert!(detail.message.contains(&format!("from index {first} on")));
    }
}

#[test]
fn missing_rights_end_it_with_all_that_etcd_said() {
    let etcd = Etcd::start(Version::V3_4);
    etcd.enable_auth("root", "secret");
    let mut options = options(etcd.url());
    options.set_authorization(Some(Authorization::basic("root", "wrong").unwrap()));
    let client = Client::new(&options).unwrap();
    let error = end(&watch(&client, "/mine", |_| {}));
    let detail = error.detail();
    assert_eq!(detail.status, Status::UNAUTHORIZED);
    assert_eq!((detail.etcd_code, detail.http_status), (110, 401));
    assert_eq!(detail.cause, "Insufficient credentials");
    assert_eq!(detail.endpoint.as_deref(), Some(etcd.url()));
}
