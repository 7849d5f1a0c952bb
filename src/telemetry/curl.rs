//! A request as a command for a POSIX shell.

use crate::protocol::endpoint::{Address, Endpoint, Scheme};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::method::Method;
use crate::telemetry::redact::without_passwords;
use crate::transport::tls::settings::{PemSource, TlsSettings};
use std::fmt::Write as _;

/// Longest argument that Linux lets a command have, with room for the rest.
const LONGEST_ARGUMENT: usize = 100 * 1024;

/// What, run by a shell, sends the same request to the same member, asked by `user`. Passwords are masked, and what TLS was
/// given from memory is named as a file.
pub fn command(
    endpoint: &Endpoint,
    http_request: &HttpRequest,
    user: Option<&str>,
    tls: &TlsSettings,
) -> String {
    let body = http_request.body.as_deref().unwrap_or_default();
    let masked = without_passwords(http_request, body);
    let body = masked.as_deref().unwrap_or(body);
    let text = std::str::from_utf8(body).ok();
    // curl takes what begins with @ for the name of a file
    let fits = |t: &&str| t.len() <= LONGEST_ARGUMENT && !t.starts_with('@');
    let as_it_is = text.filter(|t| fits(t) && !t.contains(char::is_control));
    let mut out = String::with_capacity(256 + http_request.target.len() + body.len());
    if as_it_is.is_none() {
        out.push_str("printf ");
        format_of_printf(&mut out, body);
        out.push_str(" | ");
    }
    // the URL as it is, and nothing that the environment says about proxies
    out.push_str("curl -sS -g --path-as-is --noproxy '*'");
    match http_request.method {
        Method::Get => {}
        Method::Head => out.push_str(" -I"),
        method => {
            out.push_str(" -X ");
            out.push_str(method.name());
        }
    }
    if let Some(user) = user {
        out.push_str(" -u ");
        quote(&mut out, &format!("{user}:***"));
    }
    if let Address::Unix(path) = endpoint.place() {
        out.push_str(" --unix-socket ");
        quote(&mut out, &path.to_string_lossy());
    }
    if let (Some(_), Some(of)) = (&http_request.body, &http_request.content_type) {
        out.push_str(" -H ");
        quote(&mut out, &format!("Content-Type: {of}"));
    }
    if matches!(http_request.method, Method::Put | Method::Post) {
        if http_request.body.is_none() || http_request.content_type.is_none() {
            // curl would add one of its own
            out.push_str(" -H Content-Type:");
        }
        out.push_str(" --data-binary ");
        match as_it_is {
            Some(text) => quote(&mut out, text),
            None => out.push_str("@-"),
        }
    }
    let mut origin = match endpoint.place() {
        Address::Unix(_) => format!("http://{}", endpoint.authority()),
        Address::Tcp(..) => endpoint.url().to_string(),
    };
    if endpoint.scheme() == Scheme::Https {
        trust(&mut out, tls);
        if let (Some(name), Address::Tcp(_, port)) = (tls.server_name(), endpoint.place()) {
            out.push_str(" --connect-to ");
            quote(&mut out, &format!("::{}", endpoint.authority()));
            origin = format!("https://{name}:{port}");
        }
    }
    out.push(' ');
    quote(&mut out, &format!("{origin}{}", http_request.target));
    out
}

/// Whom curl is to trust, and what it is to show.
fn trust(out: &mut String, tls: &TlsSettings) {
    let mut file = |option: &str, source: &PemSource, name: &str| {
        out.push_str(option);
        quote(out, source.path().unwrap_or(name));
    };
    if let Some(authorities) = tls.authorities() {
        file(" --cacert ", authorities, "ca.pem");
    }
    if let Some((cert, key)) = tls.identity() {
        file(" --cert ", cert, "cert.pem");
        file(" --key ", key, "key.pem");
    }
    // curl pins keys and not certificates: where only a pin decides it can but believe everybody
    let only_pinned = tls.authorities().is_none() && !tls.pins().is_empty();
    if tls.skips_verify() || only_pinned {
        out.push_str(" -k");
    }
}

/// One word of a shell.
fn quote(out: &mut String, text: &str) {
    out.push('\'');
    for part in text.split_inclusive('\'') {
        match part.strip_suffix('\'') {
            Some(before) => {
                out.push_str(before);
                out.push_str("'\\''");
            }
            None => out.push_str(part),
        }
    }
    out.push('\'');
}

/// Any bytes as the first argument of printf(1).
fn format_of_printf(out: &mut String, bytes: &[u8]) {
    out.push('\'');
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            // what begins with it would be an option
            b'-' if i == 0 => out.push_str("\\055"),
            b'%' => out.push_str("%%"),
            b'\\' => out.push_str("\\\\"),
            b'\'' => out.push_str("\\047"),
            b' '..=b'~' => out.push(char::from(*byte)),
            // three digits, so that none that follows belongs to it
            other => drop(write!(out, "\\{other:03o}")),
        }
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str, http_request: &HttpRequest) -> String {
        command(
            &Endpoint::parse("url", url).unwrap(),
            http_request,
            None,
            &TlsSettings::default(),
        )
    }

    const CURL: &str = "curl -sS -g --path-as-is --noproxy '*'";

    #[test]
    fn every_method_has_its_form() {
        let get = HttpRequest::get("/v2/keys/a%20b?sorted=true");
        assert_eq!(
            said("a:1", &get),
            format!("{CURL} 'http://a:1/v2/keys/a%20b?sorted=true'")
        );
        let head = HttpRequest {
            method: Method::Head,
            ..get.clone()
        };
        assert!(said("a:1", &head).starts_with(&format!("{CURL} -I ")));
        let delete = HttpRequest::raw("DELETE", "/x", None, None).unwrap();
        assert_eq!(
            said("unix:///a/it's", &delete),
            format!("{CURL} -X DELETE --unix-socket '/a/it'\\''s' 'http://localhost/x'")
        );
        let put = HttpRequest::raw("PUT", "/x", None, None).unwrap();
        assert_eq!(
            said("[::1]:1", &put),
            format!("{CURL} -X PUT -H Content-Type: --data-binary '' 'http://[::1]:1/x'")
        );
    }

    #[test]
    fn bodies_that_no_argument_can_hold_come_from_printf() {
        let body = |bytes: &[u8]| {
            let http_request = HttpRequest::raw("POST", "/x", Some(bytes), Some("a/b")).unwrap();
            said("a:1", &http_request)
        };
        assert!(
            body("käse & 'brot'".as_bytes()).contains(" --data-binary 'käse & '\\''brot'\\''' ")
        );
        for (bytes, format) in [
            (&b"a\0b1"[..], "a\\000b1"),
            (b"a\nb", "a\\012b"),
            (b"\xff%\\'\x7f", "\\377%%\\\\\\047\\177"),
            (b"@file", "@file"),
            (b"-v\n-", "\\055v\\012-"),
        ] {
            let said = body(bytes);
            let begin = format!("printf '{format}' | {CURL} -X POST ");
            assert!(said.starts_with(&begin), "{said}");
            assert!(said.contains(" --data-binary @- "), "{said}");
            assert!(!said.contains('\n'));
        }
        assert!(body(&[b'x'; LONGEST_ARGUMENT + 1]).starts_with("printf 'xxx"));
    }

    #[test]
    fn passwords_of_users_are_masked() {
        let user = br#"{"user":"me","password":"canary"}"#;
        let json = Some("application/json");
        let http_request = HttpRequest::raw("PUT", "/v2/auth/users/me", Some(user), json).unwrap();
        let said = said("a:1", &http_request);
        assert!(!said.contains("canary") && said.contains("***"), "{said}");
        let endpoint = Endpoint::parse("url", "a:1").unwrap();
        let said = command(
            &endpoint,
            &HttpRequest::get("/"),
            Some("it's me"),
            &TlsSettings::default(),
        );
        assert!(said.contains(" -u 'it'\\''s me:***' "), "{said}");
    }
}
