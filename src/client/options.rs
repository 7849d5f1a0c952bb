//! Settings of a client; every setter validates and says no with a status.

use super::config::OnConfig;
use super::config::autosave::Savers;
use crate::cluster::members::balancer::Selection;
use crate::cluster::members::staleness::StalenessPolicy;
use crate::display::one_line;
use crate::error::{Error, Result};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::endpoint::{Endpoint, Scheme};
use crate::status::Status;
use crate::telemetry::hooks::{Hooks, Level, OnCurl, OnLog, OnRetry, OnTrace};
use crate::transport::config::TransportConfig;
use crate::transport::credentials::{Authorization, Credentials};
use crate::transport::dns::directory::{Directory, Domain};
use crate::transport::tls::Tls;
use crate::transport::tls::settings::TlsSettings;
use std::collections::HashSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where a client looks when it is told nothing.
const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:2379";
/// Longest time that a setting may name: 24 days, which poll(2) can wait.
const LONGEST_MS: i64 = i32::MAX as i64;
/// No limit, where a time is needed: a year, beyond any patience.
pub(crate) const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

// servers say after 7 s that a write has found no quorum; whoever leaves earlier does not hear it
const DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_POLL: Duration = Duration::from_secs(45);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long something may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// As long as usual.
    Default,
    /// So long.
    For(Duration),
    /// As long as it takes.
    Forever,
}

impl Patience {
    /// As callers say it: 1 ms to 24 days, -1 for no limit, -2 for the default.
    pub fn parse(parameter: &str, ms: i64) -> Result<Patience> {
        Patience::at_least(parameter, ms, 1)
    }

    fn at_least(parameter: &str, ms: i64, smallest: i64) -> Result<Patience> {
        match ms {
            -1 => Ok(Patience::Forever),
            -2 => Ok(Patience::Default),
            ms if (smallest..=LONGEST_MS).contains(&ms) => {
                Ok(Patience::For(Duration::from_millis(ms.unsigned_abs())))
            }
            _ => Err(Error::invalid(
                parameter,
                format_args!(
                    "{ms} is not within {smallest} to {LONGEST_MS}, nor -1 (no limit) or -2 (default)"
                ),
            )),
        }
    }

    /// As a time; `None` for the default.
    pub(crate) fn said(self) -> Option<Duration> {
        match self {
            Patience::Default => None,
            Patience::For(time) => Some(time),
            Patience::Forever => Some(FOREVER),
        }
    }

    /// As a time.
    pub fn or(self, default: Duration) -> Duration {
        self.said().unwrap_or(default)
    }

    /// `None`: no limit.
    fn limit(self, default: Option<Duration>) -> Option<Duration> {
        match self {
            Patience::Default => default,
            Patience::For(time) => Some(time),
            Patience::Forever => None,
        }
    }
}

/// Settings of a client.
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) deadline: Duration,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) connect_timeout: Duration,
    pub(super) max_poll: Duration,
    pub(super) sync_interval: Option<Duration>,
    pub(super) domain: Option<Domain>,
    pub(super) dns_server: Option<SocketAddr>,
    pub(super) max_response_bytes: u64,
    pub(super) max_connections: usize,
    pub(super) max_in_flight: usize,
    pub(super) decode: DecodeLimits,
    pub(super) settings: TransportConfig,
    pub(super) authorization: Option<Authorization>,
    pub(super) tls: TlsSettings,
    pub(super) listeners: Hooks,
    pub(super) stale: StalenessPolicy,
    pub(super) selection: Selection,
    pub(super) random_start: bool,
    pub(super) quorum_reads: bool,
    pub(super) savers: Savers,
    pub(super) hedge: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            endpoints: Vec::new(),
            deadline: DEADLINE,
            attempt_timeout: None,
            connect_timeout: CONNECT_TIMEOUT,
            max_poll: MAX_POLL,
            sync_interval: None,
            domain: None,
            dns_server: None,
            max_response_bytes: 512 << 20,
            max_connections: 64,
            max_in_flight: 10_000,
            decode: DecodeLimits {
                depth: 1000,
                nodes: 2_000_000,
            },
            settings: TransportConfig {
                max_idle: 32,
                idle_age: IDLE_TIMEOUT,
                max_age: Some(MAX_CONNECTION_AGE),
                keepalive: Some((Duration::from_secs(30), Duration::from_secs(10), 3)),
                user_timeout: Some(USER_TIMEOUT),
                ..TransportConfig::default()
            },
            authorization: None,
            tls: TlsSettings::default(),
            listeners: Hooks::default(),
            stale: StalenessPolicy::default(),
            selection: Selection::default(),
            random_start: false,
            quorum_reads: false,
            savers: Savers::default(),
            hedge: None,
        }
    }
}

impl Options {
    /// One more endpoint; one that is there already counts once.
    pub fn add_endpoint(&mut self, parameter: &str, url: &str) -> Result<()> {
        self.add_all(parameter, [url])
    }

    /// As often as [`Options::add_endpoint`], up to the first one that is bad. However many there are, each is looked for
    /// in a set.
    pub(super) fn add_all<'a>(
        &mut self,
        parameter: &str,
        urls: impl IntoIterator<Item = &'a str>,
    ) -> Result<()> {
        let known = self.endpoints.iter().map(|e| e.url().clone());
        let mut known: HashSet<Arc<str>> = known.collect();
        for url in urls {
            let endpoint = Endpoint::parse(parameter, url)?;
            if known.insert(endpoint.url().clone()) {
                self.endpoints.push(endpoint);
            }
        }
        Ok(())
    }

    /// Comma-separated endpoints; nothing is added when one of them is bad.
    pub fn add_endpoints(&mut self, parameter: &str, urls: &str) -> Result<()> {
        let mut grown = self.clone();
        grown.add_all(parameter, urls.split(',').map(str::trim))?;
        *self = grown;
        Ok(())
    }

    /// Default of every call.
    pub fn set_deadline_ms(&mut self, ms: i64) -> Result<()> {
        self.deadline = Patience::parse("timeout_ms", ms)?.or(DEADLINE);
        Ok(())
    }

    /// Longest time of one attempt; by default a share of what the call has left.
    pub fn set_attempt_timeout_ms(&mut self, ms: i64) -> Result<()> {
        self.attempt_timeout = Patience::parse("attempt_timeout_ms", ms)?.said();
        Ok(())
    }

    /// Longest time to resolve, connect and shake hands with one member.
    pub fn set_connect_timeout_ms(&mut self, ms: i64) -> Result<()> {
        self.connect_timeout = Patience::parse("connect_timeout_ms", ms)?.or(CONNECT_TIMEOUT);
        Ok(())
    }

    /// A watch poll is renewed after this time without an event, give or take a quarter.
    pub fn set_max_poll_ms(&mut self, ms: i64) -> Result<()> {
        self.max_poll = match ms {
            -2 => MAX_POLL,
            // who never asks again does not notice that its member is gone
            _ => millis("poll_timeout_ms", ms, 100..=LONGEST_MS)?,
        };
        Ok(())
    }

    /// How often the cluster is asked for its members, give or take a quarter; by default never.
    pub fn set_sync_interval_ms(&mut self, ms: i64) -> Result<()> {
        self.sync_interval = Patience::at_least("sync_interval_ms", ms, 100)?.limit(None);
        Ok(())
    }

    /// The domain whose SRV records name members, and the cluster of that domain.
    pub fn set_discovery_srv(&mut self, domain: &str, service: Option<&str>) -> Result<()> {
        let domain = Domain::parse(domain, service)?;
        if !cfg!(feature = "srv") {
            let text = "domain: built without discovery by DNS";
            return Err(Error::new(Status::UNSUPPORTED, text));
        }
        self.domain = Some(domain);
        Ok(())
    }

    /// Who is asked for SRV records, instead of the name servers of the system.
    pub fn set_dns_server(&mut self, address: &str) -> Result<()> {
        let server = address.parse::<SocketAddr>();
        let server = server.ok().filter(|server| server.port() != 0);
        self.dns_server = Some(server.ok_or_else(|| {
            let why = format!("no address with a port: `{}`", one_line(address));
            Error::invalid("address", why)
        })?);
        Ok(())
    }

    /// Who names further members.
    pub(super) fn directory(&self) -> Option<Directory> {
        let domain = self.domain.clone()?;
        Some(Directory::new(domain, self.dns_server))
    }

    /// Bytes of one answer.
    pub fn set_max_response_bytes(&mut self, bytes: u64) -> Result<()> {
        // positions in an answer are 32 bits wide
        self.max_response_bytes =
            within("max_response_bytes", bytes, 1024..=u64::from(u32::MAX) - 1)?;
        Ok(())
    }

    /// Nodes of one answer.
    pub fn set_max_nodes(&mut self, nodes: u64) -> Result<()> {
        self.decode.nodes = within("max_nodes", nodes, 1..=100_000_000)? as u32;
        Ok(())
    }

    /// Directory levels of one answer.
    pub fn set_max_depth(&mut self, levels: u64) -> Result<()> {
        self.decode.depth = within("max_depth", levels, 1..=1_000_000)? as u32;
        Ok(())
    }

    /// Idle connections kept per member.
    pub fn set_max_idle_connections(&mut self, count: u64) -> Result<()> {
        self.settings.max_idle = within("max_idle_connections", count, 0..=10_000)? as usize;
        Ok(())
    }

    /// Connections to one member for submitted calls; further calls wait for one.
    pub fn set_max_connections(&mut self, count: u64) -> Result<()> {
        self.max_connections = within("max_connections", count, 1..=10_000)? as usize;
        Ok(())
    }

    /// Submitted calls that have not ended, or whose results are still in a queue.
    pub fn set_max_in_flight(&mut self, count: u64) -> Result<()> {
        self.max_in_flight = within("max_in_flight", count, 1..=1_000_000)? as usize;
        Ok(())
    }

    /// How long an idle connection is kept.
    pub fn set_idle_timeout_ms(&mut self, ms: i64) -> Result<()> {
        self.settings.idle_age = Patience::parse("idle_timeout_ms", ms)?.or(IDLE_TIMEOUT);
        Ok(())
    }

    /// Maximum age of a connection that is reused, with ±10 % jitter.
    pub fn set_max_connection_age_ms(&mut self, ms: i64) -> Result<()> {
        let age = Patience::parse("max_connection_age_ms", ms)?;
        self.settings.max_age = age.limit(Some(MAX_CONNECTION_AGE));
        Ok(())
    }

    /// TCP keepalive; idle 0 turns it off.
    pub fn set_keepalive(&mut self, idle_s: i64, interval_s: i64, count: i64) -> Result<()> {
        if idle_s == 0 {
            self.settings.keepalive = None;
            return Ok(());
        }
        // the bounds of Linux
        let idle = within("idle_s", idle_s, 1..=32_767)?;
        let interval = within("interval_s", interval_s, 1..=32_767)?;
        let count = within("count", count, 1..=127)?;
        self.settings.keepalive = Some((
            Duration::from_secs(idle as u64),
            Duration::from_secs(interval as u64),
            count as u32,
        ));
        Ok(())
    }

    /// Longest time that sent bytes may stay unacknowledged; no limit leaves it to the system.
    pub fn set_user_timeout_ms(&mut self, ms: i64) -> Result<()> {
        let timeout = Patience::parse("tcp_user_timeout_ms", ms)?;
        self.settings.user_timeout = timeout.limit(Some(USER_TIMEOUT));
        Ok(())
    }

    /// Who asks; every member is told.
    pub fn set_authorization(&mut self, authorization: Option<Authorization>) {
        self.authorization = authorization;
    }

    /// Every get is asked with [`flags::QUORUM`](crate::protocol::request::flags::QUORUM).
    pub fn set_quorum_reads(&mut self, on: bool) {
        self.quorum_reads = on;
    }

    /// Gets lines of the log, up to `level`. Who listened before is given back, here and below: what it holds is to be let
    /// go with nothing locked.
    pub fn set_log(&mut self, level: Level, listener: OnLog) -> Option<(Level, OnLog)> {
        self.listeners.log.replace((level, listener))
    }

    /// Gets every request as a command for a shell.
    pub fn set_curl(&mut self, listener: OnCurl) -> Option<OnCurl> {
        self.listeners.curl.replace(listener)
    }

    /// Gets the moments of every request.
    pub fn set_trace(&mut self, listener: OnTrace) -> Option<OnTrace> {
        self.listeners.trace.replace(listener)
    }

    /// Is asked after every failed attempt.
    pub fn set_retry_hook(&mut self, listener: OnRetry) -> Option<OnRetry> {
        self.listeners.retry.replace(listener)
    }

    /// What becomes of answers that are older than others seen before.
    pub fn set_stale(&mut self, policy: StalenessPolicy) {
        self.stale = policy;
    }

    /// For `https://` endpoints.
    pub fn tls_mut(&mut self) -> &mut TlsSettings {
        &mut self.tls
    }

    /// Which member is asked first.
    pub fn set_selection(&mut self, selection: Selection) {
        self.selection = selection;
    }

    /// A read that has no answer after this time is sent to another member, too; by default never.
    pub fn set_hedge_ms(&mut self, ms: i64) -> Result<()> {
        self.hedge = Patience::parse("hedge_delay_ms", ms)?.limit(None);
        Ok(())
    }

    /// Whether a client begins with any of its members instead of the first.
    pub fn set_random_start(&mut self, random: bool) {
        self.random_start = random;
    }

    /// Every change of the members and the settings is saved there; with passwords and keys only if asked.
    pub fn set_config_file(&mut self, path: &Path, secrets: bool) -> Result<()> {
        if path.file_name().is_none() {
            return Err(Error::invalid("path", "not a name of a file"));
        }
        self.savers.file = Some((path.to_owned(), secrets));
        Ok(())
    }

    /// Is told every such change. Who listened before is given back.
    pub fn set_config_callback(&mut self, told: OnConfig, secrets: bool) -> Option<OnConfig> {
        let before = self.savers.listener.replace((told, secrets));
        before.map(|(listener, _)| listener)
    }

    /// How long a change waits until another process has saved: as long as a call, but never without a limit.
    pub(super) fn save_timeout(&self) -> Duration {
        Some(self.deadline)
            .filter(|deadline| *deadline < FOREVER)
            .unwrap_or(DEADLINE)
    }

    /// The endpoints, in order.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Of sockets and pools.
    pub fn settings(&self) -> &TransportConfig {
        &self.settings
    }

    /// Whether somebody has to prove who he is.
    pub(super) fn needs_tls(&self) -> bool {
        self.endpoints.iter().any(|e| e.scheme() == Scheme::Https)
    }

    /// What was not said gets its default, and what changes while the client lives is its own.
    pub(super) fn fill_in(&mut self) -> Result<()> {
        let authorization = self.authorization.take();
        self.settings.credentials = Arc::new(Credentials::new(authorization));
        let tls = Tls::new(self.tls.clone());
        if !tls.is_default() || self.needs_tls() {
            tls.prepare()?;
        }
        self.settings.tls = Arc::new(tls);
        self.settings.metrics = Arc::default();
        if self.endpoints.is_empty() && self.domain.is_none() {
            self.add_endpoint("endpoints", DEFAULT_ENDPOINT)?;
        }
        Ok(())
    }
}

fn within<T: PartialOrd + Display>(
    parameter: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Error::invalid(
        parameter,
        format_args!("{value} is not within {} to {}", range.start(), range.end()),
    ))
}

fn millis(parameter: &str, ms: i64, range: RangeInclusive<i64>) -> Result<Duration> {
    Ok(Duration::from_millis(
        within(parameter, ms, range)?.unsigned_abs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_checked_together_and_counted_once() {
        let mut options = Options::default();
        options
            .add_endpoints(
                "endpoints",
                "127.0.0.1:2379, http://127.0.0.1:2379,http://localhost:1",
            )
            .expect("valid");
        assert_eq!(options.endpoints.len(), 2);
        let error = options
            .add_endpoints("endpoints", "http://a:1,gopher://b")
            .expect_err("scheme");
        assert_eq!(error.status(), Status::INVALID_ARGUMENT);
        assert_eq!(options.endpoints.len(), 2);
        assert!(options.add_endpoints("endpoints", "").is_err());
    }

    #[test]
    fn every_time_has_a_default_and_most_have_no_limit() {
        type Set = fn(&mut Options, i64) -> Result<()>;
        type Get = fn(&Options) -> Option<Duration>;
        let seconds = |n| Some(Duration::from_secs(n));
        let all: [(Set, Get, Option<Duration>, Option<Duration>); 8] = [
            (
                Options::set_deadline_ms,
                |o| Some(o.deadline),
                seconds(10),
                Some(FOREVER),
            ),
            (
                Options::set_attempt_timeout_ms,
                |o| o.attempt_timeout,
                None,
                Some(FOREVER),
            ),
            (
                Options::set_connect_timeout_ms,
                |o| Some(o.connect_timeout),
                seconds(2),
                Some(FOREVER),
            ),
            (
                Options::set_idle_timeout_ms,
                |o| Some(o.settings.idle_age),
                seconds(60),
                Some(FOREVER),
            ),
            (
                Options::set_max_connection_age_ms,
                |o| o.settings.max_age,
                seconds(300),
                None,
            ),
            (
                Options::set_user_timeout_ms,
                |o| o.settings.user_timeout,
                seconds(20),
                None,
            ),
            (
                Options::set_sync_interval_ms,
                |o| o.sync_interval,
                None,
                None,
            ),
            (Options::set_hedge_ms, |o| o.hedge, None, None),
        ];
        for (set, get, default, infinite) in all {
            let mut options = Options::default();
            assert_eq!(get(&options), default);
            for (ms, wanted) in [
                (-1, infinite),
                (777, Some(Duration::from_millis(777))),
                (-2, default),
            ] {
                set(&mut options, ms).unwrap();
                assert_eq!(get(&options), wanted);
            }
            for ms in [0, -3, i64::MIN, 1 << 31, i64::MAX] {
                assert!(set(&mut options, ms).is_err());
                assert_eq!(get(&options), default);
            }
        }
    }

    #[test]
    fn saving_always_has_a_limit() {
        let mut options = Options::default();
        for (ms, limit) in [(-1, 10_000), (77, 77), (60_000, 60_000), (-2, 10_000)] {
            options.set_deadline_ms(ms).unwrap();
            assert_eq!(options.save_timeout(), Duration::from_millis(limit));
        }
    }

    #[test]
    fn numbers_have_bounds_and_the_message_names_the_parameter() {
        let mut options = Options::default();
        let wrong = [
            ("timeout_ms", options.set_deadline_ms(0)),
            ("timeout_ms", options.set_deadline_ms(i64::MAX)),
            ("connect_timeout_ms", options.set_connect_timeout_ms(-3)),
            ("poll_timeout_ms", options.set_max_poll_ms(99)),
            ("sync_interval_ms", options.set_sync_interval_ms(99)),
            ("poll_timeout_ms", options.set_max_poll_ms(-1)),
            ("sync_interval_ms", options.set_sync_interval_ms(0)),
            ("hedge_delay_ms", options.set_hedge_ms(0)),
            ("attempt_timeout_ms", options.set_attempt_timeout_ms(0)),
            (
                "max_response_bytes",
                options.set_max_response_bytes(u64::MAX),
            ),
            ("max_nodes", options.set_max_nodes(0)),
            ("max_depth", options.set_max_depth(0)),
            (
                "max_idle_connections",
                options.set_max_idle_connections(10_001),
            ),
            ("idle_timeout_ms", options.set_idle_timeout_ms(0)),
            (
                "max_connection_age_ms",
                options.set_max_connection_age_ms(0),
            ),
            ("max_connections", options.set_max_connections(0)),
            ("max_in_flight", options.set_max_in_flight(0)),
            ("idle_s", options.set_keepalive(-1, 1, 1)),
            ("interval_s", options.set_keepalive(1, 0, 1)),
            ("count", options.set_keepalive(1, 1, 0)),
            ("tcp_user_timeout_ms", options.set_user_timeout_ms(0)),
        ];
        for (name, result) in wrong {
            let error = result.expect_err(name);
            assert_eq!(error.status(), Status::INVALID_ARGUMENT);
            assert!(
                error.detail().message.starts_with(name),
                "{}",
                error.detail().message
            );
        }
        assert!(options.set_keepalive(0, -5, -5).is_ok());
    }
}
