//! Records without end and without a byte of an answer: deadlines, tokens, other calls and the end of a client do not wait
//! for them, on a busy connection as on an idle one.

use super::api::{self, call_with, run, submit};
use super::server::{Manner, Moment, Record, TlsServer};
use super::support::{Authority, Wish, wait_for};
use super::ways::{LONG, client, trust};
use etcd_v2::client::{Call, Listener};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use etcd_v2::watch::options::WatchOptions;
use std::sync::Arc;
use std::time::Duration;

const NODE: &str =
    r#"{"action":"get","node":{"key":"/a","value":"1","modifiedIndex":7,"createdIndex":7}}"#;

fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    api::in_time(what, LONG, work)
}

fn get() -> Call {
    api::call(Operation::Get, "/a")
}

/// TLS itself may count some kinds of records.
fn ends(error: Status) -> bool {
    [Status::PROTOCOL, Status::TIMEOUT, Status::TLS].contains(&error)
}

fn manners() -> Vec<Manner> {
    let records = [
        Record::Tickets,
        Record::Ticket,
        Record::KeyUpdate,
        Record::Empty,
    ];
    let moments = [(0, Moment::Asked), (1, Moment::Idle), (1, Moment::Asked)];
    let of = |record| moments.map(|(count, moment)| Manner::Flood(NODE, count, moment, record));
    let all = records.into_iter().flat_map(of);
    // TLS itself counts some, and would refuse those right behind an answer together with it
    let counted = |record| matches!(record, Record::KeyUpdate | Record::Empty);
    all.filter(|manner| !matches!(manner, Manner::Flood(_, 1, Moment::Idle, of) if counted(*of)))
        .collect()
}

fn flooding(server: &TlsServer) -> bool {
    server.visits().iter().any(|visit| visit.flooding)
}

#[test]
fn calls_end_and_others_are_served() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    for manner in manners() {
        for submitted in [false, true] {
            let Manner::Flood(_, answers, moment, record) = manner else {
                unreachable!()
            };
            let what = format!("{record:?} {moment:?} {answers}, submitted: {submitted}");
            let flood = TlsServer::start(&pair, None, manner.clone());
            let good = TlsServer::start(&pair, None, Manner::Answer(NODE));
            let made = client(&flood.url, |options| {
                trust(&authority, options);
                options.set_deadline_ms(2_000).unwrap();
            });
            let made = Arc::new(made);
            if let Manner::Flood(_, 1, moment, _) = manner {
                let asks = made.clone();
                // a handshake on a busy machine
                let mut patient = get();
                patient.deadline = Some(LONG / 2);
                let first = in_time(&format!("{what}: the first call"), move || {
                    run(&asks, &patient, submitted)
                });
                first.unwrap();
                if moment == Moment::Idle {
                    wait_for("a flood", LONG, || {
                        (flooding(&flood) || flood.visits()[0].requests == 1).then_some(())
                    });
                }
            }
            let asks = made.clone();
            let error = in_time(&what, move || run(&asks, &get(), submitted));
            // one that was idle is given up, and another one made, which is answered once
            match error {
                Err(error) => assert!(ends(error.status()), "{what}: {error:?}"),
                Ok(_) => assert!(matches!(manner, Manner::Flood(_, 1, ..)), "{what}"),
            }
            // with a good one beside it nobody notices
            let both = client(&format!("{},{}", flood.url, good.url), |options| {
                trust(&authority, options);
                // half of it for each
                options.set_deadline_ms(16_000).unwrap();
            });
            let both = Arc::new(both);
            for _ in 0..5 {
                let asks = both.clone();
                in_time(&format!("{what}: with another"), move || {
                    run(&asks, &get(), submitted)
                })
                .unwrap();
            }
            in_time(&format!("{what}: the end"), move || drop((made, both)));
            wait_for("nobody listens to the flood", LONG, || {
                (!flooding(&flood)).then_some(())
            });
        }
    }
}

#[test]
fn tokens_watchers_and_tickets() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    for record in [Record::Tickets, Record::Empty] {
        let manner = Manner::Flood(NODE, 0, Moment::Asked, record);
        let flood = TlsServer::start(&pair, None, manner.clone());
        let good = TlsServer::start(&pair, None, Manner::Answer(NODE));
        let made = client(&flood.url, |options| trust(&authority, options));
        let made = Arc::new(made);
        let token = Cancel::new().unwrap();
        let told = submit(&made, &call_with(Operation::Get, "/a", &token));
        let watcher = made.watch(
            &Key::parse("key", "/a").unwrap(),
            &WatchOptions::default(),
            Listener::default(),
        );
        made.set_endpoints("urls", &good.url).unwrap();
        let asks = made.clone();
        in_time("another call meanwhile", move || {
            submit(&asks, &get()).recv().unwrap()
        })
        .unwrap();
        token.fire();
        in_time("a cancelled call", move || told.recv().unwrap())
            .map(drop)
            .unwrap_or_else(|error| {
                let status = error.status();
                assert!(ends(status) || status == Status::CANCELLED, "{error:?}");
            });
        let watcher = watcher.unwrap();
        in_time("the end of a watcher", move || drop(watcher));
        // the same in a blocking call
        let alone = client(&flood.url, |options| trust(&authority, options));
        let token = Cancel::new().unwrap();
        let call = call_with(Operation::Get, "/a", &token);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            token.fire();
        });
        let error = in_time("a blocking call with a token", move || alone.execute(&call));
        let status = error.map(drop).unwrap_err().status();
        assert!(ends(status) || status == Status::CANCELLED, "{status:?}");
        in_time("the end of a client", move || drop(made));
    }
}
