//! Strings of JSON and the text that they stand for.
use super::{
    go_on::{GoOn, STRIDE},
    scan::{hex4, plain_run},
};
use crate::sys::memory::OutOfMemory;

/// Longest name of a field that is compared with others.
const LONGEST_NAME: usize = 4096;

/// A string as it stands between its quotes; its escapes are known to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    pub(crate) raw: &'a str,
    pub(crate) escaped: bool,
}

impl Text<'_> {
    /// Appends the text that it stands for, which is never longer than its raw form; `false`: `go_on` stopped it.
    #[inline(always)]
    pub(crate) fn append_to(self, out: &mut String, go_on: Option<GoOn<'_>>) -> bool {
        if self.escaped {
            return self.unescape_into(out, go_on);
        }
        if self.raw.len() > STRIDE {
            return self.copy_into(out, go_on);
        }
        out.push_str(self.raw);
        true
    }

    #[inline(never)]
    fn copy_into(self, out: &mut String, go_on: Option<GoOn<'_>>) -> bool {
        let mut rest = self.raw;
        while !rest.is_empty() {
            let mut end = rest.len().min(STRIDE);
            while !rest.is_char_boundary(end) {
                end -= 1;
            }
            let (part, after) = rest.split_at(end);
            out.push_str(part);
            rest = after;
            if go_on.is_some_and(|go_on| !go_on()) {
                return false;
            }
        }
        true
    }

    #[inline(never)]
    fn unescape_into(self, out: &mut String, go_on: Option<GoOn<'_>>) -> bool {
        let bytes = self.raw.as_bytes();
        // what is between `start` and the next backslash stands for itself
        let mut start = 0;
        let mut from = 0;
        let mut ask_at = STRIDE;
        loop {
            if from >= ask_at {
                ask_at = from + STRIDE;
                if go_on.is_some_and(|go_on| !go_on()) {
                    return false;
                }
            }
            let at = plain_run(bytes, from, usize::MAX);
            out.push_str(self.raw.get(start..at).unwrap_or_default());
            let Some(&escape) = bytes.get(at + 1) else {
                return true;
            };
            start = at + 2;
            from = start;
            out.push(match escape {
                // the next run begins with it
                b'"' | b'\\' | b'/' => {
                    start = at + 1;
                    continue;
                }
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                _ => {
                    let unit = hex4(bytes, at + 2).unwrap_or_default();
                    start = at + 6;
                    let low = if (0xd800..0xdc00).contains(&unit) {
                        start = at + 12;
                        hex4(bytes, at + 8).unwrap_or_default()
                    } else {
                        0
                    };
                    from = start;
                    character(unit, low)
                }
            });
        }
    }

    /// Hands what it stands for to `f`; a copy is made only if there are escapes. Text that is longer than any that is
    /// looked for stays as it is written.
    #[inline]
    pub(crate) fn with<R>(self, f: impl FnOnce(&str) -> R) -> R {
        if self.escaped && self.raw.len() <= LONGEST_NAME {
            f(&self.to_text())
        } else {
            f(self.raw)
        }
    }

    /// An owned copy of what it stands for, if there is memory for it.
    pub(crate) fn try_to_text(self) -> Result<String, OutOfMemory> {
        let mut out = String::new();
        out.try_reserve_exact(self.raw.len())?;
        self.append_to(&mut out, None);
        Ok(out)
    }

    /// An owned copy of what it stands for.
    pub(crate) fn to_text(self) -> String {
        let mut out = String::with_capacity(self.raw.len());
        self.append_to(&mut out, None);
        out
    }
}

/// Of one unit, or of a pair; scanning has made sure that there is one.
fn character(unit: u32, low: u32) -> char {
    let code = match unit {
        0xd800..0xdc00 => 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff),
        _ => unit,
    };
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}
