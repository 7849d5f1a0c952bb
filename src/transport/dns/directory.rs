//! A domain that is asked for its members, and what it said last.

use crate::display::one_line;
use crate::error::{Error, Result};
use crate::protocol::endpoint::Endpoint;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest name that the DNS takes.
const LONGEST: usize = 253;

/// Where members are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// of members with TLS, and of those without
    names: [String; 2],
}

impl Domain {
    /// `service` is the name of one of several clusters in `domain`.
    pub fn parse(domain: &str, service: Option<&str>) -> Result<Domain> {
        let trimmed = domain.strip_suffix('.').unwrap_or(domain);
        check("domain", trimmed)?;
        let suffix = match service {
            None => String::new(),
            Some(name) if name.contains('.') => {
                return Err(Error::invalid("service_name", "has a dot"));
            }
            Some(name) => {
                check("service_name", name)?;
                format!("-{name}")
            }
        };
        let name = |service: &str| format!("_{service}{suffix}._tcp.{trimmed}");
        let names = [name("etcd-client-ssl"), name("etcd-client")];
        for name in &names {
            check("domain", name)?;
        }
        Ok(Domain { names })
    }

    /// Domain and service, for who saves them.
    pub fn parts(&self) -> (&str, Option<&str>) {
        let [_, plain] = &self.names;
        let (service, domain) = plain.split_once("._tcp.").unwrap_or_default();
        (domain, service.strip_prefix("_etcd-client-"))
    }
}

fn check(parameter: &str, name: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(good);
    if name.len() > LONGEST || !name.split('.').all(label) {
        let why = format!("no domain name: `{}`", one_line(name));
        return Err(Error::invalid(parameter, why));
    }
    Ok(())
}

/// Asks a domain, one look-up at a time for all calls of a client.
#[derive(Debug)]
pub struct Directory {
    domain: Domain,
    server: Option<SocketAddr>,
    state: Arc<Mutex<DirectoryState>>,
}

#[derive(Debug, Default)]
struct DirectoryState {
    running: bool,
    last: Option<std::result::Result<Vec<Endpoint>, String>>,
}

impl Directory {
    /// Asks nobody yet. `server`: instead of those of the system.
    pub fn new(domain: Domain, server: Option<SocketAddr>) -> Directory {
        Directory {
            domain,
            server,
            state: Arc::default(),
        }
    }

    /// The name in messages.
    pub fn name(&self) -> &str {
        let [_, plain] = &self.domain.names;
        plain
    }

    /// Begins a look-up, unless one runs.
    pub fn start(&self) {
        if std::mem::replace(&mut lock(&self.state).running, true) {
            return;
        }
        let (domain, server, state) = (self.domain.clone(), self.server, self.state.clone());
        let _blocked = crate::sys::signals::Blocked::new();
        let thread = std::thread::Builder::new()
            .name("etcd_v2-resolve".into())
            .stack_size(512 * 1024)
            .spawn(move || end(&state, look_up(&domain, server)));
        if thread.is_err() {
            end(&self.state, Err("no thread left for a look-up".to_owned()));
        }
    }

    /// Whether one runs.
    pub fn is_running(&self) -> bool {
        lock(&self.state).running
    }

    /// What the last one has found.
    pub fn last(&self) -> Option<std::result::Result<Vec<Endpoint>, String>> {
        lock(&self.state).last.clone()
    }
}

fn end(state: &Mutex<DirectoryState>, found: std::result::Result<Vec<Endpoint>, String>) {
    *lock(state) = DirectoryState {
        running: false,
        last: Some(found),
    };
}

fn lock(state: &Mutex<DirectoryState>) -> MutexGuard<'_, DirectoryState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(feature = "srv"))]
fn look_up(_: &Domain, _: Option<SocketAddr>) -> std::result::Result<Vec<Endpoint>, String> {
    Err("built without SRV".to_owned())
}

#[cfg(feature = "srv")]
fn look_up(
    domain: &Domain,
    server: Option<SocketAddr>,
) -> std::result::Result<Vec<Endpoint>, String> {
    let found = super::ask::look_up(&domain.names, server);
    super::scheme::choose(&domain.names, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_as_etcd_does() {
        let domain = Domain::parse("example.com.", None).unwrap();
        assert_eq!(
            domain.names,
            [
                "_etcd-client-ssl._tcp.example.com",
                "_etcd-client._tcp.example.com"
            ]
        );
        let domain = Domain::parse("example.com", Some("blue")).unwrap();
        assert_eq!(
            domain.names,
            [
                "_etcd-client-ssl-blue._tcp.example.com",
                "_etcd-client-blue._tcp.example.com"
            ]
        );
        let long = format!("{}com", "a.".repeat(120));
        for bad in [
            "",
            ".",
            "a..b",
            ".a",
            "a b",
            "a/b",
            "ä.de",
            "a\n",
            &"x".repeat(64),
            &long,
        ] {
            let error = Domain::parse(bad, None).unwrap_err();
            assert!(error.to_string().starts_with("domain: "), "{error}");
        }
        for bad in ["", "a.b", "a b", &"x".repeat(64), &"x".repeat(50)] {
            let error = Domain::parse("example.com", Some(bad)).unwrap_err();
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
