//! A key: non-empty segments separated by `/`, none of them `.` or `..`.
use super::escape::{encode_path_into, encoded_len};
use super::method::Method;
use super::size_limits::MAX_TARGET;
use crate::{
    error::{Error, Result},
    status::Status,
};
use std::sync::Arc;

const PREFIX: &str = "/v2/keys";

/// A validated key, ready for the request line. Clones share the text: watchers keep several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    text: Arc<str>,
    path_len: usize,
}

impl Key {
    /// `parameter` is the name that an error message uses.
    pub fn parse(parameter: &str, text: &str) -> Result<Key> {
        if text.is_empty() {
            return Err(Error::invalid(
                parameter,
                "is empty; a key begins with /, and / alone is the root directory",
            ));
        }
        let Some(inner) = text.strip_prefix('/') else {
            return Err(Error::invalid(parameter, "must begin with /"));
        };
        // a trailing slash stays: patterns of the server's access rules see it
        let segments = inner.strip_suffix('/').unwrap_or(inner);
        if !inner.is_empty() {
            for segment in segments.as_bytes().split(|byte| *byte == b'/') {
                check(parameter, segment)?;
            }
        }
        let slashes = text.bytes().filter(|&b| b == b'/').count();
        let path_len = PREFIX.len() + encoded_len(text) - 2 * slashes;
        if path_len > MAX_TARGET {
            return Err(Error::new(
                Status::TOO_LARGE,
                format!(
                    "{parameter}: {path_len} bytes on the request line, at most {MAX_TARGET} go; use a shorter key"
                ),
            ));
        }
        Ok(Key {
            text: text.into(),
            path_len,
        })
    }
    /// As given.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        &*self.text == "/"
    }
    /// Bytes that [`Key::write_path`] appends.
    pub fn path_len(&self) -> usize {
        self.path_len
    }
    /// Appends `/v2/keys...`, percent-encoded.
    pub fn write_path(&self, out: &mut String) {
        out.reserve(self.path_len);
        out.push_str(PREFIX);
        encode_path_into(out, &self.text);
    }
}

/// Whether the answer to `target` can be about `key`: the requested key, or a key with a numeric name that POST has created
/// below it.
pub(crate) fn answers(method: Method, target: &str, key: &str) -> bool {
    // looked for only where it matters: every read comes here
    if method != Method::Post {
        return is_about(target, key);
    }
    let child = key.rsplit_once('/');
    child.is_some_and(|(parent, name)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) && is_about(target, parent)
    })
}

/// The same for a raw request. Anything can answer a target that is not below `/v2/keys`, or whose key is not UTF-8, which
/// etcd returns changed.
pub(crate) fn answers_raw(method: Method, target: &str, key: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let Some(rest) = path.strip_prefix(PREFIX) else {
        return true;
    };
    let asked: Vec<u8> = super::escape::decoded(rest.as_bytes()).collect();
    let Ok(asked) = std::str::from_utf8(&asked) else {
        return true;
    };
    if !(asked.is_empty() || asked.starts_with('/')) {
        return true;
    }
    let (asked, told) = (asked.trim_end_matches('/'), key.trim_end_matches('/'));
    let waits = query.split('&').any(|parameter| parameter == "wait=true");
    match method {
        Method::Get if waits => told.starts_with(asked) || asked.starts_with(told),
        Method::Post => told.rsplit_once('/').is_some_and(|(parent, name)| {
            parent == asked && !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit())
        }),
        _ => told == asked,
    }
}

/// Whether `target` asks for `key`, which etcd tells without a slash at its end, and for the root not at all.
pub(crate) fn is_about(target: &str, key: &str) -> bool {
    // most keys stand in the target as they are
    let plain = target.as_bytes().strip_prefix(PREFIX.as_bytes());
    let plain = plain.and_then(|rest| rest.strip_prefix(key.as_bytes()));
    if matches!(plain, Some([] | [b'?', ..])) && memchr::memchr(b'%', key.as_bytes()).is_none() {
        return true;
    }
    let key = key.trim_end_matches('/').bytes();
    decoded(target).is_some_and(|asked| asked.eq(key))
}

/// Whether `key` is the key that `target` asks for, or a directory above it.
pub(crate) fn is_within(target: &str, key: &str) -> bool {
    let Some(mut asked) = decoded(target) else {
        return false;
    };
    let key = key.trim_end_matches('/').bytes();
    let above = key.into_iter().all(|b| asked.next() == Some(b));
    above && matches!(asked.next(), None | Some(b'/'))
}

/// The key of a target, byte by byte.
fn decoded(target: &str) -> Option<impl Iterator<Item = u8>> {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let rest = path.strip_prefix(PREFIX)?.trim_end_matches('/');
    Some(super::escape::decoded(rest.as_bytes()))
}

/// etcd answers these with a redirect to another key.
fn check(parameter: &str, segment: &[u8]) -> Result<()> {
    match segment {
        b"" => Err(Error::invalid(
            parameter,
            "has an empty segment; write one / between two names",
        )),
        b"." | b".." => Err(Error::invalid(
            parameter,
            format_args!(
                "has a segment \"{}\", which no key can have; write the full key",
                ".".repeat(segment.len())
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> String {
        let key = Key::parse("key", text).unwrap();
        let mut out = String::new();
        key.write_path(&mut out);
        assert_eq!(out.len(), key.path_len(), "{text}");
        out
    }

    #[test]
    fn answers_are_about_the_key_that_was_asked() {
        for (target, key, about) in [
            ("/v2/keys/a", "/a", true),
            ("/v2/keys/a/", "/a", true),
            ("/v2/keys/a?recursive=true", "/a", true),
            ("/v2/keys/a", "/ab", false),
            ("/v2/keys/ab", "/a", false),
            ("/v2/keys/a/b", "/a", false),
            ("/v2/keys/", "", true),
            ("/v2/keys/?sorted=true", "/", true),
            ("/v2/keys/a", "", false),
            ("/v2/keys/a%20b", "/a b", true),
            ("/v2/keys/%41", "/A", true),
            ("/v2/keys/%41", "/%41", false),
            ("/v2/keys/%2541", "/%41", true),
            ("/v2/keys/%C3%A4", "/\u{e4}", true),
            ("/v2/members", "/a", false),
        ] {
            assert_eq!(is_about(target, key), about, "{target} {key}");
        }
        for (target, key, within) in [
            ("/v2/keys/a/b", "/a", true),
            ("/v2/keys/a/b", "/", true),
            ("/v2/keys/a/b", "/a/b", true),
            ("/v2/keys/a/b", "/a/", true),
            ("/v2/keys/ab", "/a", false),
            ("/v2/keys/a", "/a/b", false),
        ] {
            assert_eq!(is_within(target, key), within, "{target} {key}");
        }
        assert!(answers(
            Method::Post,
            "/v2/keys/q",
            "/q/00000000000000000007"
        ));
        assert!(!answers(Method::Put, "/v2/keys/q", "/q/7"));
        assert!(!answers(Method::Post, "/v2/keys/q", "/q"));
        assert!(!answers(Method::Post, "/v2/keys/q", "/q/x7"));
        assert!(!answers(Method::Post, "/v2/keys/q", "/q/"));
        for (method, target, key, good) in [
            (Method::Put, "/v2/keys/q", "/q", true),
            (Method::Put, "/v2/keys/q/?dir=true", "/q", true),
            (Method::Put, "/v2/keys/a%2Fb%2f", "/a/b", true),
            (Method::Put, "/v2/keys/q", "/r", false),
            (Method::Put, "/v2/keys/q", "/q/7", false),
            (Method::Post, "/v2/keys/q", "/q/7", true),
            (Method::Post, "/v2/keys/q", "/q/seven", false),
            (Method::Post, "/v2/keys/q", "/q", false),
            (Method::Post, "/v2/keys", "/7", true),
            (Method::Get, "/v2/keys?recursive=true", "/", true),
            (
                Method::Get,
                "/v2/keys/q?wait=true&recursive=true",
                "/q/a/b",
                true,
            ),
            (Method::Get, "/v2/keys/q?wait=true", "/r", false),
            (Method::Get, "/v2/keys/q?recursive=true", "/q/a", false),
            (Method::Get, "/v2/keys/%FF", "/\u{fffd}", true),
            (Method::Get, "/v2/keysfoo", "/a", true),
            (Method::Get, "/other", "/a", true),
        ] {
            assert_eq!(answers_raw(method, target, key), good, "{target} {key}");
        }
        assert!(!answers(Method::Post, "/v2/keys/q", "/other/7"));
    }

    #[test]
    fn keys_and_their_paths() {
        for (key, expected) in [
            ("/", "/v2/keys/"),
            ("/a", "/v2/keys/a"),
            ("/a/", "/v2/keys/a/"),
            ("/a/b.c/...", "/v2/keys/a/b.c/..."),
            ("/a b", "/v2/keys/a%20b"),
            ("/a+b;c", "/v2/keys/a%2Bb%3Bc"),
            ("/%2F", "/v2/keys/%252F"),
            ("/?#&=:@", "/v2/keys/%3F%23%26%3D%3A%40"),
            ("/ü/\u{0}\n", "/v2/keys/%C3%BC/%00%0A"),
            ("/_hidden/.x", "/v2/keys/_hidden/.x"),
            ("/a-._~Z9", "/v2/keys/a-._~Z9"),
        ] {
            assert_eq!(path(key), expected);
            assert_eq!(Key::parse("key", key).unwrap().text(), key);
            assert_eq!(Key::parse("key", key).unwrap().is_root(), key == "/");
        }
    }

    #[test]
    fn refused_keys_name_the_parameter() {
        for key in [
            "", "a", "a/b", "//", "///", "/a//b", "/a//", "//a", "/.", "/..", "/./", "/a/./b",
            "/a/../b", "/a/..", " /a", "\u{0}",
        ] {
            let error = Key::parse("directory", key).unwrap_err();
            assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{key}");
            let text = error.to_string();
            assert!(
                text.starts_with("directory: ") && !text.contains('\n'),
                "{text}"
            );
        }
    }

    #[test]
    fn the_limit_is_on_the_encoded_path() {
        let fits = format!("/{}", "a".repeat(MAX_TARGET - PREFIX.len() - 1));
        assert_eq!(path(&fits).len(), MAX_TARGET);
        let error = Key::parse("key", &format!("{fits}a")).unwrap_err();
        assert_eq!(error.status(), Status::TOO_LARGE);
        assert!(error.to_string().starts_with("key: 65001 bytes"), "{error}");
        let error = Key::parse("key", &format!("/{}", "ü".repeat(11_000))).unwrap_err();
        assert_eq!(error.status(), Status::TOO_LARGE);
    }
}
