//! Members from the DNS: SRV records of a domain to endpoints.
//!
//! [`directory`] is what a client has of it; on a helper thread `ask` talks to name servers, `message` is what it sends and
//! reads, `verdict` what an answer proves, `scheme` whether TLS or clear text follows from that, `order` the order in which the
//! records want to be used. The system's own resolver knows addresses only.

pub mod directory;

#[cfg(feature = "srv")]
mod ask;
#[cfg(feature = "srv")]
mod message;
#[cfg(feature = "srv")]
mod order;
#[cfg(feature = "srv")]
mod scheme;
#[cfg(feature = "srv")]
mod verdict;
