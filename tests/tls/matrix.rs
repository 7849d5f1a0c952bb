//! Every sort of server against every sort of client, by every way of asking, on both versions.
//!
//! A further sort of server or client is a further row; what follows from their meeting is in `EXPECTED`.

use super::support::etcd::Setup;
use super::support::{Authority, Etcd, Pair, Version, Wish};
use super::ways::{LISTS, WAYS, Way, client, say, show, trust};
use etcd_v2::client::{Client, Options};

/// What servers and clients are made of.
struct Papers {
    authority: Authority,
    stranger: Authority,
    server: Pair,
    /// of `root`
    root: Pair,
    /// of somebody whom nobody knows
    nobody: Pair,
    /// signed by somebody else
    forged: Pair,
}

impl Papers {
    fn new() -> Papers {
        let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
        Papers {
            server: authority.issue(&Wish::server()),
            root: authority.issue(&Wish::client("root")),
            nobody: authority.issue(&Wish::client("nobody")),
            forged: stranger.issue(&Wish::client("root")),
            authority,
            stranger,
        }
    }
}

/// A sort of server.
struct Server {
    name: &'static str,
    start: fn(&Papers, Version) -> Etcd,
    url: fn(&Etcd) -> String,
}

const SERVERS: &[Server] = &[
    Server {
        name: "plain",
        start: |_, version| Etcd::start(version),
        url: |etcd| etcd.url().to_owned(),
    },
    Server {
        name: "TLS",
        start: |papers, version| Setup::new(version).secure(&papers.server).start(),
        url: |etcd| etcd.secure_url().to_owned(),
    },
    Server {
        name: "mutual TLS",
        start: mutual,
        url: |etcd| etcd.secure_url().to_owned(),
    },
    Server {
        name: "users",
        start: |_, version| with_users(Etcd::start(version)),
        url: |etcd| etcd.url().to_owned(),
    },
    Server {
        name: "mutual TLS with users",
        start: |papers, version| with_users(mutual(papers, version)),
        url: |etcd| etcd.secure_url().to_owned(),
    },
];

fn mutual(papers: &Papers, version: Version) -> Etcd {
    let setup = Setup::new(version).secure(&papers.server);
    setup.client_authority(&papers.authority).start()
}

fn with_users(etcd: Etcd) -> Etcd {
    etcd.enable_auth("root", "toor");
    etcd
}

/// A sort of client.
struct Asker {
    name: &'static str,
    set: fn(&Papers, &mut Options),
}

const ASKERS: &[Asker] = &[
    Asker {
        name: "trusts nobody in particular",
        set: |_, _| {},
    },
    Asker {
        name: "trusts the authority",
        set: |papers, options| trust(&papers.authority, options),
    },
    Asker {
        name: "trusts another authority",
        set: |papers, options| trust(&papers.stranger, options),
    },
    Asker {
        name: "has a certificate of root",
        set: |papers, options| {
            trust(&papers.authority, options);
            show(&papers.root, options);
        },
    },
    Asker {
        name: "has a certificate of nobody",
        set: |papers, options| {
            trust(&papers.authority, options);
            show(&papers.nobody, options);
        },
    },
    Asker {
        name: "has a forged certificate",
        set: |papers, options| {
            trust(&papers.authority, options);
            show(&papers.forged, options);
        },
    },
    Asker {
        name: "knows the password",
        set: |papers, options| {
            trust(&papers.authority, options);
            say("toor", options);
        },
    },
    Asker {
        name: "knows a wrong password",
        set: |papers, options| {
            trust(&papers.authority, options);
            show(&papers.nobody, options);
            say("wrong", options);
        },
    },
    Asker {
        name: "knows the password and has a certificate",
        set: |papers, options| {
            trust(&papers.authority, options);
            show(&papers.nobody, options);
            say("toor", options);
        },
    },
    Asker {
        name: "believes everybody",
        set: |_, options| options.tls_mut().set_insecure(true).unwrap(),
    },
];

const OK: &str = "";
const UNKNOWN: &str = "signed by an authority that is not among those that are trusted";
const WANTED: &str = "the server wants a client certificate, and none is set";
const FORGED: &str = "the server does not accept the client certificate";
const NOBODY: &str = "UNAUTHORIZED";

/// The reason with which each client ends at each server, in their order.
const EXPECTED: &[[&str; 5]] = &[
    // plain, TLS, mutual TLS, users, mutual TLS with users
    [OK, UNKNOWN, UNKNOWN, NOBODY, UNKNOWN],
    [OK, OK, WANTED, NOBODY, WANTED],
    [OK, UNKNOWN, UNKNOWN, NOBODY, UNKNOWN],
    [OK, OK, OK, NOBODY, OK],
    [OK, OK, OK, NOBODY, NOBODY],
    [OK, OK, FORGED, NOBODY, FORGED],
    [OK, OK, WANTED, OK, WANTED],
    [OK, OK, OK, NOBODY, NOBODY],
    [OK, OK, OK, OK, OK],
    [OK, OK, WANTED, NOBODY, WANTED],
];

fn matrix(version: Version) {
    let papers = Papers::new();
    assert_eq!(ASKERS.len(), EXPECTED.len());
    for (i, server) in SERVERS.iter().enumerate() {
        let etcd = (server.start)(&papers, version);
        let url = (server.url)(&etcd);
        for (asker, expected) in ASKERS.iter().zip(EXPECTED) {
            let open = match expected[i] {
                NOBODY => OK,
                reason => reason,
            };
            meet(&papers, (server.name, &url), asker, WAYS, expected[i]);
            meet(&papers, (server.name, &url), asker, LISTS, open);
        }
    }
}

fn meet(
    papers: &Papers,
    (server, url): (&str, &str),
    asker: &Asker,
    ways: &[(&str, Way)],
    expected: &str,
) {
    for (way, ask) in ways {
        // of its own, since a member that has failed is left in peace for a while
        let client: Client = client(url, |options| (asker.set)(papers, options));
        let outcome = ask(&client);
        let what = format!("{way}, {server}, a client that {}: {outcome:?}", asker.name);
        match (&outcome, expected) {
            (Ok(()), OK) => {}
            (Err(why), expected) if expected != OK => {
                assert!(why.contains(expected), "{what}, but expected {expected:?}");
                assert!(!why.contains("toor") && !why.contains("Basic"), "{what}");
            }
            _ => panic!("{what}, but expected {expected:?}"),
        }
    }
}

#[test]
fn every_client_at_every_server_of_3_4() {
    matrix(Version::V3_4);
}

#[test]
fn every_client_at_every_server_of_3_5() {
    matrix(Version::V3_5);
}

#[test]
fn every_client_at_every_server_of_the_newest_3_5() {
    matrix(Version::V3_5Newest);
}
