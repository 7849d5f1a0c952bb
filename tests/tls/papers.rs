//! Certificates and keys of clients: every form that there is, and what is wrong with others, told before the first call.
//!
//! The keys in `keys/` were made for these tests and open nothing.

use super::support::etcd::Setup;
use super::support::{Authority, Pair, TempDir, Version, Wish};
use super::ways::{client, set, show, trust};
use etcd_v2::client::{Client, Options};
use etcd_v2::error::Error;
use etcd_v2::status::Status;
use etcd_v2::transport::tls::settings::PemSource;

macro_rules! key {
    ($name:literal) => {
        ($name, include_str!(concat!("keys/", $name, ".pem")))
    };
}

#[test]
fn every_form_of_a_key_opens_a_real_server() {
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server());
    let etcd = Setup::new(Version::V3_4).secure(&server);
    let etcd = etcd.client_authority(&authority).start();
    let (_, rsa) = key!("rsa-pkcs8");
    let (_, ec) = key!("ec-pkcs8");
    for ((name, key), as_pkcs8) in [
        (key!("rsa-pkcs8"), rsa),
        (key!("rsa-pkcs1"), rsa),
        (key!("ec-pkcs8"), ec),
        (key!("ec-sec1"), ec),
        (key!("ec-sec1-with-parameters"), ec),
        (key!("p384-pkcs8"), key!("p384-pkcs8").1),
        (key!("ed25519"), key!("ed25519").1),
    ] {
        let cert = authority.issue(&Wish::client("me").key(as_pkcs8)).cert;
        // in memory, in files, and both in one file
        let one = authority.write(&format!("{name}.pem"), format!("{key}{cert}"));
        let in_memory = (
            PemSource::memory("cert", cert.as_bytes()),
            PemSource::memory("key", key.as_bytes()),
        );
        let in_one_file = (
            PemSource::file("cert_file", &one),
            PemSource::file("key_file", &one),
        );
        for (cert, key) in [in_memory, in_one_file] {
            let client = client(etcd.secure_url(), |options| {
                trust(&authority, options);
                options.tls_mut().set_identity(cert, key).unwrap();
            });
            set(&client, "/key", name).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        }
    }
}

/// Says no to a certificate and a key.
#[track_caller]
fn refused(cert: &str, key: &str) -> Error {
    let mut options = Options::default();
    let (cert, key) = (
        PemSource::memory("cert", cert.as_bytes()),
        PemSource::memory("key", key.as_bytes()),
    );
    let error = options.tls_mut().set_identity(cert, key).unwrap_err();
    assert_eq!(error.status(), Status::TLS, "{error:?}");
    error
}

#[test]
fn keys_that_are_not_supported_are_told_by_name() {
    let authority = Authority::new("ours");
    let cert = authority.issue(&Wish::client("me")).cert;
    let encrypted = "the private key is encrypted, and there is nobody to ask for its password";
    for ((name, key), told) in [
        (key!("p521"), "an EC key on P-521 is not supported"),
        (key!("secp256k1"), "an EC key on secp256k1 is not supported"),
        (key!("ed448"), "an Ed448 key is not supported"),
        (key!("rsa-1024"), "an RSA key of 1024 bits is not supported"),
        (key!("encrypted-pkcs8"), encrypted),
        (key!("encrypted-pkcs1"), encrypted),
        (
            ("none", cert.as_str()),
            "no private key in it, but CERTIFICATE",
        ),
        (
            (
                "damaged",
                "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
            ),
            "the private key is damaged, or of a kind that is not supported",
        ),
    ] {
        let error = refused(&cert, key);
        assert!(error.to_string().starts_with("key: "), "{error}");
        assert!(error.to_string().contains(told), "{name}: {error}");
        // nothing of the key itself
        let secret = key.lines().rfind(|line| line.len() > 40).unwrap_or("?");
        assert!(!format!("{error:?}").contains(secret), "{name}");
    }
}

#[test]
fn what_no_server_would_accept_is_told_when_it_is_set() {
    let authority = Authority::new("ours");
    let [me, other] = ["me", "other"].map(|user| authority.issue(&Wish::client(user)));
    let error = refused(&me.cert, &other.key);
    assert_eq!(error.to_string(), "key: does not fit the certificate");
    for (wish, told) in [
        (
            Wish::client("me").years(2000, 2001),
            "cert: the certificate expired on 2001-01-01 00:00:00 UTC",
        ),
        (
            Wish::client("me").years(2998, 2999),
            "cert: the certificate is not valid before 2998-01-01 00:00:00 UTC",
        ),
        (
            Wish::client("me").only_for_servers(),
            "cert: the certificate is not for clients: its extended key usage lacks clientAuth",
        ),
    ] {
        let pair = authority.issue(&wish);
        assert_eq!(refused(&pair.cert, &pair.key).to_string(), told);
    }
    let (_, key) = key!("ec-sec1");
    for (cert, told) in [
        ("", "cert: empty"),
        ("hello", "cert: not PEM: no line begins with -----BEGIN"),
        (
            "0\u{3}",
            "cert: not PEM, but perhaps DER: `openssl` converts it",
        ),
        (key, "cert: no certificate in it, but EC PRIVATE KEY"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "cert: damaged: not base64, or cut",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "cert: the certificate is damaged",
        ),
    ] {
        assert_eq!(refused(cert, key).to_string(), told);
    }
}

/// Says no to a file with authorities.
#[track_caller]
fn refused_authorities(path: &str) -> String {
    let mut options = Options::default();
    let error = options
        .tls_mut()
        .set_authorities(PemSource::file("ca_file", path));
    let error = error.unwrap_err();
    assert_eq!(error.status(), Status::TLS, "{error:?}");
    error.to_string()
}

#[test]
fn authorities_are_looked_at_too() {
    let authority = Authority::new("ours");
    let me = authority.issue(&Wish::client("me"));
    let dir = TempDir::new("authorities");
    let path = |name: &str| dir.join(name).display().to_string();
    let write = |name: &str, text: &str| {
        std::fs::write(path(name), text).unwrap();
        path(name)
    };
    for (path, told) in [
        (path("missing"), "no such file"),
        (dir.path().display().to_string(), "not a file"),
        (write("empty", ""), "empty"),
        (
            write("key", &me.key),
            "no certificate in it, but PRIVATE KEY",
        ),
        (
            write("text", "hello\n"),
            "not PEM: no line begins with -----BEGIN",
        ),
        (
            write(
                "second",
                &format!(
                    "{}-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                    authority.pem()
                ),
            ),
            "certificate 2 is damaged",
        ),
    ] {
        assert_eq!(
            refused_authorities(&path),
            format!("ca_file: `{path}`: {told}")
        );
    }
    let pipe = path("pipe");
    let name = std::ffi::CString::new(pipe.as_str()).unwrap();
    // SAFETY: a NUL-terminated path
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    assert!(refused_authorities(&pipe).ends_with("not a file"));
    // several in one file, and text around them
    let both = write(
        "both",
        &format!(
            "\u{feff}{}ours\r\n{}",
            Authority::new("theirs").pem(),
            authority.pem()
        ),
    );
    let server = authority.issue(&Wish::server());
    let etcd = Setup::new(Version::V3_5).secure(&server).start();
    let client = client(etcd.secure_url(), |options| {
        let source = PemSource::file("ca_file", both);
        options.tls_mut().set_authorities(source).unwrap();
    });
    set(&client, "/a", "v").unwrap();
}

#[test]
fn files_are_read_again_when_the_client_is_made() {
    let authority = Authority::new("ours");
    let pair: Pair = authority.issue(&Wish::client("me"));
    let mut options = Options::default();
    trust(&authority, &mut options);
    show(&pair, &mut options);
    Client::new(&options).unwrap();
    let late = authority.issue(&Wish::client("me").years(2000, 2001));
    std::fs::write(&pair.cert_file, late.cert).unwrap();
    let error = Client::new(&options).unwrap_err();
    assert_eq!(error.status(), Status::TLS);
    assert!(error.to_string().contains(&pair.cert_file), "{error}");
    assert!(
        error.to_string().contains("expired on 2001-01-01"),
        "{error}"
    );
    // what is in the options is told without what is secret in them
    let shown = format!("{options:?}");
    let secret = pair.key.lines().nth(1).unwrap();
    assert!(
        shown.contains(&pair.key_file) && !shown.contains(secret),
        "{shown}"
    );
}
