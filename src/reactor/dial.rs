//! How an exchange gets its connection: an idle one, or a new one, made without waiting.

use super::commands::Command;
use super::connection::{Connection, ConnectionRole};
use super::core::{Core, Ended};
use super::exchange::Stage;
use super::slab::SlabKey;
use super::task::{TaskId, Way};
use crate::error::Phase;
use crate::transport::connect::{Dialer, Goal, full_queue_pause};
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::happy_eyeballs::{HappyEyeballs, Launch};
use crate::transport::maybe_tls_stream::MaybeTlsStream;
use crate::transport::metrics::Lease;
use crate::transport::socket::{self, Begun};
use mio::unix::SourceFd;
use mio::{Interest, Token};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection stays that is one too many: bursts use it again at once.
const GRACE: Duration = Duration::from_secs(1);

impl Core {
    /// Gets it a connection.
    pub(super) fn assign(&mut self, key: SlabKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        exchange.state.wait(self.now, exchange.state.limits.connect);
        let pool_key = exchange.pool;
        let Some(pool) = self.pools.get_mut(pool_key) else {
            return;
        };
        let epoch = pool.member.channel().forgotten();
        while let Some(idle) = self.idle_for(key, pool_key) {
            if let Some(pool) = self.pools.get_mut(pool_key) {
                pool.forget(idle);
            }
            let good = self.connections.get(idle).is_some_and(|c| c.epoch == epoch);
            if good {
                self.idle_times.clear(idle.index());
                return self.send_on(key, idle);
            }
            self.close_connection(idle);
        }
        self.dial(key);
    }

    fn dial(&mut self, key: SlabKey) {
        let Some(dialer) = self.dialer(key) else {
            return;
        };
        match dialer.goal() {
            Goal::Address(address) => self.begin_race(key, vec![*address]),
            Goal::Name(_) if self.only(key).is_some() => {
                let addresses = self.only(key).into_iter().collect();
                self.begin_race(key, addresses);
            }
            Goal::Unix(_) => self.knock(key),
            Goal::Name(names) => {
                let look_up = match names.join_or_start() {
                    Ok(look_up) => look_up,
                    Err(fault) => return self.fail(key, fault),
                };
                if let Some(exchange) = self.exchanges.get_mut(key) {
                    exchange.state.record.enter(Phase::Resolve, self.now);
                    exchange.stage = Stage::Resolving(look_up.clone());
                }
                let commands = Arc::downgrade(&self.commands);
                look_up.subscribe(Box::new(move || {
                    if let Some(commands) = commands.upgrade() {
                        let _ = commands.push(Command::Resolved(key));
                    }
                }));
                self.arm(key);
            }
        }
    }

    /// The idle connection that this exchange may use, if there is one.
    fn idle_for(&self, key: SlabKey, pool: SlabKey) -> Option<SlabKey> {
        let idle = &self.pools.get(pool)?.idle;
        match self.exchanges.get(key)?.way {
            Way::Any => idle.last().copied(),
            Way::Beside(_) => None,
            Way::Only(address) => {
                let leads = |idle: &&SlabKey| {
                    let on = self.connections.get(**idle);
                    on.is_none_or(|on| on.peer == Some(address))
                };
                idle.iter().rev().find(leads).copied()
            }
        }
    }

    /// The remote address of the exchange of this task.
    fn waits_at(&self, task: SlabKey) -> Option<SocketAddr> {
        let exchange = self.exchanges.get(self.tasks.get(task)?.exchange?)?;
        match exchange.stage {
            Stage::Running(on) | Stage::Priming(on, ..) | Stage::Shaking(on) => {
                self.connections.get(on)?.peer
            }
            _ => None,
        }
    }

    fn only(&self, key: SlabKey) -> Option<SocketAddr> {
        match self.exchanges.get(key)?.way {
            Way::Only(address) => Some(address),
            Way::Any | Way::Beside(_) => None,
        }
    }

    fn dialer(&self, key: SlabKey) -> Option<Arc<Dialer>> {
        let pool = self.pools.get(self.exchanges.get(key)?.pool)?;
        Some(pool.member.channel().dialer().clone())
    }

    /// The look-up has ended.
    pub(super) fn resolved(&mut self, key: SlabKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Stage::Resolving(look_up) = &exchange.stage else {
            return;
        };
        match look_up.addresses() {
            Ok(addresses) => {
                let way = exchange.way;
                let beside = match way {
                    Way::Beside(TaskId(task)) => self.waits_at(task),
                    Way::Any | Way::Only(_) => None,
                };
                if let Some(dialer) = self.dialer(key) {
                    let addresses = dialer.addresses().order(addresses, beside, self.now);
                    self.begin_race(key, addresses);
                }
            }
            Err(fault) => self.fail(key, fault),
        }
    }

    fn begin_race(&mut self, key: SlabKey, addresses: Vec<SocketAddr>) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.state.record.enter(Phase::Connect, self.now);
            let race = Box::new(HappyEyeballs::new(addresses, self.now));
            exchange.stage = Stage::Racing(race, Vec::new(), None);
            self.race(key);
            self.arm(key);
        }
    }

    /// Goes on with the race.
    pub(super) fn race(&mut self, key: SlabKey) {
        loop {
            let Some(exchange) = self.exchanges.get_mut(key) else {
                return;
            };
            let Stage::Racing(race, _, next_start) = &mut exchange.stage else {
                return;
            };
            match race.next(self.now, &self.setup.settings) {
                Launch::Wait(start) => {
                    *next_start = start;
                    return;
                }
                Launch::Lost(fault) => return self.fail(key, fault),
                Launch::Won(socket, address) => {
                    let busy = ConnectionRole::Busy(key);
                    if let Some(connection) = self.register(key, socket, Some(address), busy) {
                        self.connected(key, connection);
                    }
                    return;
                }
                Launch::Flying(socket, address) => {
                    let flying = ConnectionRole::Flying(key, address);
                    let Some(connection) = self.register(key, socket, Some(address), flying) else {
                        return;
                    };
                    let exchange = self.exchanges.get_mut(key);
                    let stage = exchange.map(|exchange| &mut exchange.stage);
                    if let Some(Stage::Racing(_, flying, _)) = stage {
                        flying.push(connection);
                    }
                }
            }
        }
    }

    /// One of those that fly is writable, or in trouble.
    pub(super) fn landed(&mut self, connection: SlabKey, key: SlabKey, address: SocketAddr) {
        let (Some(exchange), Some(landed)) = (
            self.exchanges.get_mut(key),
            self.connections.get_mut(connection),
        ) else {
            return;
        };
        let Stage::Racing(race, flying, _) = &mut exchange.stage else {
            return;
        };
        flying.retain(|one| *one != connection);
        if race.decided(landed.stream.socket(), &address, self.now) {
            landed.role = ConnectionRole::Busy(key);
            return self.connected(key, connection);
        }
        self.close_connection(connection);
        self.race(key);
        self.arm(key);
    }

    /// Tries a unix socket.
    pub(super) fn knock(&mut self, key: SlabKey) {
        let Some(dialer) = self.dialer(key) else {
            return;
        };
        let Goal::Unix(path) = dialer.goal() else {
            return;
        };
        match begin_unix(path) {
            Ok(socket) => {
                if let Some(connection) =
                    self.register(key, socket, None, ConnectionRole::Busy(key))
                {
                    self.connected(key, connection);
                }
            }
            // the queue of connections is full; there is nothing to poll for
            Err(Errno::AGAIN) => {
                if let Some(exchange) = self.exchanges.get_mut(key) {
                    let tries = match exchange.stage {
                        Stage::Knocking(tries, _) => tries + 1,
                        _ => 0,
                    };
                    exchange.stage = Stage::Knocking(tries, self.now + full_queue_pause(tries));
                    self.arm(key);
                }
            }
            Err(errno) => self.fail(key, Fault::from_errno(Phase::Connect, errno)),
        }
    }

    fn register(
        &mut self,
        key: SlabKey,
        socket: OwnedFd,
        peer: Option<SocketAddr>,
        role: ConnectionRole,
    ) -> Option<SlabKey> {
        let pool = self.exchanges.get(key)?.pool;
        let channel = self.pools.get(pool)?.member.channel();
        let (epoch, lease) = (channel.forgotten(), Lease::new(channel.metrics()));
        let now = std::time::Instant::now();
        let times = (now, channel.dialer().expiry(now));
        let stream = MaybeTlsStream::new(socket);
        let fd = stream.fd();
        let connection = self.connections.insert(Connection::new(
            stream,
            (pool, peer),
            role,
            times,
            epoch,
            lease,
        ));
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Token(connection.index());
        let registry = self.poll.registry();
        if registry.register(&mut SourceFd(&fd), token, both).is_err() {
            self.connections.remove(connection);
            let text = "no room to watch one more descriptor";
            let fault = Fault::new(Phase::Connect, FaultKind::Local, text);
            self.fail(key, fault);
            return None;
        }
        Some(connection)
    }

    /// There is a new connection.
    fn connected(&mut self, key: SlabKey, connection: SlabKey) {
        if let Some(made) = self.connections.get_mut(connection) {
            made.lease.set_made();
        }
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let others = match &mut exchange.stage {
            Stage::Racing(_, flying, _) => std::mem::take(flying),
            _ => Vec::new(),
        };
        let long = exchange.long;
        for other in others {
            self.close_connection(other);
        }
        match self.dialer(key).and_then(|dialer| dialer.session()) {
            // only servers that talk in clear look for the end of a line
            Some(session) => self.shake_on(key, connection, session),
            None if long => self.prime_on(key, connection),
            None => self.send_on(key, connection),
        }
    }

    /// The connection has nothing to do; it is watched, so that an end is noticed at once.
    pub(super) fn rest(&mut self, key: SlabKey) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let pool_key = connection.pool;
        let Some(pool) = self.pools.get_mut(pool_key) else {
            return self.close_connection(key);
        };
        let channel = pool.member.channel();
        let old = connection.expiry.is_some_and(|end| self.now >= end);
        if old || connection.closing || !channel.dialer().is_current(&connection.stream) {
            return self.close_connection(key);
        }
        connection.role = ConnectionRole::Idle;
        connection.lease.set_busy(false);
        connection.served = true;
        connection.epoch = channel.forgotten();
        pool.idle.push(key);
        let age = match pool.idle.len() > self.setup.settings.max_idle {
            true => self.setup.settings.idle_age.min(GRACE),
            false => self.setup.settings.idle_age,
        };
        let end = self.now.checked_add(age);
        let end = end.into_iter().chain(connection.expiry).min();
        if let Some(end) = end {
            self.idle_times.set(key.index(), end);
        }
    }

    /// Closes idle connections that are not to be kept.
    pub(super) fn trim(&mut self, key: SlabKey) {
        let none = self.setup.settings.max_idle == 0;
        let Some(pool) = self.pools.get_mut(key) else {
            return;
        };
        let epoch = pool.member.channel().forgotten();
        let orphan = pool.is_orphan();
        // those that rest were all good when the last one came, so only the oldest has to be looked at
        let oldest = pool
            .idle
            .first()
            .and_then(|idle| self.connections.get(*idle));
        let stale = oldest.is_some_and(|connection| connection.epoch != epoch);
        if !(none || orphan || stale) {
            return;
        }
        for idle in pool.idle.clone() {
            let old = self.connections.get(idle).is_none_or(|c| c.epoch != epoch);
            if none || orphan || old {
                self.close_connection(idle);
            }
        }
    }

    /// Ends a connection, whatever it is used for.
    pub(super) fn close_connection(&mut self, key: SlabKey) {
        let Some(mut connection) = self.connections.remove(key) else {
            return;
        };
        self.idle_times.clear(key.index());
        // before it is closed: a copy in a forked child would keep it in the set
        let fd = connection.stream.fd();
        let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        if connection.role == ConnectionRole::Idle {
            if let Some(pool) = self.pools.get_mut(connection.pool) {
                pool.forget(key);
            }
        }
        if !matches!(connection.role, ConnectionRole::Flying(..)) {
            connection.stream.cut();
        }
    }

    pub(super) fn fail(&mut self, key: SlabKey, fault: Box<Fault>) {
        self.ended.push_back((key, Ended::Failed(fault)));
    }
}

fn begin_unix(path: &Path) -> Result<OwnedFd, Errno> {
    match socket::begin_unix(path)? {
        Begun::Connected(socket) | Begun::Pending(socket) => Ok(socket),
    }
}
