//! The head of a request.
use super::token::TOKEN;
use crate::protocol::http_request::HttpRequest;
use crate::protocol::method::Method;
use crate::protocol::size_limits::MAX_TARGET;
use std::io::Write as _;

/// As many digits as a length can have.
const DIGITS: usize = 20;

/// Appends request line and headers to `out`, and gives back the body that follows them. `more` are further headers.
///
/// Whatever could end a line before its time is refused, since it would be read as the next header or request.
pub fn write<'a>(
    http_request: &'a HttpRequest,
    host: &str,
    more: &[(&str, &str)],
    out: &mut Vec<u8>,
) -> Result<&'a [u8], &'static str> {
    let body = check(http_request, host, more)?;
    let method = http_request.method.name();
    let content_type = http_request
        .content_type
        .as_deref()
        .filter(|_| http_request.body.is_some())
        .unwrap_or_default();
    let fixed = "  HTTP/1.1\r\nHost: \r\nContent-Type: \r\nContent-Length: \r\n\r\n".len() + DIGITS;
    let listed: usize = more.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
    out.reserve_exact(
        fixed + method.len() + http_request.target.len() + host.len() + content_type.len() + listed,
    );
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(http_request.target.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    line(out, "Host", host);
    for (name, value) in more {
        line(out, name, value);
    }
    if !content_type.is_empty() {
        line(out, "Content-Type", content_type);
    }
    if carries(http_request.method) {
        // also when it is 0: without it, the end of the request would be a guess
        let _ = write!(out, "Content-Length: {}\r\n", body.len());
    }
    out.extend_from_slice(b"\r\n");
    Ok(body)
}

fn line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn carries(method: Method) -> bool {
    matches!(method, Method::Put | Method::Post)
}

/// The body that goes with it, if request line and headers can be written at all.
pub(crate) fn check<'a>(
    http_request: &'a HttpRequest,
    host: &str,
    more: &[(&str, &str)],
) -> Result<&'a [u8], &'static str> {
    let body = http_request.body.as_deref().unwrap_or_default();
    if !http_request.target.starts_with('/') {
        return Err("request target does not begin with a slash");
    }
    if http_request.target.len() > MAX_TARGET {
        return Err("request target is too long");
    }
    // a fragment would be dropped by whoever parses it: half a key would be meant
    if !all(&http_request.target, |b| {
        matches!(b, 0x21..=0x7e) & (b != b'#')
    }) {
        return Err("request target is not percent-encoded");
    }
    if host.is_empty() || !all(host, |b| matches!(b, 0x21..=0x7e)) {
        return Err("host is not a header value");
    }
    if !http_request.content_type.as_deref().is_none_or(is_value) {
        return Err("content type is not a header value");
    }
    if !more
        .iter()
        .all(|(name, value)| is_token(name) && is_value(value))
    {
        return Err("a header is none");
    }
    if !body.is_empty() && !carries(http_request.method) {
        return Err("only PUT and POST have a body");
    }
    Ok(body)
}

/// Without an early exit, so that it runs on many bytes at once.
fn all(text: &str, good: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |sum, b| sum & good(b))
}

fn is_value(text: &str) -> bool {
    all(text, |b| matches!(b, 0x20..=0x7e | b'\t' | 0x80..))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && all(text, |b| TOKEN[usize::from(b)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http_request::{Idempotency, ResponseKind};

    fn http_request(
        method: Method,
        target: &str,
        body: Option<&str>,
        content_type: Option<&str>,
    ) -> HttpRequest {
        HttpRequest {
            method,
            target: target.into(),
            body: body.map(Into::into),
            content_type: content_type.map(Into::into),
            repeat: Idempotency::Never,
            expect: ResponseKind::Anything,
            action: None,
        }
    }

    #[test]
    fn every_raw_target_that_is_taken_leaves_as_it_is() {
        for c in (0..=0x7f_u8).map(char::from) {
            for target in [format!("/a{c}b"), format!("/?a{c}b")] {
                if let Ok(raw) = HttpRequest::raw("GET", &target, None, None) {
                    let mut out = Vec::new();
                    write(&raw, "h", &[], &mut out).unwrap();
                    let line = format!("GET {target} HTTP/1.1\r\n");
                    assert!(out.starts_with(line.as_bytes()), "{target:?}");
                }
            }
        }
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn heads() {
        let form = "PUT /v2/keys/a HTTP/1.1\r\nHost: h:1\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                    Content-Length: 7\r\n\r\n";
        for (method, body, content_type, head) in [
            (
                Method::Get,
                None,
                None,
                "GET /v2/keys/a HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ),
            (
                Method::Head,
                None,
                None,
                "HEAD /v2/keys/a HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ),
            (
                Method::Delete,
                None,
                None,
                "DELETE /v2/keys/a HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ),
            (
                Method::Delete,
                Some(""),
                None,
                "DELETE /v2/keys/a HTTP/1.1\r\nHost: h:1\r\n\r\n",
            ),
            (Method::Put, Some("value=1"), Some(FORM), form),
            (
                Method::Put,
                None,
                None,
                "PUT /v2/keys/a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n",
            ),
            (
                Method::Post,
                None,
                Some(FORM),
                "POST /v2/keys/a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n",
            ),
            (
                Method::Post,
                Some("x"),
                None,
                "POST /v2/keys/a HTTP/1.1\r\nHost: h:1\r\nContent-Length: 1\r\n\r\n",
            ),
        ] {
            let http_request = http_request(method, "/v2/keys/a", body, content_type);
            let mut out = b"before".to_vec();
            let given = write(&http_request, "h:1", &[], &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!("before{head}"));
            assert_eq!(given, body.unwrap_or_default().as_bytes());
        }
    }

    #[test]
    fn further_headers_come_after_the_host() {
        let http_request = http_request(Method::Get, "/", None, None);
        let mut out = Vec::new();
        let more = [("Authorization", "Basic cm9vdDpy"), ("X-A", "")];
        write(&http_request, "h", &more, &mut out).unwrap();
        let head = "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic cm9vdDpy\r\nX-A: \r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), head);
    }

    #[test]
    fn room_is_made_once() {
        let body = "v".repeat(12_345_678);
        let http_request = http_request(
            Method::Put,
            &format!("/{}", "a".repeat(5000)),
            Some(&body),
            Some(FORM),
        );
        let mut out = Vec::new();
        write(&http_request, "host:2379", &[("A", "b")], &mut out).unwrap();
        let spare = out.capacity() - out.len();
        assert!(spare < DIGITS, "{spare}");
    }

    #[test]
    fn refusals() {
        let long_body = Some("x");
        for (target, host, content_type, more, body, method) in [
            ("a", "h", None, ("A", "b"), None, Method::Get),
            ("", "h", None, ("A", "b"), None, Method::Get),
            ("/a b", "h", None, ("A", "b"), None, Method::Get),
            ("/a\r\nX: y", "h", None, ("A", "b"), None, Method::Get),
            ("/a\u{e4}", "h", None, ("A", "b"), None, Method::Get),
            ("/a\x7f", "h", None, ("A", "b"), None, Method::Get),
            ("/a#b", "h", None, ("A", "b"), None, Method::Get),
            ("/", "", None, ("A", "b"), None, Method::Get),
            ("/", "h\n", None, ("A", "b"), None, Method::Get),
            ("/", "h h", None, ("A", "b"), None, Method::Get),
            ("/", "h", Some("a\r\nb"), ("A", "b"), long_body, Method::Put),
            ("/", "h", Some("a\0"), ("A", "b"), long_body, Method::Put),
            ("/", "h", None, ("A", "b\r\nC: d"), None, Method::Get),
            ("/", "h", None, ("A:", "b"), None, Method::Get),
            ("/", "h", None, ("", "b"), None, Method::Get),
            ("/", "h", None, ("A b", "b"), None, Method::Get),
            ("/", "h", None, ("A", "b"), long_body, Method::Get),
            ("/", "h", None, ("A", "b"), long_body, Method::Delete),
            ("/", "h", None, ("A", "b"), long_body, Method::Head),
        ] {
            let http_request = http_request(method, target, body, content_type);
            let mut out = b"before".to_vec();
            let why = write(&http_request, host, &[more], &mut out);
            assert!(why.is_err(), "{target:?} {host:?} {more:?}");
            assert_eq!(out, b"before", "nothing half is left");
        }
    }
}
