//! member, user, role, auth, cluster-health.

use super::bench::{self, Ended};
use super::table::{Row, Row::*, compare};
use crate::support::etcd::Setup;
use crate::support::{Cluster, Version, wait_for};
use std::time::Duration;

/// etcdctl runs stty, which complains of a standard input that is no terminal.
pub const STTY: &str = "no terminal: etcdctl's stty complains, etcd2ctl does not";
const EARLY: &str = "the library refuses it before it is sent, and names the parameter";
const ROOT: &str = "etcdctl tells the status of the answer, the library what the server says";

const USERS: &[Row] = &[
    Usage("user"),
    Usage("user help"),
    Usage("user --help"),
    Usage("user add --help"),
    Usage("help user"),
    Usage("user --nope"),
    Usage("user list --nope"),
    Same("user nope"),
    Same("user help nope"),
    Same("user list"),
    Same("user list x"),
    Same("user add"),
    Same("user add a b"),
    Same("user add root:pw"),
    Differs {
        line: "user add root:other",
        code: 1,
        stdout: "",
        why: "etcdctl says that it made a user, and changes the password of the one that there is",
    },
    OwnWords("user add al < 'secret\n'", STTY),
    OwnWords("user add al2 < ' sp ace \r\nmore'", STTY),
    OwnWords("user add nopw < ''", EARLY),
    OwnWords("user add bob:", EARLY),
    OwnWords("user add x/y:pw", EARLY),
    Same("user add bob:with:colons"),
    Same("user list"),
    Same("-o json user list"),
    Same("user get"),
    Same("user get al"),
    Same("user get root"),
    Same("user get nope"),
    Same("user passwd"),
    OwnWords("user passwd al < new", STTY),
    OwnWords("user passwd al < ''", EARLY),
    OwnWords("user passwd nope < new", STTY),
    Differs {
        line: "user get nope",
        code: 1,
        stdout: "",
        why: "where there is no user whose password could be changed, etcdctl makes one and says that it failed",
    },
    Same("role add r"),
    Same("role add s"),
    Same("user grant"),
    Same("user grant al"),
    Same("user grant --roles r"),
    Same("user grant --roles r al"),
    Same("user grant --roles r al"),
    Same("user grant --roles r --roles s bob"),
    Same("user grant --roles s al --roles r"),
    Same("user grant al --roles s"),
    Same("user grant --roles r nobody"),
    Same("user get al"),
    Same("user get bob"),
    Same("user revoke al"),
    Same("user revoke --roles r"),
    Same("user revoke --roles r nobody"),
    Same("user revoke --roles r al"),
    Same("user revoke --roles r al"),
    Same("user get al"),
    Same("user grant --roles nope,also al"),
    Same("user get al"),
    Same("user remove"),
    Same("user remove nobody"),
    Same("user remove bob"),
    Same("user remove bob"),
    Same("user list x y"),
];

const ROLES: &[Row] = &[
    Usage("role"),
    Usage("role grant -h"),
    Usage("role grant --nope r"),
    Same("role nope"),
    Same("role list"),
    Same("role list x"),
    Same("role add"),
    Same("role add a b"),
    Same("role add r"),
    Same("role add r"),
    Same("role add root"),
    OwnWords("role add x/y", EARLY),
    Same("role list"),
    Same("role get"),
    Same("role get r"),
    Same("role get root"),
    Same("role get nope"),
    Same("role grant"),
    Same("role grant r"),
    Same("role grant --path /a r"),
    Same("role grant --path /a --read"),
    Same("role grant --path /a --read r s"),
    Same("role grant --path /a --read --write r"),
    Same("role grant --path /a --readwrite --write r"),
    Same("role grant --path a --read r"),
    Same("role grant --path /a//b --read r"),
    Same("role grant --path /a/../b --read r"),
    Same("role grant --path / --read r"),
    Same("role grant --path // --read r"),
    Same("role grant --path /a/ --read r"),
    Same("role grant --path '/foo*' --read r"),
    Same("role grant --path '/foo*' --read r"),
    Same("role grant --path '/foo*' --readwrite r"),
    Same("role grant --path /bar --write r"),
    Same("role grant --path '/baz/*' -rw r"),
    Usage("role grant --path /x --rw --readwrite r"),
    Same("role grant r --path /late --read"),
    Same("role grant --path /x --read nope"),
    Same("role grant --path /x --read root"),
    Same("role get r"),
    Same("role revoke"),
    Same("role revoke --path /x r"),
    Same("role revoke --path /x --read nope"),
    Same("role revoke --path /x --read root"),
    Same("role revoke --path '/baz/*' --rw r"),
    Same("role revoke --path '/foo*' --read r"),
    Same("role revoke --path '/foo*' --read r"),
    Same("role revoke --path '/foo*' --rw r"),
    Same("role get r"),
    Same("role remove"),
    Same("role remove nope"),
    Same("role remove root"),
    Same("role remove r"),
    Same("role remove r"),
    Same("role list"),
];

const AUTH: &[Row] = &[
    Usage("auth"),
    Same("auth nope"),
    Same("auth enable x"),
    Same("auth disable"),
    Same("auth enable"),
    Same("user add root:pw"),
    Same("user add al:secret"),
    Same("role add r"),
    Same("role grant --path '/al/*' --readwrite r"),
    Same("user grant --roles r al"),
    Same("set /al/x 1"),
    Same("set /other 2"),
    Same("auth enable"),
    Same("auth enable"),
    Same("-u root:pw auth enable"),
    Same("get /other"),
    Same("-u root:pw role get guest"),
    Same("-u root:pw role revoke --path '/*' --rw guest"),
    Same("get /other"),
    Same("ls"),
    Same("watch /other --after-index 1"),
    Same("-o json set /other 3"),
    Same("-u al:secret get /al/x"),
    Same("-u al:secret set /al/x 2"),
    Same("-u al:secret get /other"),
    Same("-u al:wrong get /al/x"),
    Same("-u nobody:pw get /al/x"),
    Same("-u al:secret ls /al"),
    Same("-u al:secret rm /other"),
    Same("ETCDCTL_USERNAME=al:secret rm /al/x"),
    OwnWords("-u al get /other < wrong", STTY),
    OwnWords("-u root get /other < 'pw\n'", STTY),
    OwnWords("-u root set /other < 'pw\nfour'", STTY),
    Same("-u root:pw get /other"),
    Same("user list"),
    Same("-u al:secret user list"),
    Same("-u root:wrong user list"),
    Same("-u root:pw user list"),
    Same("user get root"),
    Same("user add eve:pw"),
    OwnWords("user passwd al < mine", STTY),
    Same("user grant --roles root al"),
    Same("user remove al"),
    OwnWords("role list", ROOT),
    Same("role get r"),
    Same("role add z"),
    Same("role grant --path /x --read r"),
    Same("role remove r"),
    Same("-u root:pw user remove root"),
    Same("member list"),
    OwnWords("member remove @ID@", ROOT),
    OwnWords("member add x http://127.0.0.1:2", ROOT),
    Healthy("cluster-health"),
    Same("auth disable"),
    Same("-u al:secret auth disable"),
    Same("-u root:pw auth disable"),
    Same("-u root:pw auth disable"),
    Same("get /other"),
];

const MEMBERS: &[Row] = &[
    Usage("member"),
    Usage("member help"),
    Usage("member list -h"),
    Usage("member list --nope"),
    Same("member nope"),
    Same("member list x"),
    Same("member list"),
    Same("-o json member list"),
    Same("member add"),
    Same("member add x"),
    Same("member add x y z"),
    OwnWords("member add x nonsense", EARLY),
    OwnWords("member add x ''", EARLY),
    Same("member add x @PEER@"),
    Same("member remove"),
    Same("member remove a b"),
    Same("member remove abcdef"),
    Same("member remove nonsense"),
    OwnWords(
        "member remove n1",
        "etcdctl names a page of its documentation that is no more",
    ),
    Same("member update"),
    Same("member update @ID@"),
    Same("member update @ID@ @PEER@"),
    Same("member update @ID@ @PEER@,http://127.0.0.1:2"),
    Same("member list"),
    Same("member update abcdef http://127.0.0.1:2"),
    OwnWords("member update nonsense http://127.0.0.1:2", EARLY),
    OwnWords("member update @ID@ @PEER@,nonsense", EARLY),
    Healthy("cluster-health"),
    Same("cluster-health x"),
    Healthy("-o json cluster-health"),
    Usage("cluster-health --help"),
    OwnWords(
        "--endpoints http://127.0.0.1:1 cluster-health",
        "its own reasons",
    ),
    OwnWords(
        "--endpoints http://127.0.0.1:1 member list",
        "its own reasons",
    ),
    OwnWords(
        "--no-sync --endpoints http://127.0.0.1:1 member list",
        "its own reasons",
    ),
    OwnWords(
        "--no-sync --endpoints http://127.0.0.1:1 user list",
        "its own reasons",
    ),
    Same("--no-sync --total-timeout 0 member list"),
    Same("--total-timeout 0 user list"),
];

#[test]
fn they_treat_users_alike() {
    for version in Version::ALL {
        compare(version, USERS);
    }
}

#[test]
fn they_treat_roles_alike() {
    for version in Version::ALL {
        compare(version, ROLES);
    }
}

#[test]
fn they_treat_auth_alike() {
    for version in Version::ALL {
        compare(version, AUTH);
    }
}

#[test]
fn they_treat_members_alike() {
    for version in Version::ALL {
        compare(version, MEMBERS);
    }
}

/// The id of a new member is another on each server, and so is its place among the others.
fn without_new_ids(ended: &Ended) -> Vec<String> {
    let mut lines: Vec<String> = ended.stdout.lines().map(mask).collect();
    lines.sort();
    lines
}

fn mask(line: &str) -> String {
    let is_id =
        |word: &str| (12..=16).contains(&word.len()) && word.chars().all(|c| c.is_ascii_hexdigit());
    let mut words: Vec<&str> = line
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .collect();
    for word in &mut words {
        if is_id(word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
            *word = "NEW ";
        }
    }
    let mut line = words.concat();
    if let Some(members) = line.strip_prefix("ETCD_INITIAL_CLUSTER=\"") {
        let mut members: Vec<&str> = members.trim_end_matches('"').split(',').collect();
        members.sort_unstable();
        line = format!("ETCD_INITIAL_CLUSTER={members:?}");
    }
    line
}

#[test]
fn a_new_member_is_told_its_settings() {
    // a leader without a quorum notices that after the time of an election
    let patient = || Setup::new(Version::V3_4).timing(100, 5000).start();
    let Some(sides) = bench::sides_of(patient) else {
        return;
    };
    for line in [
        "member add n9 http://127.0.0.1:2",
        "member list",
        // one that has not started counts for the quorum: the server refuses the next
        "member add n10 http://127.0.0.1:3",
        "cluster-health",
    ] {
        let [theirs, ours] = [&sides[0], &sides[1]].map(|side| side.run(line));
        assert_eq!(theirs.code, ours.code, "{line}: {theirs:?} {ours:?}");
        assert_eq!(without_new_ids(&theirs), without_new_ids(&ours), "{line}");
    }
}

/// The reason of a failure is each tool's own.
fn without_reasons(ended: &Ended) -> Vec<String> {
    let reason = |line: &str| match line.strip_prefix("failed to check ") {
        None => line.to_owned(),
        Some(_) => line.splitn(4, ':').take(3).collect(),
    };
    ended.stdout.lines().map(reason).collect()
}

#[test]
fn a_cluster_is_healthy_degraded_and_unavailable() {
    let cluster = Cluster::start(Version::V3_5, 3);
    let Some(sides) = bench::sides_at(&cluster.endpoints()) else {
        return;
    };
    for (dead, code, says) in [
        (None, 0, "cluster is healthy"),
        (Some(0), 5, "cluster is degraded"),
        (Some(1), 5, "cluster is unavailable"),
    ] {
        if let Some(dead) = dead {
            cluster.member(dead).kill();
        }
        let end = format!("{says}\n");
        // an election or a starved member changes what is told: there comes a time when it does not
        let settled = |line: &str, told: &dyn Fn(&Ended) -> Option<String>| {
            wait_for(line, Duration::from_secs(120), || {
                let [before, ours, after] = [0, 1, 0].map(|i: usize| sides[i].run(line));
                let [said, again, our_own] = [&before, &after, &ours].map(told);
                let agreed = said.is_some() && said == again && said == our_own;
                agreed.then_some((before, ours))
            })
        };
        // it takes an election until a cluster without its leader is more than unavailable
        let (theirs, ours) = settled("cluster-health", &|ended| {
            let told = format!("{:?} {:?}", ended.code, without_reasons(ended));
            ended.stdout.ends_with(&end).then_some(told)
        });
        assert_eq!(without_reasons(&theirs), without_reasons(&ours));
        assert_eq!((theirs.code, ours.code), (Some(code), Some(code)));
        assert!(ours.stdout.ends_with(&end), "{ours:?}");
        let (theirs, ours) = settled("member list", &|ended| {
            Some(format!("{:?} {}", ended.code, ended.stdout))
        });
        assert_eq!((theirs.code, theirs.stdout), (ours.code, ours.stdout));
    }
}

#[test]
fn health_is_looked_at_until_interrupted() {
    let Some(sides) = bench::sides(Version::V3_4) else {
        return;
    };
    let line = "cluster-health --forever";
    let [theirs, ours] = sides.map(|side| {
        let running = side.start(line);
        running.until_lines(5);
        running.interrupt();
        running.end(line)
    });
    assert_eq!(theirs, ours);
    assert_eq!(ours.code, Some(0));
}
