//! Every example is built with all warnings as errors, run against a real etcd, and says what it should.

use crate::support;

use std::path::{Path, PathBuf};
use support::{CProgram, Etcd, Version, root};

fn examples() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root().join("examples-c"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .collect();
    found.sort();
    found
}

/// `<n>` in an expected line stands for a number.
fn matches(expected: &str, line: &str) -> bool {
    match expected.split_once("<n>") {
        None => expected == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            digits > 0 && matches(after, &rest[digits..])
        }),
    }
}

#[track_caller]
fn assert_says(example: &Path, said: &str) {
    let name = example.file_stem().unwrap().to_string_lossy().into_owned();
    let file = root().join(format!("examples-c/expected/{name}.txt"));
    let expected = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
    let same = expected.lines().count() == said.lines().count()
        && expected
            .lines()
            .zip(said.lines())
            .all(|(e, s)| matches(e, s));
    assert!(
        same,
        "{name} is expected to say:\n{expected}\nbut says:\n{said}"
    );
}

#[test]
fn they_are_there_in_reading_order() {
    let names: Vec<String> = examples()
        .iter()
        .map(|p| p.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for (i, name) in names.iter().enumerate() {
        assert!(name.starts_with(&format!("{:02}-", i + 1)), "{names:?}");
    }
    assert!(names.len() >= 5, "{names:?}");
}

#[test]
fn each_says_what_it_should() {
    for version in Version::ALL {
        for example in examples() {
            // a server of its own: what an example shows may depend on an empty store
            let etcd = Etcd::start(version);
            let output = CProgram::of(&example).build().run(&[etcd.url()]).success();
            assert_eq!(output.stderr, "", "{example:?}");
            assert_says(&example, &output.stdout);
        }
    }
}

/// A reader's first mistake: etcd does not run. Every example says so and ends with a status.
#[test]
fn each_tells_that_nobody_answers() {
    let closed = format!("http://127.0.0.1:{}", support::etcd::free_ports(1)[0]);
    for example in examples() {
        let output = CProgram::of(&example).build().run(&[&closed]);
        assert!(
            !output.timed_out && output.status.code() == Some(1),
            "{example:?}: {output:?}"
        );
        assert!(output.stderr.contains(&closed), "{example:?}: {output:?}");
    }
}

/// The one that needs a library beside ours: where there is none, and none can be fetched, that is said.
#[test]
fn one_lives_in_the_loop_of_libuv() {
    let flags = match support::tools::script("libuv.sh", &[]) {
        Ok(flags) => flags.into_os_string().into_string().unwrap(),
        Err(why) => return eprintln!("NOT TESTED: {why}"),
    };
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let file = root().join("examples-c/libuv/watch.c");
    // they come before the source: a library is needed although nothing has asked for it yet
    let program = CProgram::of(&file).flags(&["-Wl,--no-as-needed"]);
    let program = program.flags(&flags);
    let sanitized = program.clone().sanitized();
    for program in [Some(program), sanitized].into_iter().flatten() {
        for version in Version::ALL {
            let etcd = Etcd::start(version);
            let output = program.clone().build().run(&[etcd.url()]).success();
            assert_eq!(output.stderr, "");
            assert_says(Path::new("libuv-watch"), &output.stdout);
        }
    }
}

#[test]
fn each_is_clean_under_valgrind_and_sanitizers() {
    let etcd = Etcd::start(Version::V3_4);
    for example in examples() {
        if let Some(program) = CProgram::of(&example).build().under_valgrind() {
            program.run(&[etcd.url()]).success();
        }
        if let Some(sanitized) = CProgram::of(&example).sanitized() {
            let program = sanitized.build();
            assert!(program.has_sanitizer());
            program.run(&[etcd.url()]).success();
        }
    }
}

#[test]
fn numbers_in_expected_lines_match() {
    assert!(matches("index <n>, then <n>.", "index 12, then 3."));
    assert!(!matches("index <n>", "index "));
    assert!(!matches("index <n>", "index 1x"));
    assert!(!matches("a", "b"));
}
