//! A configuration of rustls, made of what the caller said.
use super::{clock::Clock, identity, pem, settings::TlsSettings, system, verifier::Verifier};
use crate::{
    error::{Error, Phase, Result},
    protocol::endpoint::Host,
    status::Status,
    transport::fault::{Fault, FaultKind},
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, client::WebPkiServerVerifier,
    client::danger::ServerCertVerifier, crypto::ring, pki_types::ServerName,
    sign::SingleCertAndKey,
};
use std::fmt;
use std::sync::Arc;

/// Shared by all connections that were made with it, and by their memory of handshakes.
pub(super) struct Config {
    rustls: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    has_identity: bool,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

/// Whether a configuration can be made of it, apart from what the system has.
pub(super) fn check(settings: &TlsSettings) -> Result<()> {
    roots(settings, false)?;
    if let Some(identity) = &settings.identity {
        identity::load(identity, &ring::default_provider())?;
    }
    server_name(settings).map(drop)
}

impl Config {
    pub(super) fn make(settings: &TlsSettings) -> Result<Config> {
        let internal = |error: rustls::Error| Error::new(Status::INTERNAL, format!("tls: {error}"));
        let provider = Arc::new(ring::default_provider());
        // who is pinned needs nobody to vouch for him, unless somebody was named
        let pinned = !settings.pins.is_empty();
        let named = settings.authorities.is_some() || settings.system;
        let by_authority = match settings.insecure || (pinned && !named) {
            true => None,
            false => {
                let roots = Arc::new(roots(settings, settings.system || !named)?);
                let builder =
                    WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
                let none = |e| Error::new(Status::TLS, format!("tls: {e}"));
                Some(builder.map_err(none)? as Arc<dyn ServerCertVerifier>)
            }
        };
        let anchors = match &settings.authorities {
            Some(source) => pem::certificates(source)?.0,
            None => Vec::new(),
        };
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Verifier::new(by_authority, anchors, settings.pins.clone(), algorithms);
        let identity = settings.identity.as_ref();
        let identity = identity
            .map(|pair| identity::load(pair, &provider))
            .transpose()?;
        let has_identity = identity.is_some();
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Clock))
            .with_safe_default_protocol_versions()
            .map_err(internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let rustls = match identity {
            Some(pair) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair))),
            None => builder.with_no_client_auth(),
        };
        Ok(Config {
            rustls: Arc::new(rustls),
            server_name: server_name(settings)?,
            has_identity,
        })
    }

    /// Whether a server can be shown a certificate.
    pub(super) fn has_identity(&self) -> bool {
        self.has_identity
    }

    /// A new connection.
    pub(super) fn connection(
        &self,
        host: &Host,
    ) -> std::result::Result<ClientConnection, Box<Fault>> {
        let refuse = |text: String| Fault::new(Phase::Tls, FaultKind::Tls, text);
        let name = match (&self.server_name, host) {
            (Some(name), _) => name.clone(),
            (None, Host::Ip(ip)) => ServerName::IpAddress((*ip).into()),
            (None, Host::Name(name)) => ServerName::try_from(name.to_string())
                .map_err(|_| refuse(format!("no certificate can be for `{name}`")))?,
        };
        ClientConnection::new(self.rustls.clone(), name).map_err(|error| refuse(error.to_string()))
    }
}

fn roots(settings: &TlsSettings, system: bool) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    if let Some(source) = &settings.authorities {
        let (certificates, name) = pem::certificates(source)?;
        for (i, certificate) in certificates.into_iter().enumerate() {
            store.add(certificate).map_err(|_| {
                let text = format!("{name}: certificate {} is damaged", i + 1);
                Error::new(Status::TLS, text)
            })?;
        }
    }
    if system {
        system::add_to(&mut store)?;
    }
    Ok(store)
}

fn server_name(settings: &TlsSettings) -> Result<Option<ServerName<'static>>> {
    let Some(name) = &settings.server_name else {
        return Ok(None);
    };
    let parsed = ServerName::try_from(name.clone());
    let refuse = |_| Error::invalid("server_name", "neither a host name nor an IP address");
    parsed.map(Some).map_err(refuse)
}
