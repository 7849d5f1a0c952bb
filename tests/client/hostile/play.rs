//! Calls of the C program, many at a time, against one server that does what each case says.

use super::support::{CProgram, Conversation, Program, Scripted, TempDir};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

/// What the server does with one request; the connection is closed afterwards.
pub(crate) type Play = Arc<dyn Fn(&mut Conversation) -> io::Result<()> + Send + Sync>;

/// How a call has to end: status, and whether the outcome is unknown.
pub(crate) type End = (&'static str, bool);

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) play: Play,
    pub(crate) get: End,
    pub(crate) set: End,
    pub(crate) deadline_ms: u64,
}

/// Enough for any answer that comes at once, on a busy machine and under valgrind.
pub(crate) const AMPLE_MS: u64 = 60_000;
/// For answers that never end.
pub(crate) const SHORT_MS: u64 = 2_000;

pub(crate) fn play(name: impl Into<String>, get: &'static str, set: End, play: Play) -> Case {
    Case {
        name: name.into(),
        play,
        get: (get, false),
        set,
        deadline_ms: AMPLE_MS,
    }
}

pub(crate) fn raw(
    name: impl Into<String>,
    bytes: impl Into<Vec<u8>>,
    get: &'static str,
    set: End,
) -> Case {
    let bytes = bytes.into();
    play(name, get, set, Arc::new(move |c| c.write_as_asked(&bytes)))
}

/// Never ends by itself: the deadline has to.
pub(crate) fn endless(
    name: &str,
    get: &'static str,
    set: End,
    act: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static,
) -> Case {
    Case {
        deadline_ms: SHORT_MS,
        ..play(name, get, set, Arc::new(act))
    }
}

pub(crate) fn answer(status: u16, kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!(
        "HTTP/1.1 {status} Hostile\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn with_headers(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Hostile\r\n{headers}\r\n{body}").into_bytes()
}

pub(crate) const NODE: &str =
    r#"{"action":"set","node":{"key":"/k","value":"a value","modifiedIndex":7,"createdIndex":7}}"#;
pub(crate) const HTML: &str =
    "<!DOCTYPE html>\n<html><body><h1>Welcome</h1>\r\n\x1b[31m</body></html>\n";

/// A real answer, in both framings.
pub(crate) fn good(chunked: bool) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\nX-Etcd-Index: 7\r\n\
                X-Raft-Index: 8\r\nX-Raft-Term: 2\r\nDate: Sun, 22 Nov 2026 20:28:20 GMT\r\n";
    if chunked {
        let (a, b) = NODE.split_at(40);
        return format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:X}\r\n{b}\r\n1\r\n\n\r\n0\r\n\r\n", a.len(), b.len()).into_bytes();
    }
    format!("{head}Content-Length: {}\r\n\r\n{NODE}\n", NODE.len() + 1).into_bytes()
}

/// One call.
pub(crate) struct Job {
    pub(crate) verb: &'static str,
    pub(crate) deadline_ms: u64,
    pub(crate) max_response_bytes: u64,
    pub(crate) endpoints: String,
    pub(crate) key: String,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: String,
    pub(crate) unknown: bool,
    pub(crate) http_status: u16,
    pub(crate) etcd_code: u32,
    pub(crate) index: u64,
    pub(crate) ms: u64,
    pub(crate) free_us: u64,
    pub(crate) nodes: usize,
    pub(crate) text: String,
}

pub(crate) struct Run {
    pub(crate) told: Vec<Told>,
    /// Largest memory of the program.
    pub(crate) kib: u64,
}

pub(crate) fn run(program: &Program, threads: usize, jobs: &[Job]) -> Run {
    let folder = TempDir::new("jobs");
    let file = folder.join("jobs");
    let mut lines = String::new();
    for j in jobs {
        writeln!(
            lines,
            "{} {} {} {} {}",
            j.verb, j.deadline_ms, j.max_response_bytes, j.endpoints, j.key
        )
        .unwrap();
    }
    std::fs::write(&file, lines).unwrap();
    let output = program
        .run(&[&threads.to_string(), file.to_str().unwrap()])
        .success();
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    let kib = lines.pop().and_then(|l| l.parse().ok()).expect("memory");
    assert_eq!(lines.len(), jobs.len());
    let told = lines.iter().map(|line| {
        let f: Vec<&str> = line.splitn(9, '\t').collect();
        let number = |i: usize| {
            f[i].parse::<u64>()
                .unwrap_or_else(|e| panic!("{e}: {line}"))
        };
        Told {
            status: f[0].into(),
            unknown: number(1) == 1,
            http_status: number(2) as u16,
            etcd_code: number(3) as u32,
            index: number(4),
            ms: number(5),
            free_us: number(6),
            nodes: number(7) as usize,
            text: f[8].into(),
        }
    });
    let told: Vec<Told> = told.collect();
    for (job, told) in jobs.iter().zip(&told) {
        assert!(
            told.ms < job.deadline_ms + LATE_MS,
            "{} {}: {told:?}",
            job.verb,
            job.key
        );
    }
    Run { told, kib }
}

/// How late a call may come back from its deadline: half a minute is a hang, anything below may be a busy machine.
pub(crate) const LATE_MS: u64 = 30_000;

/// One server for all cases: the key tells which.
pub(crate) fn serve(cases: &[Case]) -> Scripted {
    let plays: Vec<Play> = cases.iter().map(|c| Arc::clone(&c.play)).collect();
    Scripted::tcp(move |c| {
        let Some(request) = c.read_request()? else {
            return Ok(());
        };
        let line = String::from_utf8_lossy(&request).into_owned();
        let number: usize = line
            .split("/v2/keys/c")
            .nth(1)
            .and_then(|rest| rest.split(|b: char| !b.is_ascii_digit()).next())
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("{line}"));
        plays[number](c)
    })
}

/// Every case as a read and as a write, executed and submitted: both drivers say the same.
#[track_caller]
pub(crate) fn judge(program: &Program, cases: &[Case]) {
    // an answer about another key would be none: every case has a server of its own, and the same key
    let servers: Vec<Scripted> = cases
        .iter()
        .map(|case| {
            let play = Arc::clone(&case.play);
            Scripted::tcp(move |c| match c.read_request()? {
                Some(_) => play(c),
                None => Ok(()),
            })
        })
        .collect();
    let mut jobs = Vec::new();
    for verb in ["get", "submitted-get", "set", "submitted-set"] {
        for (server, case) in servers.iter().zip(cases) {
            jobs.push(Job {
                verb,
                deadline_ms: case.deadline_ms,
                max_response_bytes: 16 << 20,
                endpoints: server.url().into(),
                key: "/k".into(),
            });
        }
    }
    let run = run(program, 24, &jobs);
    let mut wrong = String::new();
    for (n, told) in run.told.iter().enumerate() {
        let case = &cases[n % cases.len()];
        let end = if n < 2 * cases.len() {
            case.get
        } else {
            case.set
        };
        if (told.status.as_str(), told.unknown) != end {
            writeln!(
                wrong,
                "{} {}: {end:?} expected, {told:?}",
                jobs[n].verb, case.name
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

pub(crate) fn program() -> Program {
    CProgram::new("hostile").build()
}

pub(crate) const UNKNOWN: End = ("OUTCOME_UNKNOWN", true);
pub(crate) const DONE: End = ("OK", false);

/// A single call.
pub(crate) fn one(program: &Program, verb: &'static str, endpoints: &str, key: &str) -> Told {
    let job = Job {
        verb,
        deadline_ms: AMPLE_MS,
        max_response_bytes: 0,
        endpoints: endpoints.into(),
        key: key.into(),
    };
    run(program, 1, &[job]).told.remove(0)
}
