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
use crate::support::{Version, etcd};
use etcd_v2::client::{Client, Options};
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
    /// Runs it to its end.
    pub fn run(self) -> Report {
        // etcd's own timing
        let setup = etcd::Setup::new(self.version).timing(100, 1000);
        let cluster = setup.cluster(3);
        load::prepare(&cluster);
        let mut options = Options::default();
        let deadline = DEADLINE.as_millis() as i64;
        options
            .add_endpoints("endpoints", &cluster.endpoints())
            .expect("endpoints");
        options.set_deadline_ms(deadline).expect("a deadline");
        let client = Client::new(&options).expect("a client");

        let (over, started) = (AtomicBool::new(false), Instant::now());
        let pulse = load::Pulse::default();
        let (ledgers, strikes) = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads)
                .map(|number| {
                    let dice = Dice::new(self.seed ^ (number as u64 + 1) << 32);
                    let worker = Worker::new(&client, number, dice, &pulse);
                    scope.spawn(|| worker.work(&over))
                })
                .collect();
            let strikes = strikes::strike(&cluster, Dice::new(self.seed), started + self.time);
            over.store(true, Ordering::SeqCst);
            let ledgers: Vec<Ledger> = workers.into_iter().map(|w| w.join().unwrap()).collect();
            (ledgers, strikes)
        });
        let took = started.elapsed();
        drop(client);
        Report::new(
            self,
            &cluster,
            Ledger::merged(ledgers),
            strikes,
            took,
            &pulse,
        )
    }
}
