//! The format of go-etcd. Its clients append to the file that they save to, so the last of several documents counts; and
//! like Go it does not care about the case of names.

use super::document::{Document, Named, Value, ValueKind};
use super::store;
use crate::client::Options;
use crate::error::{Error, Result};
use crate::transport::tls::settings::PemSource;
use std::path::Path;

/// Nanoseconds in a millisecond.
const MS: i64 = 1_000_000;

/// Takes over what the last document says.
pub(super) fn read(document: &Document<'_>, options: &mut Options) -> Result<()> {
    let all = document.parse_all()?;
    let Some(last) = all.last() else {
        return Ok(());
    };
    for part in members(document.at(last, ""), "")? {
        match part.name().to_ascii_lowercase().as_str() {
            "config" => config(part, options)?,
            "cluster" => cluster(part, options)?,
            _ => return Err(part.unknown("")),
        }
    }
    Ok(())
}

fn config(part: Named<'_>, options: &mut Options) -> Result<()> {
    let (mut cert, mut key) = (None, None);
    for value in members(part, "config")? {
        match value.name().to_ascii_lowercase().as_str() {
            "timeout" | "dialtimeout" => match value.signed()? {
                // Go has no limit then; ours stays
                0 => {}
                ns => {
                    value.set(options.set_connect_timeout_ms(ns / MS + i64::from(ns % MS > 0)))?
                }
            },
            "consistency" => match value.text()? {
                "" | "WEAK" => options.set_quorum_reads(false),
                "STRONG" => options.set_quorum_reads(true),
                _ => return Err(no(value, "neither STRONG nor WEAK")),
            },
            "certfile" => cert = Some(value).filter(|v| !is_empty(v.value())),
            "keyfile" => key = Some(value).filter(|v| !is_empty(v.value())),
            "cacertfiles" | "cacertfile" if is_empty(value.value()) => {}
            "cacertfiles" | "cacertfile" => authorities(value, options)?,
            _ => return Err(value.unknown("config")),
        }
    }
    match (cert, key) {
        (None, None) => Ok(()),
        (Some(cert), Some(key)) => {
            let files = (
                PemSource::file("certFile", cert.text()?),
                PemSource::file("keyFile", key.text()?),
            );
            cert.set(options.tls_mut().set_identity(files.0, files.1))
        }
        (Some(one), None) => Err(no(one, "keyFile is missing")),
        (None, Some(one)) => Err(no(one, "certFile is missing")),
    }
}

/// One file is named, so that it can be read again; several are read now. A client of go-etcd that loads what it saved
/// names each once more.
fn authorities(value: Named<'_>, options: &mut Options) -> Result<()> {
    let mut files = value.texts()?;
    files.sort_unstable();
    files.dedup();
    let source = match &files[..] {
        [file] => PemSource::file("caCertFiles", *file),
        files => {
            let mut all = Vec::new();
            for file in files {
                match store::load("caCertFiles", Path::new(file)) {
                    Ok(pem) => all.extend(pem.into_iter().chain([b'\n'])),
                    Err(error) => return value.set(Err(error)),
                }
            }
            PemSource::memory("caCertFiles", &all)
        }
    };
    value.set(options.tls_mut().set_authorities(source))
}

fn cluster(part: Named<'_>, options: &mut Options) -> Result<()> {
    let mut leader = "";
    let mut machines: Option<Named<'_>> = None;
    for value in members(part, "cluster")? {
        match value.name().to_ascii_lowercase().as_str() {
            "leader" => leader = value.text()?,
            "machines" => machines = Some(value),
            _ => return Err(value.unknown("cluster")),
        }
    }
    let Some(machines) = machines.filter(|machines| !is_empty(machines.value())) else {
        return Ok(());
    };
    options.endpoints.clear();
    let urls = machines.texts()?;
    // the leader first, as whoever is named first is asked first
    let first = urls.iter().filter(|url| **url == leader);
    let ordered = first.chain(urls.iter().filter(|url| **url != leader));
    machines.set(options.add_all("machines", ordered.copied()))
}

/// Members of an object; Go writes `null` for one that it does not have.
fn members<'v>(part: Named<'v>, name: &str) -> Result<Vec<Named<'v>>> {
    if part.value().is_null() && !name.is_empty() {
        return Ok(Vec::new());
    }
    part.all_members()
}

fn is_empty(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Null => true,
        ValueKind::Text(text) => text.is_empty(),
        ValueKind::List(list) => list.is_empty(),
        _ => false,
    }
}

fn no(value: Named<'_>, why: &str) -> Error {
    let refused = value.set(Err(Error::invalid(value.name(), why)));
    refused.err().unwrap_or_else(|| value.unknown("config"))
}
