//! In which process am I? Answered without a system call, since every call through the C boundary asks.
use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers the process in which it was made.
///
/// All marks of a process share one page of memory that the kernel hands to a forked child filled with zeros
/// (`MADV_WIPEONFORK`, Linux 4.14): what the page holds tells whether this is still the same process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkGuard {
    /// what the page held, never 0; or the process id where there is no such page
    mark: u64,
}

impl ForkGuard {
    /// Here and now.
    pub fn new() -> ForkGuard {
        ForkGuard { mark: here() }
    }

    /// Whether the calling process is the one in which this was made.
    pub fn is_here(&self) -> bool {
        match page::get() {
            // relaxed: the page changes by fork only, apart from a first mark that nobody holds yet
            Some(page) => page.load(Ordering::Relaxed) == self.mark,
            None => process_id() == self.mark,
        }
    }
}

impl Default for ForkGuard {
    fn default() -> ForkGuard {
        ForkGuard::new()
    }
}

fn here() -> u64 {
    // goes on counting in a child, so that no descendant uses a mark of its ancestors again
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let Some(page) = page::get() else {
        return process_id();
    };
    match page.load(Ordering::Relaxed) {
        0 => {
            let mine = NEXT.fetch_add(1, Ordering::Relaxed);
            match page.compare_exchange(0, mine, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => mine,
                Err(theirs) => theirs,
            }
        }
        mark => mark,
    }
}

fn process_id() -> u64 {
    u64::from(std::process::id())
}

#[cfg(target_os = "linux")]
mod page {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
    use std::sync::{OnceLock, atomic::AtomicU64};

    /// `None` where the kernel is too old.
    pub(super) fn get() -> Option<&'static AtomicU64> {
        static PAGE: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
        *PAGE.get_or_init(make)
    }

    #[allow(unsafe_code)]
    fn make() -> Option<&'static AtomicU64> {
        // the kernel rounds up to whole pages; asking for their size goes through the auxiliary vector, which valgrind breaks
        let length = size_of::<AtomicU64>();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let page =
            unsafe { mmap_anonymous(std::ptr::null_mut(), length, access, MapFlags::PRIVATE) }
                .ok()?;
        // SAFETY: the range is the mapping made above, which nothing else knows.
        if unsafe { madvise(page, length, Advice::LinuxWipeOnFork) }.is_err() {
            // SAFETY: as above; no reference into it was made.
            let _ = unsafe { munmap(page, length) };
            return None;
        }
        // SAFETY: aligned to a page, zeroed (a valid AtomicU64), never unmapped, only used through this type.
        Some(unsafe { &*page.cast::<AtomicU64>() })
    }
}

#[cfg(not(target_os = "linux"))]
mod page {
    pub(super) fn get() -> Option<&'static std::sync::atomic::AtomicU64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_marks_of_a_process_are_the_same() {
        let first = ForkGuard::new();
        let other = std::thread::spawn(ForkGuard::new).join().unwrap();
        assert!(first.is_here() && other.is_here());
        assert_eq!(first, other);
    }
}
