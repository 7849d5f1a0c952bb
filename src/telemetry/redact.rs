//! Bodies of requests without the passwords in them.
//!
//! etcd reads the names of members without regard to case, as Go does, and the first value of a body whatever follows it.
//! So every member that may be read as a password is masked, at any depth, and what is not JSON is hidden as a whole where
//! a password may be in it.

use crate::protocol::http_request::HttpRequest;
use crate::protocol::json::{Broken, Json};
use std::ops::Range;

const MASK: &[u8] = b"***";
const QUOTED_MASK: &[u8] = b"\"***\"";
const NAME: &str = "password";
/// Containers inside each other; no request of etcd has more than three.
const DEEPEST: usize = 64;

/// The body with its passwords masked; `None` if it has none.
pub(super) fn without_passwords(http_request: &HttpRequest, body: &[u8]) -> Option<Vec<u8>> {
    if body.is_empty() || is_form_of_a_key(http_request) {
        return None;
    }
    let mut secrets = Vec::new();
    match find(body, &mut secrets) {
        Ok(()) if secrets.is_empty() => None,
        Ok(()) => {
            let (mut masked, mut from) = (Vec::with_capacity(body.len()), 0);
            for secret in secrets {
                masked.extend_from_slice(body.get(from..secret.start).unwrap_or_default());
                masked.extend_from_slice(QUOTED_MASK);
                from = secret.end;
            }
            masked.extend_from_slice(body.get(from..).unwrap_or_default());
            Some(masked)
        }
        Err(_) => {
            let target = percent_decoded(&http_request.target).to_ascii_lowercase();
            let may = target.contains("auth") || mentions(body);
            may.then(|| MASK.to_vec())
        }
    }
}

/// Values of keys are what a caller wants to see, whatever stands in them.
fn is_form_of_a_key(http_request: &HttpRequest) -> bool {
    let form = "application/x-www-form-urlencoded";
    let target = percent_decoded(&http_request.target);
    let path = target.split('?').next().unwrap_or_default();
    http_request.content_type.as_deref() == Some(form)
        && path.starts_with("/v2/keys")
        && !path.split('/').any(|segment| segment == "..")
}

/// The places of the values of all members with the name, in order.
fn find(body: &[u8], secrets: &mut Vec<Range<usize>>) -> Result<(), Broken> {
    let text = std::str::from_utf8(body);
    let text = text.map_err(|e| Broken::new(e.valid_up_to(), "not UTF-8"))?;
    let mut json = Json::new(text);
    value(&mut json, secrets, DEEPEST)?;
    json.end()
}

fn value(json: &mut Json<'_>, secrets: &mut Vec<Range<usize>>, depth: usize) -> Result<(), Broken> {
    match json.token()? {
        b'{' | b'[' if depth == 0 => Err(Broken::new(json.position(), "nested too deep")),
        b'{' => {
            json.object()?;
            let mut first = true;
            while let Some(name) = json.member(std::mem::take(&mut first))? {
                json.token()?;
                let start = json.position();
                if is_password(&name.to_text()) {
                    json.skip()?;
                    secrets.push(start..json.position());
                } else {
                    value(json, secrets, depth - 1)?;
                }
            }
            Ok(())
        }
        b'[' => {
            json.array()?;
            let mut first = true;
            while json.element(std::mem::take(&mut first))? {
                value(json, secrets, depth - 1)?;
            }
            Ok(())
        }
        _ => json.skip(),
    }
}

fn is_password(name: &str) -> bool {
    folded(name) == NAME
}

/// As Go compares names: the long s of old prints is an s, too.
fn folded(text: &str) -> String {
    let plain = |c: char| {
        if c == '\u{17f}' {
            's'
        } else {
            c.to_ascii_lowercase()
        }
    };
    text.chars().map(plain).collect()
}

/// Whether the name stands anywhere in what is no JSON, if need be behind escapes.
fn mentions(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let (mut plain, mut rest) = (String::with_capacity(text.len()), &*text);
    while let Some(at) = rest.find("\\u") {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let digits = escape.get(2..6);
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match unit.and_then(char::from_u32) {
            Some(c) => {
                plain.push(c);
                rest = escape.get(6..).unwrap_or_default();
            }
            None => rest = escape.get(2..).unwrap_or_default(),
        }
    }
    plain.push_str(rest);
    folded(&plain).contains(NAME)
}

fn percent_decoded(target: &str) -> String {
    let bytes = target.as_bytes();
    let (mut plain, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = target.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                plain.push(decoded);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(target: &str, body: &str) -> Option<String> {
        let json = Some("application/json");
        let http_request = HttpRequest::raw("PUT", "/", Some(body.as_bytes()), json).unwrap();
        // also targets that `HttpRequest::raw` refuses
        let target = target.to_owned();
        let http_request = HttpRequest {
            target,
            ..http_request
        };
        let masked = without_passwords(&http_request, body.as_bytes())?;
        Some(String::from_utf8(masked).unwrap())
    }

    #[test]
    fn every_member_that_may_be_a_password_is_masked_and_the_rest_stays() {
        for (body, expected) in [
            (r#"{"user":"a"}"#, None),
            (r#""password""#, None),
            (r#"{"a":["password"]}"#, None),
            (r#"{"a":{"passwords":1}}"#, None),
            (
                r#"{ "Password" : "canary" , "b":1e999}"#,
                Some(r#"{ "Password" : "***" , "b":1e999}"#),
            ),
            (
                r#"{"PASSWORD":{"x":"canary"}}"#,
                Some(r#"{"PASSWORD":"***"}"#),
            ),
            (
                r#"[{"a":[{"pass\u0077ord":"can\"ary"}]}]"#,
                Some(r#"[{"a":[{"pass\u0077ord":"***"}]}]"#),
            ),
            (
                "{\"pa\u{17f}\\u017fword\":\"canary\"}",
                Some("{\"pa\u{17f}\\u017fword\":\"***\"}"),
            ),
            (
                r#"{"password":"canary","password":"canary"}"#,
                Some(r#"{"password":"***","password":"***"}"#),
            ),
            (r#"{"Password":"canary"} x"#, Some("***")),
            (r#"{"Password":"canary"#, Some("***")),
            (r#"{"pass\u0057ord":"canary""#, Some("***")),
            ("Password=canary", Some("***")),
            ("a=b", None),
        ] {
            assert_eq!(masked("/v2/any", body).as_deref(), expected, "{body}");
        }
        for target in ["/v2/auth/users/x", "/v2/%61uth/users/x", "//v2/AUTH"] {
            assert_eq!(masked(target, "canary").as_deref(), Some("***"), "{target}");
        }
        let deep = format!(
            "{}{{\"password\":\"canary\"}}{}",
            "[".repeat(99),
            "]".repeat(99)
        );
        assert_eq!(masked("/", &deep).as_deref(), Some("***"));
    }

    #[test]
    fn forms_of_keys_are_shown() {
        let form = Some("application/x-www-form-urlencoded");
        let body = b"value={\"password\":\"mine\"}";
        for (target, shown) in [
            ("/v2/keys/a?x=..", true),
            ("/v2/keys/../auth/users/a", false),
            ("/v2/keys/%2e%2E/auth/users/a", false),
            ("/v2/auth/users/a", false),
        ] {
            let http_request = HttpRequest::raw("PUT", target, Some(body), form);
            if let Ok(http_request) = http_request {
                assert_eq!(
                    without_passwords(&http_request, body).is_none(),
                    shown,
                    "{target}"
                );
            }
        }
    }
}
