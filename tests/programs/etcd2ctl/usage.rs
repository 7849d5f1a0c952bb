//! How commands and flags are read, and what the environment says.

use super::admin::STTY;
use super::bench;
use super::table::{Row, Row::*, compare};
use crate::support::Version;

const NOBODY: &str = "the library names the members and the phases";

const ROWS: &[Row] = &[
    Usage(""),
    Usage("help"),
    Usage("h"),
    Usage("--help"),
    Usage("-h get"),
    Usage("help get"),
    Usage("h ls"),
    Usage("get --help"),
    Usage("get -h /a"),
    Usage("get /a --help"),
    Usage("set -ttl 5 --help"),
    Same("help nope"),
    Same("nope"),
    Same("nope --help"),
    Usage("'' get"),
    Same("get -- --help"),
    Usage("--nope get /a"),
    Usage("get --nope /a"),
    Same("get /a --nope"),
    Same("get /a -o json"),
    Usage("get ---sort /a"),
    Usage("get --=x /a"),
    Usage("get -=x /a"),
    Usage("get --sort=maybe /a"),
    Usage("get --sort= /a"),
    Usage("get -q --quorum /a"),
    Usage("get /a -q=true --quorum=false"),
    Same("get -q -q /a"),
    Same("get --sort --sort=false /a"),
    Usage("set --ttl"),
    Usage("set /a b --ttl"),
    Usage("set --ttl abc /a b"),
    Usage("set --ttl= /a b"),
    Usage("set --ttl 1.5 /a b"),
    Usage("set --ttl ' 5' /a b"),
    Usage("set --ttl 5s /a b"),
    Usage("set --ttl 08 /a b"),
    Usage("set --ttl 0x /a b"),
    Usage("set --ttl - /a b"),
    Usage("set --ttl 9223372036854775808 /a b"),
    Usage("set --ttl -9223372036854775809 /a b"),
    Same("set --ttl -9223372036854775808 /a b"),
    Same("set /a --ttl 1000 b"),
    Same("set --ttl 0 /a --swap-with-value b c"),
    Same("set /a d --swap-with-value=c"),
    Same("set - x"),
    Same("get -"),
    Same("set -- -- x"),
    Same("get -- --"),
    Usage("--timeout get /a"),
    Usage("--timeout abc get /a"),
    Usage("--timeout 5 get /a"),
    Usage("--timeout 1x get /a"),
    Usage("--timeout s get /a"),
    Usage("--timeout '' get /a"),
    Usage("--timeout -- get /a"),
    Usage("--total-timeout 99999999999h get /a"),
    Same("--timeout 0 get /a"),
    Same("--timeout 1m30.5s --total-timeout 1h get /a"),
    Same("--timeout 5000ms --total-timeout 30000000us get /a"),
    Same("--timeout=.5m --total-timeout=100000000µs get /a"),
    Usage("-o"),
    Usage("--output"),
    Same("--output= get /a"),
    Same("--endpoints @URL@ get /a"),
    Same("--endpoint @URL@ get /a"),
    Same("--peers @URL@ get /a"),
    Same("-C @URL@ get /a"),
    Same("--endpoints http://127.0.0.1:1,@URL@ get /a"),
    Same("--endpoints @URL@,http://127.0.0.1:1 --endpoint http://127.0.0.1:1 get /a"),
    Same("--endpoints @URL@/ get /a"),
    Same("ETCDCTL_ENDPOINTS= ETCDCTL_ENDPOINT=@URL@ get /a"),
    Same("ETCDCTL_ENDPOINTS= ETCDCTL_PEERS=@URL@ get /a"),
    Same("ETCDCTL_ENDPOINT=http://127.0.0.1:1 ETCDCTL_PEERS=http://127.0.0.1:1 get /a"),
    Same("ETCDCTL_ENDPOINTS=http://127.0.0.1:1 --endpoints @URL@ get /a"),
    OwnWords("--no-sync --endpoints http://127.0.0.1:1 get /a", NOBODY),
    OwnWords(
        "--no-sync --endpoints http://127.0.0.1:1,http://127.0.0.1:2 set /a b",
        NOBODY,
    ),
    OwnWords("--no-sync --endpoints http://127.0.0.1:1 watch /a", NOBODY),
    OwnWords(
        "--no-sync --endpoints http://127.0.0.1:1 exec-watch -r /a -- true",
        NOBODY,
    ),
    OwnWords("--endpoints http://127.0.0.1:1 get /a", NOBODY),
    OwnWords("--endpoints http://127.0.0.1:1 get", NOBODY),
    OwnWords("--endpoints http://127.0.0.1:1 watch /a", NOBODY),
    OwnWords("ETCDCTL_ENDPOINTS= ls", NOBODY),
    Same("--no-sync --endpoints http://127.0.0.1:1 get"),
    Same("--no-sync get /a"),
    Same("--no-sync=false get /a"),
    CodeOnly(
        "--total-timeout 0 get /a",
        "which of two timers etcdctl hears first is chance",
    ),
    CodeOnly(
        "--total-timeout -1s get /a",
        "which of two timers etcdctl hears first is chance",
    ),
    CodeOnly(
        "--no-sync --total-timeout 0 get /a",
        "which of two timers etcdctl hears first is chance",
    ),
    Same("--username root:pw get /a"),
    Same("-u :pw get /a"),
    Same("ETCDCTL_USERNAME=root:pw get /a"),
    OwnWords("-u root get /a < 'pw\n'", STTY),
    OwnWords("ETCDCTL_USERNAME=root set /a < 'pw\nvalue'", STTY),
    Same("get /a"),
    OwnWords(
        "--endpoints 'http://a b' get /a",
        "the library names the endpoint otherwise",
    ),
    CodeOnly(
        "-o json --output json get /a",
        "etcdctl leaves out that the usage is incorrect, for this reason alone",
    ),
    Same("watch"),
    Same("watch --recursive"),
    Usage("watch --after-index x /a"),
    Same("exec-watch"),
    Same("exec-watch /a"),
    Same("exec-watch --recursive /a"),
    Same("exec-watch -- /a"),
    Differs {
        line: "--version",
        code: 0,
        stdout: concat!(
            "etcdctl version: ",
            env!("CARGO_PKG_VERSION"),
            "\nAPI version: 2\n"
        ),
        why: "its own version",
    },
    OwnWords(
        "backup",
        "no part of it: it reads the files of a server, not its API",
    ),
    Differs {
        line: "--endpoints @HOST@ get /a",
        code: 0,
        stdout: "value\n",
        why: "the library takes a bare host:port for http://host:port",
    },
    Differs {
        line: "--endpoints ftp://@HOST@ get /a",
        code: 1,
        stdout: "",
        why: "a bad endpoint is told before anything is asked",
    },
    Differs {
        line: "set --ttl 2147483649 /a b",
        code: 4,
        stdout: "",
        why: "the library refuses TTLs that servers compute wrongly",
    },
];

#[test]
fn they_take_flags_alike() {
    for version in Version::ALL {
        compare(version, ROWS);
    }
}

/// Which requests are made is the business of each of the tools.
#[test]
fn they_tell_their_requests_as_commands() {
    let Some(sides) = bench::sides(Version::V3_4) else {
        return;
    };
    for line in [
        "--debug set /told one",
        "--debug get /told",
        "--debug get /not",
    ] {
        let [theirs, ours] = [&sides[0], &sides[1]].map(|side| side.run(line));
        assert_eq!((theirs.code, &theirs.stdout), (ours.code, &ours.stdout));
        for told in [theirs, ours] {
            let command = told
                .stderr
                .lines()
                .find(|l| l.starts_with("cURL Command: curl "));
            assert!(command.is_some(), "{line}: {told:?}");
        }
    }
}
