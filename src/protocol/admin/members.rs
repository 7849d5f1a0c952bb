//! `/v2/members`: who is in the cluster.

use super::super::http_request::{HttpRequest, Idempotency};
use super::super::json::Json;
use super::super::method::Method;
use super::page::Page;
use super::read::{Read, list as many, needed, object, string, strings, whole};
use super::{change, get};
use crate::error::{Error, Result};
use serde_json::json;

const FOLDER: &str = "/v2/members";

/// A member of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// hex, without leading zeros
    pub id: String,
    /// empty: it has never started
    pub name: String,
    /// where the other members find it
    pub peer_urls: Vec<String>,
    /// where clients find it; none before its first start
    pub client_urls: Vec<String>,
}

/// All members.
pub fn ask_list() -> HttpRequest {
    get(FOLDER, Page::Members)
}

/// The leader, as the member that is asked knows it.
pub fn ask_leader() -> HttpRequest {
    get("/v2/members/leader", Page::Member)
}

/// One member more, with these comma-separated URLs.
pub fn add(peer_urls: &str) -> Result<HttpRequest> {
    let body = Some(with_urls(peer_urls)?);
    Ok(change(
        Method::Post,
        FOLDER.to_owned(),
        body,
        Idempotency::Never,
        Page::Member,
    ))
}

/// Other URLs for the member `id`. Twice is as good as once.
pub fn update(id: &str, peer_urls: &str) -> Result<HttpRequest> {
    let (target, body) = (target(id)?, Some(with_urls(peer_urls)?));
    Ok(change(
        Method::Put,
        target,
        body,
        Idempotency::IfAllowed,
        Page::Empty,
    ))
}

/// One member less. Twice is as good as once, and ids are never used again.
pub fn remove(id: &str) -> Result<HttpRequest> {
    let target = target(id)?;
    Ok(change(
        Method::Delete,
        target,
        None,
        Idempotency::IfAllowed,
        Page::Empty,
    ))
}

fn target(id: &str) -> Result<String> {
    let hex = id.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex || !(1..=16).contains(&id.len()) {
        return Err(Error::invalid("id", "must be 1 to 16 hexadecimal digits"));
    }
    Ok(format!("{FOLDER}/{id}"))
}

fn with_urls(peer_urls: &str) -> Result<String> {
    let urls: Vec<&str> = peer_urls.split(',').map(str::trim).collect();
    if urls.iter().any(|url| !url.contains("://")) {
        return Err(Error::invalid(
            "peer_urls",
            "must be URLs such as http://10.0.0.9:2380, with commas between",
        ));
    }
    Ok(json!({ "peerURLs": urls }).to_string())
}

/// Reads a list.
pub fn list(body: &[u8]) -> Result<Vec<Member>> {
    whole(body, |json| {
        let mut members = None;
        object(json, |json, name| match name {
            "members" => many(json, member).map(|all| {
                members = Some(all);
                true
            }),
            _ => Ok(false),
        })?;
        needed(json, members, "there is no list of members")
    })
}

/// Reads one.
pub fn one(body: &[u8]) -> Result<Member> {
    whole(body, member)
}

fn member(json: &mut Json<'_>) -> Read<Member> {
    let mut member = Member::default();
    object(json, |json, name| {
        match name {
            "id" => member.id = string(json)?,
            "name" => member.name = string(json)?,
            "peerURLs" => member.peer_urls = strings(json)?,
            "clientURLs" => member.client_urls = strings(json)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let id = Some(()).filter(|()| !member.id.is_empty());
    needed(json, id, "a member has no id")?;
    Ok(member)
}
