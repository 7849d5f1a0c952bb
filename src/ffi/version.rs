//! Version
//!
//! The macros give the version of this header, the functions that of the loaded library.
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
    const NUMBER: i32 = pack(
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    );
    NUMBER
}

const fn pack(major: &str, minor: &str, patch: &str) -> i32 {
    part(major) * 1_000_000 + part(minor) * 1_000 + part(patch)
}

const fn part(digits: &str) -> i32 {
    match i32::from_str_radix(digits, 10) {
        Ok(number) => number,
        // cargo takes no version whose parts are not numbers
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn the_number_has_all_three_parts() {
        assert_eq!(pack("1", "22", "333"), 1_022_333);
        assert_eq!(pack("0", "1", "0"), 1_000);
    }

    #[test]
    fn text_and_number_say_the_same() {
        // SAFETY: text that lives for ever
        let text = unsafe { CStr::from_ptr(etcd_v2_version()) }
            .to_str()
            .unwrap();
        let parts: Vec<&str> = text.split('.').collect();
        assert_eq!(pack(parts[0], parts[1], parts[2]), etcd_v2_version_number());
    }
}
