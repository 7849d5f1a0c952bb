//! Why an exchange failed, in words that are the same on every machine.
use super::fault::FaultKind;
use crate::error::Phase;
use rustix::io::Errno;

/// Why an exchange cannot go on.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) phase: Phase,
    pub(crate) kind: FaultKind,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(phase: Phase, kind: FaultKind, text: impl Into<String>) -> Failure {
        let text = text.into();
        Failure { phase, kind, text }
    }

    /// A system call said no.
    pub(crate) fn from_errno(phase: Phase, errno: Errno) -> Failure {
        let kind = match errno {
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => FaultKind::Local,
            _ => FaultKind::Connection,
        };
        Failure::new(phase, kind, words(errno))
    }
}

/// Own words, since those of the system change with the locale of the host.
fn words(errno: Errno) -> String {
    let known = match errno {
        Errno::CONNREFUSED => "connection refused",
        Errno::CONNRESET => "connection reset",
        Errno::CONNABORTED => "connection aborted",
        Errno::PIPE => "connection closed by the server",
        Errno::TIMEDOUT => "connection timed out",
        Errno::NETUNREACH => "network unreachable",
        Errno::HOSTUNREACH => "host unreachable",
        Errno::NETDOWN => "network down",
        Errno::ADDRNOTAVAIL => "no local address or port left",
        Errno::AFNOSUPPORT => "address family not supported",
        Errno::ACCESS | Errno::PERM => "permission denied",
        Errno::NOENT => "no such socket",
        Errno::NOTSOCK | Errno::PROTOTYPE => "not a stream socket",
        Errno::MFILE | Errno::NFILE => "no descriptor left",
        Errno::NOMEM | Errno::NOBUFS => "no memory left",
        other => return format!("system error {}", other.raw_os_error()),
    };
    known.to_owned()
}
