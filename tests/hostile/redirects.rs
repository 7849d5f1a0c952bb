//! Redirects that are followed, and those that lead nowhere.

use super::play::*;
use super::support::Scripted;

#[test]
fn redirects_keep_method_and_body() {
    let leader = Scripted::json(NODE);
    let program = program();
    for status in [307, 308] {
        for absolute in [true, false] {
            let before = leader.requests().len();
            let url = leader.url().to_owned();
            // relative: to the same server, elsewhere
            let follower = Scripted::tcp(move |c| {
                while let Some(request) = c.read_request()? {
                    if request.windows(7).any(|w| w == b"/moved?") {
                        c.answer_json(NODE)?;
                        continue;
                    }
                    let to = if absolute {
                        format!("{url}/v2/keys/moved?x=y")
                    } else {
                        "/v2/keys/moved?x=y".to_owned()
                    };
                    c.answer(status, &[("Location", &to)], "")?;
                }
                Ok(())
            });
            for verb in ["get", "set", "post", "delete"] {
                let told = one(&program, verb, follower.url(), "/here");
                assert_eq!(told.status, "OK", "{status} {verb}: {told:?}");
            }
            let mut requests = follower.requests();
            if absolute {
                assert_eq!(requests.len(), 4);
                requests.extend(leader.requests().into_iter().skip(before));
            } else {
                requests.sort_by_key(|r| r.windows(7).any(|w| w == b"/moved?"));
            }
            assert_eq!(requests.len(), 8);
            let method = |r: &[u8]| {
                String::from_utf8_lossy(r)
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            let body = |r: &[u8]| {
                String::from_utf8_lossy(r)
                    .split("\r\n\r\n")
                    .nth(1)
                    .unwrap_or_default()
                    .to_owned()
            };
            let (asked, followed) = requests.split_at(4);
            for (a, f) in asked.iter().zip(followed) {
                assert_eq!((method(a), body(a)), (method(f), body(f)));
                assert!(String::from_utf8_lossy(f).contains(" /v2/keys/moved?x=y HTTP/1.1"));
            }
            assert!(
                body(&followed[1]).contains("value=a"),
                "{:?}",
                body(&followed[1])
            );
        }
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
    let refused = ("REDIRECT", false);
    let mut cases = Vec::new();
    for status in [301, 302, 303] {
        cases.push(raw(
            format!("{status}"),
            to(status, "/v2/keys/c0"),
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
        let own = format!("/v2/keys/c{}", cases.len());
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
            FOREIGN_NO,
        ));
        cases.push(raw(
            format!("{status} to nothing"),
            to(status, ""),
            "PROTOCOL",
            FOREIGN_NO,
        ));
    }
    judge(&program(), &cases);

    let loops = Scripted::tcp(|c| {
        while c.read_request()?.is_some() {
            c.answer(307, &[("Location", "/v2/keys/again")], "")?;
        }
        Ok(())
    });
    let told = one(&program(), "set", loops.url(), "/again");
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
