//! RFC 3339 timestamps of etcd to Unix nanoseconds.
