//! What a host program needs besides the library: a stack, and checkers that are silent.

use crate::support;

use std::process::Command;
use support::etcd::Setup;
use support::{Authority, CProgram, Etcd, Version, Wish, root, tools};

/// What the header promises.
const STACK: usize = 64 * 1024;

#[test]
fn a_small_stack_is_enough_for_every_call() {
    // what is not optimised needs more
    let debug = tools::library().ends_with("debug");
    let size = (if debug { 4 * STACK } else { STACK }).to_string();
    let program = CProgram::new("small_stack").build();
    let authority = Authority::new("stack");
    let pair = authority.issue(&Wish::server());
    let secure = Setup::new(Version::V3_5).secure(&pair).start();
    let plain = Etcd::start(Version::V3_5);
    program.run(&[&size, plain.url(), ""]).success();
    program
        .run(&[&size, secure.secure_url(), &authority.file()])
        .success();
}

#[test]
fn valgrind_has_nothing_to_say_with_the_suppressions() {
    let Some(valgrind) = tools::valgrind() else {
        return;
    };
    let program = CProgram::new("host").build();
    let etcd = Etcd::start(Version::V3_5);
    let supp = root().join("packaging/suppressions/valgrind.supp");
    let output = Command::new(valgrind)
        .args(["-q", "--leak-check=full", "--errors-for-leak-kinds=all"])
        .args(["--show-leak-kinds=all", "--error-exitcode=99"])
        .arg(format!("--suppressions={}", supp.display()))
        .arg(program.path())
        .arg(etcd.url())
        .output()
        .unwrap();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complained}");
    assert_eq!(complained, "");
}

#[test]
fn the_thread_sanitizer_has_nothing_to_say_with_the_suppressions_but_of_the_host() {
    let Some(gcc) = tools::gcc() else {
        return;
    };
    let etcd = Etcd::start(Version::V3_5);
    let supp = root().join("packaging/suppressions/tsan.supp");
    let run = |flags: &[&str], options: &str| {
        let program = CProgram::new("host")
            .compiler(&gcc)
            .flags(&["-fsanitize=thread"]);
        let program = program.flags(flags).build();
        program.env("TSAN_OPTIONS", options).run(&[etcd.url()])
    };
    let options = format!("suppressions={}", supp.display());
    assert_ne!(
        run(&[], "").stderr,
        "",
        "the suppressions are not needed any more"
    );
    assert_eq!(run(&[], &options).success().stderr, "");
    let racing = run(&["-DRACE"], &options);
    assert!(racing.stderr.contains("host.c"), "{}", racing.stderr);
}
