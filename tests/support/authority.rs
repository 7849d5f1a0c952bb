//! Certificate authorities for one test, and what they sign.

use super::process::TempDir;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Signs certificates; its files go with it.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    dir: TempDir,
    issued: AtomicU32,
}

/// A certificate with its key, in memory and in files.
#[derive(Clone, Debug)]
pub struct Pair {
    pub cert: String,
    pub key: String,
    pub cert_file: String,
    pub key_file: String,
    pub der: Vec<u8>,
}

/// What a certificate is to be.
pub struct Wish {
    common_name: String,
    names: Vec<String>,
    usage: Vec<ExtendedKeyUsagePurpose>,
    years: (i32, i32),
    key: Option<String>,
}

impl Wish {
    /// For `127.0.0.1` and `localhost`.
    pub fn server() -> Wish {
        Wish {
            common_name: "server".into(),
            names: vec!["127.0.0.1".into(), "localhost".into()],
            // etcd is its own client when it starts its gateway
            usage: vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            years: (2000, 2999),
            key: None,
        }
    }

    /// Whose common name is that of a user.
    pub fn client(user: &str) -> Wish {
        Wish {
            common_name: user.into(),
            names: Vec::new(),
            usage: vec![ExtendedKeyUsagePurpose::ClientAuth],
            ..Wish::server()
        }
    }

    /// For these names and no others.
    pub fn names(mut self, names: &[&str]) -> Wish {
        self.names = names.iter().map(ToString::to_string).collect();
        self
    }

    /// From the first day of one year to that of another.
    pub fn years(mut self, from: i32, until: i32) -> Wish {
        self.years = (from, until);
        self
    }

    /// For servers only.
    pub fn only_for_servers(mut self) -> Wish {
        self.usage = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self
    }

    /// For this key, in PEM form, instead of a new one.
    pub fn key(mut self, pem: &str) -> Wish {
        self.key = Some(pem.to_owned());
        self
    }

    fn key_pair(&self) -> KeyPair {
        match &self.key {
            Some(pem) => KeyPair::from_pem(pem).expect("a key"),
            None => KeyPair::generate().expect("a key"),
        }
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::new(self.names.clone()).expect("names");
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, self.common_name.as_str());
        params.extended_key_usages = self.usage.clone();
        params.not_before = date_time_ymd(self.years.0, 1, 1);
        params.not_after = date_time_ymd(self.years.1, 1, 1);
        params
    }
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let dir = TempDir::new("ca");
        std::fs::write(dir.join("ca.pem"), &pem).expect("a file");
        Authority {
            issuer: Issuer::new(params, key),
            pem,
            dir,
            issued: AtomicU32::new(0),
        }
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The same in a file.
    pub fn file(&self) -> String {
        self.path("ca.pem").display().to_string()
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file into its folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).expect("a file");
        self.path(name).display().to_string()
    }

    /// Signs one.
    pub fn issue(&self, wish: &Wish) -> Pair {
        let key = wish.key_pair();
        let signed = wish.params().signed_by(&key, &self.issuer);
        self.pair(&signed.expect("a certificate"), &key)
    }

    /// One that signs itself.
    pub fn self_signed(&self, wish: &Wish) -> Pair {
        let key = wish.key_pair();
        let signed = wish.params().self_signed(&key);
        self.pair(&signed.expect("a certificate"), &key)
    }

    fn pair(&self, signed: &rcgen::Certificate, key: &KeyPair) -> Pair {
        let n = self.issued.fetch_add(1, Ordering::Relaxed);
        let (cert, key) = (signed.pem(), key.serialize_pem());
        Pair {
            cert_file: self.write(&format!("{n}.crt"), &cert),
            key_file: self.write(&format!("{n}.key"), &key),
            der: signed.der().to_vec(),
            cert,
            key,
        }
    }
}
