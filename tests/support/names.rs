//! Names with the addresses that a test gives them, for the process of the test: `mod` it in the binary that needs it.
//! The resolver of the system is asked for all other names.

use libc::{EAI_NONAME, RTLD_NEXT, addrinfo, c_char, c_int};
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::Mutex;

static NAMES: Mutex<Option<HashMap<String, Vec<String>>>> = Mutex::new(None);

/// From now on this name has these addresses, in this order.
#[allow(unreachable_pub)]
pub fn set(name: &str, addresses: &[&str]) {
    let addresses = addresses.iter().map(|address| (*address).to_owned());
    let mut names = NAMES.lock().unwrap();
    let names = names.get_or_insert_with(HashMap::new);
    names.insert(name.to_owned(), addresses.collect());
}

type Resolve = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const addrinfo,
    *mut *mut addrinfo,
) -> c_int;

/// Takes the place of the system's own.
///
/// # Safety
/// As for the one that it replaces.
#[unsafe(no_mangle)]
#[allow(unreachable_pub)]
pub unsafe extern "C" fn getaddrinfo(
    name: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    result: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the symbol is that of the C library, with this signature
    let system: Resolve = unsafe {
        let next = libc::dlsym(RTLD_NEXT, c"getaddrinfo".as_ptr());
        assert!(!next.is_null());
        std::mem::transmute(next)
    };
    let asked = match name.is_null() {
        true => String::new(),
        // SAFETY: the caller gives a C string
        false => unsafe { CStr::from_ptr(name) }
            .to_string_lossy()
            .into_owned(),
    };
    let known = NAMES
        .lock()
        .unwrap()
        .as_ref()
        .and_then(|n| n.get(&asked).cloned());
    let Some(addresses) = known else {
        // SAFETY: all is passed on as it came
        return unsafe { system(name, service, hints, result) };
    };
    let mut first: *mut addrinfo = std::ptr::null_mut();
    let mut last: *mut addrinfo = std::ptr::null_mut();
    for address in addresses {
        let address = CString::new(address).unwrap();
        let mut one: *mut addrinfo = std::ptr::null_mut();
        // SAFETY: an address in digits is turned into one entry, which freeaddrinfo frees with the list it is part of
        unsafe {
            assert_eq!(system(address.as_ptr(), service, hints, &raw mut one), 0);
            match last.is_null() {
                true => first = one,
                false => (*last).ai_next = one,
            }
            last = one;
            while !(*last).ai_next.is_null() {
                last = (*last).ai_next;
            }
        }
    }
    if first.is_null() {
        return EAI_NONAME;
    }
    // SAFETY: the caller gives a place for the result
    unsafe { *result = first };
    0
}
