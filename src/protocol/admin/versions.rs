//! `/version`: what a member runs.

use super::super::http_request::HttpRequest;
use super::get;
use super::page::Page;
use super::read::{needed, object, string, whole};
use crate::error::Result;

/// What a member runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// of the member, such as `3.4.23`
    pub server: String,
    /// what all members can do, such as `3.4.0` or `not_decided`; empty before etcd 2.1
    pub cluster: String,
}

/// Asks for them.
pub fn ask() -> HttpRequest {
    get("/version", Page::Version)
}

/// Reads them.
pub fn read(body: &[u8]) -> Result<Versions> {
    // 2.0 and 0.4 answer in plain text
    let plain = body.trim_ascii().strip_prefix(b"etcd ");
    if let Some(server) = plain.and_then(|rest| std::str::from_utf8(rest).ok()) {
        return Ok(Versions {
            server: server.to_owned(),
            cluster: String::new(),
        });
    }
    whole(body, |json| {
        let mut versions = Versions::default();
        object(json, |json, name| {
            match name {
                "etcdserver" => versions.server = string(json)?,
                "etcdcluster" => versions.cluster = string(json)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let told = Some(versions).filter(|v| !v.server.is_empty());
        needed(json, told, "there is no version")
    })
}
