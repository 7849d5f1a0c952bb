//! The settings of TLS and of who asks.

use super::document::Named;
use crate::client::Options;
use crate::error::Result;
use crate::transport::credentials::Authorization;
use crate::transport::tls::settings::PemSource;
use serde_json::{Value, json};

/// Two members that are texts, in this order; what is missing is empty.
fn two<'v>(value: &Named<'v>, names: [&str; 2]) -> Result<[&'v str; 2]> {
    let mut texts = [""; 2];
    for member in value.members(&names)? {
        for (name, text) in names.iter().zip(&mut texts) {
            if *name == member.name() {
                *text = member.text()?;
            }
        }
    }
    Ok(texts)
}

pub(super) fn credentials(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let [user, password] = two(value, ["user", "password"])?;
    let authorization = Authorization::basic(user, password);
    value.set(authorization.map(|a| options.set_authorization(Some(a))))
}

pub(super) fn credentials_of(options: &Options) -> Option<Value> {
    let (user, password) = options.authorization.as_ref()?.parts();
    Some(json!({"user": user, "password": password}))
}

pub(super) fn ca_file(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let source = PemSource::file("ca_file", value.text()?);
    value.set(options.tls_mut().set_authorities(source))
}

pub(super) fn ca_pem(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let source = PemSource::memory("ca_pem", value.text()?.as_bytes());
    value.set(options.tls_mut().set_authorities(source))
}

pub(super) fn cert_files(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let [cert, key] = two(value, ["cert_file", "key_file"])?;
    let (cert, key) = (
        PemSource::file("cert_file", cert),
        PemSource::file("key_file", key),
    );
    value.set(options.tls_mut().set_identity(cert, key))
}

pub(super) fn cert_pem(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let [cert, key] = two(value, ["cert", "key"])?.map(str::as_bytes);
    let (cert, key) = (
        PemSource::memory("cert", cert),
        PemSource::memory("key", key),
    );
    value.set(options.tls_mut().set_identity(cert, key))
}

pub(super) fn pins(options: &mut Options, value: &Named<'_>) -> Result<()> {
    let tls = options.tls_mut();
    let mut pins = value.texts()?.into_iter();
    pins.try_for_each(|pin| value.set(tls.add_pin(pin)))
}

pub(super) fn ca_file_of(options: &Options) -> Option<Value> {
    options.tls.authorities()?.path().map(Into::into)
}

pub(super) fn ca_pem_of(options: &Options) -> Option<Value> {
    options.tls.authorities()?.pem().map(Into::into)
}

pub(super) fn cert_files_of(options: &Options) -> Option<Value> {
    let (cert, key) = options.tls.identity()?;
    Some(json!({"cert_file": cert.path()?, "key_file": key.path()?}))
}

pub(super) fn cert_pem_of(options: &Options) -> Option<Value> {
    let (cert, key) = options.tls.identity()?;
    Some(json!({"cert": cert.pem()?, "key": key.pem()?}))
}

pub(super) fn pins_of(options: &Options) -> Option<Value> {
    let pins = options.tls.pins();
    (!pins.is_empty()).then(|| pins.into())
}
