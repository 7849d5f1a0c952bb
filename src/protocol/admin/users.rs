//! `/v2/auth/users`: who may log in, and with which roles.

use super::super::http_request::{HttpRequest, Idempotency};
use super::super::json::Json;
use super::super::method::Method;
use super::page::Page;
use super::read::{Read, list as many, needed, object, string, whole};
use super::{change, check_names, get, named, roles};
use crate::error::{Error, Result};
use serde_json::json;

const FOLDER: &str = "/v2/auth/users";

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// how it logs in
    pub name: String,
    /// names of its roles
    pub roles: Vec<String>,
}

/// All users.
pub fn ask_list() -> HttpRequest {
    get(FOLDER, Page::Users)
}

/// One user.
pub fn ask(name: &str) -> Result<HttpRequest> {
    Ok(get(&target(name)?, Page::User))
}

/// A user that is new, or, without roles, one that gets another password.
pub fn put(name: &str, password: &str, roles: &[&str]) -> Result<HttpRequest> {
    if password.is_empty() {
        return Err(Error::invalid("password", "must not be empty"));
    }
    check_names("roles", roles)?;
    let body = match roles {
        [] => json!({ "user": name, "password": password }),
        roles => json!({ "user": name, "password": password, "roles": roles }),
    };
    write(name, body.to_string())
}

/// More roles for a user.
pub fn grant(name: &str, roles: &[&str]) -> Result<HttpRequest> {
    check_names("roles", roles)?;
    let body = json!({ "user": name, "grant": some(roles)? });
    write(name, body.to_string())
}

/// Fewer roles for a user.
pub fn revoke(name: &str, roles: &[&str]) -> Result<HttpRequest> {
    let body = json!({ "user": name, "revoke": some(roles)? });
    write(name, body.to_string())
}

/// One user less.
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
        Page::User,
    ))
}

fn target(name: &str) -> Result<String> {
    named("/v2/auth/users/", name)
}

/// Without a role the request would mean something else.
fn some<'a>(roles: &'a [&'a str]) -> Result<&'a [&'a str]> {
    match roles {
        [] => Err(Error::invalid("roles", "must not be empty")),
        roles => Ok(roles),
    }
}

/// Reads a list; before etcd 2.3 it has names only.
pub fn list(body: &[u8]) -> Result<Vec<User>> {
    whole(body, |json| {
        let mut users = None;
        object(json, |json, name| match name {
            "users" => many(json, user).map(|all| {
                users = Some(all);
                true
            }),
            _ => Ok(false),
        })?;
        needed(json, users, "there is no list of users")
    })
}

/// Reads one.
pub fn one(body: &[u8]) -> Result<User> {
    whole(body, user)
}

fn user(json: &mut Json<'_>) -> Read<User> {
    let mut user = User::default();
    if json.token()? == b'"' {
        user.name = string(json)?;
    } else {
        object(json, |json, name| {
            match name {
                "user" => user.name = string(json)?,
                "roles" => user.roles = many(json, |json| Ok(roles::role(json)?.name))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
    }
    let name = Some(()).filter(|()| !user.name.is_empty());
    needed(json, name, "a user has no name")?;
    Ok(user)
}
