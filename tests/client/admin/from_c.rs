//! Every function from C, on a real server, with what it says.

use super::on_each;
use crate::support::{CProgram, Etcd, Version};

on_each!(every_function_from_c);

fn every_function_from_c(version: Version) {
    let etcd = Etcd::start(version);
    let plain = CProgram::new("admin");
    // one of the runs also looks for leaks and for misuse of memory
    let program = match version {
        Version::V3_4 | Version::V3_5Newest => plain,
        Version::V3_5 => plain.clone().sanitized().unwrap_or(plain),
    };
    let output = program
        .build()
        .run(&[etcd.url(), etcd.peer_url(), version.minor()])
        .success();
    let (said, checks) = output.stdout.rsplit_once("-- ").expect("two parts");
    let expected = include_str!("said.txt")
        .replace("@VERSION@", version.minor())
        .replace("@PEER@", etcd.peer_url())
        .replace("@URL@", etcd.url());
    assert_eq!(said, expected);
    assert!(checks.ends_with(" checks\n"), "{checks}");
}
