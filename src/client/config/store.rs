//! A file that is there as a whole: as it was, or as it is to be.

use super::document::LONGEST;
use super::draft::DraftFile;
use crate::display;
use crate::error::{Error, Result};
use crate::status::Status;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is in a file, if that is a file and not too long.
pub(super) fn load(parameter: &str, path: &Path) -> Result<Vec<u8>> {
    let no = |e: io::Error| refused(parameter, path, &e);
    // that of a pipe would wait for its other end
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path);
    let file = match open {
        // a socket
        Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return Err(invalid(parameter, path, "not a file"));
        }
        open => open.map_err(no)?,
    };
    if !file.metadata().map_err(no)?.is_file() {
        return Err(invalid(parameter, path, "not a file"));
    }
    let mut text = Vec::new();
    let mut limited = file.take(LONGEST as u64 + 1);
    limited.read_to_end(&mut text).map_err(no)?;
    Ok(text)
}

/// Replaces the file, which only its owner may read then. What a link points to is replaced, not the link. `text` is asked
/// when no other saver can come in between, so that the newest is never replaced by an older one. `TIMEOUT`: until `end`
/// another process was saving.
pub(super) fn save(
    parameter: &str,
    path: &Path,
    end: Instant,
    text: impl Fn() -> String,
) -> Result<()> {
    let no = |e: io::Error| refused(parameter, path, &e);
    let target = target(path).map_err(no)?;
    if fs::metadata(&target).is_ok_and(|found| !found.is_file()) {
        return Err(invalid(parameter, path, "not a file"));
    }
    let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(invalid(parameter, path, "no name of a file"));
    };
    let mut draft_name = std::ffi::OsString::from(".");
    draft_name.push(name);
    draft_name.push(".etcd_v2-new");
    let draft_path = folder.join(draft_name);
    loop {
        let mut draft = DraftFile::new(draft_path.clone(), end).map_err(no)?;
        let written = draft
            .file
            .write_all(text().as_bytes())
            .and_then(|()| draft.file.sync_all())
            .and_then(|()| draft.publish(&target));
        match written.map_err(no)? {
            true => break,
            // somebody has removed the draft, or put something else there
            false if Instant::now() < end => {}
            false => return Err(no(io::ErrorKind::WouldBlock.into())),
        }
    }
    // the name, too, has to be on the disk
    File::open(folder).and_then(|f| f.sync_all()).map_err(no)
}

/// Where links lead; the last name need not exist.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    // as many as Linux follows
    for _ in 0..40 {
        let name = path
            .file_name()
            .ok_or(io::ErrorKind::InvalidInput)?
            .to_owned();
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
        path = folder.join(name);
        match fs::read_link(&path) {
            Ok(to) => path = folder.join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Told of a lock that does not become free.
const BUSY: &str = "another process is saving to it, and does not end";

fn refused(parameter: &str, path: &Path, error: &io::Error) -> Error {
    // own words, since those of the system change with the locale of the host
    let why = match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull | io::ErrorKind::FileTooLarge => "no room left".to_owned(),
        io::ErrorKind::QuotaExceeded => "no room left for this user".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "read-only file system".to_owned(),
        io::ErrorKind::NotADirectory => "not a folder".to_owned(),
        io::ErrorKind::IsADirectory => "a folder".to_owned(),
        io::ErrorKind::DirectoryNotEmpty => "a folder has the name of the draft".to_owned(),
        io::ErrorKind::WouldBlock => BUSY.to_owned(),
        _ => match error.raw_os_error() {
            Some(number) => format!("system error {number}"),
            None => error.to_string(),
        },
    };
    let mut error = invalid(parameter, path, &why);
    if why.starts_with("no room") {
        error.detail_mut().status = Status::LIMIT;
    } else if why == BUSY {
        error.detail_mut().status = Status::TIMEOUT;
        error.detail_mut().retriable = true;
    }
    error
}

fn invalid(parameter: &str, path: &Path, why: &str) -> Error {
    let path = display::path(path);
    Error::invalid(parameter, format_args!("{path}: {why}"))
}
