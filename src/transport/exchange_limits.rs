//! How long one exchange may take, and how much it may bring.
use std::time::{Duration, Instant};

/// Limits of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeLimits {
    /// nothing goes on beyond it
    pub deadline: Instant,
    /// resolve + connect + handshake
    pub connect: Duration,
    /// longest silence of a server that does not take the request
    pub send: Duration,
    /// longest silence between the request and the first byte of the answer
    pub head: Duration,
    /// longest silence inside the answer
    pub body: Duration,
    /// bytes of body
    pub max_body: u64,
}
