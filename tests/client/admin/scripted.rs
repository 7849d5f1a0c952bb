//! What no real server does when it is asked to.

use super::{api, refused, refused_so};
use crate::support::{Scripted, Step};
use etcd_v2::client::admin::HealthState;
use etcd_v2::error::Result;
use etcd_v2::protocol::admin::page::StatsKind;
use etcd_v2::status::Status;
use etcd_v2::transport::credentials::Authorization;

const HTML: &str = "<html>welcome</html>";

/// Answers by what the request line begins with; everything else is not there.
fn pages(pages: &[(&str, u16, &str)]) -> Scripted {
    let pages: Vec<_> = pages
        .iter()
        .map(|(line, status, body)| (line.to_string(), *status, body.to_string()))
        .collect();
    Scripted::tcp(move |conversation| {
        while let Some(request) = conversation.read_request()? {
            let asked =
                |(line, _, _): &&(String, u16, String)| request.starts_with(line.as_bytes());
            let (status, body) = match pages.iter().find(asked) {
                Some((_, status, body)) => (*status, &**body),
                None => (404, "404 page not found\n"),
            };
            let headers = [
                ("Content-Type", "application/json"),
                ("X-Etcd-Cluster-Id", "7e27652122e8b2ae"),
            ];
            conversation.answer(status, &headers, body)?;
        }
        Ok(())
    })
}

fn of(servers: &[&Scripted]) -> api::Client {
    let urls: Vec<&str> = servers.iter().map(|server| server.url()).collect();
    api::client(&urls.join(","), 20_000)
}

#[test]
fn servers_before_3_are_understood() {
    let old = pages(&[
        ("GET /version ", 200, "etcd 2.0.13"),
        ("GET /health ", 503, r#"{"health": "false"}"#),
        ("GET /v2/auth/users ", 200, r#"{"users":["al","root"]}"#),
        (
            "GET /v2/auth/users/al ",
            200,
            r#"{"user":"al","roles":["r"]}"#,
        ),
        ("GET /v2/auth/roles ", 200, r#"{"roles":["root"]}"#),
    ]);
    let client = of(&[&old]);
    let (versions, _) = client.server_version(None).unwrap();
    assert_eq!((&*versions.server, &*versions.cluster), ("2.0.13", ""));
    assert_eq!(client.health(None).unwrap().state, HealthState::Unhealthy);
    assert_eq!(client.users().unwrap()[1].name, "root");
    assert_eq!(client.user("al").unwrap().roles, ["r"]);
    assert_eq!(client.roles().unwrap()[0].name, "root");
    let error = refused(client.members(), Status::UNSUPPORTED);
    assert!(error.to_string().contains(old.url()), "{error}");
    refused(client.auth_is_enabled(), Status::UNSUPPORTED);
}

#[test]
fn another_member_is_asked_when_one_is_no_etcd() {
    let foreign = Scripted::steps(vec![
        Step::Read,
        Step::Answer(200, Vec::new(), HTML.into()),
        Step::Again,
    ]);
    let etcd = pages(&[("GET /v2/auth/enable ", 200, r#"{"enabled":true}"#)]);
    assert!(of(&[&foreign, &etcd]).auth_is_enabled().unwrap());
    let error = refused(of(&[&foreign]).users(), Status::PROTOCOL);
    assert_eq!(error.detail().body, HTML.as_bytes());
    // a change may have been made by whoever answers so
    let error = refused(of(&[&foreign]).delete_user("al"), Status::OUTCOME_UNKNOWN);
    assert!(error.detail().outcome_unknown);
    let mut options = api::options(etcd.url(), 20_000);
    options.set_max_response_bytes(1024).unwrap();
    let long = format!(r#"{{"users":["{}"]}}"#, "u".repeat(2000));
    let large = pages(&[("GET /v2/auth/users ", 200, &long)]);
    options.add_endpoint("endpoint", large.url()).unwrap();
    refused(
        api::Client::new(&options).unwrap().users(),
        Status::TOO_LARGE,
    );
}

type Change = dyn Fn(&api::Client) -> Result<()>;

#[test]
fn what_makes_something_is_never_sent_twice() {
    let gone = || Scripted::steps(vec![Step::Read, Step::Close]);
    let ready = r#"{"id":"1","name":"","peerURLs":[],"clientURLs":[]}"#;
    let missing = r#"{"message":"auth: User al does not exist."}"#;
    let other = pages(&[
        ("GET /v2/auth/users/al ", 404, missing),
        ("POST ", 201, ready),
        ("PUT ", 200, ""),
        ("DELETE ", 200, ""),
    ]);
    let calls: [&Change; 6] = [
        &|c| c.add_member("http://a:1").map(drop),
        &|c| c.set_auth(true),
        &|c| c.create_user("al", "pw", &["r"]).map(drop),
        &|c| c.grant_user("al", &["r"]).map(drop),
        &|c| c.create_role("r").map(drop),
        &|c| c.delete_role("r"),
    ];
    for call in calls {
        let first = gone();
        let error = refused(call(&of(&[&first, &other])), Status::OUTCOME_UNKNOWN);
        assert!(error.detail().outcome_unknown);
        assert_eq!((first.requests().len(), other.requests().len()), (1, 0));
    }
}

#[test]
fn what_is_as_good_twice_is_sent_again() {
    let removed = r#"{"message":"Member permanently removed: a"}"#;
    let gone = Scripted::steps(vec![Step::Read, Step::Close]);
    let other = pages(&[("DELETE ", 410, removed), ("PUT ", 204, "")]);
    // the copy whose answer was lost has done it
    of(&[&gone, &other]).remove_member("a").unwrap();
    of(&[&gone, &other])
        .update_member("a", "http://a:1")
        .unwrap();
    assert_eq!(other.requests().len(), 2);
    refused(of(&[&other]).remove_member("a"), Status::GONE);
    // nobody tells what became of it
    let error = refused(of(&[&gone]).remove_member("a"), Status::OUTCOME_UNKNOWN);
    assert!(error.detail().outcome_unknown);
}

#[test]
fn numbers_of_followers_come_from_wherever_the_leader_is() {
    let numbers =
        r#"{"leader":"1","followers":{"2":{"latency":{"current":1},"counts":{"fail":3}}}}"#;
    let no_leader = r#"{"message":"not current leader"}"#;
    let leader = pages(&[("GET /v2/stats/leader ", 200, numbers)]);
    let urls =
        |urls: &[&str]| format!(r#"{{"id":"1","name":"n1","peerURLs":[],"clientURLs":{urls:?}}}"#);
    let dead = api::dead_endpoint();
    let follower = pages(&[
        ("GET /v2/stats/leader ", 403, no_leader),
        (
            "GET /v2/members/leader ",
            200,
            &urls(&[&dead, leader.url()]),
        ),
    ]);
    let mut options = api::options(follower.url(), 20_000);
    options.set_authorization(Some(Authorization::basic("me", "hunter2").unwrap()));
    let client = api::Client::new(&options).unwrap();
    let response = client.stats(StatsKind::Leader, None).unwrap();
    assert_eq!(
        (response.body(), &**response.endpoint()),
        (numbers.as_bytes(), leader.url())
    );
    // nobody has named that URL, so it is told no secrets
    let told = |server: &Scripted| {
        let requests = server.requests();
        let texts = requests
            .iter()
            .map(|r| String::from_utf8_lossy(r).to_lowercase());
        texts.filter(|text| text.contains("authorization")).count()
    };
    assert_eq!((told(&follower), told(&leader)), (2, 0));

    let never = pages(&[
        ("GET /v2/stats/leader ", 403, no_leader),
        ("GET /v2/members/leader ", 200, &urls(&[])),
    ]);
    let error = refused(
        of(&[&never]).stats(StatsKind::Leader, None),
        Status::UNREACHABLE,
    );
    assert!(error.to_string().contains("no client URLs"), "{error}");
    let election = pages(&[
        ("GET /v2/stats/leader ", 403, no_leader),
        (
            "GET /v2/members/leader ",
            503,
            r#"{"message":"During election"}"#,
        ),
    ]);
    let error = of(&[&election]).stats(StatsKind::Leader, None);
    refused_so(error, Status::LEADER_ELECTION, 503, "During election");
}

#[test]
fn a_leader_that_changes_for_ever_is_not_followed_for_ever() {
    let no_leader = r#"{"message":"not current leader"}"#;
    let other = pages(&[("GET /v2/stats/leader ", 403, no_leader)]);
    let leader = format!(
        r#"{{"id":"1","name":"","peerURLs":[],"clientURLs":["{}"]}}"#,
        other.url()
    );
    let follower = pages(&[
        ("GET /v2/stats/leader ", 403, no_leader),
        ("GET /v2/members/leader ", 200, &leader),
    ]);
    let error = of(&[&follower]).stats(StatsKind::Leader, None);
    refused_so(error, Status::FORBIDDEN, 403, "not current leader");
    assert_eq!(other.requests().len(), 3);
}

#[test]
fn a_member_is_asked_at_its_other_urls() {
    let well = pages(&[("GET /health ", 200, r#"{"health":true}"#)]);
    let dead = api::dead_endpoint();
    let list = format!(
        r#"{{"members":[{{"id":"1","name":"n1","peerURLs":[],"clientURLs":["{dead}","gopher://x","{}"]}}]}}"#,
        well.url()
    );
    let first = pages(&[("GET /v2/members ", 200, &list)]);
    let report = of(&[&first]).cluster_health().unwrap();
    let row = &report.rows[0];
    assert_eq!(
        (report.state, row.state),
        (HealthState::Healthy, HealthState::Healthy)
    );
    assert_eq!(row.url.as_deref(), Some(well.url()));
    let failed: Vec<&str> = row.failures.iter().map(|f| &*f.url).collect();
    assert_eq!(failed, [&*dead, "gopher://x"]);
    assert!(row.failures[0].text.contains(&dead), "{row:?}");
    let nobody = pages(&[("GET /v2/members ", 200, r#"{"members":[]}"#)]);
    let report = of(&[&nobody]).cluster_health().unwrap();
    assert_eq!(
        (report.state, report.rows.len()),
        (HealthState::Unhealthy, 0)
    );
}

#[test]
fn who_comes_in_between_is_told() {
    let user = r#"{"user":"al","roles":null}"#;
    let missing = r#"{"message":"auth: User al does not exist."}"#;
    let made = pages(&[
        ("GET /v2/auth/users/al ", 404, missing),
        ("PUT /v2/auth/users/al ", 200, user),
    ]);
    let error = refused(of(&[&made]).create_user("al", "pw", &[]), Status::CONFLICT);
    assert!(error.to_string().contains("by somebody else"), "{error}");
    let deleted = pages(&[
        ("GET /v2/auth/users/al ", 200, user),
        ("PUT /v2/auth/users/al ", 201, user),
    ]);
    let error = refused(
        of(&[&deleted]).set_user_password("al", "pw"),
        Status::CONFLICT,
    );
    assert!(error.to_string().contains("by somebody else"), "{error}");
}
