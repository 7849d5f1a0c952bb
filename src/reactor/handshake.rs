//! TLS on new connections, before anything else is said on them.

use super::connection::ConnectionRole;
use super::core::Core;
use super::exchange::Stage;
use super::slab::SlabKey;
use crate::error::Phase;
use crate::transport::fault::Fault;
use crate::transport::tls::Session;

impl Core {
    /// Begins it. It has to be over when connecting has.
    pub(super) fn shake_on(
        &mut self,
        key: SlabKey,
        connection: SlabKey,
        session: Result<Session, Box<Fault>>,
    ) {
        let (Some(exchange), Some(on)) = (
            self.exchanges.get_mut(key),
            self.connections.get_mut(connection),
        ) else {
            return;
        };
        on.role = ConnectionRole::Busy(key);
        exchange.state.record.enter(Phase::Tls, self.now);
        exchange.state.record.peer = on.peer;
        exchange.stage = Stage::Shaking(connection);
        match session {
            Ok(session) => {
                on.stream.secure(session);
                self.shake(key);
            }
            Err(fault) => self.fail(key, fault),
        }
        self.arm(key);
    }

    /// Goes on with it as far as it goes.
    pub(super) fn shake(&mut self, key: SlabKey) {
        let Some(exchange) = self.exchanges.get_mut(key) else {
            return;
        };
        let Stage::Shaking(connection) = exchange.stage else {
            return;
        };
        let Some(on) = self.connections.get_mut(connection) else {
            return;
        };
        match on.stream.shake() {
            Ok(()) => self.send_on(key, connection),
            // what is full waits for room, and has read nothing
            Err(trouble) if trouble.is_again() => on.readable &= on.stream.is_full(),
            Err(trouble) if trouble.is_busy() => self.stand_in_line(connection),
            Err(trouble) => {
                let fault = exchange.state.record.trouble(Phase::Tls, trouble);
                self.fail(key, fault);
            }
        }
    }
}
