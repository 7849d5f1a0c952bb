//! A write whose outcome is unknown is told as such by every command that writes, whatever the server says or does not.

use super::bench::{Side, etcd2ctl};
use crate::support::{Etcd, Scripted, Version, http};
use std::sync::Arc;

/// All that change something, each with something that it could change.
const WRITES: [&str; 27] = [
    "set /f v",
    "set --ttl 100 /f v",
    "set --swap-with-value 1 /f v",
    "set --swap-with-index 1 /f v",
    "mk /new v",
    "mk --in-order /d v",
    "update /f v",
    "mkdir /new",
    "setdir /new",
    "updatedir --ttl 100 /d",
    "rm /f",
    "rm --recursive /d",
    "rm --with-value 1 /f",
    "rmdir /d",
    "member add new http://127.0.0.1:1",
    "member remove ID",
    "member update ID http://127.0.0.1:1",
    "user add new:pw",
    "user remove al",
    "user passwd al < pw",
    "user grant --roles s al",
    "user revoke --roles r al",
    "role add new",
    "role remove r",
    "role grant --path /x --read r",
    "auth enable",
    "auth disable",
];

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// etcd's word for the lack of a quorum
    NoQuorum,
    Cut,
}

/// Reads go to the server behind; nothing that writes does.
fn gateway(etcd: &Arc<Etcd>, end: End) -> Scripted {
    let etcd = etcd.clone();
    let cluster = ("X-Etcd-Cluster-Id", "cdf818194e3a8c32");
    Scripted::tcp(move |conversation| {
        while let Some((head, _)) = conversation.request()? {
            let mut words = head.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let json = ("Content-Type", "application/json");
            if method == "GET" {
                let reply = http::get(&format!("{}{target}", etcd.url()))?;
                let kept = |(name, _): &&(String, String)| {
                    let name = name.to_ascii_lowercase();
                    name.starts_with("x-") || name == "content-type"
                };
                let headers: Vec<(&str, &str)> = reply
                    .headers
                    .iter()
                    .filter(kept)
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                conversation.answer(reply.status, &headers, &reply.body)?;
            } else if end == End::Cut {
                return conversation.close();
            } else if target.starts_with("/v2/keys") {
                let body = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
                conversation.answer(500, &[json, cluster], body)?;
            } else {
                let body = r#"{"message":"Internal Server Error"}"#;
                conversation.answer(500, &[json, cluster], body)?;
            }
        }
        Ok(())
    })
}

#[test]
fn every_command_says_that_an_outcome_is_unknown() {
    let etcd = Arc::new(Etcd::start(Version::V3_4));
    etcd.set("/f", "value=1");
    http::put(&etcd.key_url("/d"), "dir=true").unwrap();
    let auth = |path: &str, body: &str| {
        let url = format!("{}/v2/auth/{path}", etcd.url());
        let reply = http::request(
            "PUT",
            &url,
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        assert!(reply.unwrap().status < 300, "{path}");
    };
    auth("users/root", r#"{"user":"root","password":"pw"}"#);
    for role in ["r", "s"] {
        auth(&format!("roles/{role}"), &format!(r#"{{"role":"{role}"}}"#));
    }
    auth("users/al", r#"{"user":"al","password":"pw","roles":["r"]}"#);
    let members = http::get(&format!("{}/v2/members", etcd.url()))
        .unwrap()
        .json();
    let id = members["members"][0]["id"].as_str().unwrap();
    for end in [End::NoQuorum, End::Cut] {
        let gateway = gateway(&etcd, end);
        let side = Side::at(vec![etcd2ctl().path().to_owned()], gateway.url());
        let index = etcd.index();
        for line in WRITES {
            let before = gateway.requests().len();
            let ended = side.run(&format!("--no-sync {}", line.replace("ID", id)));
            let told = format!("{line}, {end:?}: {ended:?}");
            let key = !["member", "user", "role", "auth"]
                .iter()
                .any(|word| line.starts_with(word));
            assert_eq!(ended.code, Some(if key { 4 } else { 1 }), "{told}");
            assert_eq!(ended.stdout.replace("New password: \n", ""), "", "{told}");
            let doubt = "The outcome is unknown: it may have been applied, or may still be.";
            assert!(ended.stderr.lines().any(|line| line == doubt), "{told}");
            assert!(
                ended.stderr.contains("whether it was applied is unknown"),
                "{told}"
            );
            // what the server said is not lost, and is not in the form of a refusal
            let words = match key {
                true => "raft Internal Error: etcdserver: request timed out",
                false => "internal Server Error",
            };
            assert_eq!(ended.stderr.contains(words), end == End::NoQuorum, "{told}");
            assert!(!ended.stderr.contains("300:"), "{told}");
            let sent = gateway.requests().split_off(before);
            let writes = sent
                .iter()
                .filter(|request| !request.starts_with(b"GET"))
                .count();
            // a member may be removed or updated twice, and once more when an idle connection had gone stale
            let repeatable = line.starts_with("member remove") || line.starts_with("member update");
            let most = if repeatable { 3 } else { 1 };
            assert!((1..=most).contains(&writes), "{writes} writes, {told}");
        }
        assert_eq!(etcd.index(), index, "nothing got through");
    }
}
