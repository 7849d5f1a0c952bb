//! A script that loads the library: what ctypes does, every language with a foreign function interface does.

use crate::support;

use std::process::Command;
use support::{Etcd, Version, root, tools};

#[test]
fn a_python_script_reads_writes_watches_and_cancels() {
    let Some(python) = tools::python() else {
        return;
    };
    let etcd = Etcd::start(Version::V3_5);
    let said = tools::run(
        Command::new(python)
            .arg("-B")
            .arg(root().join("tests/python/etcd_v2_demo.py"))
            .arg(tools::library().join("libetcd_v2.so"))
            .arg(etcd.url()),
    );
    let expected = format!(
        "listed 2\nwatched second\ncancelled\n\
         ETCD_V2_KEY_NOT_FOUND\nETCD_V2_INVALID_ARGUMENT\nETCD_V2_INVALID_ARGUMENT\nETCD_V2_NOT_UTF8\n\
         version {}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(said, expected);
}
