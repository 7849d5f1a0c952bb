//! One request over all members.
//!
//! [`attempt`] is one try at one member with its redirects, [`machine`] the state machine of one request over all members,
//! [`request_sequence`] adds the preflight requests that some calls need, [`blocking`] drives all of them on the calling
//! thread.

pub mod attempt;
pub mod blocking;
pub mod machine;
pub mod request_sequence;
