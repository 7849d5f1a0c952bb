//! Moves the bytes of exchanges that have a connection.

use super::connection::ConnectionRole;
use super::core::{Core, Ended};
use super::exchange::Stage;
use super::slab::SlabKey;
use crate::error::Phase;
use crate::protocol::http::request;
use crate::protocol::http::response_reader::ResponseReader;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::method::Method;
use crate::transport::exchange_state::Fed;
use crate::transport::fault::{Fault, FaultKind};
use crate::transport::io::Stalled;
use crate::transport::warmup;
use mio::event::Event;

/// Reads of a full buffer in one go; then it is the turn of others.
const PATIENCE: usize = 8;
/// What the buffer for heads of requests may keep.
const KEPT_OUTPUT: usize = 128 * 1024;

impl Core {
    /// Something has happened to a socket.
    pub(super) fn ready(&mut self, event: &Event) {
        let Some(key) = self.connections.at(event.token().0) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let ended = event.is_read_closed() || event.is_error();
        let readable = event.is_readable() || ended;
        connection.readable |= readable;
        connection.closing |= ended;
        match connection.role {
            ConnectionRole::Flying(exchange, address) => {
                // only what has been decided makes a noise; a noise that was meant for somebody else decides nothing
                if event.is_writable() || ended {
                    self.landed(key, exchange, address);
                }
            }
            ConnectionRole::Idle => {
                if readable && self.has_something(key) {
                    self.close_connection(key);
                }
            }
            ConnectionRole::Busy(exchange) => {
                if event.is_writable() || event.is_error() {
                    self.send(exchange);
                }
                match readable {
                    true if self.is_turn_over() => self.stand_in_line(key),
                    true => self.receive(key),
                    false => {}
                }
            }
        }
    }

    /// An end or a byte that nobody asked for makes an idle connection useless.
    fn has_something(&mut self, key: SlabKey) -> bool {
        let Some(connection) = self.connections.get_mut(key) else {
            return false;
        };
        let read = connection.stream.read(&mut self.input);
        connection.readable = false;
        !read.is_err_and(|trouble| trouble.is_again())
    }

    /// The request goes over this connection.
    pub(super) fn send_on(&mut self, key: SlabKey, connection: SlabKey) {
        let (Some(exchange), Some(on)) = (
            self.exchanges.get_mut(key),
            self.connections.get_mut(connection),
        ) else {
            return;
        };
        on.role = ConnectionRole::Busy(key);
        let pool = self.pools.get(exchange.pool);
        exchange.authorization = pool.and_then(|pool| pool.member.channel().authorization());
        on.lease.set_busy(true);
        exchange.state.record.peer = on.peer;
        exchange.state.begin(on.served, self.now);
        exchange.stage = Stage::Running(connection);
        self.send(key);
        self.arm(key);
    }

    /// A short request goes over this connection first.
    pub(super) fn prime_on(&mut self, key: SlabKey, connection: SlabKey) {
        let (Some(exchange), Some(on)) = (
            self.exchanges.get_mut(key),
            self.connections.get_mut(connection),
        ) else {
            return;
        };
        on.role = ConnectionRole::Busy(key);
        // as a handshake it has to be over when connecting has
        let reader = Box::new(ResponseReader::new(Method::Get, warmup::LONGEST));
        exchange.stage = Stage::Priming(connection, 0, reader);
        self.send(key);
        self.arm(key);
    }

    /// Writes as much as goes. The head is made anew for every part: that it goes in parts is rare.
    fn send(&mut self, key: SlabKey) {
        let Some(exchange) = self.exchanges.get(key) else {
            return;
        };
        if let Stage::Shaking(_) = exchange.stage {
            return self.shake(key);
        }
        let phase = exchange.state.record.phase;
        let (connection, sent, priming) = match &exchange.stage {
            Stage::Running(connection) if !exchange.state.is_listening() => {
                (*connection, exchange.state.record.request.taken, false)
            }
            Stage::Priming(connection, sent, _) => (*connection, *sent as u64, true),
            _ => return,
        };
        let Some(pool) = self.pools.get(exchange.pool) else {
            return;
        };
        let mut output = std::mem::take(&mut self.output);
        output.clear();
        let version;
        let http_request = match priming {
            true => {
                version = HttpRequest::get("/version");
                Some(&version)
            }
            false => {
                let held = self.tasks.get(exchange.task);
                held.and_then(|held| held.task.http_request())
            }
        };
        let authorization = exchange.authorization.as_ref().filter(|_| !priming);
        let more = authorization.map(|one| ("Authorization", one.header()));
        let written = http_request.ok_or("no request").and_then(|http_request| {
            request::write(http_request, &pool.host, more.as_slice(), &mut output)
        });
        let outcome = match (written, self.connections.get_mut(connection)) {
            (Ok(body), Some(on)) => {
                let (gone, outcome) = on.stream.push(&output, body, sent);
                Ok((gone, outcome, output.len() as u64, body.len() as u64))
            }
            (Err(why), _) => Err(why),
            (_, None) => Err("no connection"),
        };
        output.shrink_to(KEPT_OUTPUT);
        self.output = output;
        match outcome {
            Ok((gone, outcome, head, body)) => {
                self.sent(key, connection, gone, (head, body));
                if let Err(trouble) = outcome {
                    self.refused(key, connection, phase, trouble);
                }
            }
            Err(why) => self.fail(key, Fault::new(Phase::Connect, FaultKind::Local, why)),
        }
    }

    fn sent(&mut self, key: SlabKey, connection: SlabKey, gone: u64, length: (u64, u64)) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        if let Stage::Priming(_, sent, _) = &mut exchange.stage {
            *sent += gone as usize;
            return;
        }
        exchange.state.sent(gone, length, self.now);
        // it may have come while the request was still on its way
        if exchange.state.is_listening()
            && self.connections.get(connection).is_some_and(|c| c.readable)
        {
            self.receive(connection);
        }
        self.arm(key);
    }

    /// No more of the request is taken.
    fn refused(&mut self, key: SlabKey, connection: SlabKey, phase: Phase, trouble: Stalled) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let refused = match exchange.stage {
            Stage::Running(_) => exchange.state.refused(trouble, self.now),
            _ => Err(exchange.state.record.trouble(phase, trouble)),
        };
        if let Err(fault) = refused {
            return self.fail(key, fault);
        }
        self.receive(connection);
        self.arm(key);
    }

    /// Reads what is there.
    pub(super) fn receive(&mut self, connection: SlabKey) {
        for _ in 0..PATIENCE {
            let Some(on) = self.connections.get_mut(connection) else {
                return;
            };
            let ConnectionRole::Busy(key) = on.role else {
                return;
            };
            let Some(exchange) = self.exchanges.get_mut(key) else {
                return;
            };
            if let Stage::Shaking(_) = exchange.stage {
                return self.shake(key);
            }
            let priming = matches!(exchange.stage, Stage::Priming(..));
            // an answer before the end of the request can wait until all of that was taken
            if !priming && !exchange.state.is_listening() {
                return;
            }
            let n = match on.stream.read(&mut self.input) {
                Ok(n) => n,
                Err(trouble) if trouble.is_again() => {
                    on.readable = false;
                    return self.arm(key);
                }
                // more of nothing than one turn may take
                Err(trouble) if trouble.is_busy() => {
                    self.stand_in_line(connection);
                    return self.arm(key);
                }
                Err(trouble) => {
                    let fault = exchange.state.cut(trouble);
                    return self.fail(key, fault);
                }
            };
            // less than asked for: there is no more at the moment, unless the end is near, or TLS handed out one record
            let dry = n < self.input.len() && !on.closing && on.stream.session().is_none();
            on.readable = !dry;
            if priming {
                return self.primed(key, connection, n);
            }
            match self.feed(key, n) {
                Fed::More => {}
                Fed::Done(reusable) => {
                    return self.ended.push_back((key, Ended::Answered(reusable)));
                }
                Fed::Leave(next) => return self.ended.push_back((key, Ended::Left(next))),
                Fed::Bad(fault) => return self.fail(key, fault),
            }
            if dry {
                return self.arm(key);
            }
        }
        self.stand_in_line(connection);
    }

    /// A part of the answer to the short request came.
    fn primed(&mut self, key: SlabKey, connection: SlabKey, amount: usize) {
        let (Some(exchange), Some(part)) = (self.exchanges.get_mut(key), self.input.get(..amount))
        else {
            return;
        };
        let Stage::Priming(_, _, reader) = &mut exchange.stage else {
            return;
        };
        match warmup::take(reader, part) {
            Ok(true) => self.send_on(key, connection),
            Ok(false) => {
                if self.connections.get(connection).is_some_and(|c| c.readable) {
                    self.stand_in_line(connection);
                }
            }
            Err(fault) => self.fail(key, fault),
        }
    }
}
