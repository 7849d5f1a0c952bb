//! etcd2ctl, the command line tool among the examples, beside etcdctl itself: both do the same to a fresh server of
//! their own, line by line, and print the same and end with the same code. Where they should not, the table says why.

#![allow(unreachable_pub)]

mod admin;
mod bench;
mod discovery;
mod doubt;
mod keys;
mod memory;
mod table;
mod tls;
mod usage;
mod watching;

use crate::support;
use std::process::Command;
use support::{root, tools};

#[test]
fn make_builds_it() {
    let folder = tools::library();
    tools::run(
        Command::new("make")
            .current_dir(root())
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            // the library is there already
            .args(["etcd2ctl", "CARGO=true"])
            .arg(format!("OUT={}", folder.display())),
    );
    let said = tools::run(
        Command::new(folder.join("etcd2ctl"))
            .env_remove("LD_LIBRARY_PATH")
            .arg("--version"),
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        said,
        format!("etcd2ctl version: {version}\nAPI version: 2\n")
    );
}

#[test]
fn no_compiler_warns() {
    for compiler in [tools::gcc(), tools::clang()].into_iter().flatten() {
        for optimised in ["-O0", "-O2"] {
            bench::source()
                .compiler(&compiler)
                .flags(&[optimised])
                .build();
        }
    }
}
