//! A minute of chaos, of which `make chaos` has the long form: whatever happens to the members, no call says what is
//! not true.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![allow(clippy::panic, clippy::print_stderr)]

#[path = "mod.rs"]
mod chaos;
#[path = "../support/mod.rs"]
mod support;

use chaos::Chaos;
use chaos::ledger::Kind;
use std::time::Duration;
use support::Version;

/// A number from the environment, to run a seed again.
fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default();
    text.parse().unwrap_or(default)
}

fn a_minute(version: Version) {
    let report = Chaos {
        version,
        time: Duration::from_secs(number("ETCD_V2_CHAOS_SECONDS", 60)),
        threads: 8,
        seed: number("ETCD_V2_CHAOS_SEED", std::process::id().into()),
    }
    .run();
    eprintln!("{report}");
    assert!(report.ledger.wrong.is_empty());
    assert!(report.strikes() > 5);
    for kind in Kind::ALL {
        assert!(report.calls(kind).answered > 0, "{kind:?}");
    }
    assert!(report.failed_share() < 0.5);
    // the long form is strict; here everybody else's tests run, too
    assert!(report.ledger.late < Duration::from_secs(30));
}

#[test]
fn a_minute_of_chaos_on_3_4() {
    a_minute(Version::V3_4);
}

#[test]
fn a_minute_of_chaos_on_3_5() {
    a_minute(Version::V3_5);
}
