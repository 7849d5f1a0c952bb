//! Members from the DNS. etcdctl asks the system's name servers only, so that etcd2ctl stands alone here; what it does is
//! what etcdctl's documentation says, and `--dns-server` is its own.

use super::bench::{self, Ended, Side};
use crate::support::dns::{NameServer, Reply};
use crate::support::{Etcd, Scripted, Step, Version};

const PLAIN: &str = "_etcd-client._tcp.example.com";
const BLUE: &str = "_etcd-client-blue._tcp.example.com";

fn names(port: u16) -> NameServer {
    NameServer::new(move |name, _| {
        Reply::Records(match name {
            PLAIN | BLUE => vec![(0, 0, port, "localhost")],
            _ => Vec::new(),
        })
    })
}

fn run(server: &NameServer, line: &str) -> Ended {
    let side = Side::at(
        vec![bench::etcd2ctl().path().to_owned()],
        "http://127.0.0.1:1",
    );
    side.run(&line.replace("@DNS@", &server.address()))
}

#[test]
fn members_are_found_in_the_dns() {
    let etcd = Etcd::start(Version::V3_4);
    etcd.set("/a", "value=found");
    let server = names(etcd.port());
    for line in [
        "--dns-server @DNS@ --insecure-discovery -D example.com get /a",
        "--dns-server @DNS@ --insecure-discovery -D example.com --discovery-srv-name blue get /a",
        "ETCDCTL_DISCOVERY_SRV=example.com --dns-server @DNS@ --insecure-discovery --no-sync get /a",
    ] {
        let ended = run(&server, line);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(0), "found\n"),
            "{line}: {ended:?}"
        );
    }
    assert!(server.asked().iter().any(|name| name == BLUE));
}

#[test]
fn clear_text_is_not_used_unasked_and_hears_no_password() {
    let member = Scripted::steps(vec![
        Step::Read,
        Step::json("{\"etcdserver\":\"3.4.23\",\"etcdcluster\":\"3.4.0\"}"),
        Step::Again,
    ]);
    let port = member.url().rsplit(':').next().unwrap().parse().unwrap();
    let server = names(port);
    for line in [
        "--dns-server @DNS@ -D example.com get /a",
        "--dns-server @DNS@ -u root:pw -D example.com get /a",
        "--dns-server @DNS@ -u root:pw -D example.com user list",
    ] {
        let ended = run(&server, line);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(1), ""),
            "{line}: {ended:?}"
        );
        let why = format!("ignoring discovered insecure endpoint \"http://localhost:{port}\"\n");
        assert!(ended.stderr.contains(&why), "{line}: {ended:?}");
    }
    let heard = member.requests();
    assert!(!heard.is_empty());
    for request in heard {
        let request = String::from_utf8_lossy(&request).to_lowercase();
        assert!(!request.contains("authorization"), "{request}");
    }
}

#[test]
fn a_domain_without_members_ends_the_command() {
    let server = NameServer::new(|_, _| Reply::Records(Vec::new()));
    let ended = run(
        &server,
        "--dns-server @DNS@ --insecure-discovery -D example.com get /a",
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(1), ""),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("example.com"), "{ended:?}");
}
