//! The long form of the test of this name: `chaos [seconds] [threads] [3.4|3.5] [seed]`. Exits with 1 when something is wrong
//! or a call was more than 50 ms beyond its deadline. With the path of a program in `CHAOS_BESIDE`, the same is done to that
//! one afterwards.
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
    if let Some(program) = std::env::var_os("CHAOS_BESIDE") {
        println!("\n{}", chaos.run_program(program.as_ref()));
    }
    let late = report.ledger.late > Duration::from_millis(50);
    ExitCode::from(u8::from(late || !report.ledger.wrong.is_empty()))
}
