//! etcd2ctl lets go of everything, however it ends: under valgrind and with sanitizers.

use super::bench::{self, Side};
use crate::support::{Etcd, Version, http, tools};
use std::path::PathBuf;

/// Lines and their exit codes.
const LINES: &[(&str, i32)] = &[
    ("help", 0),
    ("--nope", 1),
    ("get --ttl=x /a", 1),
    ("set --ttl=x /a", 1),
    ("nope", 3),
    ("--endpoints ftp://x get /a", 1),
    ("get", 1),
    ("get /nope", 4),
    ("set /a", 1),
    ("set /a < 'from stdin'", 0),
    ("-o json set /a/b x", 4),
    ("set --swap-with-value wrong /a x", 4),
    (
        "-o extended set --ttl 1000 --swap-with-value 'from stdin' /a '<b>'",
        0,
    ),
    ("-o json get --sort -q /a", 0),
    ("mk --in-order /q 1", 0),
    ("mk /q/x/y 1", 0),
    ("mkdir /q", 4),
    ("-o json ls --recursive --sort", 0),
    ("ls -r -p", 0),
    ("get /q", 1),
    ("rm --with-index 1 /a", 4),
    ("rm /a", 0),
    ("rm -r /q", 0),
    ("watch", 1),
    ("watch --after-index 5 -r /q", 0),
    ("exec-watch /q", 1),
    ("role add r", 0),
    ("role grant --path '/a/*' --rw r", 0),
    ("role get r", 0),
    ("role get nope", 1),
    ("user add al:pw", 0),
    ("user grant --roles r al", 0),
    ("user get al", 0),
    ("user get nope", 1),
    ("user list", 0),
    ("auth enable", 1),
    ("member list", 0),
    ("member remove nonsense", 1),
    ("cluster-health", 0),
    ("--ca-file /nowhere get /a", 1),
];

#[track_caller]
fn check(words: Vec<PathBuf>) {
    let side = Side::new(words, Etcd::start(Version::V3_4));
    for (line, code) in LINES {
        let ended = match *line {
            "cluster-health" => side.run_until_healthy(line),
            _ => side.run(line),
        };
        assert_eq!(ended.code, Some(*code), "{line}: {ended:?}");
    }
    let line = "watch --forever /w";
    let running = side.start(line);
    // taken as soon as the watch is there, whenever that is
    let mut value = 0;
    while running.stdout().lines().count() < 2 {
        value += 1;
        let url = side.etcd().key_url("/w");
        http::put(&url, &format!("value={value}")).expect("an answer");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    running.interrupt();
    let ended = running.end(line);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "");
}

#[test]
fn it_is_clean_under_valgrind() {
    let Some(valgrind) = tools::valgrind() else {
        return;
    };
    let flags = [
        "-q",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect",
        "--show-leak-kinds=definite,indirect",
    ];
    let mut words = vec![valgrind];
    words.extend(flags.map(PathBuf::from));
    words.push(bench::etcd2ctl().path().to_owned());
    check(words);
}

#[test]
fn it_is_clean_with_sanitizers() {
    let Some(source) = bench::source().sanitized() else {
        return;
    };
    let program = source.build();
    assert!(program.has_sanitizer());
    let mut words = [
        "env",
        "ASAN_OPTIONS=exitcode=99",
        "UBSAN_OPTIONS=exitcode=99",
    ]
    .map(PathBuf::from)
    .to_vec();
    words.push(program.path().to_owned());
    check(words);
}

/// Nothing that is typed is cut: keys, values and arguments of any length.
#[test]
fn long_words_are_whole() {
    let side = bench::ours(Version::V3_5);
    let (key, value) = ("/k".repeat(700), "v".repeat(100_000));
    let ended = side.run(&format!("set {key} {value}"));
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("{value}\n")));
    let ended = side.run(&format!("-o json get {key}"));
    assert!(
        ended
            .stdout
            .contains(&format!("\"key\":\"{key}\",\"value\":\"{value}\""))
    );
    let big = "x".repeat(1_000_000);
    let ended = side.run(&format!("set /big < {big}"));
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("{big}\n")));
    let ended = side.run(&format!("--{key} get"));
    assert_eq!(
        ended.stderr,
        format!("flag provided but not defined: -{key}\n")
    );
}
