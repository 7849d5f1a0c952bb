//! Judges the certificate of a server.
use super::{der, settings::Fingerprint};
use ring::digest::{SHA256, digest};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    client::verify_server_name,
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::ParsedCertificate,
};
use std::fmt::Write;
use std::sync::Arc;
use webpki::{EndEntityCert, RawPublicKeyEntity};

/// What has to be true of a certificate: somebody vouches for it, and it is one of those that are known.
#[derive(Debug)]
pub(super) struct Verifier {
    by_authority: Option<Arc<dyn ServerCertVerifier>>,
    /// the configured authorities: one of them may be the certificate of the server itself
    named: Vec<CertificateDer<'static>>,
    pins: Vec<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// For a reason of our own.
fn reason(text: String) -> Error {
    let text = Box::<dyn std::error::Error + Send + Sync>::from(text);
    Error::InvalidCertificate(CertificateError::Other(OtherError(text.into())))
}

impl Verifier {
    pub(super) fn new(
        by_authority: Option<Arc<dyn ServerCertVerifier>>,
        named: Vec<CertificateDer<'static>>,
        pins: Vec<Fingerprint>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Verifier {
        Verifier {
            by_authority,
            named,
            pins,
            algorithms,
        }
    }

    /// Verifies the handshake signature of TLS 1.2 for a certificate of X.509 version 1, which webpki does not parse. The
    /// certificate itself has been accepted before, by a pin or because verification is disabled.
    fn verify_by_key(
        &self,
        key: &[u8],
        message: &[u8],
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key);
        let key = RawPublicKeyEntity::try_from(&key)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let known = self.algorithms.mapping.iter();
        let algorithms = known.filter(|(scheme, _)| *scheme == dss.scheme);
        let mut algorithms = algorithms.flat_map(|(_, algorithms)| algorithms.iter());
        let verified = algorithms.any(|algorithm| {
            key.verify_signature(*algorithm, message, dss.signature())
                .is_ok()
        });
        match verified {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
        }
    }

    /// Accepts the certificate of an authority as that of the server if it is configured itself. webpki has checked its
    /// validity period before it refused its kind; its name is checked here.
    fn is_its_own_authority(
        &self,
        error: Error,
        end_entity: &CertificateDer<'_>,
        name: &ServerName<'_>,
    ) -> Result<(), Error> {
        let kind = match &error {
            Error::InvalidCertificate(CertificateError::Other(other)) => {
                other.0.downcast_ref::<webpki::Error>()
            }
            _ => None,
        };
        let named = self.named.iter().any(|named| named == end_entity);
        if !(named && kind == Some(&webpki::Error::CaUsedAsEndEntity)) {
            return Err(error);
        }
        let own = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&own, name)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(by_authority) = &self.by_authority {
            by_authority
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map(drop)
                .or_else(|error| self.is_its_own_authority(error, end_entity, server_name))
                .map_err(|error| explain(error, end_entity))?;
        }
        let own = digest(&SHA256, end_entity);
        if !self.pins.is_empty() && !self.pins.iter().any(|pin| pin == own.as_ref()) {
            let text = format!(
                "is not a pinned certificate; its SHA-256 is {}",
                hex(own.as_ref())
            );
            return Err(reason(text));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match der::key_of_version_1(cert) {
            Some(key) => self.verify_by_key(key, message, dss),
            None => verify_tls12_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match der::key_of_version_1(cert) {
            Some(key) => {
                let key = SubjectPublicKeyInfoDer::from(key);
                verify_tls13_signature_with_raw_key(message, &key, dss, &self.algorithms)
            }
            None => verify_tls13_signature(message, cert, dss, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// No authority has signed it: perhaps it is self-signed, or of X.509 version 1, which has no host names.
fn explain(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    if der::key_of_version_1(end_entity).is_some() {
        return reason(format!(
            "is of X.509 version 1, which names no host; if it is the right one, pin its SHA-256 {} and name no authority",
            hex(digest(&SHA256, end_entity).as_ref())
        ));
    }
    let unknown = matches!(
        error,
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))
    );
    let alone = EndEntityCert::try_from(end_entity).is_ok_and(|own| own.issuer() == own.subject());
    if !(unknown && alone) {
        return error;
    }
    reason(format!(
        "is self-signed; if it is the right one, pin its SHA-256 {}",
        hex(digest(&SHA256, end_entity).as_ref())
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
