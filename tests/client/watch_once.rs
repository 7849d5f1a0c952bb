//! One change at a time, waited for on the caller's thread: a caller that continues after the returned index sees every
//! change once.

#[path = "../chaos/dice.rs"]
#[allow(dead_code, unreachable_pub)]
mod dice;

use crate::api::{self, Client};
use crate::support::gateway::{Answer, without};
use crate::support::{Etcd, Gateway, Version};
use dice::Dice;
use etcd_v2::client::Patience;
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// The long form is for who has minutes.
fn is_long() -> bool {
    std::env::var_os("ETCD_V2_TEST_HISTORIES").is_some_and(|form| form == "long")
}

fn client(url: &str) -> Client {
    api::client(url, 10_000)
}

fn watch(client: &Client, key: &str, index: u64, ms: u64) -> Result<Response> {
    let patience = Patience::For(Duration::from_millis(ms));
    client.watch_once(&api::key(key), false, index, patience, None)
}

/// The index up to which there was no change.
fn vouched(error: &Error) -> u64 {
    assert_eq!(error.status(), Status::TIMEOUT, "{error}");
    error.detail().index
}

/// Set when it is dropped, also by a panic: nobody waits for the writer then.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A reader that continues after each returned index, beside a writer: it sees every value in turn.
fn follow(etcd: &Etcd, url: &str, key: &str, calls: usize, seed: u64) -> u64 {
    let client = client(url);
    let first = etcd.index() + 1;
    let (stop, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice::new(seed);
            while !stop.load(Ordering::SeqCst) {
                let number = written.load(Ordering::SeqCst);
                etcd.set(key, &format!("value={number}"));
                written.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(dice.between(0, 8));
            }
        });
        let stop = Stop(&stop);
        let mut dice = Dice::new(!seed);
        let (mut next, mut seen, mut timeouts) = (first, 0, 0);
        let mut one = |ms| match watch(&client, key, next, ms) {
            Ok(event) => {
                let node = event.node().unwrap();
                assert_eq!(node.value(), Some(&*seen.to_string()), "{key} from {next}");
                assert!(node.modified_index() >= next);
                (next, seen) = (node.modified_index() + 1, seen + 1);
                seen
            }
            Err(error) => {
                next = next.max(vouched(&error) + 1);
                timeouts += 1;
                seen
            }
        };
        for _ in 0..calls {
            one(1 + dice.below(3));
        }
        drop(stop);
        let end = Instant::now() + LONG;
        // the writer may still be at its last one
        while one(20) < written.load(Ordering::SeqCst) {
            assert!(Instant::now() < end, "{key}: changes are missing");
        }
        timeouts
    })
}

#[test]
fn short_waits_miss_no_change_and_see_none_twice() {
    const READERS: usize = 3;
    let calls = if is_long() { 18_000 } else { 2_400 };
    let etcd = Etcd::start(Version::V3_5);
    let timeouts: u64 = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let etcd = &etcd;
                let key = format!("/short/{reader}");
                etcd.set("/other", "value=begin");
                scope.spawn(move || {
                    follow(etcd, etcd.url(), &key, calls / READERS, 1 + reader as u64)
                })
            })
            .collect();
        readers.into_iter().map(|r| r.join().unwrap()).sum()
    });
    assert!(timeouts > calls as u64 / 6, "{timeouts}");
}

/// A wait of more than a second ends in order: a quiet key is not left behind by the changes of others.
#[test]
fn a_quiet_key_keeps_up_with_the_changes_of_others() {
    let versions = if is_long() {
        &Version::ALL[..]
    } else {
        &[Version::V3_5]
    };
    for version in versions {
        let etcd = Etcd::start(*version);
        let client = client(etcd.url());
        let mut next = etcd.set("/quiet", "value=0") + 1;
        for round in 0..2 {
            let before = next;
            etcd.change("/other", 520);
            let mut tries = 0;
            // a busy machine may not get its proof in time
            while next < before + 520 {
                next = next.max(vouched(&watch(&client, "/quiet", next, 1600).unwrap_err()) + 1);
                tries += 1;
                assert!(tries < 40, "round {round}: at {next}, begun at {before}");
            }
        }
        let index = etcd.set("/quiet", "value=1");
        let event = watch(&client, "/quiet", next, 60_000).unwrap();
        assert_eq!(event.node().unwrap().modified_index(), index);
    }
}

/// Silence after a response head proves nothing, however long: the body may have been lost on the way.
#[test]
fn silence_vouches_for_nothing() {
    let etcd = Etcd::start(Version::V3_4);
    let index = etcd.set("/lossy", "value=x");
    for ms in [1, 3, 30, 300, 1300, 2500] {
        let lossy = Gateway::to(etcd.url(), |line, head| match line.contains("wait=true") {
            true => Answer::UpTo(0, head),
            false => Answer::Head(head),
        });
        let error = watch(&client(lossy.url()), "/lossy", index, ms).unwrap_err();
        assert!(vouched(&error) < index, "{ms} ms: {}", vouched(&error));
    }
}

#[test]
fn from_now_without_the_index_header_is_from_a_known_index() {
    let etcd = Etcd::start(Version::V3_4);
    let gateway = Gateway::to(etcd.url(), |_, head| {
        Answer::Head(without(&head, "X-Etcd-Index"))
    });
    let client = client(gateway.url());
    let before = etcd.index();
    let mut next = 0;
    while next == 0 {
        next = vouched(&watch(&client, "/from-now", 0, 500).unwrap_err());
    }
    assert!(next >= before);
    let index = etcd.set("/from-now", "value=x");
    let event = watch(&client, "/from-now", next + 1, 60_000).unwrap();
    assert_eq!(event.node().unwrap().modified_index(), index);
}

#[test]
fn lost_history_is_told_in_etcds_words() {
    let etcd = Etcd::start(Version::V3_5);
    let first = etcd.set("/lost", "value=0");
    etcd.change("/other", 1100);
    let error = watch(&client(etcd.url()), "/lost", first, 60_000).unwrap_err();
    api::is_cleared(&error, &etcd);
}

/// A call that continues an earlier one of the same client compares the event that was returned last.
#[test]
fn a_store_that_was_wiped_between_two_calls_is_noticed() {
    let etcd = Etcd::start(Version::V3_5);
    let client = client(etcd.url());
    let first = etcd.set("/wiped", "value=old");
    let event = watch(&client, "/wiped", first, 60_000).unwrap();
    assert_eq!(event.node().unwrap().modified_index(), first);
    etcd.kill();
    std::fs::remove_dir_all(etcd.dir().join("data")).unwrap();
    etcd.restart();
    // it has got further than the old one when it is asked
    while etcd.set("/wiped", "value=new") < first + 10 {}
    let error = watch(&client, "/wiped", first + 1, 60_000).unwrap_err();
    assert_eq!(error.status(), Status::HISTORY_CLEARED, "{error}");
    let event = watch(&client, "/wiped", error.detail().index, 60_000).unwrap();
    assert_eq!(event.node().unwrap().value(), Some("new"));
}
