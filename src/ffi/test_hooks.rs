//! Entry points that only the tests of the boundary call: with the feature `test-hooks`, never in
//! the header.
use super::{error::etcd_v2_error, fallible::guard, status::etcd_v2_status};

/// Panics inside, to show what comes out.
#[unsafe(no_mangle)]
#[allow(clippy::panic)]
pub unsafe extern "C" fn etcd_v2_test_panic(err: *mut *mut etcd_v2_error) -> etcd_v2_status {
    // SAFETY: NULL or a place for a pointer
    unsafe { guard(err, || panic!("on purpose")) }
}
