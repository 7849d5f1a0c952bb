//! Version
//!
//! The macros tell the version of this header, the functions that of the library that was loaded.
use std::ffi::c_char;

/// Version of the library as text, "MAJOR.MINOR.PATCH"; never NULL, lives for ever. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_version() -> *const c_char {
    const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    TEXT.as_ptr().cast()
}

/// Version of the library as a number, to be compared with ETCD_V2_VERSION_NUMBER. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn etcd_v2_version_number() -> i32 {
    const NUMBER: i32 = part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
        + part(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

const fn part(digits: &str) -> i32 {
    match i32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => -1,
    }
}
