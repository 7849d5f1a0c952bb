//! One exchange with one member: address, connection, cancel token, record of what was sent and received.
//!
//! A call is run by `ureq` on the thread of the caller; everything that touches a socket is ours, below:
//! [`channel`] builds the request and reads the answer, `connect` makes connections (`resolve`, `socket`, `prime`),
//! `stream` moves bytes through a `pipe`, in clear or by [`tls`], and all of them find deadline, token and record of the running exchange in `attempt`.
#![deny(unsafe_code)]

mod addresses;
mod attempt;
pub(crate) mod bell;
mod buffers;
pub mod cancel;
pub mod channel;
pub(crate) mod connect;
pub mod course;
pub mod credentials;
pub mod dns;
pub mod endpoint;
pub mod fault;
pub(crate) mod monitor;
pub(crate) mod pipe;
pub(crate) mod prime;
pub mod process;
pub(crate) mod race;
pub(crate) mod record;
pub(crate) mod resolve;
mod sift;
pub(crate) mod signals;
pub(crate) mod socket;
mod stream;
pub mod tally;
pub(crate) mod thread;
pub mod tls;
pub(crate) mod wait;
