//! What a caller can ask for, in Rust terms.
use crate::{
    error::Result,
    protocol::{key::Key, request::Request, response::Response, wire::Wire},
    transport::{cancel::Cancel, endpoint::Endpoint},
};
use std::time::Duration;

/// Settings of a client; every setter validates and says no with a status.
#[derive(Clone, Debug)]
pub struct Options {
    /// asked in this order unless one fails
    pub(crate) endpoints: Vec<Endpoint>,
}

impl Default for Options {
    fn default() -> Self {
        todo!()
    }
}

impl Options {
    /// One more endpoint; duplicates count once.
    pub fn add_endpoint(&mut self, parameter: &str, url: &str) -> Result<()> {
        let _ = (parameter, url);
        todo!()
    }
    /// Comma-separated endpoints.
    pub fn add_endpoints(&mut self, parameter: &str, urls: &str) -> Result<()> {
        let _ = (parameter, urls);
        todo!()
    }
    /// Default of every call, 1 ms to 24 days.
    pub fn set_deadline_ms(&mut self, ms: i64) -> Result<()> {
        let _ = ms;
        todo!()
    }
    /// Longest time to resolve, connect and shake hands with one member.
    pub fn set_connect_timeout_ms(&mut self, ms: i64) -> Result<()> {
        let _ = ms;
        todo!()
    }
    /// A watch poll is renewed after this time without an event, give or take a quarter.
    pub fn set_max_poll_ms(&mut self, ms: i64) -> Result<()> {
        let _ = ms;
        todo!()
    }
    /// Bytes of one answer.
    pub fn set_max_response_bytes(&mut self, bytes: u64) -> Result<()> {
        let _ = bytes;
        todo!()
    }
    /// Nodes of one answer.
    pub fn set_max_nodes(&mut self, nodes: u64) -> Result<()> {
        let _ = nodes;
        todo!()
    }
    /// Directory levels of one answer.
    pub fn set_max_depth(&mut self, levels: u64) -> Result<()> {
        let _ = levels;
        todo!()
    }
    /// Idle connections kept per member.
    pub fn set_max_idle_connections(&mut self, count: u64) -> Result<()> {
        let _ = count;
        todo!()
    }
    /// How long an idle connection is kept.
    pub fn set_idle_timeout_ms(&mut self, ms: i64) -> Result<()> {
        let _ = ms;
        todo!()
    }
    /// TCP keepalive; idle 0 turns it off.
    pub fn set_keepalive(&mut self, idle_s: i64, interval_s: i64, count: i64) -> Result<()> {
        let _ = (idle_s, interval_s, count);
        todo!()
    }
    /// Longest time that sent bytes may stay unacknowledged; 0 leaves it to the system.
    pub fn set_user_timeout_ms(&mut self, ms: i64) -> Result<()> {
        let _ = ms;
        todo!()
    }
}

/// What a call asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /** an operation on a key */
    Keys(Request),
    /** anything else */
    Raw(Wire),
}

/// A request with how it is to be run.
#[derive(Clone, Debug)]
pub struct Call {
    /// what is asked
    pub ask: Ask,
    /// instead of the client's
    pub deadline: Option<Duration>,
    /// ends it from another thread
    pub cancel: Option<Cancel>,
    /// consent to send a plain set or delete again when the first copy got no answer
    pub allow_repeat: bool,
}

impl Call {
    /// With the client's deadline.
    pub fn new(ask: Ask) -> Call {
        Call {
            ask,
            deadline: None,
            cancel: None,
            allow_repeat: false,
        }
    }
}

/// How long a watch waits.
#[derive(Clone, Copy, Debug)]
pub enum Patience {
    /** the client's deadline */
    Default,
    /** so long */
    For(Duration),
    /** until a change or the token */
    Forever,
}

/// A client of one cluster. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Client {}

impl Client {
    /// No I/O happens here.
    pub fn new(options: &Options) -> Result<Client> {
        let _ = options;
        todo!()
    }
    /// Runs one request to its end on this thread.
    pub fn execute(&self, call: &Call) -> Result<Response> {
        let _ = call;
        todo!()
    }
    /// Blocks for the next change of `key` at or after `wait_index` (0: from now).
    pub fn watch_once(
        &self,
        key: &Key,
        recursive: bool,
        wait_index: u64,
        patience: Patience,
        cancel: Option<&Cancel>,
    ) -> Result<Response> {
        let _ = (key, recursive, wait_index, patience, cancel);
        todo!()
    }
}
