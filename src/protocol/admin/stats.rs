//! `/v2/stats`: what a member counts.

use super::super::http_request::HttpRequest;
use super::super::json::Json;
use super::get;
use super::page::{Page, StatsKind};
use super::read::{Read, needed, object, string, whole};
use crate::error::Result;
use crate::sys::memory;

/// What a member counts; what a kind does not have is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// of the member
    pub name: String,
    /// of the member, hex
    pub id: String,
    /// `StateLeader` or `StateFollower`; `leader` or `follower` before etcd 2
    pub state: String,
    /// of the member, RFC 3339
    pub start_time: String,
    /// the leader, hex
    pub leader_id: String,
    /// how long it has led, such as `1m0.45s`
    pub leader_uptime: String,
    /// since when
    pub leader_start_time: String,
    /// every number with its name
    pub numbers: Vec<(String, f64)>,
    /// of the leader
    pub followers: Vec<Follower>,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Follower {
    /// hex; its name before etcd 2
    pub id: String,
    /// latencies in milliseconds, and counts
    pub numbers: Vec<(String, f64)>,
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
        object(json, |json, name| {
            match name {
                "name" => stats.name = string(json)?,
                "id" => stats.id = string(json)?,
                "state" => stats.state = string(json)?,
                "startTime" => stats.start_time = string(json)?,
                "leader" => stats.leader_id = string(json)?,
                "leaderInfo" => leader_info(json, &mut stats)?,
                "followers" => stats.followers = followers(json)?,
                _ => return number(json, name, &mut stats.numbers),
            }
            Ok(true)
        })?;
        let complete = match kind {
            StatsKind::Own => !stats.state.is_empty(),
            StatsKind::Store => !stats.numbers.is_empty(),
            StatsKind::Leader => !stats.leader_id.is_empty(),
        };
        let complete = Some(stats).filter(|_| complete);
        needed(json, complete, "these are not the numbers asked for")
    })
}

fn leader_info(json: &mut Json<'_>, stats: &mut Stats) -> Read<()> {
    object(json, |json, name| {
        match name {
            "leader" => stats.leader_id = string(json)?,
            "uptime" => stats.leader_uptime = string(json)?,
            "startTime" => stats.leader_start_time = string(json)?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn followers(json: &mut Json<'_>) -> Read<Vec<Follower>> {
    let mut all = Vec::new();
    object(json, |json, id| {
        let mut numbers = Vec::new();
        // latency and counts are objects of their own, whose names differ
        object(json, |json, _| {
            object(json, |json, name| number(json, name, &mut numbers))?;
            Ok(true)
        })?;
        let id = memory::copy(id, 0)?;
        memory::push(&mut all, Follower { id, numbers })?;
        Ok(true)
    })?;
    Ok(all)
}

/// Takes a number, whatever its name.
fn number(json: &mut Json<'_>, name: &str, numbers: &mut Vec<(String, f64)>) -> Read<bool> {
    if !matches!(json.token()?, b'-' | b'0'..=b'9') {
        return Ok(false);
    }
    memory::push(numbers, (memory::copy(name, 0)?, json.f64()?))?;
    Ok(true)
}
