//! One exchange with one member: address, connection, cancel token, record of what was sent and received.
pub mod cancel;
pub mod channel;
pub mod endpoint;
pub mod fault;
