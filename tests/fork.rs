//! What a forked child sees. One test of its own, since forking a process of many test threads is asking for trouble.
use etcd_v2::sys::fork_guard::ForkGuard;
use etcd_v2::transport::cancel::Cancel;

/// Runs `child` in a forked process, which ends at once; true if `child` returned true.
fn in_a_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child calls only what neither allocates nor takes a lock that another thread could hold, then ends.
    match unsafe { libc::fork() } {
        0 => {
            let code = if child() { 0 } else { 1 };
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(code) }
        }
        pid => {
            assert!(pid > 0);
            let mut status = 0;
            // SAFETY: waits for the child made above; the pointer is to a live local value.
            assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
            assert!(libc::WIFEXITED(status));
            libc::WEXITSTATUS(status) == 0
        }
    }
}

fn readable(token: &Cancel) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let each = token.descriptors();
    let mut each: Vec<_> = each
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    poll(&mut each, Some(&now)) == Ok(1)
}

#[test]
fn a_child_is_somewhere_else() {
    let parent = ForkGuard::new();
    let token = Cancel::new().unwrap();
    assert!(parent.is_here());
    assert!(in_a_child(|| !parent.is_here()));
    // also after the child has marks of its own, which its own children do not share
    assert!(in_a_child(|| {
        let child = ForkGuard::new();
        let grandchild_is_right = in_a_child(|| {
            let grandchild = ForkGuard::new();
            !parent.is_here() && !child.is_here() && grandchild.is_here()
        });
        grandchild_is_right && child.is_here() && !parent.is_here()
    }));
    assert!(parent.is_here() && ForkGuard::new().is_here());

    // a token fired by the child leaves the calls of its parent alone
    assert!(in_a_child(|| {
        token.fire();
        token.is_fired()
    }));
    assert!(!token.is_fired() && !readable(&token));
    token.fire();
    assert!(token.is_fired() && readable(&token));
}
