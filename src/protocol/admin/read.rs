//! How the bodies are read: each field as it comes, `null` as what is empty, what is unknown passed over.

use super::super::json::{Broken, Json};
use crate::error::{Error, Result};
use crate::status::Status;
use crate::sys::memory::{self, OutOfMemory};

/// What was read, or why reading ended.
pub(super) type Read<T> = std::result::Result<T, ReadStop>;

/// Why reading ended.
#[derive(Debug)]
pub(super) enum ReadStop {
    Broken(Broken),
    Memory,
}

impl From<Broken> for ReadStop {
    fn from(broken: Broken) -> ReadStop {
        ReadStop::Broken(broken)
    }
}

impl From<OutOfMemory> for ReadStop {
    fn from(_: OutOfMemory) -> ReadStop {
        ReadStop::Memory
    }
}

/// The whole of a body.
pub(super) fn whole<T>(body: &[u8], value: impl FnOnce(&mut Json<'_>) -> Read<T>) -> Result<T> {
    let text = std::str::from_utf8(body).map_err(|e| {
        Error::new(
            Status::PROTOCOL,
            format!("the answer is not UTF-8 at byte {}", e.valid_up_to()),
        )
    })?;
    let mut json = Json::new(text);
    let read = value(&mut json).and_then(|value| {
        json.end()?;
        Ok(value)
    });
    read.map_err(|stop| match stop {
        ReadStop::Broken(Broken(place)) => Error::new(
            Status::PROTOCOL,
            format!(
                "the answer is not etcd's: {} at byte {}",
                place.why, place.at
            ),
        ),
        ReadStop::Memory => OutOfMemory.error(&format!("what is in {} bytes", body.len())),
    })
}

/// An object; `field` says whether it took the value of this name.
pub(super) fn object(
    json: &mut Json<'_>,
    mut field: impl FnMut(&mut Json<'_>, &str) -> Read<bool>,
) -> Read<()> {
    if json.null()? {
        return Ok(());
    }
    json.object()?;
    let mut first = true;
    while let Some(name) = json.member(std::mem::take(&mut first))? {
        if !name.with(|name| field(json, name))? {
            json.skip()?;
        }
    }
    Ok(())
}

/// A list.
pub(super) fn list<T>(
    json: &mut Json<'_>,
    mut element: impl FnMut(&mut Json<'_>) -> Read<T>,
) -> Read<Vec<T>> {
    let mut all = Vec::new();
    if json.null()? {
        return Ok(all);
    }
    json.array()?;
    let mut first = true;
    while json.element(std::mem::take(&mut first))? {
        memory::push(&mut all, element(json)?)?;
    }
    Ok(all)
}

/// A list of strings.
pub(super) fn strings(json: &mut Json<'_>) -> Read<Vec<String>> {
    list(json, string)
}

/// A string.
pub(super) fn string(json: &mut Json<'_>) -> Read<String> {
    match json.null()? {
        true => Ok(String::new()),
        false => Ok(json.string()?.try_to_text()?),
    }
}

/// What must be there.
pub(super) fn needed<T>(json: &Json<'_>, value: Option<T>, why: &'static str) -> Read<T> {
    value.ok_or_else(|| Broken::new(json.position(), why).into())
}
