//! One exchange with one member: address, connection, cancellation token, record of what was sent and received.
//!
//! Everything that touches a socket is in this folder. [`channel`] is the way to one member. `blocking` carries an exchange
//! on the thread of its caller, the event loop another thousand on its own; both feed an [`exchange_state`], which has the
//! rules. `connect` makes connections from `resolve`, `happy_eyeballs`, `socket` and `warmup`; they rest in the `idle_pool`.
//! A `maybe_tls_stream` moves bytes in clear text or through [`tls`]. `control` has ureq read the pages of the control plane.
//! [`config`] is common to all connections of a client, [`exchange_limits`] are those of one exchange, which ends as an
//! [`answer`] or a [`fault`].
#![deny(unsafe_code)]

mod addresses;
pub mod answer;
mod blocking;
pub mod cancel;
pub mod channel;
pub mod config;
pub(crate) mod connect;
mod control;
pub mod credentials;
pub mod dns;
mod exchange_context;
pub mod exchange_limits;
pub mod exchange_state;
pub mod fault;
pub(crate) mod happy_eyeballs;
mod idle_pool;
pub(crate) mod io;
pub(crate) mod maybe_tls_stream;
pub mod metrics;
pub(crate) mod record;
pub(crate) mod resolve;
pub(crate) mod socket;
pub mod timings;
pub mod tls;
pub(crate) mod wait;
pub(crate) mod warmup;
