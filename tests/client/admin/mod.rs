//! Members, stats, versions, health, users and roles: on real servers of both versions, and on scripted ones for what a real
//! one will not do.

use crate::api;

mod auth;
mod cluster;
mod from_c;
mod one;
mod scripted;

use etcd_v2::error::{Error, Result};
use etcd_v2::status::Status;

/// The error of a call that must fail, and with this status.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, status: Status) -> Error {
    let error = result.expect_err("a refusal");
    assert_eq!(error.status(), status, "{error:?}");
    error
}

/// The same, in the words of the server.
#[track_caller]
fn refused_so<T: std::fmt::Debug>(result: Result<T>, status: Status, http: u16, words: &str) {
    let error = refused(result, status);
    let detail = error.detail();
    assert_eq!((detail.http_status, &*detail.etcd_message), (http, words));
}

/// A test for each version of etcd.
macro_rules! on_each {
    ($($name:ident)*) => { $(
        mod $name {
            #[test]
            fn v3_4() {
                super::$name(crate::support::Version::V3_4);
            }
            #[test]
            fn v3_5() {
                super::$name(crate::support::Version::V3_5);
            }
            #[test]
            fn newest_v3_5() {
                super::$name(crate::support::Version::V3_5Newest);
            }
        }
    )* };
}
use on_each;
