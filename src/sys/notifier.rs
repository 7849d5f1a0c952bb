//! A descriptor that is readable or not, as we say.
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io;

/// Readable from when it is rung until it is silenced: any number of pollers see it.
#[derive(Debug)]
pub(crate) struct Notifier {
    ear: OwnedFd,
    /// the other end of a pipe, where there is no eventfd
    #[cfg(not(target_os = "linux"))]
    hand: OwnedFd,
}

impl Notifier {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<Notifier> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Notifier {
            ear: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<Notifier> {
        use rustix::io::{FdFlags, fcntl_setfd};
        let (ear, hand) = rustix::stream::stream()?;
        fcntl_setfd(&ear, FdFlags::CLOEXEC)?;
        fcntl_setfd(&hand, FdFlags::CLOEXEC)?;
        Ok(Notifier { ear, hand })
    }

    /// Makes it readable. Not to be called again before it was cleared: a pipe could fill up.
    pub(crate) fn notify(&self) {
        #[cfg(target_os = "linux")]
        let hand = &self.ear;
        #[cfg(not(target_os = "linux"))]
        let hand = &self.hand;
        // an interrupted write is the only failure that there can be
        while rustix::io::write(hand, &1u64.to_ne_bytes()) == Err(rustix::io::Errno::INTR) {}
    }

    /// Makes it unreadable. Only to be called after a notification: a pipe could block.
    pub(crate) fn clear(&self) {
        let mut count = [0u8; size_of::<u64>()];
        while rustix::io::read(&self.ear, &mut count) == Err(rustix::io::Errno::INTR) {}
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }
}
