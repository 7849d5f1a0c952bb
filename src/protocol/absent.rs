//! A member without the v2 API: how its "404 page not found" is told from that of other servers.

use super::admin::versions;
use super::http_request::{HttpRequest, ResponseKind};
use crate::error::Error;
use crate::status::Status;

/// The answer of Go's net/http to an unknown path: from etcd without the API, and from every other server written in Go.
const NO_PAGE: &[u8] = b"404 page not found";
/// The first major version that can run without the API.
const OPTIONAL: u32 = 3;

/// Whether an answer is "404 page not found".
pub(crate) fn is_no_page(status: u16, body: &[u8]) -> bool {
    status == 404 && body.trim_ascii() == NO_PAGE
}

/// Whether every etcd with the API has what `http_request` asks for. Of raw requests only those for keys are known.
pub(crate) fn is_of_the_api(http_request: &HttpRequest) -> bool {
    let rest = http_request.target.strip_prefix("/v2/keys");
    let of_keys = rest.is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/' | b'?', ..]));
    of_keys
        || (http_request.expect != ResponseKind::Anything
            && http_request.target.starts_with("/v2/"))
}

/// The error for a member that answered so, if its `/version` shows that it is an etcd that can run without the API.
pub(crate) fn explain(status: u16, version: &[u8]) -> Option<Error> {
    let server = versions::read(version)
        .ok()
        .filter(|_| status == 200)?
        .server;
    let major: u32 = server.split('.').next()?.parse().ok()?;
    (major >= OPTIONAL).then(|| {
        let text = format!(
            "etcd {server} has no v2 API here: 3.4 and 3.5 have one with --enable-v2, 3.6 and later have none"
        );
        let mut error = Error::new(Status::UNSUPPORTED, text);
        error.detail_mut().http_status = 404;
        error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_etcd_3_can_be_without_the_api() {
        for (status, body, absent) in [
            (
                200,
                r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#,
                true,
            ),
            (
                200,
                r#"{"etcdserver":"3.6.1","etcdcluster":"not_decided"}"#,
                true,
            ),
            (
                200,
                r#"{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}"#,
                false,
            ),
            (200, "etcd 0.4.9", false),
            (
                404,
                r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#,
                false,
            ),
            (404, "404 page not found\n", false),
            (200, "404 page not found\n", false),
            (200, r#"{"version":"3.5.30"}"#, false),
            (
                200,
                r#"{"etcdserver":"three","etcdcluster":"3.5.0"}"#,
                false,
            ),
            (200, "", false),
        ] {
            let told = explain(status, body.as_bytes());
            assert_eq!(told.is_some(), absent, "{status} {body}");
            if let Some(error) = told {
                let text = error.to_string();
                assert!(
                    text.contains("3.6") && text.contains("--enable-v2"),
                    "{text}"
                );
            }
        }
        for (body, no_page) in [
            ("404 page not found\n", true),
            ("404 page not found", true),
            ("404 page not found on this server", false),
            ("", false),
        ] {
            assert_eq!(is_no_page(404, body.as_bytes()), no_page, "{body}");
            assert!(!is_no_page(200, body.as_bytes()));
        }
        for (target, known) in [
            ("/v2/keys", true),
            ("/v2/keys/a", true),
            ("/v2/keys?recursive=true", true),
            ("/v2/keysfoo", false),
            ("/v2/foo", false),
            ("/", false),
        ] {
            assert_eq!(is_of_the_api(&HttpRequest::get(target)), known, "{target}");
        }
    }
}
