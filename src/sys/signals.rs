//! Threads of a library must not run signal handlers of their host.

/// All signals are blocked in this thread, and in threads that it spawns, until this is dropped.
pub(crate) struct Blocked(libc::sigset_t);

impl Blocked {
    /// Blocks them.
    #[allow(unsafe_code)]
    pub(crate) fn new() -> Blocked {
        // SAFETY: a sigset_t of zeros is a valid value (it is plain integers) and is overwritten by sigfillset.
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        // SAFETY: both pointers are to live local values; the calls cannot fail with these arguments.
        unsafe {
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        }
        Blocked(before)
    }
}

impl Drop for Blocked {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: restores a mask that pthread_sigmask wrote; a null old mask is allowed.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// Mask of the calling thread, as the kernel tells it.
    fn mask() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("SigBlk:\t"));
        u64::from_str_radix(line.unwrap(), 16).unwrap()
    }

    #[test]
    fn a_spawned_thread_takes_no_signals_and_the_spawning_one_as_before() {
        let bit = |signal: i32| 1u64 << (signal - 1);
        let before = mask();
        let blocked = Blocked::new();
        let inside = std::thread::spawn(mask).join().unwrap();
        drop(blocked);
        assert_eq!(mask(), before);
        for signal in [
            libc::SIGINT,
            libc::SIGTERM,
            libc::SIGUSR1,
            libc::SIGCHLD,
            libc::SIGALRM,
        ] {
            assert_ne!(inside & bit(signal), 0, "{signal}");
        }
    }
}
