//! Settings in a file: whoever dies while saving leaves a whole one, and every setting of the header has its place.

use crate::support;

use etcd_v2::client::{Client, Options, config};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Authority, CProgram, TempDir, Wish, header};

fn endpoints(path: &Path) -> usize {
    let mut options = Options::default();
    options.load_file("path", path).unwrap();
    options.endpoints().len()
}

fn saved(folder: &TempDir) -> std::path::PathBuf {
    let path = folder.join("config.json");
    Client::new(&Options::default())
        .unwrap()
        .save(&path, false)
        .unwrap();
    path
}

#[test]
fn who_is_killed_while_saving_leaves_a_whole_file() {
    let program = CProgram::new("config").build();
    let folder = TempDir::new("config");
    let path = saved(&folder);
    let (random, mut seen, mut caught) = (RandomState::new(), [0; 5], 0);
    for round in 0..1000u32 {
        let mut saver = Command::new(program.path())
            .arg("save")
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // not so long that it is always done, nor so short that it has never begun
        std::thread::sleep(Duration::from_micros(random.hash_one(round) % 12_000));
        saver.kill().unwrap();
        saver.wait().unwrap();
        let count = endpoints(&path);
        *seen.get_mut(count).expect("one list or the other") += 1;
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert!(names <= 2, "one draft at most");
        caught += usize::from(names == 2);
    }
    eprintln!(
        "1000 kills, {caught} of them between a draft and its new name; endpoints seen: {seen:?}"
    );
    assert!(
        seen[1] > 0 && seen[4] > 0 && seen[1] + seen[4] == 1000,
        "{seen:?}"
    );
    assert!(caught > 0, "nobody was killed while saving");
    // and the next one is as good as ever
    Client::new(&Options::default())
        .unwrap()
        .save(&path, false)
        .unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn no_room_for_the_new_file_leaves_the_old_one() {
    let folder = TempDir::new("config");
    let path = saved(&folder);
    let before = std::fs::read(&path).unwrap();
    let program = CProgram::new("config").build();
    program.run(&["full", path.to_str().unwrap()]).success();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn changes_are_told_and_saved_from_c() {
    let folder = TempDir::new("config");
    let path = folder.join("config.json");
    let plain = CProgram::new("config");
    let program = plain.clone().sanitized().unwrap_or(plain).build();
    program.run(&["told", path.to_str().unwrap()]).success();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(endpoints(&path), 4);
}

/// A setting that cannot be saved is one that a program loses when it is started again.
#[test]
fn every_setter_of_the_header_has_a_key() {
    // who listens is no text
    let listeners = [
        "log_callback",
        "curl_callback",
        "trace_callback",
        "retry_callback",
        "autosave_file",
        "autosave_callback",
    ];
    let header = header::text();
    let functions = header.split("etcd_v2_options_set_").skip(1);
    let names = functions.filter_map(|rest| rest.split_once('('));
    let mut settings: BTreeSet<&str> = names
        .map(|(name, _)| name)
        .filter(|name| {
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        .filter(|name| !listeners.contains(name))
        .collect();
    settings.insert("endpoints");
    settings.insert("pinned_sha256");
    let known: BTreeSet<&str> = config::NAMES.iter().copied().collect();
    assert_eq!(settings, known);
}

fn loaded(text: &str) -> Options {
    let mut options = Options::default();
    options
        .load_json("json", text.as_bytes())
        .unwrap_or_else(|e| panic!("{e}: {text}"));
    options
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn certificates_and_keys_come_back_as_they_were_said() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::client("root"));
    let (ca, cert, key) = (
        json(&authority.file()),
        json(&pair.cert_file),
        json(&pair.key_file),
    );
    let files = format!(
        r#"{{"etcd_v2": 1, "endpoints": ["https://a:1"], "ca_file": {ca},
            "client_cert_files": {{"cert_file": {cert}, "key_file": {key}}}}}"#
    );
    let memory = format!(
        r#"{{"etcd_v2": 1, "endpoints": ["https://a:1"], "ca_pem": {},
            "client_cert_pem": {{"cert": {}, "key": {}}}}}"#,
        json(authority.pem()),
        json(&pair.cert),
        json(&pair.key)
    );
    for text in [&files, &memory] {
        let client = Client::new(&loaded(text)).unwrap();
        let whole = client.config(true).unwrap();
        let again = Client::new(&loaded(&whole)).unwrap();
        assert_eq!(again.config(true).unwrap(), whole);
        for name in ["ca_", "client_cert_"] {
            let form = if text == &files { "file" } else { "pem" };
            assert!(whole.contains(&format!("\"{name}{form}")), "{whole}");
        }
        // a key is written only if asked for
        assert!(!client.config(false).unwrap().contains("PRIVATE KEY"));
        assert!(!format!("{client:?}").contains("PRIVATE KEY"));
    }
    // go-etcd's triple, and its list of authorities that grows whenever it is loaded
    let other = Authority::new("theirs");
    let theirs = json(&other.file());
    for list in [
        format!("[{ca}]"),
        format!("[{ca},{ca}]"),
        format!("[{ca},{theirs},{ca}]"),
    ] {
        let text = format!(
            r#"{{"config":{{"certFile":{cert},"keyFile":{key},"caCertFiles":{list},"timeout":1000000000,"consistency":"WEAK"}},"cluster":{{"leader":"","machines":["https://a:1"]}}}}"#
        );
        let config = Client::new(&loaded(&text)).unwrap().config(false).unwrap();
        let many = list.contains(&theirs);
        assert_eq!(config.contains("\"ca_file\""), !many, "{config}");
        assert_eq!(config.contains("\"ca_pem\""), many, "{config}");
    }
    for (text, said) in [
        (
            format!(r#"{{"etcd_v2": 1, "ca_file": {key}}}"#),
            "ca_file: ",
        ),
        (
            r#"{"etcd_v2": 1, "ca_file": "/nowhere"}"#.to_owned(),
            "no such file",
        ),
        (
            format!(r#"{{"config":{{"certFile":{cert}}}}}"#),
            "certFile: keyFile is missing",
        ),
        (
            r#"{"config":{"caCertFiles":["/nowhere"]}}"#.to_owned(),
            "no such file",
        ),
        (
            format!(
                r#"{{"etcd_v2": 1, "client_cert_files": {{"cert_file": {cert}, "key_file": {}}}}}"#,
                json(&pair.key)
            ),
            "key_file: ",
        ),
    ] {
        let mut options = Options::default();
        let error = options.load_json("json", text.as_bytes()).expect_err(&text);
        let message = error.to_string();
        assert!(message.contains(said), "{message}");
        let secret = pair.key.lines().nth(1).expect("a line of the key");
        assert!(!message.contains(secret), "{message}");
    }
}

/// What a thread has computed so far; others on the machine do not count.
fn work() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a clock that is there, and a local value
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Four times as much of anything is about four times the work, and not sixteen times.
#[test]
fn long_documents_and_lists_take_work_in_proportion() {
    let keys = |count: usize| -> String {
        let all: Vec<String> = (0..count).map(|i| format!("\"k{i}\":0")).collect();
        all.join(",")
    };
    let urls = |count: usize| -> Vec<String> { (0..count).map(|i| format!("h{i}:1")).collect() };
    let load = |text: String| {
        let mut options = Options::default();
        let _ = options.load_json("json", text.as_bytes());
        options
    };
    type Row<'a> = (&'a str, usize, Box<dyn Fn(usize) + 'a>);
    let rows: [Row<'_>; 5] = [
        (
            "keys",
            16_000,
            Box::new(|n| drop(load(format!("{{\"etcd_v2\":1,{}}}", keys(n))))),
        ),
        (
            "keys within",
            16_000,
            Box::new(|n| {
                drop(load(format!(
                    "{{\"etcd_v2\":1,\"keepalive\":{{{}}}}}",
                    keys(n)
                )));
            }),
        ),
        (
            "keys of go-etcd",
            16_000,
            Box::new(|n| drop(load(format!("{{\"config\":{{{}}}}}", keys(n))))),
        ),
        (
            "endpoints in a document",
            10_000,
            Box::new(|n| {
                let text = format!("{{\"etcd_v2\":1,\"endpoints\":{:?}}}", urls(n));
                assert_eq!(load(text).endpoints().len(), n);
            }),
        ),
        (
            "endpoints of a client",
            4_000,
            Box::new(|n| {
                let mut options = Options::default();
                options.add_endpoints("urls", &urls(n).join(",")).unwrap();
                let client = Client::new(&options).unwrap();
                assert_eq!(client.endpoints().unwrap().len(), n);
            }),
        ),
    ];
    for (what, few, run) in rows {
        let measured = |count: usize| {
            let least = (0..3).map(|_| {
                let before = work();
                run(count);
                work() - before
            });
            least.min().unwrap()
        };
        let (one, four) = (measured(few), measured(4 * few));
        eprintln!("{what}: {few} in {one:?}, {} in {four:?}", 4 * few);
        assert!(
            four < 10 * one,
            "{what}: {one:?}, four times as many {four:?}"
        );
    }
}
