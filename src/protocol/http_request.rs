//! A request as it goes over the wire.
use super::escape;
use super::method::Method;
use super::size_limits::{MAX_RAW_BODY, MAX_TARGET};
use super::{action::Action, admin::page::Page, form::Form, key::Key};
use crate::{
    error::{Error, Result},
    status::Status,
};

/// Whether a request that was sent and got no answer may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /** reads: always */
    Safe,
    /** plain set and delete: if the caller allows it */
    IfAllowed,
    /** never */
    Never,
}

/// Which answers make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /** an answer of the key space with a node */
    Keys,
    /** an answer of the key space; its node may be missing, because the request said so */
    Action,
    /** one event, or an empty 200 */
    Event,
    /** a page beside the key space */
    Page(Page),
    /** anything */
    Anything,
}

/// Method, target and body, ready to be sent to any member.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// method
    pub method: Method,
    /// path and query, percent-encoded, begins with `/`
    pub target: String,
    /// form or raw body
    pub body: Option<Vec<u8>>,
    /// of the body
    pub content_type: Option<String>,
    /// after an ambiguous failure
    pub repeat: Idempotency,
    /// of the answer
    pub expect: ResponseKind,
    /// the `action` of etcd's answer; `None`: any that the method can have
    pub action: Option<Action>,
}

impl HttpRequest {
    /// A long poll for the next change at or after `wait_index` (0: from now).
    pub fn poll(key: &Key, recursive: bool, wait_index: u64) -> Result<HttpRequest> {
        let mut query = Form::default();
        query.word("wait", "true");
        if recursive {
            query.word("recursive", "true");
        }
        if wait_index != 0 {
            query.number("waitIndex", wait_index);
        }
        Ok(HttpRequest {
            method: Method::Get,
            target: query.target(key)?,
            body: None,
            content_type: None,
            repeat: Idempotency::Safe,
            expect: ResponseKind::Event,
            action: None,
        })
    }
    /// The head of a plain read of `key`: shows that a member lives, and where its store stands.
    pub fn head(key: &Key) -> HttpRequest {
        let mut target = String::with_capacity(key.path_len());
        key.write_path(&mut target);
        HttpRequest {
            method: Method::Head,
            ..HttpRequest::get(&target)
        }
    }
    /// `GET` of any path, for `/version` and the like.
    pub fn get(target: &str) -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            target: target.into(),
            body: None,
            content_type: None,
            repeat: Idempotency::Safe,
            expect: ResponseKind::Anything,
            action: None,
        }
    }
    /// Anything that has no function yet. Refuses control characters, spaces and dot segments in `target`, unknown methods, body on GET/HEAD/DELETE.
    pub fn raw(
        method: &str,
        target: &str,
        body: Option<&[u8]>,
        content_type: Option<&str>,
    ) -> Result<HttpRequest> {
        let Some(method) = Method::ALL.into_iter().find(|m| m.name() == method) else {
            return Err(Error::invalid(
                "method",
                "must be one of GET, HEAD, PUT, POST, DELETE, in upper case",
            ));
        };
        check_target(target)?;
        check_segments(target)?;
        if let Some(body) = body {
            if !matches!(method, Method::Put | Method::Post) {
                return Err(Error::invalid(
                    "body",
                    format_args!(
                        "etcd never reads the body of a {}; put parameters into the query",
                        method.name()
                    ),
                ));
            }
            if body.len() > MAX_RAW_BODY {
                return Err(Error::new(
                    Status::TOO_LARGE,
                    format!("body: {} bytes, at most {MAX_RAW_BODY} go", body.len()),
                ));
            }
        }
        if let Some(content_type) = content_type {
            if body.is_none() {
                return Err(Error::invalid(
                    "content_type",
                    "there is no body that it would describe; leave it out",
                ));
            }
            let clean = content_type.bytes().all(|b| matches!(b, 0x20..=0x7e));
            if !clean || content_type.trim().is_empty() {
                return Err(Error::invalid(
                    "content_type",
                    "must be visible ASCII characters and spaces, such as application/json",
                ));
            }
        }
        Ok(HttpRequest {
            method,
            target: target.to_owned(),
            body: body.map(<[u8]>::to_vec),
            content_type: content_type.map(|t| t.trim().to_owned()),
            repeat: match method {
                Method::Get | Method::Head => Idempotency::Safe,
                // who wrote it knows what it does
                _ => Idempotency::IfAllowed,
            },
            expect: ResponseKind::Anything,
            action: None,
        })
    }
}

/// What goes onto the request line unchanged: nothing that could end it, and nothing that no URI has.
pub(crate) fn check_target(target: &str) -> Result<()> {
    let parameter = "path_and_query";
    if !target.starts_with('/') {
        return Err(Error::invalid(parameter, "must begin with /"));
    }
    if target.len() > MAX_TARGET {
        return Err(Error::new(
            Status::TOO_LARGE,
            format!(
                "{parameter}: {} bytes, at most {MAX_TARGET} go",
                target.len()
            ),
        ));
    }
    let foreign = |b: &u8| !b.is_ascii_graphic() || b"\"#<>`".contains(b);
    match target.bytes().find(foreign) {
        Some(byte) => Err(Error::invalid(
            parameter,
            format_args!(
                "contains {}; percent-encode it as %{byte:02X}",
                match byte.is_ascii_graphic() {
                    true => char::from(byte).to_string(),
                    false => format!("byte 0x{byte:02x}"),
                }
            ),
        )),
        None => Ok(()),
    }
}

/// Servers redirect a path with such segments to the cleaned path, or decode it and act on the path that results, depending
/// on the version of Go that they were built with. Either way they act on another path than the requested one.
fn check_segments(target: &str) -> Result<()> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let decoded: Vec<u8> = escape::decoded(path.as_bytes()).skip(1).collect();
    // a trailing slash is not a segment
    let segments = decoded.strip_suffix(b"/").unwrap_or(&decoded);
    if decoded.is_empty() {
        return Ok(());
    }
    for segment in segments.split(|byte| *byte == b'/') {
        let what = match segment {
            b"" => "an empty segment",
            b"." => "a segment \".\"",
            b".." => "a segment \"..\"",
            _ => continue,
        };
        return Err(Error::invalid(
            "path_and_query",
            format_args!("has {what}, encoded or not; servers would act on another path"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::parse("key", text).unwrap()
    }

    #[test]
    fn polls() {
        for (recursive, index, target) in [
            (false, 0, "/v2/keys/a%20b?wait=true"),
            (true, 0, "/v2/keys/a%20b?wait=true&recursive=true"),
            (false, 7, "/v2/keys/a%20b?wait=true&waitIndex=7"),
            (
                true,
                u64::MAX,
                "/v2/keys/a%20b?wait=true&recursive=true&waitIndex=18446744073709551615",
            ),
        ] {
            let http_request = HttpRequest::poll(&key("/a b"), recursive, index).unwrap();
            assert_eq!(http_request.target, target);
            assert_eq!(
                (
                    http_request.method,
                    http_request.repeat,
                    http_request.expect
                ),
                (Method::Get, Idempotency::Safe, ResponseKind::Event)
            );
            assert!(http_request.body.is_none() && http_request.content_type.is_none());
        }
        let long = key(&format!("/{}", "a".repeat(MAX_TARGET - 10)));
        let error = HttpRequest::poll(&long, true, 1).unwrap_err();
        assert_eq!(error.status(), Status::TOO_LARGE);
        assert!(error.to_string().starts_with("key: "), "{error}");
    }

    #[test]
    fn raw_requests() {
        for (method, repeat) in [
            ("GET", Idempotency::Safe),
            ("HEAD", Idempotency::Safe),
            ("PUT", Idempotency::IfAllowed),
            ("POST", Idempotency::IfAllowed),
            ("DELETE", Idempotency::IfAllowed),
        ] {
            let http_request = HttpRequest::raw(method, "/v2/members?x=%23;y", None, None).unwrap();
            assert_eq!(http_request.method.name(), method);
            assert_eq!(http_request.target, "/v2/members?x=%23;y");
            assert_eq!(
                (http_request.repeat, http_request.expect),
                (repeat, ResponseKind::Anything)
            );
        }
        let http_request =
            HttpRequest::raw("PUT", "/x", Some(b"\0\xff"), Some("application/json; a=b")).unwrap();
        assert_eq!(http_request.body.as_deref(), Some(&b"\0\xff"[..]));
        assert_eq!(
            http_request.content_type.as_deref(),
            Some("application/json; a=b")
        );
    }

    #[test]
    fn refused_raw_requests_name_the_parameter() {
        let json = Some("application/json");
        for (method, target, body, content_type, parameter) in [
            ("", "/", None, None, "method"),
            ("get", "/", None, None, "method"),
            ("GET ", "/", None, None, "method"),
            ("PATCH", "/", None, None, "method"),
            ("OPTIONS", "/", None, None, "method"),
            ("GET", "", None, None, "path_and_query"),
            ("GET", "v2", None, None, "path_and_query"),
            ("GET", "http://h/", None, None, "path_and_query"),
            ("GET", "/a b", None, None, "path_and_query"),
            ("GET", "/a\r\nX: y", None, None, "path_and_query"),
            ("GET", "/a\0", None, None, "path_and_query"),
            ("GET", "/a\x7f", None, None, "path_and_query"),
            ("GET", "/ä", None, None, "path_and_query"),
            ("GET", "/a#b", None, None, "path_and_query"),
            ("GET", "/a<b", None, None, "path_and_query"),
            ("GET", "/a?b=>", None, None, "path_and_query"),
            ("GET", "/a`b", None, None, "path_and_query"),
            ("GET", "/a?b=\"c\"", None, None, "path_and_query"),
            ("GET", "/", Some(&b""[..]), None, "body"),
            ("HEAD", "/", Some(b"x"), None, "body"),
            ("DELETE", "/", Some(b"x"), json, "body"),
            ("PUT", "/", None, json, "content_type"),
            ("PUT", "/", Some(b"x"), Some(""), "content_type"),
            ("PUT", "/", Some(b"x"), Some("a\r\nb: c"), "content_type"),
            ("PUT", "/", Some(b"x"), Some("a\tb"), "content_type"),
            ("PUT", "/", Some(b"x"), Some("ä"), "content_type"),
        ] {
            let error = HttpRequest::raw(method, target, body, content_type).unwrap_err();
            assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("{parameter}: ")), "{text}");
            assert!(!text.contains(['\n', '\r', '\0']), "{text}");
        }
    }

    /// Every way to write the characters that matter, at every place of a path.
    #[test]
    fn raw_paths_with_segments_that_servers_clean_are_refused() {
        let dots = [".", "%2e", "%2E"];
        let slashes = ["/", "%2f", "%2F"];
        let mut bad = vec![String::new()];
        for one in dots {
            bad.push(one.to_owned());
            bad.extend(dots.map(|other| format!("{one}{other}")));
        }
        let refused = |target: &str| {
            let told = HttpRequest::raw("PUT", target, None, None).map(|_| ());
            told.map_err(|error| {
                assert_eq!(error.status(), Status::INVALID_ARGUMENT);
                assert!(error.to_string().starts_with("path_and_query: has "));
            })
            .is_err()
        };
        let mut walked = 0;
        for segment in &bad {
            for before in slashes {
                for after in slashes {
                    for query in ["", "?a=/../b"] {
                        for target in [
                            format!("/v2/keys{before}{segment}{after}x{query}"),
                            format!("/v2/keys/x{before}{segment}{after}{query}"),
                            format!("/{segment}{after}v2/keys/x{query}"),
                        ] {
                            assert!(refused(&target), "{target}");
                            walked += 1;
                        }
                    }
                }
                if !segment.is_empty() {
                    assert!(refused(&format!("/v2/keys/x{before}{segment}")));
                }
            }
        }
        assert_eq!(walked, bad.len() * 54);
        for good in [
            "/",
            "/?a=//",
            "/v2/keys",
            "/v2/keys/",
            "/v2/keys/?a=/./..//",
            "/v2/keys/a%2Fb",
            "/v2/keys/a%2f",
            "/v2/keys/...",
            "/v2/keys/.a/b./..c/d..",
            "/v2/keys/%2e%2e%2e",
            "/v2/keys/%252e%252e",
            "/v2/keys/%252F%252F",
            "/v2/keys/%2",
            "/v2/keys/%zz",
            "/v2/keys/%2%2e",
            "/v2/keys/\\..",
        ] {
            assert!(!refused(good), "{good}");
        }
    }

    #[test]
    fn raw_limits() {
        let target = format!("/{}", "a".repeat(MAX_TARGET - 1));
        assert!(HttpRequest::raw("GET", &target, None, None).is_ok());
        let error = HttpRequest::raw("GET", &format!("{target}a"), None, None).unwrap_err();
        assert_eq!(error.status(), Status::TOO_LARGE);
        let body = vec![b'a'; MAX_RAW_BODY + 1];
        assert!(HttpRequest::raw("PUT", "/", body.get(1..), None).is_ok());
        let error = HttpRequest::raw("PUT", "/", Some(&body), None).unwrap_err();
        assert_eq!(error.status(), Status::TOO_LARGE);
        assert!(error.to_string().starts_with("body: "), "{error}");
    }
}
