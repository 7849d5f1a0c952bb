//! A file that is there as a whole: as it was, or as it is to be.

use super::document::LONGEST;
use crate::echo;
use crate::error::{Error, Result};
use crate::status::Status;
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What is in a file, if that is a file and not too long.
pub(super) fn load(parameter: &str, path: &Path) -> Result<Vec<u8>> {
    let no = |e: io::Error| refused(parameter, path, &e);
    // not opened yet: that of a pipe would wait for its other end
    if !fs::metadata(path).map_err(no)?.is_file() {
        return Err(invalid(parameter, path, "not a file"));
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(no)?;
    let mut limited = file.take(LONGEST as u64 + 1);
    limited.read_to_end(&mut text).map_err(no)?;
    Ok(text)
}

/// Replaces the file, which only its owner may read then. What a link points to is replaced, not the link.
pub(super) fn save(parameter: &str, path: &Path, text: &[u8]) -> Result<()> {
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
    let mut draft = alone(&draft_path).map_err(no)?;
    let written = draft
        .set_len(0)
        .and_then(|()| draft.set_permissions(fs::Permissions::from_mode(0o600)))
        .and_then(|()| draft.write_all(text))
        .and_then(|()| draft.sync_all())
        .and_then(|()| fs::rename(&draft_path, &target));
    if let Err(e) = written {
        // nobody else has it: the lock is still held
        let _ = fs::remove_file(&draft_path);
        return Err(no(e));
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

/// The draft, for one saver at a time. One that was left by a saver that died is used again, so that there is never more
/// than one.
fn alone(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)?;
        while let Err(e) = flock(&file, FlockOperation::LockExclusive) {
            if e != rustix::io::Errno::INTR {
                return Err(e.into());
            }
        }
        // the one who had it has renamed it meanwhile: it is the file itself now
        let still = fs::symlink_metadata(path).is_ok_and(|there| {
            file.metadata()
                .is_ok_and(|held| (held.dev(), held.ino()) == (there.dev(), there.ino()))
        });
        if still {
            return Ok(file);
        }
    }
}

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
        _ => match error.raw_os_error() {
            Some(number) => format!("system error {number}"),
            None => error.to_string(),
        },
    };
    let mut error = invalid(parameter, path, &why);
    if why.starts_with("no room") {
        error.detail_mut().status = Status::LIMIT;
    }
    error
}

fn invalid(parameter: &str, path: &Path, why: &str) -> Error {
    let path = echo::path(path);
    Error::invalid(parameter, format_args!("{path}: {why}"))
}
