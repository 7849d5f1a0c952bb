//! Where a member listens: `http://host:port`, `https://host:port`, `host:port`, `unix:///path`.
use crate::{
    display,
    error::{Error, Result},
    status::Status,
};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// etcd's client port, for URLs without one (also for `http://host`, where a browser would take 80).
pub const DEFAULT_PORT: u16 = 2379;
/// Longest path of a unix socket that the kernel takes.
const LONGEST_PATH: usize = 107;
/// Longest name of a host.
const LONGEST_NAME: usize = 253;

/// How to talk to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// clear text over TCP
    Http,
    /// TLS over TCP; no [`Endpoint`] has it in a build without TLS
    Https,
    /// clear text over a unix socket
    Unix,
}

/// Host part of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// needs no look-up
    Ip(IpAddr),
    /// lower case
    Name(Arc<str>),
}

/// Where to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// host and port
    Tcp(Host, u16),
    /// absolute path
    Unix(PathBuf),
}

/// A validated endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Arc<str>,
    scheme: Scheme,
    place: Address,
}

impl Endpoint {
    /// `parameter` is the name that an error message uses.
    ///
    /// Taken are `http://host`, `http://host:port`, both also without the scheme, `https://` likewise, and
    /// `unix:///absolute/path`. A missing port is [`DEFAULT_PORT`]. `https://` is refused with `TLS` by a build without TLS.
    pub fn parse(parameter: &str, url: &str) -> Result<Endpoint> {
        let no = |why: &dyn fmt::Display| {
            Error::invalid(parameter, format!("{why}: {}", display::url(url)))
        };
        if url.is_empty() {
            return Err(Error::invalid(parameter, "empty URL"));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(no(&"space or control character in URL"));
        }
        let (scheme, rest) = match url.split_once("://") {
            None => (Scheme::Http, url),
            Some((name, rest)) => match name.to_ascii_lowercase().as_str() {
                "http" => (Scheme::Http, rest),
                "https" => (Scheme::Https, rest),
                "unix" => (Scheme::Unix, rest),
                _ => return Err(no(&"scheme is none of http, https, unix")),
            },
        };
        if rest.contains('?') {
            return Err(no(&"query in URL"));
        }
        if rest.contains('#') {
            return Err(no(&"fragment in URL"));
        }
        match scheme {
            Scheme::Unix => Endpoint::unix(rest).map_err(|why| no(&why)),
            Scheme::Http | Scheme::Https => {
                // what is wrong apart from the scheme is told first
                let endpoint = Endpoint::tcp(scheme, rest).map_err(|why| no(&why))?;
                match scheme {
                    Scheme::Https if !cfg!(feature = "tls") => {
                        let text = format!("{parameter}: built without TLS: {}", display::url(url));
                        Err(Error::new(Status::TLS, text))
                    }
                    _ => Ok(endpoint),
                }
            }
        }
    }

    fn unix(path: &str) -> std::result::Result<Endpoint, &'static str> {
        if path.contains('@') && !path.starts_with('/') {
            return Err("user information in URL");
        }
        if !path.starts_with('/') {
            return Err("path of a unix socket is not absolute");
        }
        if path.ends_with('/') {
            return Err("path of a unix socket names a directory");
        }
        if path.len() > LONGEST_PATH {
            return Err("path of a unix socket is longer than 107 bytes");
        }
        Ok(Endpoint {
            url: format!("unix://{path}").into(),
            scheme: Scheme::Unix,
            place: Address::Unix(path.into()),
        })
    }

    fn tcp(scheme: Scheme, rest: &str) -> std::result::Result<Endpoint, &'static str> {
        if rest.contains('@') {
            return Err("user information in URL");
        }
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if !matches!(path, "" | "/") {
            return Err("path in URL");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (inside, after) = bracketed
                    .split_once(']')
                    .ok_or("no `]` after an IPv6 address")?;
                let address: Ipv6Addr = inside.parse().map_err(|_| "not an IPv6 address")?;
                let port = match after.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if after.is_empty() => None,
                    None => return Err("text between `]` and port"),
                };
                (Host::Ip(address.into()), port)
            }
            None => {
                let (host, port) = match authority.split_once(':') {
                    Some((_, port)) if port.contains(':') => {
                        return Err("an IPv6 address needs brackets, or too many colons");
                    }
                    Some((host, port)) => (host, Some(port)),
                    None => (authority, None),
                };
                (parse_host(host)?, port)
            }
        };
        let port = port.map_or(Ok(DEFAULT_PORT), parse_port)?;
        let name = match scheme {
            Scheme::Https => "https",
            _ => "http",
        };
        Ok(Endpoint {
            url: format!("{name}://{}", Authority(&host, port)).into(),
            scheme,
            place: Address::Tcp(host, port),
        })
    }

    /// Canonical URL: scheme, host, explicit port, no trailing slash.
    pub fn url(&self) -> &Arc<str> {
        &self.url
    }

    /// How to talk to it.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Where to connect to.
    pub fn place(&self) -> &Address {
        &self.place
    }

    /// `host:port` as a request names it; `localhost` for a unix socket.
    pub fn authority(&self) -> String {
        match &self.place {
            Address::Tcp(host, port) => Authority(host, *port).to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

struct Authority<'a>(&'a Host, u16);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.1),
            Host::Ip(IpAddr::V4(ip)) => write!(f, "{ip}:{}", self.1),
            Host::Name(name) => write!(f, "{name}:{}", self.1),
        }
    }
}

fn parse_host(host: &str) -> std::result::Result<Host, &'static str> {
    if host.is_empty() {
        return Err("no host in URL");
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    if !host.is_ascii() {
        return Err("host is not ASCII (write it in its xn-- form)");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !host.bytes().all(plain) {
        return Err("character that no host name has");
    }
    if host.len() > LONGEST_NAME {
        return Err("host is longer than 253 bytes");
    }
    if host.starts_with('.') || host.contains("..") {
        return Err("empty label in host name");
    }
    Ok(Host::Name(host.to_ascii_lowercase().into()))
}

fn parse_port(port: &str) -> std::result::Result<u16, &'static str> {
    if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("port is not a number");
    }
    match port.parse::<u16>() {
        Ok(0) => Err("port 0 cannot be connected to"),
        Ok(port) => Ok(port),
        Err(_) => Err("port is larger than 65535"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_urls() {
        for (given, canonical, authority) in [
            ("http://a:1", "http://a:1", "a:1"),
            (
                "http://A.Example/",
                "http://a.example:2379",
                "a.example:2379",
            ),
            ("HTTP://a", "http://a:2379", "a:2379"),
            ("host", "http://host:2379", "host:2379"),
            ("host:65535", "http://host:65535", "host:65535"),
            ("127.0.0.1", "http://127.0.0.1:2379", "127.0.0.1:2379"),
            ("http://1.2.3.4:0080/", "http://1.2.3.4:80", "1.2.3.4:80"),
            ("[::1]", "http://[::1]:2379", "[::1]:2379"),
            ("http://[0:0::1]:7", "http://[::1]:7", "[::1]:7"),
            (
                "http://under_score.x-1.:7",
                "http://under_score.x-1.:7",
                "under_score.x-1.:7",
            ),
            (
                "unix:///run/etcd.sock",
                "unix:///run/etcd.sock",
                "localhost",
            ),
            (
                "unix:///run/localhost:2379",
                "unix:///run/localhost:2379",
                "localhost",
            ),
        ] {
            let endpoint = Endpoint::parse("endpoints", given).unwrap();
            assert_eq!(&**endpoint.url(), canonical, "{given}");
            assert_eq!(endpoint.authority(), authority, "{given}");
            let again = Endpoint::parse("endpoints", canonical).unwrap();
            assert_eq!(again, endpoint, "{given}");
        }
    }

    #[test]
    fn refused_urls() {
        let long_path = format!("unix:///{}", "x".repeat(107));
        let long_host = "x".repeat(254);
        for (given, why) in [
            ("", "empty URL"),
            ("http://", "no host"),
            (":2379", "no host"),
            ("http://:2379/", "no host"),
            ("ftp://a", "scheme is none of"),
            ("://a", "scheme is none of"),
            ("http://a:0", "port 0"),
            ("http://a:65536", "larger than 65535"),
            ("http://a:999999999999999999999", "larger than 65535"),
            ("http://a:x", "not a number"),
            ("http://a:+1", "not a number"),
            ("http://a:", "not a number"),
            ("http://a:1/v2", "path in URL"),
            ("http://a//", "path in URL"),
            ("http://a:1?x", "query"),
            ("http://a:1/#x", "fragment"),
            ("http://a b", "space or control"),
            ("http://a\u{7f}b", "space or control"),
            (" http://a", "space or control"),
            ("http://a\n", "space or control"),
            ("::1", "brackets"),
            ("http://::1:2379", "brackets"),
            ("http://[::1", "no `]`"),
            ("http://[1.2.3.4]:1", "not an IPv6"),
            ("http://[fe80::1%25eth0]:1", "not an IPv6"),
            ("http://[::1]x:1", "text between"),
            ("http://ü:1", "not ASCII"),
            ("http://a%20b", "no host name"),
            ("http://a..b", "empty label"),
            (long_host.as_str(), "253"),
            ("unix://run/x", "not absolute"),
            ("unix:///", "directory"),
            ("unix:///run/", "directory"),
            (long_path.as_str(), "107 bytes"),
        ] {
            let error = Endpoint::parse("endpoints", given).unwrap_err();
            assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{given}");
            let text = error.to_string();
            assert!(
                text.starts_with("endpoints: ") && text.contains(why),
                "{text}"
            );
            assert!(!text.contains('\n') && text.len() < 400, "{text}");
        }
        assert!(Endpoint::parse("e", &long_path[..long_path.len() - 1]).is_ok());
    }

    #[test]
    fn passwords_are_never_repeated() {
        for given in [
            "http://me:secret@a:1",
            "http://me:secret@a:1/x@y",
            "http://me:sec/secret@a",
            "http://me:secret?x@a",
            "me:secret@a",
            "https://me:secret@a",
            "ftp://me:secret@a",
            "unix://me:secret@/run/x",
        ] {
            let error = Endpoint::parse("endpoints", given).unwrap_err();
            assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{given}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_is_one_more_scheme() {
        for (given, canonical) in [
            ("https://a:1", "https://a:1"),
            ("HTTPS://A/", "https://a:2379"),
            ("https://[::1]:443", "https://[::1]:443"),
        ] {
            let endpoint = Endpoint::parse("endpoints", given).unwrap();
            assert_eq!(&**endpoint.url(), canonical);
            assert_eq!(endpoint.scheme(), Scheme::Https);
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn a_build_without_tls_says_so() {
        let error = Endpoint::parse("endpoints", "https://a:1").unwrap_err();
        assert_eq!(error.status(), Status::TLS);
        assert_eq!(
            error.to_string(),
            "endpoints: built without TLS: `https://a:1`"
        );
        let error = Endpoint::parse("endpoints", "https://a:0").unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT);
    }
}
