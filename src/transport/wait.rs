//! Where a call blocks: `poll` over sockets and the cancel token, with an end. The one other place is a read in clear text
//! without a token, [`super::maybe_tls_stream::MaybeTlsStream::read_until`].
use super::cancel::Cancel;
use super::fault::FaultKind;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::BorrowedFd,
    io::Errno,
};
use std::time::{Duration, Instant};

/// Whether something that waits for nothing may go on.
pub(super) fn check(cancel: Option<&Cancel>, end: Instant) -> Result<(), FaultKind> {
    if cancel.is_some_and(Cancel::is_fired) {
        return Err(FaultKind::Cancelled);
    }
    if Instant::now() >= end {
        return Err(FaultKind::Timeout);
    }
    Ok(())
}

/// Waits until `socket` is ready for `interest`, or in trouble.
pub(super) fn one(
    socket: BorrowedFd<'_>,
    interest: PollFlags,
    cancel: Option<&Cancel>,
    end: Instant,
) -> Result<(), FaultKind> {
    let socket = PollFd::from_borrowed_fd(socket, interest);
    let Some(token) = cancel else {
        return until(&mut [socket], end);
    };
    let mut descriptors = token.descriptors();
    match (descriptors.next(), descriptors.len()) {
        (Some(only), 0) => {
            let mut fds = [socket, PollFd::from_borrowed_fd(only, PollFlags::IN)];
            until(&mut fds, end)?;
            refuse_cancelled(&fds[1..])
        }
        _ => any(&mut vec![socket], cancel, end),
    }
}

/// Waits until one of `sockets` is ready; their `revents` tell which.
pub(super) fn any<'fd>(
    sockets: &mut Vec<PollFd<'fd>>,
    cancel: Option<&'fd Cancel>,
    end: Instant,
) -> Result<(), FaultKind> {
    let Some(token) = cancel else {
        return until(sockets, end);
    };
    let count = sockets.len();
    let descriptors = token.descriptors();
    sockets.extend(descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    let outcome = until(sockets, end);
    let tokens = sockets.split_off(count);
    outcome?;
    refuse_cancelled(&tokens)
}

/// Lets `time` pass, unless `cancel` is fired first: then `true`.
pub(crate) fn pause(cancel: Option<&Cancel>, time: Duration) -> bool {
    let end = Instant::now().checked_add(time);
    end.is_some_and(|end| pause_until(cancel, end) == Err(FaultKind::Cancelled))
}

/// Lets time pass.
pub(super) fn pause_until(cancel: Option<&Cancel>, end: Instant) -> Result<(), FaultKind> {
    match any(&mut Vec::new(), cancel, end) {
        Err(FaultKind::Timeout) => Ok(()),
        other => other,
    }
}

fn refuse_cancelled(tokens: &[PollFd<'_>]) -> Result<(), FaultKind> {
    // readable decides, not the flag: the two can only differ in a forked child, which must not spin
    match tokens.iter().all(|token| token.revents().is_empty()) {
        true => Ok(()),
        false => Err(FaultKind::Cancelled),
    }
}

fn until(fds: &mut [PollFd<'_>], end: Instant) -> Result<(), FaultKind> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = i64::try_from(left.as_secs()).ok().map(|seconds| Timespec {
            tv_sec: seconds,
            tv_nsec: left.subsec_nanos().into(),
        });
        match poll(fds, timeout.as_ref()) {
            Ok(0) if left.is_zero() => return Err(FaultKind::Timeout),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            // no memory in the kernel, or a limit on descriptors that is too low
            Err(_) => return Err(FaultKind::Local),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fired_token_ends_a_pause_and_time_ends_one() {
        let token = Cancel::new().unwrap();
        let far = Instant::now() + Duration::from_secs(3600);
        let near = Instant::now() + Duration::from_millis(5);
        assert_eq!(pause_until(Some(&token), near), Ok(()));
        assert_eq!(pause_until(None, near), Ok(()));
        let other = token.clone();
        let thread = std::thread::spawn(move || pause_until(Some(&other), far));
        token.fire();
        assert_eq!(thread.join().unwrap(), Err(FaultKind::Cancelled));
    }
}
