//! Whom the system trusts. Read from where systems keep it, and not from where the environment says.
use super::{pem, settings::PemSource};
use crate::{
    error::{Error, Result},
    status::Status,
};
use rustls::{RootCertStore, pki_types::CertificateDer};

/// One file each; the first that is there counts.
const BUNDLES: &[&str] = &[
    // Debian, Ubuntu, Arch, Alpine, Gentoo
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, RHEL
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    // BSD, macOS
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

/// Adds them all; an error when there are none.
pub(super) fn add_to(store: &mut RootCertStore) -> Result<()> {
    let found = BUNDLES.iter().find_map(|path| bundle(path));
    let (added, _) = store.add_parsable_certificates(found.unwrap_or_default());
    if added == 0 {
        let text = "system_ca: this system has no list of certificate authorities; name one";
        return Err(Error::new(Status::TLS, text));
    }
    Ok(())
}

fn bundle(path: &str) -> Option<Vec<CertificateDer<'static>>> {
    let read = pem::certificates(&PemSource::file("system_ca", path));
    Some(read.ok()?.0)
}
