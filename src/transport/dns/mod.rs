//! Members from the DNS: SRV records of a domain to endpoints.
//!
//! [`directory`] is what a client has of it; on a helper thread `ask` talks to name servers, `message` is what it sends and
//! reads, `order` the order in which the records want to be used. The system's own resolver knows addresses only.

pub mod directory;

#[cfg(feature = "srv")]
mod ask;
#[cfg(feature = "srv")]
mod message;
#[cfg(feature = "srv")]
mod order;
