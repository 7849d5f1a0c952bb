//! What a client does not accept from a server, and how it says so.

use super::api;
use super::server::{Manner, TlsServer, pair_of};
use super::support::etcd::Setup;
use super::support::{Authority, Etcd, Pair, Scripted, Step, Version, Wish};
use super::ways::{LONG, WAYS, client, set, trust};
use etcd_v2::client::Options;
use etcd_v2::error::Error;
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::tls::settings::PemSource;

/// A call that must end with `TLS`.
#[track_caller]
fn refusal(url: &str, set_up: impl FnOnce(&mut Options)) -> Error {
    let client = client(url, set_up);
    let error = set(&client, "/a", "v").unwrap_err();
    assert_eq!(error.status(), Status::TLS, "{error:?}");
    let detail = error.detail();
    assert_eq!(
        detail.phase.map(|phase| phase.name()),
        Some("TLS"),
        "{error:?}"
    );
    // nothing was applied, and nothing will be another time
    assert!(!detail.outcome_unknown && !detail.retriable, "{error:?}");
    assert_eq!(detail.attempts.len(), 1, "{error:?}");
    error
}

fn sha256(der: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, der);
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}:"))
        .collect::<String>()
}

#[test]
fn certificates_that_are_not_good() {
    let (authority, same_name) = (Authority::new("ours"), Authority::new("ours"));
    let server = |pair: &Pair| TlsServer::start(pair, None, Manner::Answer("{}"));
    let issue = |wish: Wish| authority.issue(&wish);
    for (pair, told) in [
        (
            issue(Wish::server().years(2000, 2001)),
            "the server's certificate expired on 2001-01-01 00:00:00 UTC",
        ),
        (
            issue(Wish::server().years(2998, 2999)),
            "the server's certificate is not valid before 2998-01-01 00:00:00 UTC",
        ),
        (
            issue(Wish::server().names(&["etcd.example", "10.0.0.1", "*.example.org"])),
            "the server's certificate is for `etcd.example`, `10.0.0.1`, `*.example.org`, not for `127.0.0.1`",
        ),
        (
            issue(Wish::server().names(&[])),
            "the server's certificate names no host, not even `127.0.0.1` (a common name does not count)",
        ),
        (
            issue(Wish::client("server").names(&["127.0.0.1"])),
            "the server's certificate is not for servers: its extended key usage lacks serverAuth",
        ),
        (
            same_name.issue(&Wish::server()),
            "signed by an authority that shares the name of a trusted one, but not its key",
        ),
        (
            authority.self_signed(&Wish::server()),
            "the server's certificate is self-signed; if it is the right one, pin its SHA-256 ",
        ),
    ] {
        let server = server(&pair);
        let error = refusal(&server.url, |options| trust(&authority, options));
        assert!(error.to_string().contains(told), "{error}");
        assert!(server.visits().is_empty(), "a handshake that was over");
    }
}

#[test]
fn pins_take_the_place_of_authorities_or_come_on_top_of_them() {
    let authority = Authority::new("ours");
    let alone = authority.self_signed(&Wish::server().names(&["elsewhere"]).years(2000, 2001));
    let signed = authority.issue(&Wish::server());
    let body =
        r#"{"action":"get","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#;
    let [first, second] =
        [&alone, &signed].map(|pair| TlsServer::start(pair, None, Manner::Answer(body)));
    let pin = |pair: &Pair| {
        let text = sha256(&pair.der);
        move |options: &mut Options| {
            options
                .tls_mut()
                .add_pin(text.trim_end_matches(':'))
                .unwrap();
        }
    };
    let get = |url: &str, set_up: &dyn Fn(&mut Options)| {
        client(url, set_up).execute(&api::call(Operation::Get, "/a"))
    };
    // neither name nor time nor signature of a pinned certificate matter
    get(&first.url, &pin(&alone)).unwrap();
    let told = refusal(&second.url, pin(&alone)).to_string();
    let own = sha256(&signed.der).replace(':', "").to_lowercase();
    assert!(
        told.contains(&format!(
            "is not a pinned certificate; its SHA-256 is {own}"
        )),
        "{told}"
    );
    // any of several will do
    let both = |options: &mut Options| {
        pin(&alone)(options);
        pin(&signed)(options);
    };
    get(&second.url, &both).unwrap();
    // with an authority both have to be right
    let signed_too = |options: &mut Options| {
        both(options);
        trust(&authority, options);
    };
    get(&second.url, &signed_too).unwrap();
    let told = refusal(&first.url, signed_too).to_string();
    assert!(told.contains("expired"), "{told}");
    // and who believes everybody still looks at pins
    let insecure = |options: &mut Options| {
        pin(&signed)(options);
        options.tls_mut().set_insecure(true).unwrap();
    };
    refusal(&first.url, insecure);
    get(&second.url, &insecure).unwrap();
}

/// What `openssl req -x509` makes is the certificate of an authority: it serves if it was named itself, under its own name.
#[test]
fn a_certificate_that_is_its_own_authority_serves() {
    let cert = include_str!("keys/own-authority.pem");
    let pair = pair_of(cert, include_str!("keys/own-authority-key.pem"));
    let body =
        r#"{"action":"set","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#;
    let server = TlsServer::start(&pair, None, Manner::Answer(body));
    let named = |options: &mut Options| {
        let source = PemSource::memory("ca", cert.as_bytes());
        options.tls_mut().set_authorities(source).unwrap();
    };
    set(&client(&server.url, named), "/a", "v").unwrap();
    // under another name, or if another authority was named, it does not
    let told = refusal(&server.url, |options| {
        named(options);
        options.tls_mut().set_server_name("etcd.example").unwrap();
    });
    assert!(
        told.to_string().contains("not for `etcd.example`"),
        "{told}"
    );
    let other = Authority::new("ours");
    refusal(&server.url, |options| trust(&other, options));
}

#[test]
fn another_name_may_be_asked_for() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server().names(&["etcd.example"]));
    let etcd = Setup::new(Version::V3_4).secure(&pair).start();
    let with = |name: &'static str| {
        let authority = &authority;
        move |options: &mut Options| {
            trust(authority, options);
            options.tls_mut().set_server_name(name).unwrap();
        }
    };
    for (way, ask) in WAYS {
        let outcome = ask(&client(etcd.secure_url(), with("etcd.example")));
        assert_eq!(outcome, Ok(()), "{way}");
        let told = ask(&client(etcd.secure_url(), with("etcd.example.org"))).unwrap_err();
        let names = "is for `etcd.example`, not for `etcd.example.org`";
        assert!(told.contains(names), "{way}: {told}");
    }
}

#[test]
fn a_server_in_clear_text_on_an_https_endpoint() {
    let etcd = Etcd::shared(Version::V3_5);
    let url = etcd.url().replace("http://", "https://");
    let talks = Scripted::steps(vec![Step::Write(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
    )]);
    let other = Scripted::steps(vec![Step::Write(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]);
    // what etcd does, too, when it had not read the whole greeting yet
    let rude = Scripted::tcp(|conversation| {
        conversation.read_bytes(1)?;
        conversation.reset()
    });
    for (way, ask) in WAYS {
        for (url, hint) in [
            (
                &rude.url().replace("http://", "https://"),
                "reset without a word: perhaps this is no TLS port, but one for http://",
            ),
            (
                &url,
                "without a word: perhaps this is no TLS port, but one for http://",
            ),
            (
                &talks.url().replace("http://", "https://"),
                "answers in clear text: this is a port for http://",
            ),
            (
                &other.url().replace("http://", "https://"),
                "answers in something that is not TLS",
            ),
        ] {
            let told = ask(&client(url, |o| o.tls_mut().set_insecure(true).unwrap()));
            let told = told.unwrap_err();
            assert!(told.contains(hint), "{way}: {told}");
        }
    }
}

#[test]
fn a_server_with_tls_on_an_http_endpoint() {
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    for version in Version::ALL {
        let etcd = Setup::new(version).secure(&pair).start();
        let url = etcd.secure_url().replace("https://", "http://");
        let clear = client(&url, |_| {});
        let read = clear.execute(&api::call(Operation::Get, "/a")).unwrap_err();
        assert_eq!(read.status(), Status::UNREACHABLE, "{read:?}");
        let told = read.to_string();
        assert!(
            told.contains("perhaps it wants https://"),
            "{version}: {told}"
        );
    }
    // others say it themselves, with an alert
    let alert = Scripted::steps(vec![
        Step::Read,
        Step::Write(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()),
    ]);
    let clear = client(alert.url(), |_| {});
    let read = clear.execute(&api::call(Operation::Get, "/a")).unwrap_err();
    assert_eq!(read.status(), Status::TLS, "{read:?}");
    assert!(
        read.to_string()
            .contains("the server talks TLS: this is a port for https://"),
        "{read}"
    );
}

#[test]
fn the_end_of_a_body_is_only_that_if_tls_says_so() {
    let authority = Authority::new("ours");
    let server = TlsServer::start(&authority.issue(&Wish::server()), None, Manner::Cut);
    let client = client(&server.url, |options| trust(&authority, options));
    let read = client
        .execute(&api::call(Operation::Get, "/a"))
        .unwrap_err();
    assert!(read.to_string().contains("connection reset"), "{read}");
    let (tell, told) = std::sync::mpsc::channel();
    let call = api::call(Operation::Get, "/a");
    client
        .submit(&call, move |result| tell.send(result.map(drop)).unwrap())
        .unwrap();
    let read = told.recv_timeout(LONG).unwrap().unwrap_err();
    assert!(read.to_string().contains("connection reset"), "{read}");
}

#[test]
fn members_with_and_without_tls_are_one_cluster() {
    let (authority, stranger) = (Authority::new("ours"), Authority::new("theirs"));
    let good = Setup::new(Version::V3_4)
        .secure(&authority.issue(&Wish::server()))
        .start();
    let forged = TlsServer::start(&stranger.issue(&Wish::server()), None, Manner::Leave);
    let dead = api::dead_endpoint();
    // who cannot prove himself is left for the next one, whatever that speaks
    for last in [good.secure_url(), good.url()] {
        let endpoints = format!("{},{dead},{last}", forged.url);
        for (way, ask) in WAYS {
            let outcome = match *way {
                // tells of every failure on the way
                "watch" => continue,
                _ => ask(&client(&endpoints, |options| trust(&authority, options))),
            };
            assert_eq!(outcome, Ok(()), "{way}, {endpoints}");
        }
    }
    // TLS is what has to be mended, but the dead one may come back
    let both = client(&format!("{},{dead}", forged.url), |o| trust(&authority, o));
    let error = set(&both, "/a", "v").unwrap_err();
    assert_eq!(error.status(), Status::TLS, "{error:?}");
    assert!(error.detail().retriable && error.to_string().contains("connection refused"));
}

#[test]
fn a_redirect_leads_from_tls_to_no_stranger_in_clear() {
    let stranger = Scripted::json(&api::node_json("v"));
    let authority = Authority::new("ours");
    let pair = authority.issue(&Wish::server());
    let moved = format!("{}/v2/keys/a", stranger.url());
    let server = TlsServer::start(&pair, None, Manner::Redirect(moved));
    let error = set(&client(&server.url, |o| trust(&authority, o)), "/a", "v").unwrap_err();
    assert_eq!(error.status(), Status::REDIRECT, "{error:?}");
    assert!(
        error
            .to_string()
            .contains("clear text, told by a member with TLS"),
        "{error}"
    );
    assert_eq!(stranger.connections(), 0);
}
