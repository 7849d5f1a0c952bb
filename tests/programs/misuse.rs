//! Misuse of the C functions: NULL and garbage for every parameter get a status and a line that names the parameter, and
//! nothing is sent. The same C program runs plain, linked statically, under valgrind and with sanitizers.

use crate::support;

use std::collections::BTreeSet;
use std::process::Command;
use support::{CProgram, Etcd, Program, Scripted, Version, root, tools};

/// What must be refused; a server would notice a mere connection.
#[track_caller]
fn wrong(program: &Program) {
    let server = Scripted::json(r#"{"action":"get","node":{"key":"/k","value":"v"}}"#);
    let output = program.run(&["wrong", server.url()]).success();
    checks(&output.stdout, 8000);
    assert_eq!(server.connections(), 0, "{:?}", server.request_lines());
}

/// The same calls when nothing is wrong with them.
#[track_caller]
fn right(program: &Program) {
    // 3.5 cannot renew the TTL of a directory
    let etcd = Etcd::start(Version::V3_4);
    let output = program.run(&["right", etcd.url(), "/misuse"]).success();
    checks(&output.stdout, 300);
}

#[track_caller]
fn checks(stdout: &str, at_least: u64) {
    let n = stdout
        .strip_suffix(" checks\n")
        .and_then(|n| n.parse().ok());
    assert!(n.is_some_and(|n: u64| n >= at_least), "{stdout}");
}

#[test]
fn misuse_is_refused() {
    let program = CProgram::new("misuse").build();
    wrong(&program);
    right(&program);
}

#[test]
fn misuse_is_refused_when_linked_statically() {
    let program = CProgram::new("misuse").linked_statically().build();
    wrong(&program);
    right(&program);
}

#[test]
fn misuse_is_refused_under_valgrind() {
    let Some(program) = CProgram::new("misuse").build().under_valgrind() else {
        return;
    };
    wrong(&program);
    right(&program);
}

#[test]
fn misuse_is_refused_with_sanitizers() {
    let Some(shared) = CProgram::new("misuse").sanitized() else {
        return;
    };
    for program in [shared.clone(), shared.linked_statically()] {
        let program = program.build();
        assert!(program.has_sanitizer());
        wrong(&program);
        right(&program);
    }
}

/// With the checks of arithmetic that a release leaves out.
#[test]
fn misuse_is_refused_with_debug_assertions() {
    let program = CProgram::new("misuse").with_hooks().build();
    wrong(&program);
    right(&program);
}

#[test]
fn a_panic_inside_becomes_a_status() {
    let hooked = CProgram::new("misuse").with_hooks();
    let output = hooked.clone().build().run(&["panic"]).success();
    checks(&output.stdout, 500);
    // the host's stderr is not ours
    assert_eq!(output.stderr, "");
    let valgrind = hooked.clone().build().under_valgrind();
    let sanitized = hooked.sanitized().map(CProgram::build);
    for program in [valgrind, sanitized].into_iter().flatten() {
        program.run(&["panic"]).success();
    }
    // the released library has no such entry point
    let shipped = tools::library().join("libetcd_v2.so");
    let exported = tools::run(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(shipped),
    );
    assert!(
        exported.contains("etcd_v2_get") && !exported.contains("test_panic"),
        "{exported}"
    );
}

/// The checkers are there and see what happens to memory of the library.
#[test]
fn a_bug_on_purpose_is_caught() {
    if let Some(program) = CProgram::new("misuse").flags(&["-DPROVE"]).sanitized() {
        let output = program.build().run(&[]);
        assert!(!output.status.success());
        assert!(
            output
                .stderr
                .contains("AddressSanitizer: heap-use-after-free"),
            "{}",
            output.stderr
        );
    }
    if let Some(program) = CProgram::new("misuse").flags(&["-DPROVE_LEAK"]).sanitized() {
        let output = program.build().run(&[]);
        assert!(!output.status.success());
        assert!(
            output
                .stderr
                .contains("LeakSanitizer: detected memory leaks"),
            "{}",
            output.stderr
        );
    }
    for flag in ["-DPROVE", "-DPROVE_LEAK"] {
        let program = CProgram::new("misuse").flags(&[flag]).build();
        if let Some(program) = program.under_valgrind() {
            let output = program.run(&[]);
            assert_eq!(output.status.code(), Some(99), "{}", output.stderr);
        }
    }
}

/// A function that the program does not call would be one that nobody misused.
#[test]
fn every_function_of_the_header_is_called() {
    let header = std::fs::read_to_string(root().join("include/etcd_v2.h")).unwrap();
    let declared = functions(&header);
    assert!(declared.len() > 70, "{declared:?}");
    let program = CProgram::new("misuse").build();
    let symbols = tools::run(
        Command::new("nm")
            .arg("-D")
            .arg("--undefined-only")
            .arg(program.path()),
    );
    let called: BTreeSet<&str> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .filter_map(|name| name.split('@').next())
        .filter(|name| name.starts_with("etcd_v2_"))
        .collect();
    assert_eq!(called, declared);
}

/// Names that stand before a parenthesis in declarations.
fn functions(header: &str) -> BTreeSet<&str> {
    header
        .split("ETCD_V2_API ")
        .skip(1)
        .filter_map(|declaration| declaration.split_once('('))
        .filter_map(|(before, _)| before.split([' ', '*', '\n']).next_back())
        .filter(|name| name.starts_with("etcd_v2_"))
        .collect()
}
