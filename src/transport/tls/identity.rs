//! What a client shows of itself: a certificate and its key, looked at before a server does.
use super::{clock::Clock, pem, settings::PemSource, words};
use crate::{
    error::{Error, Result},
    status::Status,
};
use rustls::{
    InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    sign::CertifiedKey,
    time_provider::TimeProvider,
};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

/// Reads both, and refuses what no server would accept.
pub(super) fn load(
    (certificate, source): &(PemSource, PemSource),
    provider: &CryptoProvider,
) -> Result<CertifiedKey> {
    let (chain, name) = pem::certificates(certificate)?;
    let refuse = |why: &str| Error::new(Status::TLS, format!("{name}: {why}"));
    if let Some(own) = chain.first() {
        check(own, provider).map_err(|why| refuse(&why))?;
    }
    let key = pem::key(source, provider)?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let text = format!("{}: does not fit the certificate", source.parameter);
            Err(Error::new(Status::TLS, text))
        }
        Err(error) => Err(refuse(&words::of(&error, true))),
    }
}

/// Its time and purpose. Who signed it is up to the server.
fn check(own: &CertificateDer<'_>, provider: &CryptoProvider) -> std::result::Result<(), String> {
    let now = Clock.current_time();
    let now = now.unwrap_or(UnixTime::since_unix_epoch(Duration::ZERO));
    let parsed = EndEntityCert::try_from(own).map_err(|error| match error {
        webpki::Error::UnsupportedCertVersion => {
            "the certificate is of X.509 version 1, servers want version 3".to_owned()
        }
        _ => "the certificate is damaged".to_owned(),
    })?;
    let verified = parsed.verify_for_usage(
        provider.signature_verification_algorithms.all,
        &[],
        &[],
        now,
        KeyUsage::client_auth(),
        None,
        None,
    );
    match verified.map(drop) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Err(format!(
            "the certificate expired on {}",
            words::date(not_after)
        )),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => Err(format!(
            "the certificate is not valid before {}",
            words::date(not_before)
        )),
        Err(webpki::Error::RequiredEkuNotFoundContext(_)) => Err(
            "the certificate is not for clients: its extended key usage lacks clientAuth"
                .to_owned(),
        ),
        // no authority was named, so none can have signed it
        _ => Ok(()),
    }
}
