//! Makes connections: name resolution, happy eyeballs, TLS handshake, warm-up request.
use super::{
    addresses::Addresses,
    config::TransportConfig,
    exchange_context::ExchangeContext,
    fault::{Fault, FaultKind},
    happy_eyeballs::{HappyEyeballs, Launch},
    maybe_tls_stream::MaybeTlsStream,
    metrics::ConnectionMetrics,
    resolve::Names,
    socket::{self, Begun},
    tls::Session,
    wait, warmup,
};
use crate::error::Phase;
use crate::protocol::endpoint::{Address, Endpoint, Host, Scheme};
use rustix::{
    event::{PollFd, PollFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Addresses of a name that one call tries at most: as many as a large cluster has members.
const MOST_WAYS: usize = 5;
/// Between two looks at a unix socket whose queue is full.
const FULL_QUEUE: [Duration; 5] = [
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
];

/// The pause before look number `tries`, from 0.
pub(crate) fn full_queue_pause(tries: usize) -> Duration {
    let [.., longest] = FULL_QUEUE;
    FULL_QUEUE.get(tries).copied().unwrap_or(longest)
}

/// Makes connections to one member.
#[derive(Debug)]
pub(crate) struct Dialer {
    goal: Goal,
    addresses: Addresses,
    /// who has to be there, when that is to be proved
    secure: Option<Host>,
    host_header: String,
    settings: TransportConfig,
    metrics: Arc<ConnectionMetrics>,
}

/// Where a connection leads.
#[derive(Debug)]
pub(crate) enum Goal {
    Address(SocketAddr),
    Name(Names),
    Unix(std::path::PathBuf),
}

impl Dialer {
    pub(super) fn new(endpoint: &Endpoint, settings: &TransportConfig) -> Dialer {
        let goal = match endpoint.place() {
            Address::Tcp(Host::Ip(ip), port) => Goal::Address(SocketAddr::new(*ip, *port)),
            Address::Tcp(Host::Name(name), port) => Goal::Name(Names::new(name.clone(), *port)),
            Address::Unix(path) => Goal::Unix(path.clone()),
        };
        let secure = match (endpoint.scheme(), endpoint.place()) {
            (Scheme::Https, Address::Tcp(host, _)) => Some(host.clone()),
            _ => None,
        };
        Dialer {
            goal,
            addresses: Addresses::default(),
            secure,
            host_header: endpoint.authority(),
            metrics: Arc::new(ConnectionMetrics::part_of(&settings.metrics)),
            settings: settings.clone(),
        }
    }

    /// As it stands in `Host`.
    pub(super) fn host(&self) -> &str {
        &self.host_header
    }

    /// What all connections of the client have in common.
    pub(super) fn settings(&self) -> &TransportConfig {
        &self.settings
    }

    /// What went there.
    pub(super) fn metrics(&self) -> &Arc<ConnectionMetrics> {
        &self.metrics
    }

    pub(crate) fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The addresses of the name, if it has one.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Whether it may have several addresses, which is not known before the first look-up.
    pub(crate) fn has_ways(&self) -> bool {
        matches!(self.goal, Goal::Name(_)) && self.addresses.count() != Some(1)
    }

    /// How many addresses one call tries, as far as is known.
    pub(crate) fn ways(&self) -> usize {
        self.addresses.count().unwrap_or(1).clamp(1, MOST_WAYS)
    }

    /// An exchange failed.
    pub(crate) fn judge(&self, fault: &Fault) {
        if let Some(address) = fault.failed_address() {
            self.fail(address);
        }
    }

    /// A connection to this address has failed a request.
    pub(crate) fn fail(&self, address: SocketAddr) {
        if let Goal::Name(_) = self.goal {
            self.addresses.fail(address, Instant::now());
        }
    }

    /// Beginning of TLS on a new connection; `None` where there is none.
    pub(crate) fn session(&self) -> Option<Result<Session, Box<Fault>>> {
        Some(self.settings.tls.session(self.secure.as_ref()?))
    }

    /// When a connection that is made now reaches its maximum age, with jitter so that connections made together do not expire
    /// together.
    pub(crate) fn expiry(&self, now: Instant) -> Option<Instant> {
        let age = self.settings.max_age?;
        let dice = u32::from(RandomState::new().hash_one(now) as u16);
        let jitter = (age / 5).saturating_mul(dice) / u32::from(u16::MAX);
        now.checked_add((age - age / 10).saturating_add(jitter))
    }

    /// Whether a connection may be used once more.
    pub(crate) fn is_current(&self, stream: &MaybeTlsStream) -> bool {
        let tls = &self.settings.tls;
        stream
            .session()
            .is_none_or(|session| tls.is_current(session))
    }

    /// The name look-up runs for ever.
    #[cfg(test)]
    pub(super) fn hang(&self) {
        if let Goal::Name(names) = &self.goal {
            names.hang();
        }
    }

    /// Makes a connection, and gives its remote address; with `warm_up`, it has answered something short before.
    pub(super) fn dial(
        &self,
        context: &mut ExchangeContext<'_>,
        warm_up: bool,
    ) -> Result<(MaybeTlsStream, Option<SocketAddr>), Box<Fault>> {
        let began = Instant::now();
        context.state.record.enter(Phase::Connect, began);
        context
            .check()
            .map_err(|stop| context.state.record.stopped(Phase::Connect, stop, began))?;
        let end = context.end_of(context.state.limits.connect);
        let (socket, peer) = match &self.goal {
            Goal::Unix(path) => (reach_unix(path, context, end)?, None),
            Goal::Address(address) => self.race(vec![*address], context, end)?,
            Goal::Name(names) => {
                context.state.record.enter(Phase::Resolve, began);
                let addresses = names.look_up(context, end)?;
                let now = Instant::now();
                context.state.record.enter(Phase::Connect, now);
                let addresses = self.addresses.order(addresses, None, now);
                self.race(addresses, context, end)?
            }
        };
        context.state.record.peer = peer;
        let Some(session) = self.session() else {
            if warm_up {
                warmup::warm_up(&socket, &self.host_header, context, end)?;
            }
            return Ok((MaybeTlsStream::new(socket), peer));
        };
        context.state.record.enter(Phase::Tls, Instant::now());
        let mut stream = MaybeTlsStream::new(socket);
        stream.secure(session?);
        shake(&mut stream, context, end)?;
        Ok((stream, peer))
    }

    /// Tries the addresses until the first one answers.
    fn race(
        &self,
        addresses: Vec<SocketAddr>,
        context: &ExchangeContext<'_>,
        end: Instant,
    ) -> Result<(OwnedFd, Option<SocketAddr>), Box<Fault>> {
        let began = Instant::now();
        let mut race = HappyEyeballs::new(addresses, began);
        let mut flying: Vec<(OwnedFd, SocketAddr)> = Vec::new();
        loop {
            let next_start = match race.next(Instant::now(), &self.settings) {
                Launch::Won(socket, address) => return Ok((socket, Some(address))),
                Launch::Flying(socket, address) => {
                    flying.push((socket, address));
                    continue;
                }
                Launch::Lost(fault) => return Err(fault),
                Launch::Wait(next_start) => next_start,
            };
            let wake = next_start.map_or(end, |start| end.min(start));
            let ready = match decided(&flying, context, wake) {
                Ok(ready) => ready,
                Err(FaultKind::Timeout) if wake < end => continue,
                Err(stop) => {
                    return Err(context.state.record.stopped(Phase::Connect, stop, began));
                }
            };
            let (done, still) = std::mem::take(&mut flying)
                .into_iter()
                .enumerate()
                .partition::<Vec<_>, _>(|(i, _)| ready.contains(i));
            flying = still.into_iter().map(|(_, flight)| flight).collect();
            for (_, (socket, address)) in done {
                if race.decided(&socket, &address, Instant::now()) {
                    return Ok((socket, Some(address)));
                }
            }
        }
    }
}

/// A handshake from its beginning to its end.
fn shake(
    stream: &mut MaybeTlsStream,
    context: &mut ExchangeContext<'_>,
    end: Instant,
) -> Result<(), Box<Fault>> {
    let began = Instant::now();
    loop {
        match stream.shake() {
            Err(trouble) if trouble.is_again() => {}
            Err(trouble) if trouble.is_busy() => {
                context
                    .check_until(end)
                    .map_err(|stop| context.state.record.stopped(Phase::Tls, stop, began))?;
                continue;
            }
            outcome => {
                return outcome
                    .map_err(|trouble| context.state.record.trouble(Phase::Tls, trouble));
            }
        }
        let interest = match stream.is_full() {
            true => PollFlags::OUT,
            false => PollFlags::IN,
        };
        let waited = context.wait(stream.as_fd(), interest, end);
        waited.map_err(|stop| context.state.record.stopped(Phase::Tls, stop, began))?;
    }
}

/// Which of the connections in flight are decided.
fn decided(
    flying: &[(OwnedFd, SocketAddr)],
    context: &ExchangeContext<'_>,
    end: Instant,
) -> Result<Vec<usize>, FaultKind> {
    let mut fds: Vec<PollFd<'_>> = flying
        .iter()
        .map(|(socket, _)| PollFd::new(socket, PollFlags::OUT))
        .collect();
    wait::any(&mut fds, context.cancel, end)?;
    let ready = fds.iter().enumerate();
    Ok(ready
        .filter(|(_, fd)| !fd.revents().is_empty())
        .map(|(i, _)| i)
        .collect())
}

fn reach_unix(
    path: &Path,
    context: &ExchangeContext<'_>,
    end: Instant,
) -> Result<OwnedFd, Box<Fault>> {
    let began = Instant::now();
    let stopped = |stop| context.state.record.stopped(Phase::Connect, stop, began);
    for tries in 0.. {
        match socket::begin_unix(path) {
            Ok(Begun::Connected(socket)) => return Ok(socket),
            Ok(Begun::Pending(socket)) => {
                context
                    .wait(socket.as_fd(), PollFlags::OUT, end)
                    .map_err(stopped)?;
                return match socket::outcome(&socket) {
                    Ok(()) => Ok(socket),
                    Err(errno) => Err(Fault::from_errno(Phase::Connect, errno)),
                };
            }
            // the queue of connections is full; there is nothing to poll for
            Err(Errno::AGAIN) => {
                let now = Instant::now();
                if now >= end {
                    return Err(stopped(FaultKind::Timeout));
                }
                let pause = full_queue_pause(tries);
                wait::pause_until(context.cancel, end.min(now + pause)).map_err(stopped)?;
            }
            Err(errno) => return Err(Fault::from_errno(Phase::Connect, errno)),
        }
    }
    Err(stopped(FaultKind::Timeout))
}

#[cfg(test)]
mod tests {
    use super::super::{exchange_limits::ExchangeLimits, fault::FaultKind, happy_eyeballs};
    use super::*;
    use crate::protocol::method::Method;
    use std::net::{TcpListener, TcpStream};

    fn dialer() -> Dialer {
        let settings = TransportConfig {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            ..TransportConfig::default()
        };
        let endpoint = Endpoint::parse("endpoint", "127.0.0.1").unwrap();
        Dialer::new(&endpoint, &settings)
    }

    fn context() -> ExchangeContext<'static> {
        let long = Duration::from_secs(20);
        let limits = ExchangeLimits {
            deadline: Instant::now() + long,
            connect: long,
            send: long,
            head: long,
            body: long,
            max_body: 0,
        };
        ExchangeContext::new(Method::Get, &limits, None, Instant::now())
    }

    /// An address that answers nothing: the queue of its listener is full.
    fn mute() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        // one is enough; who is paused while it connects to a full queue and who is not look alike
        let mut queue = vec![TcpStream::connect(address).unwrap()];
        while let Ok(one) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queue.push(one);
        }
        (listener, queue, address)
    }

    /// An address that stays refused: somebody has it and does not listen.
    fn closed() -> (TcpStream, SocketAddr) {
        use rustix::net::{AddressFamily, SocketType};
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        rustix::net::bind(&socket, &any).unwrap();
        let held = TcpStream::from(socket);
        let address = held.local_addr().unwrap();
        (held, address)
    }

    fn peer(socket: OwnedFd) -> SocketAddr {
        TcpStream::from(socket).peer_addr().unwrap()
    }

    #[test]
    fn a_mute_address_does_not_hold_up_the_others() {
        let (_listener, _queue, mute) = mute();
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = good.local_addr().map(|address| (good, address)).unwrap();
        let context = context();
        let end = context.end_of(Duration::from_secs(20));
        let began = Instant::now();
        let closed = closed();
        let addresses = vec![mute, closed.1, good.1];
        let won = dialer().race(addresses, &context, end).unwrap();
        assert_eq!(peer(won.0), good.1);
        // one head start, then at once: the closed one is refused without waiting
        assert!(began.elapsed() >= happy_eyeballs::STAGGER);
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn refusals_do_not_wait() {
        const MANY: u32 = 70;
        let good = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = good.local_addr().unwrap();
        let context = context();
        let end = context.end_of(Duration::from_secs(20));
        let closed: Vec<_> = (0..MANY).map(|_| closed()).collect();
        let mut addresses: Vec<_> = closed.iter().map(|(_, address)| *address).collect();
        let fault = dialer().race(addresses.clone(), &context, end).unwrap_err();
        assert_eq!(fault.text, "connection refused");
        addresses.push(address);
        let began = Instant::now();
        let won = dialer().race(addresses, &context, end).unwrap();
        assert_eq!(peer(won.0), address);
        assert!(began.elapsed() < MANY / 2 * happy_eyeballs::STAGGER);
    }

    #[test]
    fn only_mute_addresses_take_the_time_that_they_are_given() {
        let (_listener, _queue, mute) = mute();
        let context = context();
        let end = context.end_of(Duration::from_millis(50));
        let fault = dialer().race(vec![mute; 5], &context, end).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Timeout);
        assert!(fault.text.starts_with("no connection within"), "{fault:?}");
        let none = dialer().race(Vec::new(), &context, end).unwrap_err();
        assert_eq!(none.kind, FaultKind::Connection);
    }
}
