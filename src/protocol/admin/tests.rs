use super::{check::check, page::Page, page::StatsKind, *};
use crate::protocol::answer::{Verdict, judge};
use crate::protocol::decode_limits::DecodeLimits;
use crate::protocol::response_head::Head;
use crate::status::Status;

/// Bodies of real servers, each under its page.
const BODIES: &[(Page, &str)] = &[
    (
        Page::Members,
        r#"{"members":[{"id":"4a87bd22c011170","name":"m1","peerURLs":["http://127.0.0.1:2380","http://[::1]:2380"],"clientURLs":["http://127.0.0.1:2379"]},{"id":"7a8e1b06941643d2","name":"","peerURLs":["http://10.0.0.9:2380"],"clientURLs":[]}]}"#,
    ),
    (
        Page::Member,
        r#"{"id":"692b946f5fd30ec3","name":"m2","peerURLs":["http://127.0.0.1:2480"],"clientURLs":["http://127.0.0.1:2479"]}"#,
    ),
    (
        Page::Stats(StatsKind::Own),
        r#"{"name":"m1","id":"7a8e1b06941643d2","state":"StateFollower","startTime":"2026-11-22T18:56:22.600441953Z","leaderInfo":{"leader":"692b946f5fd30ec3","uptime":"1.631669605s","startTime":"2026-11-22T18:56:23.1Z"},"recvAppendRequestCnt":5,"recvPkgRate":4.82,"recvBandwidthRate":560.6,"sendAppendRequestCnt":0}"#,
    ),
    (
        Page::Stats(StatsKind::Leader),
        r#"{"leader":"692b946f5fd30ec3","followers":{"4a87bd22c011170":{"latency":{"current":0.0009,"average":0.0027,"standardDeviation":0.0022,"minimum":0.0005,"maximum":0.0071},"counts":{"fail":0,"success":10}}}}"#,
    ),
    (
        Page::Stats(StatsKind::Leader),
        r#"{"leader":"692b946f5fd30ec3","followers":{}}"#,
    ),
    (
        Page::Stats(StatsKind::Store),
        r#"{"getsSuccess":2,"getsFail":3,"setsSuccess":4,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,"updateFail":0,"createSuccess":3,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":18446744073709551615}"#,
    ),
    (
        Page::Version,
        r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#,
    ),
    (
        Page::Version,
        r#"{"etcdserver":"2.3.8","etcdcluster":"not_decided"}"#,
    ),
    (Page::Version, "etcd 2.0.13"),
    (Page::Health, r#"{"health":"true","reason":""}"#),
    (
        Page::Health,
        r#"{"health":"false","reason":"RAFT NO LEADER"}"#,
    ),
    (Page::Health, r#"{"health": "true"}"#),
    (Page::Health, r#"{"health": "false"}"#),
    (Page::Health, r#"{"health":true}"#),
    (Page::Enabled, r#"{"enabled":false}"#),
    (Page::Users, r#"{"users":null}"#),
    (
        Page::Users,
        r#"{"users":[{"user":"al","roles":[{"role":"r1","permissions":{"kv":{"read":["/a/*"],"write":null}}}]},{"user":"root"}]}"#,
    ),
    (Page::Users, r#"{"users":["al","root"]}"#),
    (Page::User, r#"{"user":"al","roles":["r1","r2"]}"#),
    (Page::User, r#"{"user":"al","roles":null}"#),
    (
        Page::User,
        r#"{"user":"al","roles":[{"role":"r1","permissions":{"kv":{"read":[],"write":[]}}}]}"#,
    ),
    (
        Page::Roles,
        r#"{"roles":[{"role":"guest","permissions":{"kv":{"read":["/*"],"write":["/*"]}}},{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}]}"#,
    ),
    (Page::Roles, r#"{"roles":["root"]}"#),
    (
        Page::Role,
        r#"{"role":"r1","permissions":{"kv":{"read":["/a/*","/b"],"write":["/c"]}}}"#,
    ),
    (
        Page::Role,
        r#"{"role":"r1","permissions":{"kv":{"read":null,"write":null}}}"#,
    ),
    (Page::Role, r#"{"role":"r1","permissions":null}"#),
];

fn body(page: Page, n: usize) -> &'static [u8] {
    let mut of_page = BODIES.iter().filter(|(p, _)| *p == page);
    of_page.nth(n).unwrap().1.as_bytes()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|t| (*t).to_owned()).collect()
}

#[test]
fn members_in_order_with_all_their_urls() {
    let list = members::list(body(Page::Members, 0)).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((&*list[0].id, &*list[0].name), ("4a87bd22c011170", "m1"));
    let peers = texts(&["http://127.0.0.1:2380", "http://[::1]:2380"]);
    assert_eq!(list[0].peer_urls, peers);
    assert_eq!(list[0].client_urls, texts(&["http://127.0.0.1:2379"]));
    assert_eq!((&*list[1].name, list[1].client_urls.len()), ("", 0));
    assert_eq!(members::one(body(Page::Member, 0)).unwrap().name, "m2");
    assert!(members::list(br#"{"members":[]}"#).unwrap().is_empty());
}

#[test]
fn numbers_under_their_names() {
    let own = stats::read(StatsKind::Own, body(Page::Stats(StatsKind::Own), 0)).unwrap();
    for (name, text) in [
        ("name", "m1"),
        ("id", "7a8e1b06941643d2"),
        ("state", "StateFollower"),
        ("startTime", "2026-11-22T18:56:22.600441953Z"),
        ("leaderInfo.leader", "692b946f5fd30ec3"),
        ("leaderInfo.uptime", "1.631669605s"),
        ("leaderInfo.startTime", "2026-11-22T18:56:23.1Z"),
        ("leader", ""),
    ] {
        assert_eq!(own.text(name), text, "{name}");
    }
    let numbers = [
        ("recvAppendRequestCnt", 5.0),
        ("recvPkgRate", 4.82),
        ("recvBandwidthRate", 560.6),
        ("sendAppendRequestCnt", 0.0),
    ];
    assert_eq!(own.numbers, numbers.map(|(name, n)| (name.to_owned(), n)));

    let leader = stats::read(StatsKind::Leader, body(Page::Stats(StatsKind::Leader), 0)).unwrap();
    assert_eq!(leader.text("leader"), "692b946f5fd30ec3");
    assert_eq!(leader.followers.len(), 1);
    assert_eq!(leader.followers[0].text("id"), "4a87bd22c011170");
    let numbers = &leader.followers[0].numbers;
    assert_eq!(numbers.len(), 7);
    assert!(numbers.contains(&("latency.standardDeviation".to_owned(), 0.0022)));
    assert!(numbers.contains(&("counts.success".to_owned(), 10.0)));

    let store = stats::read(StatsKind::Store, body(Page::Stats(StatsKind::Store), 0)).unwrap();
    assert_eq!(store.numbers.len(), 16);
    assert_eq!(store.numbers[2], ("setsSuccess".to_owned(), 4.0));
}

#[test]
fn versions_as_text_and_as_json() {
    for (n, server, cluster) in [
        (0, "3.4.23", "3.4.0"),
        (1, "2.3.8", "not_decided"),
        (2, "2.0.13", ""),
    ] {
        let versions = versions::read(body(Page::Version, n)).unwrap();
        assert_eq!((&*versions.server, &*versions.cluster), (server, cluster));
    }
}

#[test]
fn health_as_string_and_as_word() {
    for (n, healthy, reason) in [
        (0, true, ""),
        (1, false, "RAFT NO LEADER"),
        (2, true, ""),
        (3, false, ""),
        (4, true, ""),
    ] {
        let health = health::read(body(Page::Health, n)).unwrap();
        assert_eq!((health.healthy, &*health.reason), (healthy, reason));
    }
    assert!(health::read(br#"{"health":"perhaps"}"#).is_err());
    assert!(health::read(br#"{"health":1}"#).is_err());
}

#[test]
fn users_and_roles_as_names_and_as_objects() {
    let users = |n| users::list(body(Page::Users, n)).unwrap();
    assert!(users(0).is_empty());
    assert_eq!(users(1)[0].roles, texts(&["r1"]));
    assert_eq!((&*users(1)[1].name, users(1)[1].roles.len()), ("root", 0));
    assert_eq!(users(2)[0].name, "al");
    let user = |n| users::one(body(Page::User, n)).unwrap().roles;
    assert_eq!(user(0), texts(&["r1", "r2"]));
    assert_eq!((user(1), user(2)), (texts(&[]), texts(&["r1"])));

    let roles = |n| roles::list(body(Page::Roles, n)).unwrap();
    assert_eq!(roles(0)[0].write, texts(&["/*"]));
    assert_eq!(roles(1)[0].name, "root");
    let role = |n| roles::one(body(Page::Role, n)).unwrap();
    assert_eq!(role(0).read, texts(&["/a/*", "/b"]));
    assert_eq!(role(0).write, texts(&["/c"]));
    assert!(role(1).read.is_empty() && role(2).write.is_empty());
    assert!(!auth::enabled(body(Page::Enabled, 0)).unwrap());
}

#[test]
fn what_is_sent_is_json_with_every_character() {
    let text =
        |http_request: &HttpRequest| String::from_utf8(http_request.body.clone().unwrap()).unwrap();
    let http_request = members::add("http://a:1, http://b:2").unwrap();
    assert_eq!(
        (
            http_request.method.name(),
            &*http_request.target,
            &*text(&http_request)
        ),
        (
            "POST",
            "/v2/members",
            r#"{"peerURLs":["http://a:1","http://b:2"]}"#
        )
    );
    assert_eq!(
        http_request.content_type.as_deref(),
        Some("application/json")
    );
    assert_eq!(http_request.repeat, Idempotency::Never);
    let http_request = members::remove("4a87bd22c011170").unwrap();
    assert_eq!(
        (
            http_request.method,
            http_request.repeat,
            http_request.body,
            http_request.content_type
        ),
        (Method::Delete, Idempotency::IfAllowed, None, None)
    );
    let http_request = users::put("a b\"ä", "p\\\"\n", &[]).unwrap();
    assert_eq!(http_request.target, "/v2/auth/users/a%20b%22%C3%A4");
    assert_eq!(
        text(&http_request),
        r#"{"password":"p\\\"\n","user":"a b\"ä"}"#
    );
    let http_request = users::grant("al", &["r1", "r2"]).unwrap();
    assert_eq!(text(&http_request), r#"{"grant":["r1","r2"],"user":"al"}"#);
    let http_request = roles::revoke("r1", &["/*"], READ).unwrap();
    assert_eq!(
        text(&http_request),
        r#"{"revoke":{"kv":{"read":["/*"],"write":[]}},"role":"r1"}"#
    );
    assert_eq!(
        (http_request.method, http_request.repeat),
        (Method::Put, Idempotency::Never)
    );
}

const READ: roles::Access = roles::Access {
    read: true,
    write: false,
};

#[test]
fn what_cannot_be_meant_is_refused_with_its_name() {
    let nothing = roles::Access {
        read: false,
        write: false,
    };
    let long = "x".repeat(1001);
    for (parameter, result) in [
        ("peer_urls", members::add("")),
        ("peer_urls", members::add("http://a:1,")),
        ("peer_urls", members::update("1", "a:2380")),
        ("id", members::update("", "http://a:1")),
        ("id", members::remove("0x1")),
        ("id", members::remove("11112222333344445")),
        ("id", members::remove("1/2")),
        ("name", users::ask("")),
        ("name", users::ask("a/b")),
        ("name", users::delete("..")),
        ("name", users::put(".", "p", &[])),
        ("name", users::ask(&long)),
        ("password", users::put("al", "", &[])),
        ("roles", users::put("al", "p", &[""])),
        ("roles", users::grant("al", &[])),
        ("roles", users::grant("al", &["a/b"])),
        ("roles", users::revoke("al", &[])),
        ("name", roles::create("")),
        ("name", roles::delete("a/b")),
        ("patterns", roles::grant("r", &[], READ)),
        ("patterns", roles::grant("r", &["a*"], READ)),
        ("patterns", roles::revoke("r", &[], READ)),
        ("access", roles::revoke("r", &["/a"], nothing)),
    ] {
        let error = result.map(|http_request| http_request.target).unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{error}");
        assert!(
            error.to_string().starts_with(&format!("{parameter}: ")),
            "{parameter}: {error}"
        );
    }
    // what somebody else has granted can be taken away
    assert!(roles::revoke("r", &["a*"], READ).is_ok());
    assert!(users::revoke("al", &["a/b"]).is_ok());
}

#[test]
fn a_page_is_itself_and_no_other() {
    for (page, body) in BODIES {
        check(*page, body.as_bytes()).unwrap();
        for other in Page::ALL {
            // a user may look like a role to whoever looks at the name only, and so on; these never do
            let odd = matches!(
                other,
                Page::Empty | Page::Enabled | Page::Health | Page::Version
            );
            assert!(!odd || other == *page || check(other, body.as_bytes()).is_err());
        }
    }
    for foreign in ["", "null", "[]", "{}", "5", "\"x\"", "<html>", "\u{feff}{}"] {
        for page in Page::ALL {
            let fits = check(page, foreign.as_bytes()).is_ok();
            let right = (page == Page::Empty && foreign.is_empty())
                || (matches!(page, Page::User | Page::Role) && foreign == "\"x\"");
            assert_eq!(fits, right, "{page:?} {foreign}");
        }
    }
}

#[test]
fn answers_are_judged_by_page() {
    let limits = DecodeLimits { depth: 9, nodes: 9 };
    let judge = |status, body: &str, page| {
        let body = body.as_bytes().to_vec();
        let expect = ResponseKind::Page(page);
        judge(Head::new(status), body, expect, &limits)
    };
    let unhealthy = r#"{"health":"false"}"#;
    let Verdict::Success(response) = judge(503, unhealthy, Page::Health) else {
        panic!("a member may say that it is unhealthy");
    };
    assert_eq!(response.body(), unhealthy.as_bytes());
    assert!(matches!(judge(204, "", Page::Empty), Verdict::Success(_)));
    for (status, body, page, expected) in [
        (503, "down", Page::Health, Status::SERVER_ERROR),
        (503, unhealthy, Page::Version, Status::SERVER_ERROR),
        (200, "<html>", Page::Empty, Status::PROTOCOL),
        (200, "<html>", Page::Users, Status::PROTOCOL),
        (
            404,
            "404 page not found\n",
            Page::Users,
            Status::UNSUPPORTED,
        ),
    ] {
        let Verdict::Trouble(error) = judge(status, body, page) else {
            panic!("{status} {body} is trouble");
        };
        assert_eq!(error.status(), expected, "{status} {body}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    for (page, body) in BODIES {
        let whole = body.as_bytes();
        for end in 0..whole.len() {
            // the version of old servers is text, which may end anywhere
            let text = whole.starts_with(b"etcd ");
            assert!(
                text || check(*page, &whole[..end]).is_err(),
                "{page:?} {end}"
            );
        }
        for at in 0..whole.len() {
            for byte in b"\0\"\\{}[]:,0-.eEntf\x7f\xff" {
                let mut changed = whole.to_vec();
                changed[at] = *byte;
                if let Err(error) = check(*page, &changed) {
                    assert_eq!(error.status(), Status::PROTOCOL);
                    assert!(!error.to_string().contains('\n'));
                }
            }
        }
    }
    let deep = "[".repeat(100_000);
    let wide = format!(r#"{{"x":{deep}"#);
    for page in Page::ALL {
        assert!(check(page, deep.as_bytes()).is_err() && check(page, wide.as_bytes()).is_err());
    }
}
