//! Every function, called from inside every callback, in every phase of a client's end.

use crate::support;

use support::{CProgram, Etcd, Program, TempDir, Version};

fn run(program: &Program, version: Version) {
    let etcd = Etcd::start(version);
    let folder = TempDir::new("inside");
    let output = program.run(&[etcd.url(), folder.path().to_str().unwrap()]);
    assert_eq!(output.success().stderr, "");
}

#[test]
fn every_function_in_every_callback() {
    let program = CProgram::new("inside").build();
    run(&program, Version::V3_5);
}

#[test]
fn every_function_in_every_callback_under_the_address_sanitizer() {
    if let Some(program) = CProgram::new("inside").sanitized() {
        run(&program.build(), Version::V3_4);
    }
}
