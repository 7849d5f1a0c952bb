//! What the connections of a client have in common.
use super::{credentials::Credentials, metrics::ConnectionMetrics, tls::Tls};
use std::sync::Arc;
use std::time::Duration;

/// Socket and pool settings, the same for every member of a client.
#[derive(Clone, Debug, Default)]
pub struct TransportConfig {
    /// idle connections kept
    pub max_idle: usize,
    /// how long an idle connection is kept
    pub idle_age: Duration,
    /// maximum age of a connection that is reused
    pub max_age: Option<Duration>,
    /// TCP keepalive: idle, interval, count
    pub keepalive: Option<(Duration, Duration, u32)>,
    /// TCP_USER_TIMEOUT
    pub user_timeout: Option<Duration>,
    /// for members only: who is not one gets none
    pub credentials: Arc<Credentials>,
    /// what all members together have moved
    pub metrics: Arc<ConnectionMetrics>,
    /// for every `https://`
    pub tls: Arc<Tls>,
}
