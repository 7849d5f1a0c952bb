//! Programs and clusters may start in any order.

use super::*;
use api::{Verbs, dead_endpoint};
use etcd_v2::client::Patience;
use etcd_v2::status::Status;
use etcd_v2::transport::cancel::Cancel;
use std::time::Instant;
use support::etcd::Setup;
use support::{Etcd, Version, http, wait_for};

const SHORT: Patience = Patience::For(Duration::from_millis(700));

#[test]
fn a_client_waits_for_a_cluster_that_starts_later() {
    for version in Version::ALL {
        let cluster = Setup::new(version).timing(50, 500).cluster(3);
        cluster.members().iter().for_each(Etcd::kill);
        let client = client(&cluster.endpoints());
        let error = client.wait_ready(SHORT, None).unwrap_err();
        assert_eq!(error.status(), Status::TIMEOUT);
        let text = error.to_string();
        assert!(
            text.starts_with("no member was ready within ") && text.contains("refused"),
            "{text}"
        );
        assert!(!error.detail().attempts.is_empty() && error.detail().retriable);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| client.wait_ready(Patience::Forever, None));
            // one alone accepts connections and answers nothing
            cluster.member(0).restart_unready();
            let address = cluster.member(0).url().strip_prefix("http://").unwrap();
            wait_for("a listener", LONG, || {
                std::net::TcpStream::connect(address).ok()
            });
            assert!(!waiting.is_finished());
            cluster.member(1).restart_unready();
            waiting.join().unwrap().unwrap();
        });
        client.set("/a", "1").unwrap();
    }
}

/// Who reads what it has without asking the others is not ready.
#[test]
fn a_member_without_quorum_is_not_ready() {
    let cluster = Setup::new(Version::V3_4).timing(50, 500).cluster(3);
    cluster.member(1).kill();
    cluster.member(2).kill();
    let client = client(cluster.member(0).url());
    assert!(
        client
            .get("/none")
            .is_err_and(|e| e.status() == Status::KEY_NOT_FOUND)
    );
    let error = client.wait_ready(SHORT, None).unwrap_err();
    assert_eq!(error.status(), Status::TIMEOUT);
    cluster.member(1).restart_unready();
    client.wait_ready(Patience::Default, None).unwrap();
}

#[test]
fn strangers_have_to_be_told_so() {
    let etcd = Etcd::start(Version::V3_4);
    let put = |path: &str, body: &str| {
        let json = [("Content-Type", "application/json")];
        let url = format!("{}/v2/auth/{path}", etcd.url());
        http::request("PUT", &url, &json, body.as_bytes())
            .unwrap()
            .status
    };
    assert_eq!(put("users/root", r#"{"user":"root","password":"pw"}"#), 201);
    assert_eq!(put("enable", ""), 200);
    let root = [("Authorization", "Basic cm9vdDpwdw==")];
    let guest = format!("{}/v2/auth/roles/guest", etcd.url());
    assert_eq!(
        http::request("DELETE", &guest, &root, b"").unwrap().status,
        200
    );
    let client = client(etcd.url());
    assert!(
        client
            .get("/a")
            .is_err_and(|e| e.status() == Status::UNAUTHORIZED)
    );
    client.wait_ready(Patience::Default, None).unwrap();
}

#[test]
fn waiting_ends_with_the_token_and_asks_ever_more_rarely() {
    let broken = Scripted::steps(vec![
        support::Step::Read,
        support::Step::Answer(502, vec![], b"not yet".to_vec()),
        support::Step::Again,
    ]);
    let client = client(&format!("{},{}", dead_endpoint(), broken.url()));
    let token = Cancel::new().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait_ready(Patience::Forever, Some(&token)));
        broken.wait_for_requests(6);
        token.fire();
        let error = waiting.join().unwrap().unwrap_err();
        assert_eq!(error.status(), Status::CANCELLED);
    });
    // two in each try; the pauses before the second and the third are at least 50 and 100 ms
    assert!(began.elapsed() >= Duration::from_millis(150));
}
