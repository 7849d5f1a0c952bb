//! One exchange with one member: address, connection, cancel token, record of what was sent and received.
//!
//! A call is run by `ureq` on the thread of the caller; everything that touches a socket is ours, below:
//! [`channel`] builds the request and reads the answer, `connect` makes connections (`resolve`, `socket`, `prime`),
//! `stream` moves bytes through a `pipe`, in clear or by [`tls`], and all of them find deadline, token and record of the running exchange in `attempt`.
#![deny(unsafe_code)]

mod addresses;
mod buffers;
pub mod cancel;
pub mod channel;
pub(crate) mod connect;
pub mod credentials;
pub mod dns;
pub mod endpoint;
mod exchange_context;
pub mod fault;
pub mod fork_guard;
pub(crate) mod happy_eyeballs;
pub(crate) mod maybe_tls_stream;
pub mod metrics;
pub(crate) mod monitor;
pub(crate) mod notifier;
pub(crate) mod record;
pub(crate) mod resolve;
mod sift;
pub(crate) mod signals;
pub(crate) mod socket;
mod stream;
pub(crate) mod thread;
pub mod timings;
pub mod tls;
pub(crate) mod wait;
pub(crate) mod warmup;
