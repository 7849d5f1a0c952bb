//! Lists of text, in both directions.
use super::convert::{null, text, try_c_string};
use crate::error::{Error, Result};
use crate::sys::memory::{self, OutOfMemory};
use std::{
    ffi::{CString, c_char},
    ptr, slice,
};

/// A list that C may read.
#[derive(Default)]
pub(super) struct Texts(Vec<CString>);

impl Texts {
    pub(super) fn new(texts: &[String]) -> std::result::Result<Texts, OutOfMemory> {
        Ok(Texts(memory::each(texts, |text| try_c_string(text))?))
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// NULL beyond the end.
    pub(super) fn at(&self, i: usize) -> *const c_char {
        self.0.get(i).map_or(ptr::null(), |text| text.as_ptr())
    }
}

/// A list that C gives; NULL is fine when it is empty.
///
/// # Safety
/// `list` is NULL or points to `count` texts, and nothing of it changes for `'a`.
pub(super) unsafe fn texts<'a>(
    parameter: &str,
    list: *const *const c_char,
    count: usize,
) -> Result<Vec<&'a str>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if list.is_null() {
        return Err(null(parameter));
    }
    if count > MOST {
        return Err(Error::invalid(
            parameter,
            format_args!("{count} texts, at most {MOST} go"),
        ));
    }
    // SAFETY: not NULL, not longer than an object can be, the rest is the caller's promise
    let list = unsafe { slice::from_raw_parts(list, count) };
    // SAFETY: the caller's promise
    list.iter()
        .map(|t| unsafe { text(parameter, *t) })
        .collect()
}

/// Longest list.
const MOST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(list: &[*const c_char], count: usize) -> std::result::Result<Vec<&str>, String> {
        let start = match list {
            [] => ptr::null(),
            list => list.as_ptr(),
        };
        // SAFETY: as long as said, or refused by its length
        unsafe { texts("roles", start, count) }.map_err(|e| e.to_string())
    }

    #[test]
    fn lists_come_in() {
        let (a, b) = (c"a".as_ptr(), c"\xc3\xa4".as_ptr());
        assert_eq!(told(&[a, b], 2), Ok(vec!["a", "ä"]));
        assert_eq!((told(&[], 0), told(&[a], 0)), (Ok(vec![]), Ok(vec![])));
        let refused = |list: &[*const c_char], count| told(list, count).unwrap_err();
        assert_eq!(refused(&[], 1), "roles: must not be NULL");
        assert_eq!(refused(&[a, ptr::null()], 2), "roles: must not be NULL");
        assert_eq!(
            refused(&[c"\xff".as_ptr()], 1),
            "roles: not UTF-8 at byte 0"
        );
        assert!(refused(&[a], usize::MAX).starts_with("roles: "));
    }

    #[test]
    fn lists_go_out() {
        let texts = Texts::new(&["a".to_owned(), "b\0".to_owned()]).unwrap();
        assert_eq!(texts.count(), 2);
        assert!(!texts.at(1).is_null() && texts.at(2).is_null());
        assert!(Texts::default().at(0).is_null());
    }
}
