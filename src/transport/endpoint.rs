//! Where a member listens: `http://host:port`, `host:port`, `unix:///path`.
use crate::error::Result;
use std::sync::Arc;

/// A validated endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: Arc<str>,
}

impl Endpoint {
    /// `parameter` is the name that an error message uses.
    pub fn parse(parameter: &str, url: &str) -> Result<Endpoint> {
        let _ = (parameter, url);
        todo!()
    }
    /// Canonical URL: scheme, host, explicit port, no trailing slash.
    pub fn url(&self) -> &Arc<str> {
        &self.url
    }
}
