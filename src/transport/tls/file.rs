//! Reads what a source names.
use super::settings::{PemPlace, PemSource};
use crate::{
    display,
    error::{Error, Result},
    status::Status,
};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;

/// Longest file: the bundle of a system has some hundred kilobytes.
const LONGEST: u64 = 16 << 20;

impl PemSource {
    /// All of it, and how messages about it begin.
    pub(super) fn read(&self) -> Result<(Vec<u8>, String)> {
        let parameter = self.parameter;
        match &self.place {
            PemPlace::Memory(bytes) => Ok((bytes.to_vec(), parameter.to_owned())),
            PemPlace::File(path) => {
                let shown = display::path(path);
                let name = format!("{parameter}: `{shown}`");
                let refuse = |why: &str| Error::new(Status::TLS, format!("{name}: {why}"));
                // a pipe would keep us waiting, already when it is opened
                let mut options = File::options();
                options.read(true).custom_flags(libc::O_NONBLOCK);
                let file = options.open(path).map_err(|e| refuse(&cannot(&e)))?;
                if !file.metadata().is_ok_and(|about| about.is_file()) {
                    return Err(refuse("not a file"));
                }
                let mut bytes = Vec::new();
                let read = file.take(LONGEST + 1).read_to_end(&mut bytes);
                read.map_err(|e| refuse(&cannot(&e)))?;
                if bytes.len() as u64 > LONGEST {
                    return Err(refuse("larger than 16 MiB"));
                }
                Ok((bytes, name))
            }
        }
    }
}

/// Own words, since those of the system change with the locale of the host.
fn cannot(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => match error.raw_os_error() {
            Some(number) => format!("cannot be read (system error {number})"),
            None => "cannot be read".to_owned(),
        },
    }
}
