//! Certificates and keys in PEM form, and what is wrong with text that has none.
use super::{der, settings::PemSource};
use crate::{
    display::one_line,
    error::{Error, Result},
    status::Status,
};
use rustls::{
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
        pem::{PemObject, SectionKind},
    },
    sign::SigningKey,
};
use std::sync::Arc;

/// The sections of a text, and how messages about it begin.
struct PemText {
    name: String,
    sections: Vec<(SectionKind, Vec<u8>)>,
    labels: Vec<String>,
    locked: bool,
}

/// Every certificate, at least one.
pub(super) fn certificates(source: &PemSource) -> Result<(Vec<CertificateDer<'static>>, String)> {
    let text = PemText::read(source)?;
    let sections = text.sections.iter();
    let found: Vec<_> = sections
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der.clone()))
        .collect();
    match found.is_empty() {
        true => Err(text.lacks("certificate")),
        false => Ok((found, text.name)),
    }
}

/// The first private key, ready to sign.
pub(super) fn key(source: &PemSource, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>> {
    let text = PemText::read(source)?;
    let key = text.sections.iter().find_map(|(kind, der)| {
        let der = der.clone();
        let key: PrivateKeyDer<'static> = match kind {
            SectionKind::RsaPrivateKey => PrivatePkcs1KeyDer::from(der).into(),
            SectionKind::EcPrivateKey => PrivateSec1KeyDer::from(der).into(),
            SectionKind::PrivateKey => PrivatePkcs8KeyDer::from(der).into(),
            _ => return None,
        };
        Some(key)
    });
    let Some(key) = key else {
        return Err(text.lacks("private key"));
    };
    let pkcs1 = matches!(key, PrivateKeyDer::Pkcs1(_));
    let kind = der::kind(key.secret_der(), pkcs1);
    provider.key_provider.load_private_key(key).map_err(|_| {
        let why = match kind {
            Some(kind) => format!("{kind} is not supported"),
            None => "the private key is damaged, or of a kind that is not supported".to_owned(),
        };
        text.refuse(&format!(
            "{why}; supported are RSA of 2048 to 4096 bits, EC on P-256 and P-384, and Ed25519"
        ))
    })
}

impl PemText {
    fn read(source: &PemSource) -> Result<PemText> {
        let (bytes, name) = source.read()?;
        // the byte-order mark that some editors write
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let labels = labels(bytes);
        // a key of PKCS#1 or SEC1 says so in a header, which is no base64
        let locked = labels.iter().any(|label| label.starts_with("ENCRYPTED"))
            || find(bytes, b"\nProc-Type: 4,ENCRYPTED");
        let mut text = PemText {
            name,
            sections: Vec::new(),
            labels,
            locked,
        };
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
            match section {
                Ok(section) => text.sections.push(section),
                Err(_) if text.locked => return Err(text.lacks("")),
                Err(_) => return Err(text.refuse("damaged: not base64, or cut")),
            }
        }
        if text.labels.is_empty() {
            let why = match bytes.first() {
                None => "empty",
                Some(0x30) => "not PEM, but perhaps DER: `openssl` converts it",
                Some(_) => "not PEM: no line begins with -----BEGIN",
            };
            return Err(text.refuse(why));
        }
        Ok(text)
    }

    fn refuse(&self, why: &str) -> Error {
        Error::new(Status::TLS, format!("{}: {why}", self.name))
    }

    fn lacks(&self, what: &str) -> Error {
        if self.locked {
            let why = "the private key is encrypted, and there is nobody to ask for its password: \
                       decrypt it first";
            return self.refuse(why);
        }
        let mut found = self.labels.clone();
        found.dedup();
        self.refuse(&format!("no {what} in it, but {}", found.join(", ")))
    }
}

/// What stands after `-----BEGIN`.
fn labels(bytes: &[u8]) -> Vec<String> {
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines
        .filter_map(|line| line.strip_prefix(b"-----BEGIN "))
        .map(|rest| String::from_utf8_lossy(rest).into_owned())
        .map(|label| one_line(label.trim_end().trim_end_matches('-')))
        .collect()
}

fn find(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}
