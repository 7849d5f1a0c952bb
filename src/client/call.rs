//! A request with the terms on which it is run.

use crate::protocol::http_request::HttpRequest;
use crate::protocol::request::Request;
use crate::transport::cancel::Cancel;
use std::time::Duration;

/// What a call asks for.
#[derive(Clone, Debug)]
pub enum Ask {
    /// An operation on a key.
    Keys(Request),
    /// Anything else.
    Raw(HttpRequest),
}

/// A request with how it is to be run.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is asked.
    pub ask: Ask,
    /// Instead of the client's.
    pub deadline: Option<Duration>,
    /// Longest time of one attempt, instead of the client's.
    pub attempt_timeout: Option<Duration>,
    /// Ends it from another thread.
    pub cancel: Option<Cancel>,
    /// Consent to send a plain set or delete again when the first copy got no answer.
    pub allow_repeat: bool,
}

impl Call {
    /// With the client's deadline.
    pub fn new(ask: Ask) -> Call {
        Call {
            ask,
            deadline: None,
            attempt_timeout: None,
            cancel: None,
            allow_repeat: false,
        }
    }
}
