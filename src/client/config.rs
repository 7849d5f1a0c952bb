//! Settings as JSON: read from text or a file into options, written from a client to a file or a callback.
//!
//! `document` is JSON with places, `table` every setting with its name (`security`: those that are secret, or show
//! who is who), `go_etcd` the format of go-etcd, `store` files that are never half written (by way of a `draft`),
//! `source` the configuration as it is now, `autosave` what happens when it changes, `saver` the thread that saves
//! where nobody may wait for a disk.

pub(super) mod autosave;
mod document;
mod draft;
mod go_etcd;
mod saver;
mod security;
mod source;
mod store;
mod table;

pub use self::autosave::OnConfig;
#[cfg(feature = "internals")]
pub use self::table::NAMES;

use self::document::{Document, Value};
use super::{Client, Options};
use crate::display;
use crate::error::{Error, Result};
use crate::status::Status;
use std::path::Path;
use std::time::Instant;

/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;
/// Name of the version; a document without it is one of go-etcd's.
const VERSION_NAME: &str = "etcd_v2";

impl Options {
    /// Takes over what a JSON text says, and leaves the rest. When anything is wrong with it, nothing changes.
    pub fn load_json(&mut self, parameter: &str, text: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(text).map_err(|e| {
            let why = format!("{parameter}: not UTF-8 at byte {}", e.valid_up_to());
            Error::new(Status::NOT_UTF8, why)
        })?;
        let document = Document::new(parameter, text)?;
        let mut changed = self.clone();
        let first = document.parse()?;
        match first.member(VERSION_NAME) {
            Some(version) => {
                document.version(version)?;
                document.only(&first)?;
                table::read(&document, &first, &mut changed)?;
            }
            None => go_etcd::read(&document, &mut changed)?,
        }
        *self = changed;
        Ok(())
    }

    /// As [`Options::load_json`], from a file.
    pub fn load_file(&mut self, parameter: &str, path: &Path) -> Result<()> {
        let text = store::load(parameter, path)?;
        let name = format!("{parameter}: {}", display::path(path));
        self.load_json(&name, &text)
    }
}

impl Document<'_> {
    fn version(&self, value: &Value) -> Result<()> {
        match self.at(value, VERSION_NAME).unsigned()? {
            VERSION => Ok(()),
            0 => Err(self.wrong(value.at, "etcd_v2: there is no version 0")),
            newer => {
                let why = format!(
                    "etcd_v2: version {newer} is newer than {VERSION}, the last that is known"
                );
                let mut error = self.wrong(value.at, &why);
                error.detail_mut().status = Status::UNSUPPORTED;
                Err(error)
            }
        }
    }
}

impl Client {
    /// Writes the settings and the present members to a file, with passwords and keys only if asked. The file is there as a
    /// whole, as it was or as it is to be, whatever happens. `TIMEOUT` when another process saves there all the time.
    pub fn save(&self, path: &Path, secrets: bool) -> Result<()> {
        self.refuse_elsewhere()?;
        let end = Instant::now() + self.timeout();
        store::save("path", path, end, || self.autosave.text(secrets))
    }

    /// What [`Client::save`] writes.
    pub fn config(&self, secrets: bool) -> Result<String> {
        self.refuse_elsewhere()?;
        Ok(self.autosave.text(secrets))
    }
}

#[cfg(test)]
#[path = "config/tests.rs"]
mod tests;
