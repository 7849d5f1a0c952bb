//! One exchange with one member: address, connection, cancel token, record of what was sent and received.
//!
//! A call is run by `ureq` on the thread of the caller; everything that touches a socket is ours, below:
//! [`channel`] builds the request and reads the answer, `connect` makes connections (`resolve`, `socket`, `prime`),
//! `stream` moves bytes, and all of them find deadline, token and record of the running exchange in `attempt`.
#![deny(unsafe_code)]

mod attempt;
mod bell;
mod buffers;
pub mod cancel;
pub mod channel;
mod connect;
pub mod endpoint;
pub mod fault;
mod prime;
pub mod process;
mod resolve;
mod sift;
mod signals;
mod socket;
mod stream;
mod wait;
