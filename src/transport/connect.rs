//! Makes connections: resolves, races the addresses, primes; the `Connector` that ureq calls when its pool is empty.
use super::{
    attempt::{self, Attempt, Failure},
    channel::Settings,
    endpoint::{Endpoint, Host, Place},
    prime,
    resolve::Names,
    socket::{self, Begun},
    stream::Stream,
    wait::{self, Stop},
};
use crate::error::Phase;
use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::unversioned::transport::{ConnectionDetails, Connector};

/// Head start of an address before the next one is tried as well (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried at the same time.
const IN_FLIGHT: usize = 3;
/// Between two looks at a unix socket whose queue is full.
const FULL_QUEUE: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
];

/// Makes connections to one member.
#[derive(Debug)]
pub(super) struct Dialer {
    goal: Goal,
    host_header: String,
    settings: Settings,
}

#[derive(Debug)]
enum Goal {
    Address(SocketAddr),
    Name(Names),
    Unix(std::path::PathBuf),
}

impl Dialer {
    pub(super) fn new(endpoint: &Endpoint, settings: &Settings) -> Dialer {
        let goal = match endpoint.place() {
            Place::Tcp(Host::Ip(ip), port) => Goal::Address(SocketAddr::new(*ip, *port)),
            Place::Tcp(Host::Name(name), port) => Goal::Name(Names::new(name.clone(), *port)),
            Place::Unix(path) => Goal::Unix(path.clone()),
        };
        Dialer {
            goal,
            host_header: endpoint.authority(),
            settings: settings.clone(),
        }
    }

    /// The name look-up runs for ever.
    #[cfg(test)]
    pub(super) fn hang(&self) {
        if let Goal::Name(names) = &self.goal {
            names.hang();
        }
    }

    fn dial(&self, attempt: &mut Attempt) -> Result<OwnedFd, Failure> {
        let began = Instant::now();
        attempt.phase = Phase::Connect;
        attempt
            .check()
            .map_err(|stop| attempt.stopped(Phase::Connect, stop, began))?;
        let end = attempt.end_of(attempt.limits.connect);
        let socket = match &self.goal {
            Goal::Unix(path) => reach_unix(path, attempt, end)?,
            Goal::Address(address) => self.race(vec![*address], attempt, end)?,
            Goal::Name(names) => {
                attempt.phase = Phase::Resolve;
                let addresses = names.look_up(attempt, end)?;
                attempt.phase = Phase::Connect;
                self.race(addresses, attempt, end)?
            }
        };
        if attempt.prime {
            prime::prime(&socket, &self.host_header, attempt, end)?;
        }
        Ok(socket)
    }

    /// Tries one address after the other without waiting for the end of the one before; the first one wins.
    fn race(
        &self,
        addresses: Vec<SocketAddr>,
        attempt: &Attempt,
        end: Instant,
    ) -> Result<OwnedFd, Failure> {
        let began = Instant::now();
        let mut queue = VecDeque::from(addresses);
        let mut flying: Vec<(OwnedFd, SocketAddr)> = Vec::new();
        let mut next_start = began;
        let mut last = Failure::from_errno(Phase::Connect, Errno::ADDRNOTAVAIL);
        loop {
            let due = flying.is_empty() || Instant::now() >= next_start;
            if due && flying.len() < IN_FLIGHT {
                if let Some(address) = queue.pop_front() {
                    next_start = Instant::now() + STAGGER;
                    let begun = socket::begin_tcp(address, &self.settings);
                    match begun.and_then(|begun| settle(begun, &address)) {
                        Ok(Begun::Connected(socket)) => return Ok(socket),
                        Ok(Begun::Pending(socket)) => flying.push((socket, address)),
                        Err(errno) => last = Failure::from_errno(Phase::Connect, errno),
                    }
                }
                if flying.is_empty() {
                    match queue.is_empty() {
                        true => return Err(last),
                        false => continue,
                    }
                }
            }
            let more = !queue.is_empty() && flying.len() < IN_FLIGHT;
            let wake = if more { end.min(next_start) } else { end };
            let ready = match decided(&flying, attempt, wake) {
                Ok(ready) => ready,
                Err(Stop::TimedOut) if wake < end => continue,
                Err(stop) => return Err(attempt.stopped(Phase::Connect, stop, began)),
            };
            let (done, still) = std::mem::take(&mut flying)
                .into_iter()
                .enumerate()
                .partition::<Vec<_>, _>(|(i, _)| ready.contains(i));
            flying = still.into_iter().map(|(_, flight)| flight).collect();
            for (_, (socket, address)) in done {
                let won = socket::outcome(&socket);
                match won.and_then(|()| socket::met_itself(socket, &address)) {
                    Ok(socket) => return Ok(socket),
                    Err(errno) => last = Failure::from_errno(Phase::Connect, errno),
                }
                // no reason to wait for the rest of the head start
                next_start = Instant::now();
            }
        }
    }
}

fn settle(begun: Begun, address: &SocketAddr) -> Result<Begun, Errno> {
    match begun {
        Begun::Connected(socket) => socket::met_itself(socket, address).map(Begun::Connected),
        pending => Ok(pending),
    }
}

/// Which of the connections in flight are decided.
fn decided(
    flying: &[(OwnedFd, SocketAddr)],
    attempt: &Attempt,
    end: Instant,
) -> Result<Vec<usize>, Stop> {
    let mut fds: Vec<PollFd<'_>> = flying
        .iter()
        .map(|(socket, _)| PollFd::new(socket, PollFlags::OUT))
        .collect();
    wait::any(&mut fds, attempt.cancel.as_ref(), end)?;
    let ready = fds.iter().enumerate();
    Ok(ready
        .filter(|(_, fd)| !fd.revents().is_empty())
        .map(|(i, _)| i)
        .collect())
}

fn reach_unix(path: &Path, attempt: &Attempt, end: Instant) -> Result<OwnedFd, Failure> {
    let began = Instant::now();
    let stopped = |stop| attempt.stopped(Phase::Connect, stop, began);
    let mut pauses = FULL_QUEUE.iter();
    let mut pause = Duration::from_millis(1);
    loop {
        match socket::begin_unix(path) {
            Ok(Begun::Connected(socket)) => return Ok(socket),
            Ok(Begun::Pending(socket)) => {
                let cancel = attempt.cancel.as_ref();
                wait::one(socket.as_fd(), PollFlags::OUT, cancel, end).map_err(stopped)?;
                return match socket::outcome(&socket) {
                    Ok(()) => Ok(socket),
                    Err(errno) => Err(Failure::from_errno(Phase::Connect, errno)),
                };
            }
            // the queue of connections is full; there is nothing to poll for
            Err(Errno::AGAIN) => {
                let now = Instant::now();
                if now >= end {
                    return Err(stopped(Stop::TimedOut));
                }
                pause = *pauses.next().unwrap_or(&pause);
                let cancel = attempt.cancel.as_ref();
                wait::pause(cancel, end.min(now + pause)).map_err(stopped)?;
            }
            Err(errno) => return Err(Failure::from_errno(Phase::Connect, errno)),
        }
    }
}

/// A dialer as an agent holds it; a member changes its agent, not its dialer.
#[derive(Debug)]
pub(super) struct Way(pub(super) Arc<Dialer>);

impl Connector for Way {
    type Out = Stream;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Stream>, ureq::Error> {
        attempt::run(|attempt| self.0.dial(attempt)).map(|socket| Some(Stream::new(socket)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{channel::Limits, fault::FaultKind};
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn dialer() -> Dialer {
        let settings = Settings {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            keepalive: None,
            user_timeout: None,
        };
        let endpoint = Endpoint::parse("endpoint", "127.0.0.1").unwrap();
        Dialer::new(&endpoint, &settings)
    }

    fn attempt() -> Attempt {
        let long = Duration::from_secs(20);
        let limits = Limits {
            deadline: Instant::now() + long,
            connect: long,
            send: long,
            head: long,
            body: long,
            max_body: 0,
        };
        Attempt::new(&limits, None)
    }

    /// An address that answers nothing: the queue of its listener is full.
    fn mute() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(one) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queue.push(one);
        }
        (listener, queue, address)
    }

    fn closed() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn peer(socket: OwnedFd) -> SocketAddr {
        TcpStream::from(socket).peer_addr().unwrap()
    }

    #[test]
    fn a_mute_address_does_not_hold_up_the_others() {
        let (_listener, _queue, mute) = mute();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = good.local_addr().map(|address| (good, address)).unwrap();
        let attempt = attempt();
        let end = attempt.end_of(Duration::from_secs(20));
        let began = Instant::now();
        let addresses = vec![mute, closed(), good.1];
        let won = dialer().race(addresses, &attempt, end).unwrap();
        assert_eq!(peer(won), good.1);
        // one head start, then at once: the closed one is refused without waiting
        assert!(began.elapsed() >= STAGGER);
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn refusals_do_not_wait() {
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = good.local_addr().unwrap();
        let attempt = attempt();
        let end = attempt.end_of(Duration::from_secs(20));
        let mut addresses: Vec<_> = (0..12).map(|_| closed()).collect();
        let failure = dialer().race(addresses.clone(), &attempt, end).unwrap_err();
        assert_eq!(failure.text, "connection refused");
        addresses.push(address);
        let began = Instant::now();
        let won = dialer().race(addresses, &attempt, end).unwrap();
        assert_eq!(peer(won), address);
        assert!(began.elapsed() < 12 * STAGGER);
    }

    #[test]
    fn only_mute_addresses_take_the_time_that_they_are_given() {
        let (_listener, _queue, mute) = mute();
        let attempt = attempt();
        let end = attempt.end_of(Duration::from_millis(50));
        let failure = dialer().race(vec![mute; 5], &attempt, end).unwrap_err();
        assert_eq!(failure.kind, FaultKind::Timeout);
        assert!(
            failure.text.starts_with("no connection within"),
            "{failure:?}"
        );
        let none = dialer().race(Vec::new(), &attempt, end).unwrap_err();
        assert_eq!(none.kind, FaultKind::Connection);
    }
}
