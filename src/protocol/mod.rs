//! The v2 API as pure data: no I/O, no clock, no `unsafe`.
//!
//! [`endpoint`] is the URL of a member. [`key`] and [`request`] say what is asked, [`http_request`] is how it is written, [`answer`] judges what came back,
//! [`decode`] turns its [`body`] into a [`tree`], [`response`] is what a caller reads, [`json`] is the pull parser below them;
//! [`http`] is the way both take over a connection; [`admin`] is everything beside the key space.
#![forbid(unsafe_code)]

pub(crate) mod absent;
pub mod action;
pub mod admin;
pub mod answer;
pub mod body;
pub mod decode;
pub mod decode_limits;
pub mod endpoint;
mod escape;
pub mod expiration;
mod form;
mod go_on;
pub mod http;
pub mod http_request;
pub mod json;
pub mod key;
pub mod method;
mod quoted;
pub(crate) mod refusal;
pub mod request;
pub mod response;
pub mod response_head;
mod scan;
pub mod size_limits;
pub mod tree;
pub mod version;
