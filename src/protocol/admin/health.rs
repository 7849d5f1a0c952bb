//! `/health`: whether a member can do its work.

use super::super::http_request::HttpRequest;
use super::super::json::{Broken, Json};
use super::get;
use super::page::Page;
use super::read::{Read, needed, object, string, whole};
use crate::error::Result;

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// whether it can read through consensus
    pub healthy: bool,
    /// why not, since etcd 3.5; may be empty
    pub reason: String,
}

/// Asks for it.
pub fn ask() -> HttpRequest {
    get("/health", Page::Health)
}

/// Reads it: `health` is a string, and was once a word of JSON.
pub fn read(body: &[u8]) -> Result<Health> {
    whole(body, |json| {
        let (mut healthy, mut reason) = (None, String::new());
        object(json, |json, name| {
            match name {
                "health" => healthy = Some(word(json)?),
                "reason" => reason = string(json)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let healthy = needed(json, healthy, "it does not tell the health")?;
        Ok(Health { healthy, reason })
    })
}

fn word(json: &mut Json<'_>) -> Read<bool> {
    if json.token()? != b'"' {
        return Ok(json.bool()?);
    }
    let at = json.position();
    json.string()?.with(|word| match word {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Broken::new(at, "health is neither true nor false").into()),
    })
}
