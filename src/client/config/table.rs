//! Every setting that a document may have. A setting of the options that is not here cannot be saved: a test compares.

use super::document::{Document, Named, Value};
use super::{VERSION, VERSION_NAME, security};
use crate::client::Options;
use crate::client::options::FOREVER;
use crate::cluster::members::balancer::Selection;
use crate::cluster::members::staleness::StalenessPolicy;
use crate::error::{Error, Result};
use serde_json::json;
use std::time::Duration;

/// One setting: how it is called, how it is taken over, how it is written.
struct Setting {
    name: &'static str,
    /// only written if asked
    secret: bool,
    read: fn(&mut Options, &Named<'_>) -> Result<()>,
    /// `None`: there is nothing to say
    write: fn(&Options) -> Option<serde_json::Value>,
}

macro_rules! settings {
    ($($kind:ident $name:literal $read:expr, $write:expr;)*) => {
        /// What the settings are called: as their functions, without `etcd_v2_options_set_` or `etcd_v2_options_`.
        pub const NAMES: &[&str] = &[$($name),*];
        const TABLE: &[Setting] = &[$(Setting {
            name: $name,
            secret: settings!(@ $kind),
            read: $read,
            write: $write,
        }),*];
    };
    (@ secret) => { true };
    (@ open) => { false };
}

settings! {
    open "endpoints" |o, v| {
            let urls = v.texts()?;
            o.endpoints.clear();
            v.set(o.add_all("endpoints", urls))
        }, |o| Some(o.endpoints.iter().map(|e| &**e.url()).collect());
    open "timeout_ms" |o, v| v.set(o.set_deadline_ms(v.signed()?)), |o| ms(o.deadline);
    open "attempt_timeout_ms" |o, v| v.set(o.set_attempt_timeout_ms(v.signed()?)), |o| o.attempt_timeout.and_then(ms);
    open "connect_timeout_ms" |o, v| v.set(o.set_connect_timeout_ms(v.signed()?)), |o| ms(o.connect_timeout);
    open "poll_timeout_ms" |o, v| v.set(o.set_max_poll_ms(v.signed()?)), |o| ms(o.max_poll);
    open "max_response_bytes" |o, v| v.set(o.set_max_response_bytes(v.unsigned()?)), |o| Some(o.max_response_bytes.into());
    open "max_nodes" |o, v| v.set(o.set_max_nodes(v.unsigned()?)), |o| Some(o.decode.nodes.into());
    open "max_depth" |o, v| v.set(o.set_max_depth(v.unsigned()?)), |o| Some(o.decode.depth.into());
    open "max_idle_connections" |o, v| v.set(o.set_max_idle_connections(v.unsigned()?)), |o| Some(o.settings.max_idle.into());
    open "max_connections" |o, v| v.set(o.set_max_connections(v.unsigned()?)), |o| Some(o.max_connections.into());
    open "max_in_flight" |o, v| v.set(o.set_max_in_flight(v.unsigned()?)), |o| Some(o.max_in_flight.into());
    open "idle_timeout_ms" |o, v| v.set(o.set_idle_timeout_ms(v.signed()?)), |o| ms(o.settings.idle_age);
    open "max_connection_age_ms" |o, v| v.set(o.set_max_connection_age_ms(v.signed()?)), |o| limit(o.settings.max_age);
    open "tcp_keepalive" keepalive, |o| Some(match o.settings.keepalive {
            None => json!({"idle_s": 0}),
            Some((idle, interval, count)) => json!({
                "idle_s": idle.as_secs(),
                "interval_s": interval.as_secs(),
                "count": count,
            }),
        });
    open "tcp_user_timeout_ms" |o, v| v.set(o.set_user_timeout_ms(v.signed()?)), |o| limit(o.settings.user_timeout);
    open "quorum_reads" |o, v| v.flag().map(|on| o.set_quorum_reads(on)), |o| Some(o.quorum_reads.into());
    open "stale_policy" stale, stale_of;
    open "selection" selection, selection_of;
    open "random_start" |o, v| v.flag().map(|on| o.set_random_start(on)), |o| Some(o.random_start.into());
    open "hedge_delay_ms" |o, v| v.set(o.set_hedge_ms(v.signed()?)), |o| limit(o.hedge);
    open "discovery_srv" discovery_srv, |o| {
            let (domain, service) = o.domain.as_ref()?.parts();
            Some(match service {
                None => json!({"domain": domain}),
                Some(name) => json!({"domain": domain, "service_name": name}),
            })
        };
    open "dns_server" |o, v| v.set(o.set_dns_server(v.text()?)), |o| Some(o.dns_server?.to_string().into());
    open "sync_interval_ms" |o, v| v.set(o.set_sync_interval_ms(v.signed()?)), |o| limit(o.sync_interval);
    open "ca_file" security::ca_file, security::ca_file_of;
    open "ca_pem" security::ca_pem, security::ca_pem_of;
    open "system_ca" |o, v| v.set(o.tls.set_system(v.flag()?)), |o| Some(o.tls.uses_system().into());
    open "client_cert_files" security::cert_files, security::cert_files_of;
    secret "client_cert_pem" security::cert_pem, security::cert_pem_of;
    open "server_name" |o, v| v.set(o.tls.set_server_name(v.text()?)), |o| o.tls.server_name().map(Into::into);
    open "pinned_sha256" security::pins, security::pins_of;
    open "insecure_skip_verify" |o, v| v.set(o.tls.set_insecure(v.flag()?)), |o| Some(o.tls.skips_verify().into());
    secret "credentials" security::credentials, security::credentials_of;
}

fn ms(time: Duration) -> Option<serde_json::Value> {
    limit(Some(time).filter(|time| *time < FOREVER))
}

/// -1 is no limit.
fn limit(time: Option<Duration>) -> Option<serde_json::Value> {
    match time {
        Some(time) => u64::try_from(time.as_millis()).ok().map(Into::into),
        None => Some((-1).into()),
    }
}

fn keepalive(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let (idle, interval, count) = options.settings.keepalive.unwrap_or_default();
    let mut numbers = [idle.as_secs(), interval.as_secs(), u64::from(count)].map(|n| n as i64);
    let names = ["idle_s", "interval_s", "count"];
    for member in value.members(&names)? {
        for (name, number) in names.iter().zip(&mut numbers) {
            if *name == member.name() {
                *number = member.signed()?;
            }
        }
    }
    let [idle, interval, count] = numbers;
    value.set(options.set_keepalive(idle, interval, count))
}

fn stale(options: &mut Options, value: &Named<'_>) -> Result<()> {
    match value.text()? {
        "ignore" => options.set_stale(StalenessPolicy::Off),
        "report" => options.set_stale(StalenessPolicy::Tell),
        "reject" => options.set_stale(StalenessPolicy::Refuse),
        _ => {
            return value.set(Err(Error::invalid(
                "stale_policy",
                "none of ignore, report, reject",
            )));
        }
    }
    Ok(())
}

const SELECTIONS: [(&str, Selection); 3] = [
    ("sticky", Selection::Sticky),
    ("leader", Selection::Leader),
    ("round_robin", Selection::RoundRobin),
];

fn selection(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let text = value.text()?;
    match SELECTIONS.iter().find(|(name, _)| *name == text) {
        Some((_, selection)) => options.set_selection(*selection),
        None => {
            let why = "none of sticky, leader, round_robin";
            return value.set(Err(Error::invalid("selection", why)));
        }
    }
    Ok(())
}

fn selection_of(options: &Options) -> Option<serde_json::Value> {
    let mut known = SELECTIONS.iter();
    let found = known.find(|(_, selection)| *selection == options.selection);
    found.map(|(name, _)| (*name).into())
}

fn discovery_srv(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let (mut domain, mut service) = ("", None);
    for member in value.members(&["domain", "service_name"])? {
        match member.name() {
            "domain" => domain = member.text()?,
            _ => service = Some(member.text()?),
        }
    }
    value.set(options.set_discovery_srv(domain, service))
}

fn stale_of(options: &Options) -> Option<serde_json::Value> {
    Some(match options.stale {
        StalenessPolicy::Off => "ignore".into(),
        StalenessPolicy::Tell => "report".into(),
        StalenessPolicy::Refuse => "reject".into(),
    })
}

/// Takes over what the document says.
pub(super) fn read(document: &Document<'_>, all: &Value, options: &mut Options) -> Result<()> {
    let known: Vec<&str> = [VERSION_NAME].iter().chain(NAMES).copied().collect();
    for (one, other) in [
        ("ca_file", "ca_pem"),
        ("client_cert_files", "client_cert_pem"),
    ] {
        if let (Some(_), Some(second)) = (all.member(one), all.member(other)) {
            let why = format!("{other}: {one} is there, too; one of the two");
            return Err(document.wrong(second.at, &why));
        }
    }
    for value in document.at(all, "").members(&known)? {
        if let Some(setting) = TABLE.iter().find(|setting| setting.name == value.name()) {
            (setting.read)(options, &value)?;
        }
    }
    Ok(())
}

/// The document, a setting to a line.
pub(super) fn write(options: &Options, secrets: bool) -> String {
    let mut text = format!("{{\n  \"{VERSION_NAME}\": {VERSION}");
    for setting in TABLE {
        if setting.secret && !secrets {
            continue;
        }
        if let Some(value) = (setting.write)(options) {
            text.push_str(&format!(",\n  \"{}\": {value}", setting.name));
        }
    }
    text.push_str("\n}\n");
    text
}
