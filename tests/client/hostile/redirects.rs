//! Redirects that are followed, and those that lead nowhere.

use super::play::*;
use super::support::Scripted;

/// The target of a request.
fn target(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request).into_owned();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// Method and body of a request.
fn said(request: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(request);
    let method = text.split(' ').next().unwrap_or_default();
    let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
    (method.to_owned(), body.to_owned())
}

#[test]
fn redirects_keep_method_and_body() {
    let program = program();
    // a read goes anywhere, a write from a follower of 0.4 to its leader only: the same path and query
    for (status, verbs) in [
        (307, &["get", "set", "post", "delete"][..]),
        (308, &["get"]),
    ] {
        // what a script says about /a is told about the key that was asked for
        let leader = Scripted::json(&NODE.replace("/k", "/a"));
        let url = leader.url().to_owned();
        let follower = Scripted::tcp(move |c| {
            while let Some(request) = c.read_request()? {
                let to = format!("{url}{}", target(&request));
                c.answer(status, &[("Location", &to)], "")?;
            }
            Ok(())
        });
        for verb in verbs {
            let told = one(&program, verb, follower.url(), "/k");
            assert_eq!(told.status, "OK", "{status} {verb}: {told:?}");
        }
        let (asked, followed) = (follower.requests(), leader.requests());
        assert_eq!((asked.len(), followed.len()), (verbs.len(), verbs.len()));
        for (a, f) in asked.iter().zip(&followed) {
            assert_eq!((said(a), target(a)), (said(f), target(f)));
        }
    }
}

#[test]
fn a_relative_redirect_of_a_read_is_followed() {
    let follower = Scripted::tcp(|c| {
        while let Some(request) = c.read_request()? {
            if target(&request).contains("x=y") {
                c.answer_json(NODE)?;
            } else {
                c.answer(307, &[("Location", "/v2/keys/k?x=y")], "")?;
            }
        }
        Ok(())
    });
    let program = program();
    let told = one(&program, "get", follower.url(), "/k");
    assert_eq!(told.status, "OK", "{told:?}");
    for verb in ["set", "post", "delete"] {
        let before = follower.requests().len();
        let told = one(&program, verb, follower.url(), "/k");
        assert_eq!((told.status.as_str(), told.unknown), UNKNOWN, "{told:?}");
        assert_eq!(follower.requests().len(), before + 1);
    }
}

#[test]
fn redirects_that_lead_nowhere() {
    let to = |status: u16, location: &str| {
        with_headers(
            status,
            &format!("Location: {location}\r\nConnection: close\r\nContent-Length: 0\r\n"),
            "",
        )
    };
    // whoever sends a write elsewhere may have handed it on before
    let refused = UNKNOWN;
    let mut cases = Vec::new();
    for status in [301, 302, 303] {
        cases.push(raw(
            format!("{status}"),
            to(status, "/v2/keys/k"),
            "REDIRECT",
            refused,
        ));
        cases.push(raw(
            format!("{status} to nowhere"),
            with_headers(status, "Content-Length: 0\r\n", ""),
            "REDIRECT",
            refused,
        ));
    }
    for status in [307, 308] {
        let own = "/v2/keys/k".to_owned();
        cases.push(raw(
            format!("{status} to itself"),
            to(status, &own),
            "REDIRECT",
            refused,
        ));
        for location in [
            "ftp://127.0.0.1/v2/keys/k",
            "http://",
            "http://127.0.0.1:99999/v2/keys/k",
            "http://secret:hunter2@127.0.0.1:1/v2/keys/k",
            "javascript:alert(1)",
            "relative",
            "/a b",
            "/a#b",
            "/a<b",
            "http://127.0.0.1:1/a?`",
            "\u{e4}",
            "http://127.0.0.1:0/",
            "file:///etc/passwd",
            "unix:///tmp/none/v2/keys/k",
        ] {
            cases.push(raw(
                format!("{status} to {location}"),
                to(status, location),
                "REDIRECT",
                refused,
            ));
        }
        cases.push(raw(
            format!("{status} to nowhere"),
            with_headers(status, "Content-Length: 0\r\n", ""),
            "PROTOCOL",
            UNKNOWN,
        ));
        cases.push(raw(
            format!("{status} to nothing"),
            to(status, ""),
            "PROTOCOL",
            UNKNOWN,
        ));
    }
    judge(&program(), &cases);

    let loops = Scripted::tcp(|c| {
        while c.read_request()?.is_some() {
            c.answer(307, &[("Location", "/v2/keys/again")], "")?;
        }
        Ok(())
    });
    let told = one(&program(), "get", loops.url(), "/again");
    assert_eq!(
        (told.status.as_str(), told.unknown),
        ("REDIRECT", false),
        "{told:?}"
    );
    assert!(loops.requests().len() <= 12, "{}", loops.requests().len());

    // the password of a location is not repeated
    let secret = Scripted::tcp(|c| {
        while c.read_request()?.is_some() {
            c.answer(307, &[("Location", "http://a:hunter2@127.0.0.1:1/")], "")?;
        }
        Ok(())
    });
    let told = one(&program(), "get", secret.url(), "/secret");
    assert!(!told.text.contains("hunter2"), "{told:?}");
}
