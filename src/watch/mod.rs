//! The rules of watching, without I/O: where a watch stands ([`position`]) and which events are its own ([`scope`]).
#![forbid(unsafe_code)]

pub mod position;
pub mod scope;
