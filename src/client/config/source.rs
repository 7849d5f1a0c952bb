//! The configuration of one client as it is now, to be written down.

use super::{store, table};
use crate::client::Options;
use crate::cluster::members::member_set::MemberSet;
use crate::error::{Error, Result};
use crate::telemetry::hooks::Level;
use std::sync::Arc;
use std::time::Instant;

/// What there is to be written down of one client.
#[derive(Debug)]
pub(super) struct ConfigSource {
    options: Options,
    member_set: Arc<MemberSet>,
}

impl ConfigSource {
    pub(super) fn new(options: &Options, member_set: &Arc<MemberSet>) -> ConfigSource {
        ConfigSource {
            options: options.clone(),
            member_set: member_set.clone(),
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The document of now.
    pub(super) fn text(&self, secrets: bool) -> String {
        let mut now = self.options.clone();
        let members = self.member_set.members();
        let endpoints = members.iter().map(|m| m.channel().endpoint().clone());
        now.endpoints = endpoints.collect();
        now.authorization = self.options.settings.credentials.get();
        table::write(&now, secrets)
    }

    /// Saves it, unless another process saves there until `end`.
    pub(super) fn save(&self, end: Instant) -> Result<()> {
        match &self.options.savers.file {
            Some((path, secrets)) => store::save("config_file", path, end, || self.text(*secrets)),
            None => Ok(()),
        }
    }

    pub(super) fn log(&self, error: &Error) {
        let telemetry = self.member_set.telemetry();
        telemetry.log(Level::Error, format_args!("not saved: {error}"));
    }
}
