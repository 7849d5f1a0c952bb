//! Watchers on servers that never tell a change: whatever their policy, they go on without haste, and invent nothing.

use super::play::with_headers;
use super::support::Scripted;
use super::watch::{mad_servers, polls};
use etcd_v2::client::{Client, Listener, Options, Watcher};
use etcd_v2::protocol::key::Key;
use etcd_v2::status::Status;
use etcd_v2::watch::event::EventKind;
use etcd_v2::watch::options::{OnLost, WatchOptions};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PATIENCE_MS: u64 = 2500;

fn watch(url: &str, on_lost: OnLost, recursive: bool) -> (Client, Watcher) {
    let mut options = Options::default();
    options.add_endpoints("endpoints", url).unwrap();
    let client = Client::new(&options).unwrap();
    let mut options = WatchOptions::default();
    options.set_on_lost(on_lost);
    options.set_recursive(recursive);
    let key = Key::parse("key", "/w").unwrap();
    let watcher = client.watch(&key, &options, Listener::default()).unwrap();
    (client, watcher)
}

/// A server whose history is always gone, whatever index is asked for.
fn outdated() -> Scripted {
    let index = AtomicU64::new(5_000);
    Scripted::tcp(move |c| {
        while let Some(request) = c.read_request()? {
            let index = index.fetch_add(2_000, Ordering::SeqCst);
            let polls = request.windows(9).any(|part| part == b"wait=true");
            let (status, body) = if polls {
                (
                    400,
                    format!(
                        r#"{{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"x","index":{index}}}"#
                    ),
                )
            } else {
                (200, r#"{"action":"get","node":{"key":"/w","value":"v","modifiedIndex":7,"createdIndex":7}}"#.to_owned())
            };
            let headers = format!(
                "Content-Type: application/json\r\nX-Etcd-Index: {index}\r\nContent-Length: {}\r\n",
                body.len()
            );
            c.write(with_headers(status, &headers, &body))?;
        }
        Ok(())
    })
}

#[test]
fn a_watcher_of_a_mad_server_neither_ends_unseen_nor_runs_hot() {
    let kinds = [
        (OnLost::Gap, false),
        (OnLost::Gap, true),
        (OnLost::Resync, true),
        (OnLost::Fail, true),
    ];
    let mut running = Vec::new();
    for (on_lost, recursive) in kinds {
        for (name, server) in mad_servers().into_iter().chain([("401", outdated())]) {
            let (client, watcher) = watch(server.url(), on_lost, recursive);
            running.push((
                format!("{name}, {on_lost:?}, {recursive}"),
                server,
                client,
                watcher,
            ));
        }
    }
    let end = Instant::now() + Duration::from_millis(PATIENCE_MS);
    let mut wrong = String::new();
    for (name, server, _client, watcher) in &running {
        let (mut gaps, mut changes) = (0, 0);
        let last = loop {
            match watcher.next(Some(end)) {
                Ok(Some(event)) => match event.kind() {
                    EventKind::Gap => gaps += 1,
                    // who asks for a snapshot takes what is there
                    EventKind::Snapshot => {}
                    // the first one may be true
                    EventKind::Change if name.starts_with("backwards") => changes += 1,
                    _ => wrong.push_str(&format!("{name}: {event:?}\n")),
                },
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        // what ends one is said, and is no accident
        let ended = last.as_ref().map(|error| error.status());
        if matches!(
            ended,
            Some(Status::CLOSED | Status::CANCELLED | Status::INTERNAL)
        ) {
            wrong.push_str(&format!("{name}: {last:?}\n"));
        }
        // a gap is followed by a pause, as any failure
        let lines = server.request_lines();
        let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        let bound = polls(PATIENCE_MS);
        let asked = count(" /v2/keys/w");
        if asked == 0 || asked > bound || gaps > bound || changes > 1 {
            wrong.push_str(&format!(
                "{name}: {asked} requests of {bound}, {gaps} gaps, {changes} changes\n"
            ));
        }
        // three audits of the member at once, and one in a second, each with every question once
        let audits = 3 + 1 + PATIENCE_MS as usize / 1000;
        let questions = [
            "HEAD /v2/keys/ ",
            "GET /v2/stats/self ",
            "GET /metrics ",
            "GET /v2/keys/etcd_v2_barrier?",
        ];
        let (versions, mut others) = (count("GET /version "), lines.len() - asked);
        for question in questions {
            others -= count(question);
            if count(question) > audits {
                wrong.push_str(&format!("{name}: {} of {question}\n", count(question)));
            }
        }
        others -= versions;
        if versions > bound || others > 0 {
            wrong.push_str(&format!(
                "{name}: {versions} versions, {others} others of {lines:?}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    drop(running);
}
