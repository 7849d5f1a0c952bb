//! Writes `include/etcd_v2.h` and names the shared object.
fn main() {}
