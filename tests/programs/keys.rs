//! Every row of the tables of the key space, from C, against real servers of both versions.

use crate::support;

use std::time::Duration;
use support::{CProgram, Etcd, Scripted, Version};

fn run(name: &str, etcd: &Etcd) {
    let version = etcd.version();
    let plain = CProgram::new(name);
    // one of the runs also looks for leaks and for misuse of memory
    let program = match version {
        Version::V3_4 | Version::V3_5Newest => plain,
        Version::V3_5 => plain.clone().sanitized().unwrap_or(plain),
    };
    let output = program
        .build()
        .limit(Duration::from_secs(300))
        .run(&[etcd.url(), version.minor()])
        .success();
    assert!(output.stdout.ends_with(" checks\n"), "{}", output.stdout);
}

/// On the server that all tests of a version share: each program has keys of its own.
macro_rules! on_shared {
    ($($name:ident)*) => { mod shared { $(
        mod $name {
            use super::super::*;
            #[test]
            fn v3_4() {
                run(concat!("keys_", stringify!($name)), Etcd::shared(Version::V3_4));
            }
            #[test]
            fn v3_5() {
                run(concat!("keys_", stringify!($name)), Etcd::shared(Version::V3_5));
            }
            #[test]
            fn newest_v3_5() {
                run(concat!("keys_", stringify!($name)), Etcd::shared(Version::V3_5Newest));
            }
        }
    )* } };
}

/// On a server whose index, history and watchers nobody else touches.
macro_rules! on_own {
    ($($name:ident)*) => { mod own { $(
        mod $name {
            use super::super::*;
            #[test]
            fn v3_4() {
                run(concat!("keys_", stringify!($name)), &Etcd::start(Version::V3_4));
            }
            #[test]
            fn v3_5() {
                run(concat!("keys_", stringify!($name)), &Etcd::start(Version::V3_5));
            }
            #[test]
            fn newest_v3_5() {
                run(concat!("keys_", stringify!($name)), &Etcd::start(Version::V3_5Newest));
            }
        }
    )* } };
}

on_shared!(table write read text raw);
on_own!(limits refused watch denied ttl);

/// Numbers that no test can make a real server reach.
#[test]
fn numbers_of_64_bits() {
    let max = u64::MAX;
    let node = |value: &str, ttl: i64| {
        format!(
            r#"{{"key":"/huge","value":"{value}","expiration":"2262-04-11T23:47:16.854775807Z","ttl":{ttl},"modifiedIndex":{max},"createdIndex":9007199254740993}}"#
        )
    };
    let headers = [
        ("X-Etcd-Cluster-Id", "cdf818194e3a8c"),
        ("X-Etcd-Index", "18446744073709551615"),
        ("X-Raft-Index", "9223372036854775808"),
        ("X-Raft-Term", "4294967296"),
    ];
    let body = format!(
        r#"{{"action":"update","node":{},"prevNode":{}}}"#,
        node("new", i64::MAX),
        node("old", -83)
    );
    let server = Scripted::tcp(move |conversation| {
        while conversation.read_request()?.is_some() {
            conversation.answer(200, &headers, &body)?;
        }
        Ok(())
    });
    CProgram::new("keys_huge")
        .build()
        .run(&[server.url(), "3.5"])
        .success();
}
