//! Watches on servers that never tell a change.

use super::play::*;
use super::support::Scripted;

/// Polls that a watch of `ms` may make: between two that end at once lies a pause that doubles from 50 ms to 3 s, each at
/// least half as long; a connection that had gone stale is replaced without one.
pub(super) fn polls(ms: u64) -> usize {
    let (mut pause, mut waited, mut polls) = (50, 0, 1);
    while waited < ms {
        waited += pause / 2;
        pause = (pause * 2).min(3000);
        polls += 1;
    }
    2 * polls
}

/// Servers that never tell a change, each in its own way.
pub(super) fn mad_servers() -> Vec<(&'static str, Scripted)> {
    let event = |key: &str, index: u64| {
        format!(
            r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":{index},"createdIndex":1}}}}"#
        )
    };
    let page = |status: u16, kind: &str, body: &str| answer(status, kind, body);
    let answers: Vec<(&'static str, Vec<u8>, bool)> = vec![
        (
            "empty",
            with_headers(200, "X-Etcd-Index: 5\r\nContent-Length: 0\r\n", ""),
            true,
        ),
        (
            "empty, then closed",
            with_headers(200, "X-Etcd-Index: 5\r\nContent-Length: 0\r\n", ""),
            false,
        ),
        (
            "empty chunked",
            with_headers(200, "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            true,
        ),
        ("500", page(500, "text/html", HTML), true),
        (
            "500/300",
            page(
                500,
                "application/json",
                r#"{"errorCode":300,"message":"Raft Internal Error","cause":"x","index":0}"#,
            ),
            true,
        ),
        (
            "503",
            page(503, "application/json", r#"{"message":"During election"}"#),
            false,
        ),
        ("HTML", page(200, "text/html", HTML), true),
        (
            "404 page",
            page(404, "text/plain", "404 page not found\n"),
            true,
        ),
        ("null", page(200, "application/json", "null"), true),
        (
            "half an event",
            with_headers(
                200,
                "X-Etcd-Index: 5\r\nContent-Length: 500\r\n",
                &event("/w", 20),
            ),
            false,
        ),
        (
            "backwards",
            page(200, "application/json", &event("/w", 3)),
            true,
        ),
        (
            "index 0",
            page(200, "application/json", &event("/w", 0)),
            true,
        ),
        (
            "no index",
            page(
                200,
                "application/json",
                r#"{"action":"set","node":{"key":"/w","value":"v"}}"#,
            ),
            true,
        ),
        (
            "somebody else's",
            page(200, "application/json", &event("/other", 12)),
            true,
        ),
        (
            "somebody else's last",
            page(200, "application/json", &event("/other", u64::MAX)),
            true,
        ),
        ("closed at once", Vec::new(), false),
        ("noise", b"\0\x01\x02\r\n\r\n".to_vec(), false),
        (
            "index at the end",
            with_headers(
                200,
                "X-Etcd-Index: 18446744073709551615\r\nContent-Length: 0\r\n",
                "",
            ),
            true,
        ),
        (
            "itself",
            with_headers(307, "Location: /v2/keys/w\r\nContent-Length: 0\r\n", ""),
            true,
        ),
    ];
    answers
        .into_iter()
        .map(|(name, bytes, again)| {
            let server = Scripted::tcp(move |c| {
                while c.read_request()?.is_some() {
                    c.write(&bytes)?;
                    if !again {
                        break;
                    }
                }
                Ok(())
            });
            (name, server)
        })
        .collect()
}

#[test]
fn a_watch_on_a_mad_server_neither_ends_early_nor_runs_hot() {
    const PATIENCE_MS: u64 = 2500;
    let servers = mad_servers();
    let jobs: Vec<Job> = servers
        .iter()
        .map(|(_, s)| Job {
            verb: "watch",
            deadline_ms: PATIENCE_MS,
            max_response_bytes: 0,
            endpoints: s.url().into(),
            key: "/w".into(),
        })
        .collect();
    let run = run(&program(), jobs.len(), &jobs);
    let mut wrong = String::new();
    for ((name, server), told) in servers.iter().zip(&run.told) {
        // a redirect is followed five times in each try
        let bound = polls(PATIENCE_MS) * if *name == "itself" { 6 } else { 1 };
        let asked = server.requests().len();
        if told.status != "TIMEOUT" || told.unknown || told.ms + 5 < PATIENCE_MS || asked > bound {
            wrong.push_str(&format!("{name}: {asked} requests of {bound}, {told:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Always another event that is not the watch's: each brings it forward, yet a server that makes them up must not keep it busy.
#[test]
fn a_watch_is_not_kept_busy_by_made_up_events() {
    let server = Scripted::tcp(|c| {
        let mut index = 10;
        while c.read_request()?.is_some() {
            index += 1;
            c.answer_json(&format!(r#"{{"action":"set","node":{{"key":"/other","value":"v","modifiedIndex":{index},"createdIndex":1}}}}"#))?;
        }
        Ok(())
    });
    let job = Job {
        verb: "watch",
        deadline_ms: 2000,
        max_response_bytes: 0,
        endpoints: server.url().into(),
        key: "/w".into(),
    };
    let told = run(&program(), 1, &[job]).told.remove(0);
    assert_eq!(told.status, "TIMEOUT", "{told:?}");
    // no history is longer than 1000 events
    let asked = server.requests().len();
    assert!(asked <= 1000 + polls(2000), "{asked}");
}
