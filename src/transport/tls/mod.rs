//! TLS: whom a client trusts, and what it shows of itself.
//!
//! [`settings`] is what the caller said (checked by `setters`), [`Tls`] what all connections of a client share and what may be loaded again
//! while it runs. Below it, only in builds with TLS: `config` makes a configuration of the settings, by way of `file`,
//! `pem`, `system` and `identity`; `verifier` judges servers; `session` is one connection; `words` tells what went wrong.
//! Everything about rustls is here.

mod setters;
pub mod settings;

#[cfg(feature = "tls")]
mod clock;
#[cfg(feature = "tls")]
mod config;
#[cfg(feature = "tls")]
mod der;
#[cfg(feature = "tls")]
mod file;
#[cfg(feature = "tls")]
mod identity;
#[cfg(feature = "tls")]
mod pem;
#[cfg(feature = "tls")]
mod session;
#[cfg(feature = "tls")]
mod system;
#[cfg(feature = "tls")]
mod verifier;
#[cfg(feature = "tls")]
mod words;

#[cfg(not(feature = "tls"))]
#[path = "absent.rs"]
mod config;
#[cfg(not(feature = "tls"))]
use config as session;

pub(crate) use session::Session;

use self::config::Config;
use self::settings::TlsSettings;
use super::fault::{Fault, FaultKind};
use crate::error::{Phase, Result};
use crate::protocol::endpoint::Host;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// What all connections of a client through TLS share.
#[derive(Debug, Default)]
pub struct Tls {
    settings: TlsSettings,
    /// made when it is needed first
    config: RwLock<Option<Arc<Config>>>,
    /// one at a time
    making: Mutex<()>,
}

impl Tls {
    /// Reads nothing yet.
    pub fn new(settings: TlsSettings) -> Tls {
        Tls {
            settings,
            ..Tls::default()
        }
    }

    /// Reads what the settings name, unless that was done before; says what is wrong with it.
    pub fn prepare(&self) -> Result<()> {
        self.config().map(drop)
    }

    /// What was said.
    pub fn settings(&self) -> &TlsSettings {
        &self.settings
    }

    /// Whether nothing was said.
    pub fn is_default(&self) -> bool {
        self.settings.is_default()
    }

    /// Reads it again, if it was read before. What is wrong leaves everything as it was; otherwise new connections use it, and those that are
    /// there go on, but are not used again once they are idle.
    pub fn reload(&self) -> Result<()> {
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known().is_none() {
            return Ok(());
        }
        let fresh = Arc::new(Config::make(&self.settings)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(())
    }

    /// Whether whoever answers is believed to be the server.
    pub fn is_insecure(&self) -> bool {
        self.settings.is_insecure()
    }

    /// A new connection to this host.
    pub(crate) fn session(&self, host: &Host) -> std::result::Result<Session, Box<Fault>> {
        let config = self.config().map_err(|error| {
            let text = error.detail().message.clone();
            Fault::new(Phase::Tls, FaultKind::Tls, text)
        })?;
        let connection = config.connection(host);
        connection.map(|connection| Session::new(connection, config))
    }

    /// Whether a connection was made with what is valid now.
    pub(crate) fn is_current(&self, session: &Session) -> bool {
        let current = self.config.read().unwrap_or_else(PoisonError::into_inner);
        let current = current.as_ref();
        current.is_some_and(|config| Arc::ptr_eq(config, session.config()))
    }

    fn known(&self) -> Option<Arc<Config>> {
        let current = self.config.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    fn config(&self) -> Result<Arc<Config>> {
        if let Some(config) = self.known() {
            return Ok(config);
        }
        let _alone = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = self.known() {
            return Ok(config);
        }
        let fresh = Arc::new(Config::make(&self.settings)?);
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(fresh.clone());
        Ok(fresh)
    }
}
