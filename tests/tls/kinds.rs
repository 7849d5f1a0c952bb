//! Kinds of server certificates and what a client was told: which serve, and what is said of those that do not.

use super::api;
use super::server::{Manner, TlsServer, pair_of};
use super::support::{Authority, Pair, Wish, with_all};
use super::ways::{LONG, client, trust};
use etcd_v2::client::{Client, Options};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use etcd_v2::transport::tls::settings::PemSource;
use rustls::version::{TLS12, TLS13};

const NODE: &str =
    r#"{"action":"get","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#;

with_all! {
    /// What a client was told.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Told {
        Nothing,
        ItsAuthority,
        Itself,
        Pin,
        PinAndAuthority,
        WrongPin,
        Insecure,
    }
}

use Told::{Insecure, ItsAuthority, Itself, Nothing, Pin, PinAndAuthority, WrongPin};

impl Told {
    fn client(self, url: &str, pair: &Pair, authority: &Authority) -> Client {
        let pin = |options: &mut Options, der: &[u8]| {
            let digest = ring::digest::digest(&ring::digest::SHA256, der);
            let text: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
            options.tls_mut().add_pin(&text).unwrap();
        };
        client(url, |options| match self {
            Nothing => {}
            ItsAuthority => trust(authority, options),
            Itself => {
                let source = PemSource::memory("ca", pair.cert.as_bytes());
                options.tls_mut().set_authorities(source).unwrap();
            }
            Pin => pin(options, &pair.der),
            PinAndAuthority => {
                pin(options, &pair.der);
                trust(authority, options);
            }
            WrongPin => pin(options, b"another"),
            Insecure => options.tls_mut().set_insecure(true).unwrap(),
        })
    }
}

fn get(client: &Client, submitted: bool) -> Result<(), String> {
    let call = api::call(Operation::Get, "/a");
    let outcome = match submitted {
        false => client.execute(&call),
        true => api::submit(client, &call)
            .recv_timeout(LONG)
            .expect("a completion"),
    };
    let told = outcome.map(drop);
    told.map_err(|e| format!("{:?}: {e}", e.status()))
}

#[test]
fn every_kind_with_everything_that_a_client_may_be_told() {
    let authority = Authority::new("ours");
    let own = include_str!("keys/own-authority.pem");
    let own = pair_of(own, include_str!("keys/own-authority-key.pem"));
    let ec = include_str!("keys/v1-ec-key.pem");
    let rsa = include_str!("keys/v1-rsa-key.pem");
    let old = ["version 1", "pin its SHA-256"];
    let alone = ["self-signed", "pin its SHA-256"];
    // the pair, who serves it besides a pin, and what is said of it otherwise
    let kinds: [(&str, Pair, &[Told], [&str; 2]); 6] = [
        (
            "signed",
            authority.issue(&Wish::server()),
            &[ItsAuthority, PinAndAuthority],
            ["authority", ""],
        ),
        (
            "self-signed",
            authority.self_signed(&Wish::server()),
            &[Itself],
            alone,
        ),
        ("its own authority", own, &[Itself], alone),
        (
            "version 1, EC",
            pair_of(include_str!("keys/v1-ec.pem"), ec),
            &[],
            old,
        ),
        (
            "version 1, RSA",
            pair_of(include_str!("keys/v1-rsa.pem"), rsa),
            &[],
            old,
        ),
        (
            "version 1, signed",
            pair_of(include_str!("keys/v1-signed.pem"), ec),
            &[],
            old,
        ),
    ];
    let mut count = 0;
    for (kind, pair, serve, said) in &kinds {
        for version in [&TLS12, &TLS13] {
            let manner = Manner::Answer(NODE);
            let server = TlsServer::speaking(&[version], pair, None, manner);
            for told in Told::ALL {
                let what = format!("{kind}, {told:?}, {:?}", version.version);
                let client = told.client(&server.url, pair, &authority);
                let serves = matches!(told, Pin | Insecure) || serve.contains(&told);
                for submitted in [false, true] {
                    let outcome = get(&client, submitted);
                    count += 1;
                    if serves {
                        assert_eq!(outcome, Ok(()), "{what}, {submitted}");
                        continue;
                    }
                    let why = outcome.expect_err(&what);
                    assert!(
                        why.starts_with(&format!("{:?}", Status::TLS)),
                        "{what}: {why}"
                    );
                    let words: &[&str] = match told {
                        WrongPin => &["is not a pinned certificate"],
                        Nothing if *kind == "signed" => &["authority"],
                        _ => said,
                    };
                    assert!(words.iter().all(|word| why.contains(word)), "{what}: {why}");
                }
            }
        }
    }
    assert_eq!(count, 6 * 2 * 7 * 2);
}
