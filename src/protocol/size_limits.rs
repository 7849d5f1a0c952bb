//! The longest parts of a request that etcd reads.

/// Longest path and query that is sent.
pub const MAX_TARGET: usize = 65_000;
/// Longest form body that etcd reads.
pub const MAX_FORM: usize = 10_485_760;
/// Longest body of a raw request: a full form and some room, so that the server's own limit can be met.
pub const MAX_RAW_BODY: usize = MAX_FORM + 65_536;
