//! What a caller said about TLS.
use super::config;
use crate::error::{Error, Result};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where text in PEM form comes from, and the parameter that said so.
#[derive(Clone, PartialEq, Eq)]
pub struct PemSource {
    pub(super) parameter: &'static str,
    pub(super) place: PemPlace,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum PemPlace {
    File(PathBuf),
    Memory(Arc<[u8]>),
}

impl PemSource {
    /// Read when it is needed, and again when everything is loaded again.
    pub fn file(parameter: &'static str, path: impl Into<PathBuf>) -> PemSource {
        let place = PemPlace::File(path.into());
        PemSource { parameter, place }
    }

    /// As it is.
    pub fn memory(parameter: &'static str, pem: &[u8]) -> PemSource {
        let place = PemPlace::Memory(pem.into());
        PemSource { parameter, place }
    }
}

/// For who saves them.
impl PemSource {
    /// Of the file, if it is one and its name is text.
    pub fn path(&self) -> Option<&str> {
        match &self.place {
            PemPlace::File(path) => path.to_str(),
            PemPlace::Memory(_) => None,
        }
    }

    /// What is in memory.
    pub fn pem(&self) -> Option<&str> {
        match &self.place {
            PemPlace::File(_) => None,
            PemPlace::Memory(pem) => std::str::from_utf8(pem).ok(),
        }
    }
}

impl fmt::Debug for PemSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            PemPlace::File(path) => path.fmt(f),
            PemPlace::Memory(_) => f.write_str("(in memory)"),
        }
    }
}

/// SHA-256 of a certificate.
pub type Fingerprint = [u8; 32];

/// What a caller said about TLS; each setter looks at what it is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    pub(super) authorities: Option<PemSource>,
    pub(super) system: bool,
    /// certificate and key of the client
    pub(super) identity: Option<(PemSource, PemSource)>,
    pub(super) server_name: Option<String>,
    pub(super) pins: Vec<Fingerprint>,
    pub(super) insecure: bool,
}

impl TlsSettings {
    /// Whether something was said.
    pub fn is_default(&self) -> bool {
        *self == TlsSettings::default()
    }

    /// Whether whoever answers is believed to be the server.
    pub fn is_insecure(&self) -> bool {
        self.insecure && self.pins.is_empty()
    }

    /// Who signs certificates of servers.
    pub fn set_authorities(&mut self, source: PemSource) -> Result<()> {
        self.change(|new| new.authorities = Some(source))
    }

    /// Those that the system trusts do it, too.
    pub fn set_system(&mut self, system: bool) -> Result<()> {
        self.change(|new| new.system = system)
    }

    /// What the client shows to servers.
    pub fn set_identity(&mut self, certificate: PemSource, key: PemSource) -> Result<()> {
        self.change(|new| new.identity = Some((certificate, key)))
    }

    /// The name that the certificate of every server has to have, instead of that in its URL.
    pub fn set_server_name(&mut self, name: &str) -> Result<()> {
        self.change(|new| new.server_name = Some(name.to_owned()))
    }

    /// One more certificate that a server may have; in hexadecimal digits, with or without colons.
    pub fn add_pin(&mut self, text: &str) -> Result<()> {
        let Some(pin) = fingerprint(text) else {
            let why = "not the SHA-256 of a certificate: 64 hexadecimal digits";
            return Err(Error::invalid("sha256", why));
        };
        self.change(|new| {
            if !new.pins.contains(&pin) {
                new.pins.push(pin);
            }
        })
    }

    /// Believe everybody.
    pub fn set_insecure(&mut self, insecure: bool) -> Result<()> {
        self.change(|new| new.insecure = insecure)
    }

    fn change(&mut self, change: impl FnOnce(&mut TlsSettings)) -> Result<()> {
        let mut new = self.clone();
        change(&mut new);
        config::check(&new)?;
        *self = new;
        Ok(())
    }
}

/// For who saves them.
impl TlsSettings {
    /// See [`TlsSettings::set_authorities`].
    pub fn authorities(&self) -> Option<&PemSource> {
        self.authorities.as_ref()
    }

    /// See [`TlsSettings::set_system`].
    pub fn uses_system(&self) -> bool {
        self.system
    }

    /// See [`TlsSettings::set_identity`].
    pub fn identity(&self) -> Option<(&PemSource, &PemSource)> {
        self.identity.as_ref().map(|(cert, key)| (cert, key))
    }

    /// See [`TlsSettings::set_server_name`].
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// See [`TlsSettings::add_pin`].
    pub fn pins(&self) -> Vec<String> {
        let hex = |pin: &Fingerprint| pin.iter().map(|byte| format!("{byte:02x}")).collect();
        self.pins.iter().map(hex).collect()
    }

    /// See [`TlsSettings::set_insecure`].
    pub fn skips_verify(&self) -> bool {
        self.insecure
    }
}

fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> = match text.contains(':') {
        // as openssl shows it
        true if text.len() == 95 => {
            let pairs = text.as_bytes().chunks(3);
            let separated = pairs
                .clone()
                .all(|pair| matches!(pair, [_, _] | [_, _, b':']));
            separated.then(|| {
                pairs
                    .flat_map(|pair| pair.iter().take(2))
                    .copied()
                    .collect()
            })?
        }
        _ => text.as_bytes().to_vec(),
    };
    let mut pin = Fingerprint::default();
    if digits.len() != 2 * pin.len() {
        return None;
    }
    for (byte, pair) in pin.iter_mut().zip(digits.chunks(2)) {
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = match pair {
            [high, low] => (value(high)? * 16 + value(low)?) as u8,
            _ => return None,
        };
    }
    Some(pin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints() {
        let plain = "00ff".repeat(16);
        let mut expected = [0u8; 32];
        expected
            .iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|b| *b = 255);
        assert_eq!(fingerprint(&plain), Some(expected));
        assert_eq!(fingerprint(&plain.to_uppercase()), Some(expected));
        let colons = ["00:FF"; 16].join(":");
        assert_eq!(fingerprint(&colons), Some(expected));
        for wrong in [
            String::new(),
            "0".repeat(63),
            "0".repeat(65),
            "g".repeat(64),
            format!("{}ü", "0".repeat(62)),
            format!("{}:", "0".repeat(94)),
            colons.replacen(':', "-", 1),
            format!("sha256//{plain}"),
        ] {
            assert_eq!(fingerprint(&wrong), None, "{wrong}");
        }
    }
}
