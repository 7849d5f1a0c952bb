//! Chaos: threads that read and write through one client while a cluster is hurt every 2 s, and what the store says to
//! their ledgers afterwards. The short form is a test, the long form `make chaos`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

pub mod dice;
pub mod ledger;
pub mod load;
pub mod report;
pub mod strikes;

use self::dice::Dice;
use self::ledger::Ledger;
use self::load::Worker;
use self::report::Report;
use crate::support::{Cluster, Version, etcd, process};
use etcd_v2::client::{Client, Options};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Of every call.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// Of the servers.
    pub version: Version,
    /// How long.
    pub time: Duration,
    /// Threads; every second one submits its calls, the others execute them.
    pub threads: usize,
    /// The same seed strikes in the same order.
    pub seed: u64,
}

impl Chaos {
    /// Runs it to its end, through one client of ours.
    pub fn run(self) -> Report {
        self.with("etcd_v2", |cluster, strike| {
            let mut options = Options::default();
            let deadline = DEADLINE.as_millis() as i64;
            options
                .add_endpoints("endpoints", &cluster.endpoints())
                .expect("endpoints");
            options.set_deadline_ms(deadline).expect("a deadline");
            let client = Client::new(&options).expect("a client");
            let (over, pulse) = (AtomicBool::new(false), load::Pulse::default());
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..self.threads)
                    .map(|number| {
                        let dice = Dice::new(self.seed ^ (number as u64 + 1) << 32);
                        let worker = Worker::new(&client, number, dice, &pulse);
                        scope.spawn(|| worker.work(&over))
                    })
                    .collect();
                strike();
                over.store(true, Ordering::SeqCst);
                let ledgers = workers.into_iter().map(|w| w.join().unwrap()).collect();
                (Ledger::merged(ledgers), pulse.longest_gap())
            })
        })
    }

    /// The same through another client: a program that reads and writes until its input ends, then prints its ledgers.
    pub fn run_program(self, program: &Path) -> Report {
        self.with("the Go v2 client", |cluster, strike| {
            let mut command = Command::new(program);
            command
                .args([cluster.endpoints(), self.threads.to_string()])
                .arg(self.seed.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
            let child = process::spawn(command).expect("the program");
            strike();
            // waiting closes its input
            let output = child.wait_with_output().expect("its output");
            assert!(output.status.success(), "{}", output.status);
            let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            let ledgers = told["ledgers"].as_array().expect("ledgers");
            let ledgers = ledgers.iter().map(Ledger::read).collect();
            let gap = told["gap_us"].as_u64().expect("a time");
            (Ledger::merged(ledgers), Duration::from_micros(gap))
        })
    }

    /// `load` makes a load, calls what strikes until the time is over, and tells what came of the load.
    fn with(
        self,
        client: &'static str,
        load: impl FnOnce(&Cluster, &mut dyn FnMut()) -> (Ledger, Duration),
    ) -> Report {
        // etcd's own timing
        let setup = etcd::Setup::new(self.version).timing(100, 1000);
        let cluster = setup.cluster(3);
        load::prepare(&cluster);
        let started = Instant::now();
        let mut strikes = BTreeMap::new();
        let (mut ledger, longest_gap) = load(&cluster, &mut || {
            strikes = strikes::strike(&cluster, Dice::new(self.seed), started + self.time);
        });
        let took = started.elapsed();
        let came = ledger.compare(cluster.member(0));
        Report::new(self, client, strikes, took, longest_gap, came, ledger)
    }
}
