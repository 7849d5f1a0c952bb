//! The v2 API as pure data: no I/O, no clock, no `unsafe`.
//!
//! [`endpoint`] is the URL of a member. [`key`] and [`request`] are what a caller asks for, with [`size_limits`];
//! [`http_request`] with its [`method`] is how it is written. [`answer`] classifies a response by its [`response_head`] (with a
//! [`cluster_id`]) and [`body`]; [`decode`] turns the body into a [`tree`] within [`decode_limits`], by the pull parser [`json`]; [`response`]
//! with its [`action`] is what a caller reads. [`http`] is the way over a connection, [`admin`] everything beside the key
//! space.
#![forbid(unsafe_code)]

pub(crate) mod absent;
pub mod action;
pub mod admin;
pub mod answer;
pub mod body;
pub mod cluster_id;
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
