//! What a caller said about TLS.
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

/// What a caller said about TLS; `setters` look at what they are given.
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
