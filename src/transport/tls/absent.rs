//! In a build without TLS there are neither configurations nor connections.
use super::super::{fault::Fault, io::Stalled};
use super::settings::TlsSettings;
use crate::protocol::endpoint::Host;
use crate::{
    error::{Error, Result},
    status::Status,
};
use rustix::fd::OwnedFd;
use std::sync::Arc;

/// There is none.
#[derive(Debug)]
pub(super) enum Config {}

/// There is none.
#[derive(Debug)]
pub(super) enum NoConnection {}

/// There is none.
#[derive(Debug)]
pub(crate) enum Session {}

fn absent() -> Error {
    Error::new(Status::TLS, "tls: this library was built without it")
}

pub(super) fn check(_: &TlsSettings) -> Result<()> {
    Err(absent())
}

impl Config {
    pub(super) fn make(_: &TlsSettings) -> Result<Config> {
        Err(absent())
    }

    pub(super) fn connection(&self, _: &Host) -> std::result::Result<NoConnection, Box<Fault>> {
        match *self {}
    }
}

impl Session {
    pub(super) fn new(connection: NoConnection, _: Arc<Config>) -> Session {
        match connection {}
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        match *self {}
    }

    pub(crate) fn is_full(&self) -> bool {
        match *self {}
    }

    pub(crate) fn has_more(&self) -> bool {
        match *self {}
    }

    pub(crate) fn shake(&mut self, _: &OwnedFd) -> std::result::Result<(), Stalled> {
        match *self {}
    }

    pub(crate) fn finish(&mut self, _: &OwnedFd) {
        match *self {}
    }

    pub(crate) fn read(
        &mut self,
        _: &OwnedFd,
        _: &mut [u8],
    ) -> std::result::Result<usize, Stalled> {
        match *self {}
    }

    pub(crate) fn write(
        &mut self,
        _: &OwnedFd,
        _: &[u8],
        _: &[u8],
    ) -> std::result::Result<usize, Stalled> {
        match *self {}
    }
}
