//! The draft that becomes the file: always a new inode of this process, and one saver at a time.
//!
//! Its name is known, so anything may stand there already. Nothing is ever written into what was there before: a draft
//! left by a saver that died and whatever else has the name are removed, and a file is made that did not exist. The lock
//! keeps savers that are alive apart; it is tried, never waited for without an end.

use rustix::fs::{AtFlags, FlockOperation, OFlags, flock};
use rustix::io::Errno;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// An empty file that only this saver writes and only its owner may read. Removed when dropped, unless published.
#[derive(Debug)]
pub(super) struct DraftFile {
    pub(super) file: File,
    path: PathBuf,
    published: bool,
}

impl DraftFile {
    /// `WOULDBLOCK`: until `end` another saver had it.
    pub(super) fn new(path: PathBuf, end: Instant) -> io::Result<DraftFile> {
        loop {
            match DraftFile::make(&path)? {
                Some(file) => {
                    return Ok(DraftFile {
                        file,
                        path,
                        published: false,
                    });
                }
                None if remove_leftover(&path)? => {}
                None if Instant::now() >= end => return Err(io::ErrorKind::WouldBlock.into()),
                None => {
                    let left = end.saturating_duration_since(Instant::now());
                    std::thread::sleep(PAUSE.min(left));
                }
            }
        }
    }

    /// `None`: something has the name.
    fn make(path: &Path) -> io::Result<Option<File>> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path);
        let file = match made {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            made => made?,
        };
        // between these two calls another saver may take it for one that was left behind
        if !try_lock(&file)? || !is_at(&file, path) {
            return Ok(None);
        }
        // an access list of the folder may have said otherwise
        file.set_permissions(Permissions::from_mode(0o600))?;
        match is_ours(&file.metadata()?) {
            true => Ok(Some(file)),
            false => Err(io::Error::other(
                "the file system does not keep the draft private",
            )),
        }
    }

    /// Gives it the name `target`; false if somebody has taken the draft away.
    pub(super) fn publish(mut self, target: &Path) -> io::Result<bool> {
        if !is_at(&self.file, &self.path) {
            self.published = true;
            return Ok(false);
        }
        fs::rename(&self.path, target)?;
        self.published = true;
        Ok(is_at(&self.file, target))
    }
}

impl Drop for DraftFile {
    fn drop(&mut self) {
        // nobody else has it: the lock is still held
        if !self.published && is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what stands at `path`, unless that is the draft of a saver that is alive: then false.
fn remove_leftover(path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        found => found?,
    };
    let mut held = None;
    if is_ours(&found) {
        // no pipe any more in the meantime, nor a link: neither would be waited for or followed
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits() as i32)
            .open(path);
        if let Ok(file) = open {
            if !try_lock(&file)? {
                return Ok(false);
            }
            if !is_at(&file, path) {
                return Ok(true);
            }
            held = Some(file);
        }
    }
    let flags = match found.is_dir() {
        true => AtFlags::REMOVEDIR,
        false => AtFlags::empty(),
    };
    let removed = rustix::fs::unlinkat(rustix::fs::CWD, path, flags);
    drop(held);
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Made by a saver of this user, and nobody else has a name for it.
fn is_ours(found: &Metadata) -> bool {
    let kind = found.file_type();
    let odd = kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device();
    let uid = rustix::process::geteuid().as_raw();
    kind.is_file() && !odd && found.uid() == uid && found.nlink() == 1 && found.mode() & 0o077 == 0
}

fn try_lock(file: &File) -> io::Result<bool> {
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(false),
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: Metadata| (found.dev(), found.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(there)) => place(held) == place(there),
        _ => false,
    }
}
