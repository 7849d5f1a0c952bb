//! The long form of tests/chaos.rs: `chaos [seconds] [threads] [3.4|3.5] [seed]`. Exits with 1 when something is wrong or
//! a call was more than 50 ms beyond its deadline.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "../tests/chaos/mod.rs"]
mod chaos;
#[path = "../tests/support/mod.rs"]
mod support;

use chaos::Chaos;
use std::process::ExitCode;
use std::time::Duration;
use support::Version;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let number = |i: usize, default: u64| {
        let argument = arguments.get(i);
        argument.and_then(|a| a.parse().ok()).unwrap_or(default)
    };
    let version = match arguments.get(2).map(String::as_str) {
        Some("3.5") => Version::V3_5,
        _ => Version::V3_4,
    };
    let chaos = Chaos {
        version,
        time: Duration::from_secs(number(0, 600)),
        threads: number(1, 8) as usize,
        seed: number(3, std::process::id().into()),
    };
    println!("seed {}", chaos.seed);
    let report = chaos.run();
    println!("{report}");
    let late = report.ledger.late > Duration::from_millis(50);
    ExitCode::from(u8::from(late || !report.ledger.wrong.is_empty()))
}
