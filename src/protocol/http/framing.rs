//! How the body of an answer ends, and whether the connection serves on (RFC 9112, 6 and 9.3).
use super::parse_error::ParseError;
use crate::protocol::method::Method;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /** there is none */
    None,
    /** after so many bytes */
    Length(u64),
    /** with its last chunk */
    Chunked,
    /** with the connection */
    UntilClose,
}

/// The headers that decide about it.
#[derive(Debug, Default)]
pub(super) struct Fields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    error: Option<&'static str>,
}

const CHUNKED: &str = "transfer coding other than chunked";

impl Fields {
    /// Takes a header in, and tells whether it was one of these.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> bool {
        let is = |usual: &[u8]| name == usual || name.eq_ignore_ascii_case(usual);
        // length and first letter tell most names apart
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (10, Some(b'c')) if is(b"Connection") => self.connection(value),
            (14, Some(b'c')) if is(b"Content-Length") => self.content_length(value),
            (17, Some(b't')) if is(b"Transfer-Encoding") => self.transfer_encoding(value),
            _ => return false,
        }
        true
    }

    fn connection(&mut self, value: &[u8]) {
        for token in elements(value) {
            self.close |= token.eq_ignore_ascii_case(b"close");
            self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    fn content_length(&mut self, value: &[u8]) {
        // something in between may have joined several headers to a list
        for element in elements(value) {
            match (digits(element), self.length) {
                (None, _) => self.error = Some("Content-Length is no number"),
                (Some(new), Some(old)) if new != old => {
                    self.error = Some("several Content-Length that differ");
                }
                (new, _) => self.length = new,
            }
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) {
        let (mut codings, seen) = (0, self.chunked);
        for coding in elements(value).filter(|c| !c.is_empty()) {
            codings += 1;
            self.chunked |= coding.eq_ignore_ascii_case(b"chunked");
            if !coding.eq_ignore_ascii_case(b"chunked") {
                self.error = Some(CHUNKED);
            }
        }
        if codings != 1 || seen {
            self.error = Some(CHUNKED);
        }
    }

    /// The framing of an answer, and whether another request may follow it. `version` is the minor one.
    pub(super) fn decide(
        &self,
        method: Method,
        status: u16,
        version: u8,
    ) -> Result<(Framing, bool), ParseError> {
        let keep_alive = !self.close && (version > 0 || self.keep_alive);
        // what headers say about length is about the body that another request would get
        if method == Method::Head || matches!(status, 204 | 304) {
            return Ok((Framing::None, keep_alive));
        }
        if let Some(why) = self.error {
            return Err(bad(why));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(bad("both Transfer-Encoding and Content-Length")),
            // HTTP/1.0 has no chunks: what hands them on may not know where they end
            (true, None) => Ok((Framing::Chunked, keep_alive && version > 0)),
            (false, Some(length)) => Ok((Framing::Length(length), keep_alive)),
            (false, None) => Ok((Framing::UntilClose, false)),
        }
    }
}

fn bad(why: &str) -> ParseError {
    ParseError::protocol(format!("bad framing of the answer: {why}"))
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// Digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, b| match b {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(b - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(
        method: Method,
        status: u16,
        version: u8,
        text: &str,
    ) -> Result<(Framing, bool), String> {
        let mut fields = Fields::default();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap();
            fields.take(name.as_bytes(), value.as_bytes());
        }
        fields
            .decide(method, status, version)
            .map_err(|error| error.text.into_owned())
    }

    #[test]
    fn framings() {
        use Framing::{Chunked, Length, UntilClose};
        for (text, framing) in [
            ("", UntilClose),
            ("Content-Type: a", UntilClose),
            ("Content-Length: 0", Length(0)),
            ("CONTENT-LENGTH:\t12 ", Length(12)),
            ("content-length: 0012", Length(12)),
            ("Content-Length: 18446744073709551615", Length(u64::MAX)),
            ("Content-Length: 5\nContent-Length: 5", Length(5)),
            ("Content-Length: 5, 5", Length(5)),
            ("Transfer-Encoding: chunked", Chunked),
            ("transfer-encoding: CHUNKED", Chunked),
            ("Transfer-Encoding: , chunked", Chunked),
            ("X-Etcd-Cluster-Id: chunked", UntilClose),
        ] {
            assert_eq!(
                decide(Method::Get, 200, 1, text).map(|f| f.0),
                Ok(framing),
                "{text}"
            );
        }
    }

    #[test]
    fn bad_framings() {
        for (text, why) in [
            ("Content-Length:", "Content-Length is no number"),
            ("Content-Length: +5", "Content-Length is no number"),
            ("Content-Length: -5", "Content-Length is no number"),
            ("Content-Length: 0x5", "Content-Length is no number"),
            ("Content-Length: 5 5", "Content-Length is no number"),
            ("Content-Length: 5,", "Content-Length is no number"),
            (
                "Content-Length: 18446744073709551616",
                "Content-Length is no number",
            ),
            (
                "Content-Length: x\nContent-Length: 5",
                "Content-Length is no number",
            ),
            (
                "Content-Length: 5\nContent-Length: 6",
                "several Content-Length that differ",
            ),
            ("Content-Length: 5, 6", "several Content-Length that differ"),
            ("Transfer-Encoding:", CHUNKED),
            ("Transfer-Encoding: identity", CHUNKED),
            ("Transfer-Encoding: gzip, chunked", CHUNKED),
            ("Transfer-Encoding: chunked, gzip", CHUNKED),
            ("Transfer-Encoding: chunked, chunked", CHUNKED),
            (
                "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
                CHUNKED,
            ),
            ("Transfer-Encoding: chunked;a=b", CHUNKED),
            ("Transfer-Encoding: xchunked", CHUNKED),
            (
                "Content-Length: 5\nTransfer-Encoding: chunked",
                "both Transfer-Encoding and Content-Length",
            ),
        ] {
            let expected = Err(format!("bad framing of the answer: {why}"));
            assert_eq!(decide(Method::Get, 200, 1, text), expected, "{text}");
            // what has no body does not care
            for (method, status) in [(Method::Head, 200), (Method::Get, 204), (Method::Put, 304)] {
                assert_eq!(
                    decide(method, status, 1, text),
                    Ok((Framing::None, true)),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn keep_alive() {
        for (version, text, expected) in [
            (1, "", true),
            (1, "Connection: close", false),
            (1, "connection: CLOSE", false),
            (1, "Connection: upgrade,\tClose ,x", false),
            (1, "Connection: closed", true),
            (1, "Connection: keep-alive\nConnection: close", false),
            (1, "Connection: keep-alive", true),
            (0, "", false),
            (0, "Connection: Keep-Alive", true),
            (0, "Connection: x, keep-alive", true),
            (0, "Connection: keep-alive, close", false),
            (0, "Keep-Alive: 5", false),
        ] {
            let length = format!("Content-Length: 1\n{text}");
            let answer = decide(Method::Get, 200, version, &length);
            assert_eq!(
                answer,
                Ok((Framing::Length(1), expected)),
                "{version} {text}"
            );
            let answer = decide(Method::Head, 200, version, text);
            assert_eq!(answer, Ok((Framing::None, expected)), "{version} {text}");
            let answer = decide(Method::Get, 200, version, text);
            assert_eq!(answer, Ok((Framing::UntilClose, false)), "{version} {text}");
            let chunked = format!("Transfer-Encoding: chunked\n{text}");
            let answer = decide(Method::Get, 200, version, &chunked);
            assert_eq!(
                answer,
                Ok((Framing::Chunked, expected && version == 1)),
                "{version} {text}"
            );
        }
    }
}
