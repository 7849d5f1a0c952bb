//! Answers that take long to be read: the other calls of the client, deadlines and tokens do not wait for that.

use super::api::{self, node_json, value};
use super::support::{Scripted, wait_for};
use super::{options, submit};
use etcd_v2::client::{Call, Client};
use etcd_v2::protocol::decode::decode;
use etcd_v2::protocol::decode_limits::DecodeLimits;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Never waited for.
const LONG: Duration = Duration::from_secs(120);
/// So many nodes take seconds in a build without optimisation, and a tenth of one with it.
const NODES: usize = if cfg!(debug_assertions) {
    120_000
} else {
    600_000
};

/// A listing of directories of a hundred keys.
fn listing(nodes: usize) -> String {
    let mut body = r#"{"action":"get","node":{"key":"/l","dir":true,"nodes":["#.to_owned();
    for i in 0..nodes {
        if i % 100 == 0 {
            let comma = if i > 0 { "]}," } else { "" };
            body.push_str(&format!(r#"{comma}{{"key":"/l/{i}","dir":true,"nodes":["#));
        } else {
            body.push(',');
        }
        body.push_str(&format!(
            r#"{{"key":"/l/{}/instance-{i:07}","value":"http://10.0.0.7:8080/x","modifiedIndex":{i},"createdIndex":7}}"#,
            i / 100 * 100
        ));
    }
    body.push_str("]}]}}");
    body
}

/// A member that answers so to one key, and shortly to all others.
fn member(body: Arc<String>) -> (Scripted, Arc<AtomicUsize>) {
    let written = Arc::<AtomicUsize>::default();
    let tell = written.clone();
    let server = Scripted::tcp(move |conversation| {
        while let Some((head, _)) = conversation.request()? {
            match head.contains("/v2/keys/l") {
                true => {
                    conversation.answer(200, &[("X-Etcd-Index", "7")], &**body)?;
                    tell.fetch_add(1, Ordering::SeqCst);
                }
                false => conversation.answer(200, &[("X-Etcd-Index", "7")], node_json("1"))?,
            }
        }
        Ok(())
    });
    (server, written)
}

/// One small call after the other, each submitted when the last has ended, on the thread of the loop.
#[derive(Default)]
struct Chain {
    ended: Mutex<(Option<Instant>, Duration, usize)>,
    over: AtomicBool,
}

fn go_on(client: &Arc<Client>, chain: &Arc<Chain>) {
    let (next, links) = (client.clone(), chain.clone());
    let small = api::call(Operation::Get, "/a");
    let done = client.submit(&small, move |result| {
        assert_eq!(value(result), "1");
        let now = Instant::now();
        let mut ended = links.ended.lock().unwrap();
        if let Some(last) = ended.0 {
            ended.1 = ended.1.max(now - last);
        }
        (ended.0, ended.2) = (Some(now), ended.2 + 1);
        drop(ended);
        if !links.over.load(Ordering::SeqCst) {
            go_on(&next, &links);
        }
    });
    done.unwrap();
}

impl Chain {
    fn begin(client: &Arc<Client>) -> Arc<Chain> {
        let chain = Arc::<Chain>::default();
        go_on(client, &chain);
        chain
    }

    fn links(&self) -> usize {
        self.ended.lock().unwrap().2
    }

    /// The longest time between two ends, and how many there were.
    fn end(&self) -> (Duration, usize) {
        self.over.store(true, Ordering::SeqCst);
        let ended = self.ended.lock().unwrap();
        (ended.1, ended.2)
    }
}

fn large() -> Call {
    api::call(Operation::Get, "/l")
}

/// How long it takes here and now, with nothing beside it but what else runs.
fn reading(body: &str) -> Duration {
    let limits = DecodeLimits {
        depth: 64,
        nodes: u32::MAX,
    };
    let began = Instant::now();
    let tree = decode(body.as_bytes(), &limits).unwrap();
    let took = began.elapsed();
    drop(tree);
    took
}

/// The longest time that a small call waited, and how long the answer takes to be read.
fn stall(what: &str, body: String) -> (Duration, Duration) {
    let body = Arc::new(body);
    let (server, _) = member(body.clone());
    let client = Arc::new(Client::new(&options(server.url())).unwrap());
    let chain = Chain::begin(&client);
    wait_for("small calls", LONG, || (chain.links() > 20).then_some(()));
    let began = Instant::now();
    let told = submit(&client, &large()).recv_timeout(LONG).unwrap();
    let took = began.elapsed();
    assert!(told.is_ok_and(|response| response.node().is_some()));
    // the one that waited longest may be the one that waits still
    let before = chain.links();
    wait_for("small calls", LONG, || {
        (chain.links() > before + 1).then_some(())
    });
    let (longest, links) = chain.end();
    let reading = reading(&body);
    eprintln!(
        "{what}, {} KiB: {took:?}, of which reading takes {reading:?}; {links} small calls, the longest waited {longest:?}",
        body.len() >> 10
    );
    (longest, reading)
}

#[test]
fn other_calls_do_not_wait_for_it_to_be_read() {
    // a wait that every round has is excluded, but not what a busy machine does to one of them
    let mut rounds = (0..3).map(|_| stall("a listing", listing(NODES)));
    let good = rounds.any(|(longest, reading)| longest < reading / 2);
    assert!(good, "small calls waited in every round");
}

#[test]
fn a_token_and_a_deadline_are_heard_while_it_is_read() {
    let body = Arc::new(listing(NODES));
    let (server, written) = member(body);
    let client = Arc::new(Client::new(&options(server.url())).unwrap());
    let chain = Chain::begin(&client);
    // on a busy machine it may have been read before the token is fired, but not each time
    let heard = (1..=5).any(|round| {
        let mut call = large();
        let token = Cancel::new().unwrap();
        call.cancel = Some(token.clone());
        let told = submit(&client, &call);
        wait_for("all of the answer", LONG, || {
            (written.load(Ordering::SeqCst) == round).then_some(())
        });
        // what lay in the sockets is read by now
        let before = chain.links();
        wait_for("small calls", LONG, || {
            (chain.links() > before + 50).then_some(())
        });
        token.fire();
        let ended = told.recv_timeout(LONG).unwrap();
        let status = ended.map_or_else(|error| error.status(), |_| Status::OK);
        assert!([Status::CANCELLED, Status::OK].contains(&status));
        status == Status::CANCELLED
    });
    assert!(heard, "it was never heard while the answer was read");
    let before = written.load(Ordering::SeqCst);
    // it is not the end of anything else
    let told = submit(&client, &large()).recv_timeout(LONG).unwrap();
    assert!(told.is_ok_and(|response| response.node().is_some()));
    // nobody waits for what is left
    drop(submit(&client, &large()));
    wait_for("all of the answer", LONG, || {
        (written.load(Ordering::SeqCst) == before + 2).then_some(())
    });
    chain.end();
}
