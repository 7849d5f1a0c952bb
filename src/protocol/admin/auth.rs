//! `/v2/auth/enable`: whether etcd asks who somebody is.

use super::super::http_request::{HttpRequest, Idempotency};
use super::super::method::Method;
use super::page::Page;
use super::read::{needed, object, whole};
use super::{change, get};
use crate::error::Result;

const TARGET: &str = "/v2/auth/enable";

/// Asks for it.
pub fn ask() -> HttpRequest {
    get(TARGET, Page::Enabled)
}

/// Turns it on or off. Not twice: the second copy would be refused, and hide that the first one worked.
pub fn set(on: bool) -> HttpRequest {
    let method = if on { Method::Put } else { Method::Delete };
    change(
        method,
        TARGET.to_owned(),
        None,
        Idempotency::Never,
        Page::Empty,
    )
}

/// Reads it.
pub fn enabled(body: &[u8]) -> Result<bool> {
    whole(body, |json| {
        let mut enabled = None;
        object(json, |json, name| match name {
            "enabled" => {
                enabled = Some(json.bool()?);
                Ok(true)
            }
            _ => Ok(false),
        })?;
        needed(json, enabled, "it does not tell whether auth is on")
    })
}
