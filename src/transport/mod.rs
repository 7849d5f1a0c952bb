//! One exchange with one member: address, connection, cancellation token, record of what was sent and received.
//!
//! ureq runs a blocking call on the caller's thread; everything that touches a socket is in this folder. [`channel`] builds
//! the request and reads the response. `connect` makes connections from `resolve`, `happy_eyeballs`, `socket` and `warmup`.
//! `stream` moves bytes over a `maybe_tls_stream`, in clear text or through [`tls`]. `exchange_context` hands them the
//! deadline, the token and the `record` of the running exchange. [`config`] is common to all connections of a client,
//! [`exchange_limits`] are those of one exchange, which ends as an answer or a [`fault`].
#![deny(unsafe_code)]

mod addresses;
mod buffers;
pub mod cancel;
pub mod channel;
pub mod config;
pub(crate) mod connect;
pub mod credentials;
pub mod dns;
mod exchange_context;
pub mod exchange_limits;
pub(crate) mod failure;
pub mod fault;
pub(crate) mod happy_eyeballs;
pub(crate) mod io;
pub(crate) mod maybe_tls_stream;
pub mod metrics;
pub(crate) mod record;
pub(crate) mod resolve;
mod sift;
pub(crate) mod socket;
mod stream;
pub mod timings;
pub mod tls;
pub(crate) mod wait;
pub(crate) mod warmup;
