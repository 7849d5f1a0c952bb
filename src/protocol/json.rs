//! A pull parser for JSON: no recursion, no allocation, positions instead of copies.
//!
//! The caller asks for what it expects next; whatever else is there is `Broken`. Input is text that was checked
//! to be UTF-8 once, so that strings can be handed out as slices of it.

use super::{
    go_on::{GoOn, STRIDE},
    quoted::Text,
    scan::{hex4, plain_run, up_to_eight_digits},
};

/// Not the JSON that was asked for, and where. Boxed, so that the results of the hot path fit into registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) Box<ParsePosition>);

/// Where reading stopped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsePosition {
    pub(crate) at: usize,
    pub(crate) why: &'static str,
}

impl Broken {
    #[cold]
    pub(crate) fn new(at: usize, why: &'static str) -> Broken {
        Broken(Box::new(ParsePosition { at, why }))
    }
}

/// What was read, or where the text is broken.
type Parsed<T> = Result<T, Broken>;

/// Levels of an unknown value that [`Json::skip`] follows; 64 to a word.
const SKIP_DEPTH: usize = 1024;

/// Digits of a number that nobody needs.
const LONGEST: usize = 4096;

/// Where reading stands.
#[derive(Clone)]
pub(crate) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// from here on `go_on` is asked
    ask_at: usize,
    go_on: Option<GoOn<'a>>,
}

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a str) -> Json<'a> {
        Json::asking(text, None)
    }

    /// Reads as long as `go_on` says so; what it refuses to go on with is [`Broken`]. It is never asked about a short text.
    pub(crate) fn asking(text: &'a str, go_on: Option<GoOn<'a>>) -> Json<'a> {
        Json {
            text,
            at: 0,
            ask_at: go_on.map_or(usize::MAX, |_| STRIDE),
            go_on,
        }
    }

    /// Who says whether to go on.
    pub(crate) fn go_on(&self) -> Option<GoOn<'a>> {
        self.go_on
    }

    /// Asks whether to go on, if reading at `at` has come far enough since the last time.
    #[inline(always)]
    fn ask(&mut self, at: usize) -> Parsed<()> {
        match at < self.ask_at {
            true => Ok(()),
            false => self.ask_now(at),
        }
    }

    #[cold]
    fn ask_now(&mut self, at: usize) -> Parsed<()> {
        self.ask_at = at.saturating_add(STRIDE);
        match self.go_on {
            Some(go_on) if !go_on() => self.broken(at, "reading was stopped"),
            _ => Ok(()),
        }
    }

    /// Bytes read so far.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    #[cold]
    fn broken<T>(&self, at: usize, why: &'static str) -> Parsed<T> {
        Err(Broken::new(at, why))
    }

    /// The next byte that is not white space; it stays unread.
    #[inline]
    pub(crate) fn token(&mut self) -> Parsed<u8> {
        loop {
            match self.byte(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => {
                    self.at += 1;
                    self.ask(self.at)?;
                }
                Some(byte) => return Ok(byte),
                None => return self.broken(self.at, "it ends too early"),
            }
        }
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        match self.token() {
            Ok(_) => self.broken(self.at, "something follows the end"),
            Err(_) => Ok(()),
        }
    }

    /// Enters an object.
    #[inline]
    pub(crate) fn object(&mut self) -> Parsed<()> {
        if self.token()? != b'{' {
            return self.broken(self.at, "an object was expected");
        }
        self.at += 1;
        Ok(())
    }

    /// The next name in an object, its value is to be read next; `None` at the end. `first`: right after [`Json::object`].
    #[inline]
    pub(crate) fn member(&mut self, first: bool) -> Parsed<Option<Text<'a>>> {
        self.ask(self.at)?;
        let mut byte = self.token()?;
        if byte == b'}' {
            self.at += 1;
            return Ok(None);
        }
        if !first {
            if byte != b',' {
                return self.broken(self.at, "a comma or } was expected");
            }
            self.at += 1;
            byte = self.token()?;
        }
        if byte != b'"' {
            return self.broken(self.at, "a name was expected");
        }
        let name = self.quoted()?;
        if self.token()? != b':' {
            return self.broken(self.at, "a colon was expected");
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// The same for a name that is expected: passes over `"name":` and the comma before it, if they come just so. Does
    /// nothing if they do not.
    #[inline(always)]
    pub(crate) fn expected<const N: usize>(&mut self, first: bool, quoted: &[u8; N]) -> bool {
        let start = self.at + usize::from(!first);
        let here = self
            .text
            .as_bytes()
            .get(start..)
            .and_then(<[u8]>::first_chunk::<N>);
        let found = here == Some(quoted) && (first || self.byte(self.at) == Some(b','));
        if found {
            self.at = start + N;
        }
        found
    }

    /// First letter of the name that may be expected.
    #[inline(always)]
    pub(crate) fn initial(&self, first: bool) -> u8 {
        self.byte(self.at + 1 + usize::from(!first))
            .unwrap_or_default()
    }

    /// Enters an array.
    #[inline]
    pub(crate) fn array(&mut self) -> Parsed<()> {
        if self.token()? != b'[' {
            return self.broken(self.at, "an array was expected");
        }
        self.at += 1;
        Ok(())
    }

    /// Whether an element follows, which is to be read next. `first`: right after [`Json::array`].
    #[inline]
    pub(crate) fn element(&mut self, first: bool) -> Parsed<bool> {
        self.ask(self.at)?;
        match self.token()? {
            b']' => {
                self.at += 1;
                Ok(false)
            }
            _ if first => Ok(true),
            b',' => {
                self.at += 1;
                Ok(true)
            }
            _ => self.broken(self.at, "a comma or ] was expected"),
        }
    }

    /// A string.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Parsed<Text<'a>> {
        if self.token()? != b'"' {
            return self.broken(self.at, "a string was expected");
        }
        self.quoted()
    }

    /// From the opening quote to behind the closing one.
    #[inline(always)]
    fn quoted(&mut self) -> Parsed<Text<'a>> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at = plain_run(self.text.as_bytes(), at, STRIDE);
            match self.byte(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    let raw = self.text.get(start..at).unwrap_or_default();
                    return Ok(Text { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.ask(at)?;
                    at = self.escape(at)?;
                }
                // a part of a long run
                Some(0x20..) => self.ask(at)?,
                Some(_) => return self.broken(at, "a control character stands in a string"),
                None => return self.broken(at, "it ends inside of a string"),
            }
        }
    }

    /// Behind the escape that begins at `at`.
    #[inline]
    fn escape(&self, at: usize) -> Parsed<usize> {
        match self.byte(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(at + 2),
            Some(b'u') => {}
            _ => return self.broken(at, "an escape is wrong"),
        }
        let bytes = self.text.as_bytes();
        match hex4(bytes, at + 2) {
            Some(0xdc00..=0xdfff) => self.broken(at, "half of a surrogate pair"),
            Some(0xd800..=0xdbff) => {
                let second = bytes.get(at + 6..).is_some_and(|b| b.starts_with(b"\\u"));
                match hex4(bytes, at + 8) {
                    Some(0xdc00..=0xdfff) if second => Ok(at + 12),
                    _ => self.broken(at, "half of a surrogate pair"),
                }
            }
            Some(_) => Ok(at + 6),
            None => self.broken(at, "an escape is wrong"),
        }
    }

    /// `null`, if that is what comes.
    #[inline]
    pub(crate) fn null(&mut self) -> Parsed<bool> {
        if self.token()? != b'n' {
            return Ok(false);
        }
        self.word("null").map(|()| true)
    }

    /// `true` or `false`.
    #[inline]
    pub(crate) fn bool(&mut self) -> Parsed<bool> {
        match self.token()? {
            b't' => self.word("true").map(|()| true),
            b'f' => self.word("false").map(|()| false),
            _ => self.broken(self.at, "true or false was expected"),
        }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return self.broken(self.at, "a value was expected");
        }
        self.at += word.len();
        Ok(())
    }

    /// A whole number of the full unsigned range.
    #[inline]
    pub(crate) fn u64(&mut self) -> Parsed<u64> {
        const EXPECTED: &str = "an unsigned whole number was expected";
        self.token()?;
        let start = self.at;
        let (mut number, mut at) = up_to_eight_digits(self.text.as_bytes(), start);
        if at - start == 8 {
            while let Some(digit @ b'0'..=b'9') = self.byte(at).filter(|_| at - start < LONGEST) {
                number = number
                    .wrapping_mul(10)
                    .wrapping_add(u64::from(digit - b'0'));
                at += 1;
            }
        }
        if at - start >= LONGEST {
            return self.broken(start, "a number is too long");
        }
        if at - start > 19 {
            // fewer always fit
            match self.text.get(start..at).unwrap_or_default().parse() {
                Ok(n) => number = n,
                Err(_) => return self.broken(start, EXPECTED),
            }
        }
        let zeros = at - start > 1 && self.byte(start) == Some(b'0');
        if at == start || zeros || matches!(self.byte(at), Some(b'.' | b'e' | b'E')) {
            return self.broken(start, EXPECTED);
        }
        self.at = at;
        Ok(number)
    }

    /// A whole number with a sign.
    pub(crate) fn i64(&mut self) -> Parsed<i64> {
        self.token()?;
        let start = self.at;
        // parse() says no to a fraction or an exponent
        match self.number()?.parse() {
            Ok(number) => Ok(number),
            Err(_) => self.broken(start, "a whole number was expected"),
        }
    }

    /// Any number that a double can hold.
    pub(crate) fn f64(&mut self) -> Parsed<f64> {
        self.token()?;
        let start = self.at;
        match self.number()?.parse() {
            Ok(number) if f64::is_finite(number) => Ok(number),
            _ => self.broken(start, "a number was expected"),
        }
    }

    /// Any number, as it is written.
    fn number(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        let mut at = start + usize::from(self.byte(start) == Some(b'-'));
        let whole = at;
        at = self.digits(at)?;
        if self.byte(whole) == Some(b'0') && at - whole > 1 {
            return self.broken(whole, "a number begins with 0");
        }
        if self.byte(at) == Some(b'.') {
            at = self.digits(at + 1)?;
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            let sign = matches!(self.byte(at + 1), Some(b'+' | b'-'));
            at = self.digits(at + 1 + usize::from(sign))?;
        }
        self.at = at;
        Ok(self.text.get(start..at).unwrap_or_default())
    }

    /// Behind at least one digit.
    fn digits(&self, start: usize) -> Parsed<usize> {
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let digits = rest.iter().take(LONGEST + 1);
        match digits.take_while(|b| b.is_ascii_digit()).count() {
            0 => self.broken(start, "a value was expected"),
            n if n > LONGEST => self.broken(start, "a number is too long"),
            n => Ok(start + n),
        }
    }

    /// Reads over any value, checking it all the same.
    pub(crate) fn skip(&mut self) -> Parsed<()> {
        // one bit per open container: whether it is an object
        let mut open = [0u64; SKIP_DEPTH / 64];
        let mut depth = 0;
        loop {
            let entered = match self.token()? {
                b'{' => {
                    self.at += 1;
                    self.member(true)?.is_some().then_some(1)
                }
                b'[' => {
                    self.at += 1;
                    self.element(true)?.then_some(0)
                }
                b'"' => self.quoted().map(|_| None)?,
                b't' => self.word("true").map(|()| None)?,
                b'f' => self.word("false").map(|()| None)?,
                b'n' => self.word("null").map(|()| None)?,
                _ => self.number().map(|_| None)?,
            };
            if let Some(bit) = entered {
                let Some(word) = open.get_mut(depth / 64) else {
                    return self.broken(self.at, "an unknown value is nested too deep");
                };
                *word = (*word & !(1 << (depth % 64))) | (bit << (depth % 64));
                depth += 1;
                continue;
            }
            // a value has ended, and with it perhaps what holds it
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let top = depth - 1;
                let word = open.get(top / 64).copied().unwrap_or_default();
                let more = if (word >> (top % 64)) & 1 == 1 {
                    self.member(false)?.is_some()
                } else {
                    self.element(false)?
                };
                if more {
                    break;
                }
                depth = top;
            }
        }
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
