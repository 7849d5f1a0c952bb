//! The pages beside the key space: what is asked of them, and what they say in all the forms that servers have sent.
//!
//! [`members`], [`stats`], [`versions`], [`health`], [`auth`], [`users`] and [`roles`] have one page or two each; [`page`]
//! says which body makes an answer theirs, `read` is what they share.

pub mod auth;
pub(crate) mod check;
pub mod health;
pub mod members;
pub mod page;
mod read;
pub mod roles;
pub mod stats;
pub mod users;
pub mod versions;

#[cfg(test)]
mod tests;

use super::escape::encode_into;
use super::http_request::{HttpRequest, Idempotency, ResponseKind};
use super::method::Method;
use crate::error::{Error, Result};
use page::Page;

/// A read of a page.
fn get(target: &str, page: Page) -> HttpRequest {
    HttpRequest {
        expect: ResponseKind::Page(page),
        ..HttpRequest::get(target)
    }
}

/// A change, with what it takes as JSON.
fn change(
    method: Method,
    target: String,
    body: Option<String>,
    repeat: Idempotency,
    page: Page,
) -> HttpRequest {
    HttpRequest {
        method,
        target,
        content_type: body.as_ref().map(|_| "application/json".to_owned()),
        body: body.map(String::into_bytes),
        repeat,
        expect: ResponseKind::Page(page),
        action: None,
    }
}

/// Below `folder`, the page of a user or role.
fn named(folder: &str, name: &str) -> Result<String> {
    check_names("name", &[name])?;
    let mut target = folder.to_owned();
    encode_into(&mut target, name);
    Ok(target)
}

/// Bytes of a name; three times as many still fit on a request line.
const LONGEST_NAME: usize = 1000;

/// Names of users and roles are segments of a path.
fn check_names(parameter: &str, names: &[&str]) -> Result<()> {
    for name in names {
        if name.is_empty() {
            return Err(Error::invalid(parameter, "has an empty name"));
        }
        if name.contains('/') || matches!(*name, "." | "..") {
            let why = "a name has no /, and is neither . nor ..";
            return Err(Error::invalid(parameter, why));
        }
        if name.len() > LONGEST_NAME {
            let why = format!("a name of {} bytes, at most {LONGEST_NAME} go", name.len());
            return Err(Error::invalid(parameter, why));
        }
    }
    Ok(())
}
