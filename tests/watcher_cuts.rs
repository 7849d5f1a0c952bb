//! Watchers behind something that cuts every connection again and again: what they tell still adds up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use etcd_v2::client::{Client, Listener, Options, Watcher};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::response::Action;
use etcd_v2::watch::event::{Event, Kind};
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Etcd, Version, wait_for};

const AMPLE: Duration = Duration::from_secs(60);
const WRITERS: usize = 4;
const WRITES: usize = 1500;
const KEYS: usize = 20;

/// Passes bytes on between a client and a server, and cuts on demand, in the middle of whatever passes.
struct Cutter {
    port: u16,
    live: Arc<Mutex<Vec<TcpStream>>>,
    cuts: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Cutter {
    fn before(port: u16) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (live, stop) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (theirs, stopped) = (Arc::clone(&live), stop.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                // small pieces would wait for each other's acknowledgement
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                theirs.lock().unwrap().push(client.try_clone().unwrap());
                pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                pass(server, client);
            }
        });
        Cutter {
            port: own,
            live,
            cuts: AtomicU64::new(0),
            stop,
        }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn cut(&self) {
        for stream in self.live.lock().unwrap().drain(..) {
            self.cuts.fetch_add(1, Ordering::SeqCst);
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.cut();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// In pieces of seven bytes, so that a cut finds something half told.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let mut buffer = [0; 7];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn watch(client: &Client, on_lost: OnLost) -> Watcher {
    let mut options = WatchOptions::default();
    options.set_recursive(true);
    options.set_on_lost(on_lost);
    let key = Key::parse("key", "/cuts").unwrap();
    client.watch(&key, &options, Listener::default()).unwrap()
}

fn apply(table: &mut BTreeMap<String, String>, event: &Event) {
    let Some(node) = event.node().filter(|node| !node.is_dir()) else {
        return;
    };
    let action = event.response().map(|response| response.action());
    match action {
        Some(Action::Delete | Action::Expire | Action::CompareAndDelete) => {
            table.remove(node.key())
        }
        _ => table.insert(
            node.key().to_owned(),
            node.value().unwrap_or_default().to_owned(),
        ),
    };
}

fn truth(etcd: &Etcd) -> BTreeMap<String, String> {
    let listing = support::http::get(&etcd.key_url("/cuts")).unwrap().json();
    let nodes = listing["node"]["nodes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    nodes
        .iter()
        .map(|node| (text(&node["key"]), text(&node["value"])))
        .collect()
}

fn run(version: Version) {
    let etcd = Etcd::start(version);
    let cutter = Cutter::before(etcd.port());
    let mut options = Options::default();
    options.add_endpoints("endpoints", &cutter.url()).unwrap();
    let client = Client::new(&options).unwrap();
    etcd.set("/cuts/0", "value=begin");
    let (resyncing, counting) = (watch(&client, OnLost::Resync), watch(&client, OnLost::Gap));
    for watcher in [&resyncing, &counting] {
        wait_for("the watcher is live", AMPLE, || {
            (watcher.state().code() == 2).then_some(())
        });
    }
    let writing = AtomicBool::new(true);
    let written = Mutex::new(Vec::new());
    let last = AtomicU64::new(u64::MAX);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while writing.load(Ordering::SeqCst) {
                cutter.cut();
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let (etcd, written, last) = (&etcd, &written, &last);
        let table = scope.spawn(|| {
            let mut table = BTreeMap::new();
            let mut index = 0;
            while index < last.load(Ordering::SeqCst) {
                let Some(event) = resyncing
                    .next(Some(Instant::now() + Duration::from_millis(200)))
                    .unwrap()
                else {
                    continue;
                };
                assert!(event.index() >= index, "{} after {index}", event.index());
                index = event.index();
                apply(&mut table, &event);
            }
            while let Some(event) = resyncing
                .next(Some(Instant::now() + Duration::from_millis(500)))
                .unwrap()
            {
                apply(&mut table, &event);
            }
            table
        });
        let told = scope.spawn(|| {
            let (mut told, mut gaps) = (Vec::new(), 0);
            let mut index = 0;
            while index < last.load(Ordering::SeqCst) {
                let Some(event) = counting
                    .next(Some(Instant::now() + Duration::from_millis(200)))
                    .unwrap()
                else {
                    continue;
                };
                index = event.index();
                match event.kind() {
                    Kind::Gap => gaps += 1,
                    Kind::Change => told.push(index),
                    other => panic!("{other:?}"),
                }
            }
            (told, gaps)
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    for i in 0..WRITES {
                        let key = format!("/cuts/{}", (i * 7 + writer) % KEYS);
                        if i % 10 == 9 {
                            let _ = support::http::delete(&etcd.key_url(&key));
                        } else {
                            let index = etcd.set(&key, &format!("value={writer}-{i}"));
                            written.lock().unwrap().push(index);
                        }
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        writing.store(false, Ordering::SeqCst);
        last.store(etcd.set("/cuts/end", "value=end"), Ordering::SeqCst);
        assert_eq!(table.join().unwrap(), truth(etcd));
        let (told, gaps) = told.join().unwrap();
        assert!(told.windows(2).all(|pair| pair[0] < pair[1]));
        if gaps == 0 {
            let missing: Vec<u64> = written
                .lock()
                .unwrap()
                .iter()
                .copied()
                .filter(|index| told.binary_search(index).is_err())
                .collect();
            assert_eq!(missing, [0; 0], "{} told", told.len());
        }
    });
    assert!(cutter.cuts.load(Ordering::SeqCst) > 3);
    assert!(resyncing.counters().reconnects > 0);
}

#[test]
fn nothing_is_lost_behind_cut_connections_of_3_4() {
    run(Version::V3_4);
}

#[test]
fn nothing_is_lost_behind_cut_connections_of_3_5() {
    run(Version::V3_5);
}
