//! A token that ends calls from another thread.
use super::{
    bell::Bell,
    process::Birthplace,
    wait::{self, Stop},
};
use crate::{
    error::{Error, Result},
    status::Status,
};
use rustix::fd::{AsFd, BorrowedFd};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use std::time::{Duration, Instant};

/// Shared by any number of calls and threads; clones are the same token.
///
/// Every wait of a call polls its socket *and* the token, so nobody has to know which sockets are in use.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<Token>);

#[derive(Debug)]
struct Token {
    fired: AtomicBool,
    bell: Bell,
    birthplace: Birthplace,
}

impl Cancel {
    /// Needs one descriptor (an eventfd); `LIMIT` when there is none left.
    pub fn new() -> Result<Cancel> {
        let bell = Bell::new().map_err(|e| {
            Error::new(
                Status::LIMIT,
                format!("no descriptor for a cancel token: {e}"),
            )
        })?;
        Ok(Cancel(Arc::new(Token {
            fired: AtomicBool::new(false),
            bell,
            birthplace: Birthplace::new(),
        })))
    }

    /// Ends every call that holds this token, now and later.
    pub fn fire(&self) {
        let first = !self.0.fired.swap(true, Ordering::SeqCst);
        // a forked child shares the descriptor with its parent, whose calls are none of its business
        if first && self.0.birthplace.is_here() {
            self.0.bell.ring();
        }
    }

    /// Whether it was fired.
    pub fn is_fired(&self) -> bool {
        self.0.fired.load(Ordering::SeqCst)
    }
}

/// Lets `time` pass, unless `cancel` is fired first: then `true`.
pub fn pause(cancel: Option<&Cancel>, time: Duration) -> bool {
    let end = Instant::now().checked_add(time);
    end.is_some_and(|end| wait::pause(cancel, end) == Err(Stop::Cancelled))
}

impl AsFd for Cancel {
    /// Readable from the moment when the token was fired.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn readable(token: &Cancel) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut [PollFd::new(token, PollFlags::IN)], Some(&now)).unwrap() == 1
    }

    #[test]
    fn fired_once_seen_by_all_clones_for_ever() {
        let token = Cancel::new().unwrap();
        let clone = token.clone();
        assert!(!token.is_fired() && !readable(&token));
        std::thread::spawn(move || clone.fire()).join().unwrap();
        for _ in 0..3 {
            assert!(token.is_fired() && readable(&token));
            token.fire();
        }
    }
}
