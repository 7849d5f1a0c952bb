//! `/v2/stats`: what a member counts.

use super::super::http_request::HttpRequest;
use super::super::json::Json;
use super::get;
use super::page::{Page, StatsKind};
use super::read::{Read, needed, object, string, whole};
use crate::error::Result;
use crate::sys::memory;

/// What a member counts, by etcd's own names, with dots into objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// every string
    pub texts: Vec<(String, String)>,
    /// every number
    pub numbers: Vec<(String, f64)>,
    /// of the leader: each with its id as a text
    pub followers: Vec<Stats>,
}

impl Stats {
    /// The string called `name`; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        let found = self.texts.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, text)| text)
    }
}

/// Asks for one kind.
pub fn ask(kind: StatsKind) -> HttpRequest {
    let target = match kind {
        StatsKind::Own => "/v2/stats/self",
        StatsKind::Store => "/v2/stats/store",
        StatsKind::Leader => "/v2/stats/leader",
    };
    get(target, Page::Stats(kind))
}

/// Reads one kind.
pub fn read(kind: StatsKind, body: &[u8]) -> Result<Stats> {
    whole(body, |json| {
        let mut stats = Stats::default();
        object(json, |json, name| match name {
            "followers" => {
                stats.followers = followers(json)?;
                Ok(true)
            }
            _ => field(json, name, &mut stats, true),
        })?;
        let complete = match kind {
            StatsKind::Own => !stats.text("state").is_empty(),
            StatsKind::Store => !stats.numbers.is_empty(),
            StatsKind::Leader => !stats.text("leader").is_empty(),
        };
        let complete = Some(stats).filter(|_| complete);
        needed(json, complete, "these are not the numbers asked for")
    })
}

fn followers(json: &mut Json<'_>) -> Read<Vec<Stats>> {
    let mut all = Vec::new();
    object(json, |json, id| {
        let mut follower = Stats::default();
        let id = (memory::copy("id", 0)?, memory::copy(id, 0)?);
        memory::push(&mut follower.texts, id)?;
        object(json, |json, name| field(json, name, &mut follower, true))?;
        memory::push(&mut all, follower)?;
        Ok(true)
    })?;
    Ok(all)
}

/// Takes a string or a number, whatever its name, and with `deep` those of an object.
fn field(json: &mut Json<'_>, name: &str, stats: &mut Stats, deep: bool) -> Read<bool> {
    match json.token()? {
        b'"' => {
            let text = (memory::copy(name, 0)?, string(json)?);
            memory::push(&mut stats.texts, text)?;
        }
        b'-' | b'0'..=b'9' => {
            let number = (memory::copy(name, 0)?, json.f64()?);
            memory::push(&mut stats.numbers, number)?;
        }
        b'{' if deep => object(json, |json, inner| {
            let mut path = memory::copy(name, inner.len() + 1)?;
            path.push('.');
            path.push_str(inner);
            field(json, &path, stats, false)
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}
