//! Sockets as we want them: non-blocking, closed on exec, without a delay, with an eye on dead peers.
use super::config::TransportConfig;
use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketType, connect, getpeername, getsockname, sockopt},
};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A connection that was begun.
pub(crate) enum Begun {
    /// there it is
    Connected(OwnedFd),
    /// writable once it is decided
    Pending(OwnedFd),
}

/// Begins a TCP connection.
pub(super) fn begin_tcp(address: SocketAddr, settings: &TransportConfig) -> Result<Begun, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = open(family)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let Some((idle, interval, count)) = settings.keepalive {
        sockopt::set_socket_keepalive(&socket, true)?;
        sockopt::set_tcp_keepidle(&socket, whole_seconds(idle))?;
        sockopt::set_tcp_keepintvl(&socket, whole_seconds(interval))?;
        sockopt::set_tcp_keepcnt(&socket, count)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(longest) = settings.user_timeout {
        // the kernel keeps it as an int
        let ms = longest.as_millis().clamp(1, i32::MAX as u128);
        sockopt::set_tcp_user_timeout(&socket, u32::try_from(ms).unwrap_or(u32::MAX >> 1))?;
    }
    begin(socket, |socket| connect(socket, &address))
}

/// Begins a connection to a unix socket. `AGAIN`: its queue of connections is full.
pub(crate) fn begin_unix(path: &Path) -> Result<Begun, Errno> {
    let address = SocketAddrUnix::new(path)?;
    begin(open(AddressFamily::UNIX)?, |socket| {
        connect(socket, &address)
    })
}

/// Whether a decided connection is one; asking clears the error.
pub(crate) fn outcome(socket: &OwnedFd) -> Result<(), Errno> {
    sockopt::socket_error(socket)?
}

/// TCP can meet itself: a connect to an ephemeral port of this host that nobody listens on may pick just that port
/// as its own.
pub(super) fn met_itself(socket: &OwnedFd, address: &SocketAddr) -> Result<(), Errno> {
    if !address.ip().is_loopback() {
        return Ok(());
    }
    match (getsockname(socket), getpeername(socket)) {
        (Ok(local), Ok(peer)) if peer.as_ref() == Some(&local) => Err(Errno::CONNREFUSED),
        _ => Ok(()),
    }
}

fn begin(
    socket: OwnedFd,
    connect: impl FnOnce(&OwnedFd) -> Result<(), Errno>,
) -> Result<Begun, Errno> {
    match connect(&socket) {
        Ok(()) => Ok(Begun::Connected(socket)),
        // interrupted: it goes on all the same, a second connect would only say so
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(Begun::Pending(socket)),
        Err(e) => Err(e),
    }
}

#[cfg(target_os = "linux")]
fn open(family: AddressFamily) -> Result<OwnedFd, Errno> {
    use rustix::net::{SocketFlags, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(family, SocketType::STREAM, flags, None)
}

#[cfg(not(target_os = "linux"))]
fn open(family: AddressFamily) -> Result<OwnedFd, Errno> {
    use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    ioctl_fionbio(&socket, true)?;
    #[cfg(target_vendor = "apple")]
    sockopt::set_socket_nosigpipe(&socket, true)?;
    Ok(socket)
}

/// The kernel counts whole seconds, from 1 to 32,767.
fn whole_seconds(time: Duration) -> Duration {
    let up = u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(time.as_secs().saturating_add(up).clamp(1, 32_767))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn settings_reach_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let settings = TransportConfig {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            keepalive: Some((Duration::from_millis(29_500), Duration::from_secs(10), 3)),
            user_timeout: Some(Duration::from_millis(12_345)),
            ..TransportConfig::default()
        };
        let (Begun::Connected(socket) | Begun::Pending(socket)) =
            begin_tcp(address, &settings).unwrap();
        assert!(sockopt::tcp_nodelay(&socket).unwrap());
        assert!(sockopt::socket_keepalive(&socket).unwrap());
        let idle = sockopt::tcp_keepidle(&socket).unwrap();
        assert_eq!(idle, Duration::from_secs(30));
        let interval = sockopt::tcp_keepintvl(&socket).unwrap();
        assert_eq!(interval, Duration::from_secs(10));
        assert_eq!(sockopt::tcp_keepcnt(&socket), Ok(3));
        #[cfg(target_os = "linux")]
        assert_eq!(sockopt::tcp_user_timeout(&socket), Ok(12_345));
    }

    #[test]
    fn a_socket_that_met_itself_is_nobody() {
        use rustix::net::bind;
        // a socket that connects to its own address gets an answer: its own
        let socket = open(AddressFamily::INET).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        bind(&socket, &any).unwrap();
        let stream = TcpStream::from(socket);
        let own = stream.local_addr().unwrap();
        let socket = OwnedFd::from(stream);
        begin(socket, |socket| connect(socket, &own))
            .map(|(Begun::Connected(socket) | Begun::Pending(socket))| {
                assert_eq!(met_itself(&socket, &own).unwrap_err(), Errno::CONNREFUSED);
            })
            .unwrap();
    }
}
