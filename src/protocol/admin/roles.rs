//! `/v2/auth/roles`: who may read and write which keys.

use super::super::http_request::{HttpRequest, Idempotency};
use super::super::json::Json;
use super::super::method::Method;
use super::page::Page;
use super::read::{Read, list as many, needed, object, string, strings, whole};
use super::{change, get, named};
use crate::error::{Error, Result};
use serde_json::json;

const FOLDER: &str = "/v2/auth/roles";

/// A role: patterns of keys, which end in `*` for all that begins so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// what users are given
    pub name: String,
    /// patterns that may be read
    pub read: Vec<String>,
    /// patterns that may be written
    pub write: Vec<String>,
}

/// What may be done with the keys of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// reading
    pub read: bool,
    /// writing
    pub write: bool,
}

/// All roles.
pub fn ask_list() -> HttpRequest {
    get(FOLDER, Page::Roles)
}

/// One role.
pub fn ask(name: &str) -> Result<HttpRequest> {
    Ok(get(&target(name)?, Page::Role))
}

/// A new role, which may do nothing yet.
pub fn create(name: &str) -> Result<HttpRequest> {
    write(name, json!({ "role": name }).to_string())
}

/// More that a role may do.
pub fn grant(name: &str, patterns: &[&str], access: Access) -> Result<HttpRequest> {
    // etcd takes any text, but no key would ever match it
    if patterns.iter().any(|p| !p.starts_with('/') && *p != "*") {
        return Err(Error::invalid("patterns", "must begin with / as keys do"));
    }
    let body = json!({ "role": name, "grant": permissions(patterns, access)? });
    write(name, body.to_string())
}

/// Less that a role may do.
pub fn revoke(name: &str, patterns: &[&str], access: Access) -> Result<HttpRequest> {
    let body = json!({ "role": name, "revoke": permissions(patterns, access)? });
    write(name, body.to_string())
}

/// One role less.
pub fn delete(name: &str) -> Result<HttpRequest> {
    let target = target(name)?;
    Ok(change(
        Method::Delete,
        target,
        None,
        Idempotency::Never,
        Page::Empty,
    ))
}

fn write(name: &str, body: String) -> Result<HttpRequest> {
    Ok(change(
        Method::Put,
        target(name)?,
        Some(body),
        Idempotency::Never,
        Page::Role,
    ))
}

fn target(name: &str) -> Result<String> {
    named("/v2/auth/roles/", name)
}

fn permissions(patterns: &[&str], access: Access) -> Result<serde_json::Value> {
    if patterns.is_empty() {
        return Err(Error::invalid("patterns", "must not be empty"));
    }
    if !access.read && !access.write {
        return Err(Error::invalid("access", "is neither reading nor writing"));
    }
    let of = |may: bool| if may { patterns } else { &[] };
    Ok(json!({ "kv": { "read": of(access.read), "write": of(access.write) } }))
}

/// Reads a list; before etcd 2.3 it has names only.
pub fn list(body: &[u8]) -> Result<Vec<Role>> {
    whole(body, |json| {
        let mut roles = None;
        object(json, |json, name| match name {
            "roles" => many(json, role).map(|all| {
                roles = Some(all);
                true
            }),
            _ => Ok(false),
        })?;
        needed(json, roles, "there is no list of roles")
    })
}

/// Reads one.
pub fn one(body: &[u8]) -> Result<Role> {
    whole(body, role)
}

/// A role, or only its name.
pub(super) fn role(json: &mut Json<'_>) -> Read<Role> {
    let mut role = Role::default();
    if json.token()? == b'"' {
        role.name = string(json)?;
    } else {
        object(json, |json, name| {
            match name {
                "role" => role.name = string(json)?,
                "permissions" => permitted(json, &mut role)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
    }
    let name = Some(()).filter(|()| !role.name.is_empty());
    needed(json, name, "a role has no name")?;
    Ok(role)
}

fn permitted(json: &mut Json<'_>, role: &mut Role) -> Read<()> {
    object(json, |json, name| {
        if name != "kv" {
            return Ok(false);
        }
        object(json, |json, name| {
            match name {
                "read" => role.read = strings(json)?,
                "write" => role.write = strings(json)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(true)
    })
}
