//! Which of the URLs that a member tells may be used. What a list says is a stranger's word: nothing in it makes the client
//! worse off than it was.

use crate::protocol::endpoint::{Address, Endpoint, Host, Scheme};
use std::net::{IpAddr, Ipv6Addr};

/// Checks a URL from the list of the member at `from`; the reason of a refusal is for people.
pub fn admit(url: &str, from: &Endpoint) -> Result<Endpoint, String> {
    let parsed = Endpoint::parse("client URL", url);
    let endpoint = parsed.map_err(|error| error.detail().message.clone())?;
    if !url.contains("://") {
        return Err(format!("{}: it was told without a scheme", endpoint.url()));
    }
    let refuse = |why: &str| Err(format!("{}: {why}", endpoint.url()));
    match (endpoint.scheme(), from.scheme()) {
        (Scheme::Unix, _) => return refuse("a path of another machine"),
        // passwords and values went over TLS so far
        (Scheme::Http, Scheme::Https) => return refuse("clear text, told by a member with TLS"),
        _ => {}
    }
    match reach(&endpoint) {
        Reach::Nowhere => refuse("nobody can be reached there"),
        Reach::Here if reach(from) != Reach::Here => refuse("loopback of another machine"),
        Reach::Here | Reach::Elsewhere => Ok(endpoint),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Nowhere,
    /// on this machine only
    Here,
    Elsewhere,
}

fn reach(endpoint: &Endpoint) -> Reach {
    let Address::Tcp(host, _) = endpoint.place() else {
        return Reach::Here;
    };
    match host {
        Host::Name(name) => {
            let name = name.trim_end_matches('.');
            match name == "localhost" || name.ends_with(".localhost") {
                true => Reach::Here,
                false => Reach::Elsewhere,
            }
        }
        Host::Ip(ip) => match ip.to_canonical() {
            IpAddr::V4(ip) if ip.octets().starts_with(&[0]) => Reach::Nowhere,
            IpAddr::V4(ip) if ip.is_broadcast() || ip.is_multicast() => Reach::Nowhere,
            IpAddr::V6(ip) if ip.is_unspecified() || ip.is_multicast() => Reach::Nowhere,
            // it would need a zone, which no URL of ours has
            IpAddr::V6(ip) if is_link_local(ip) => Reach::Nowhere,
            ip if ip.is_loopback() => Reach::Here,
            _ => Reach::Elsewhere,
        },
    }
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments().first().is_some_and(|s| s & 0xffc0 == 0xfe80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(url: &str, from: &str) -> bool {
        let from = Endpoint::parse("from", from).unwrap();
        match admit(url, &from) {
            Ok(_) => true,
            Err(why) => {
                assert!(why.len() < 300 && !why.contains('\n'), "{why}");
                false
            }
        }
    }

    #[test]
    fn only_what_leads_to_another_machine_is_taken_from_one() {
        for url in [
            "http://10.0.0.1:2379",
            "http://[2001:db8::1]:2379",
            "http://etcd-1.example:2379",
            "http://169.254.1.1:2379",
        ] {
            assert!(admitted(url, "http://10.0.0.9"), "{url}");
            assert!(admitted(url, "http://localhost"), "{url}");
        }
        for url in [
            "http://127.0.0.1:2379",
            "http://127.1.2.3:2379",
            "http://[::1]:2379",
            "http://[::ffff:127.0.0.1]:2379",
            "http://localhost:2379",
            "http://LocalHost.:2379",
            "http://a.localhost:2379",
        ] {
            assert!(!admitted(url, "http://10.0.0.9"), "{url}");
            for here in [
                "http://127.0.0.1",
                "http://[::1]",
                "http://localhost",
                "unix:///s",
            ] {
                assert!(admitted(url, here), "{url} from {here}");
            }
        }
    }

    #[test]
    fn what_leads_nowhere_is_never_taken() {
        for url in [
            "http://0.0.0.0:2379",
            "http://0.1.2.3:2379",
            "http://255.255.255.255:2379",
            "http://224.0.0.1:2379",
            "http://[::]:2379",
            "http://[::ffff:0.0.0.0]:2379",
            "http://[fe80::1]:2379",
            "http://[ff02::1]:2379",
            "unix:///run/etcd.sock",
            "unixs:///run/etcd.sock",
            "ftp://10.0.0.1",
            "10.0.0.1:2379",
            "http://me:secret@10.0.0.1",
            "http://10.0.0.1/path",
            "http://10.0.0.1:0",
            "http://10.0.0.1:99999",
            "http://a b",
            "http://",
            "",
            "\u{0}",
            "<html>",
        ] {
            assert!(!admitted(url, "http://127.0.0.1"), "{url:?}");
            assert!(!admitted(url, "http://10.0.0.9"), "{url:?}");
        }
    }
}
