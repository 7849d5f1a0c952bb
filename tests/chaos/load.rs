//! The threads that read and write, and write down what they were told.

use super::DEADLINE;
use super::dice::Dice;
use super::ledger::{Cell, Fate, Kind, Ledger, Verdict, first_number};
use crate::support::Cluster;
use etcd_v2::client::{self, Ask, Call, Client, Lookout};
use etcd_v2::error::{Error, Result};
use etcd_v2::protocol::key::Key;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::protocol::response::Response;
use etcd_v2::status::Status;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Counters that all threads share.
const COUNTERS: u64 = 4;
/// Keys that one thread sets at a time.
const CELLS: usize = 8;

/// What the threads find.
pub fn prepare(cluster: &Cluster) {
    for i in 0..COUNTERS {
        let key = format!("/chaos/counters/{i}");
        cluster.member(0).set_in_the_end(&key, "value=0");
    }
    for directory in ["/chaos/cells", "/chaos/in-order"] {
        cluster.member(0).set_in_the_end(directory, "dir=true");
    }
}

/// The longest time in which nobody's write was acknowledged.
#[derive(Debug, Default)]
pub struct Pulse(Mutex<(Option<Instant>, Duration)>);

impl Pulse {
    fn beat(&self) {
        let mut pulse = self.0.lock().unwrap();
        let now = Instant::now();
        let gap = pulse.0.map_or(Duration::ZERO, |last| now - last);
        *pulse = (Some(now), pulse.1.max(gap));
    }

    /// So far.
    pub fn longest_gap(&self) -> Duration {
        self.0.lock().unwrap().1
    }
}

/// One thread.
pub struct Worker<'a> {
    client: &'a Client,
    number: usize,
    dice: Dice,
    pulse: &'a Pulse,
    ledger: Ledger,
    cells: Vec<String>,
    /// counts values, so that each is written once
    value: u64,
}

impl<'a> Worker<'a> {
    /// Odd numbers submit, even ones execute.
    pub fn new(client: &'a Client, number: usize, dice: Dice, pulse: &'a Pulse) -> Worker<'a> {
        let mut worker = Worker {
            client,
            number,
            dice,
            pulse,
            ledger: Ledger::default(),
            cells: Vec::new(),
            value: 0,
        };
        for _ in 0..CELLS {
            let cell = worker.new_cell();
            worker.cells.push(cell);
        }
        worker
    }

    /// Until it is over.
    pub fn work(mut self, over: &AtomicBool) -> Ledger {
        while !over.load(Ordering::SeqCst) {
            match self.dice.below(10) {
                0..=2 => self.read(),
                3 => self.quorum_read(),
                4..=6 => self.set(),
                7 | 8 => self.increment(),
                _ => self.create(),
            }
        }
        // keys that were never written need not be there
        let written = |cell: &Cell| cell.applied.is_some() || cell.unknown.is_some();
        self.ledger.cells.retain(|_, cell| written(cell));
        self.ledger
    }

    fn new_cell(&mut self) -> String {
        let (number, count) = (self.number, self.ledger.cells.len());
        let key = format!("/chaos/cells/{number}-{count}");
        self.ledger.cells.insert(key.clone(), Cell::default());
        key
    }

    fn some_cell(&mut self) -> (usize, String) {
        let i = self.dice.below(CELLS as u64) as usize;
        (i, self.cells[i].clone())
    }

    fn next_value(&mut self) -> u64 {
        self.value += 1;
        self.value
    }

    fn read(&mut self) {
        let (_, key) = self.some_cell();
        let _ = self.call(Kind::Read, request(Operation::Get, &key));
    }

    fn quorum_read(&mut self) {
        let (_, key) = self.some_cell();
        let mut request = request(Operation::Get, &key);
        request.set_flags(flags::QUORUM).unwrap();
        let applied = self.ledger.cells[&key].applied;
        let read = match self.call(Kind::QuorumRead, request) {
            Ok(response) => Some(number_in(&response)),
            Err(Status::KEY_NOT_FOUND) => None,
            Err(_) => return,
        };
        if read != applied {
            let wrong = format!("{key}: a quorum read says {read:?} after {applied:?}");
            self.ledger.wrong.push(wrong);
        }
    }

    fn set(&mut self) {
        let (i, key) = self.some_cell();
        let value = self.next_value();
        let mut request = request(Operation::Set, &key);
        request.set_value(value.to_string().as_bytes()).unwrap();
        let fate = self.write(Kind::Set, request);
        let cell = self.ledger.cells.get_mut(&key).expect("a cell");
        match fate {
            Fate::Applied => cell.applied = Some(value),
            Fate::Unknown(verdict) => {
                cell.unknown = Some((value, verdict));
                self.cells[i] = self.new_cell();
            }
            Fate::NotApplied => {}
        }
    }

    fn increment(&mut self) {
        let key = format!("/chaos/counters/{}", self.dice.below(COUNTERS));
        let mut get = request(Operation::Get, &key);
        get.set_flags(flags::QUORUM).unwrap();
        let Ok(now) = self.call(Kind::QuorumRead, get) else {
            return;
        };
        let mut swap = request(Operation::CompareAndSwap, &key);
        let index = now.node().expect("a node").modified_index();
        swap.set_prev_index(index).unwrap();
        let next = number_in(&now) + 1;
        let count = self.next_value();
        let next = format!("{next} {}-{count}", self.number);
        swap.set_value(next.as_bytes()).unwrap();
        let fate = self.write(Kind::Swap, swap);
        let counter = self.ledger.counters.entry(key).or_default();
        match fate {
            Fate::Applied => counter.applied += 1,
            Fate::Unknown(verdict) => {
                counter.unknown += 1;
                counter.found += u64::from(verdict == Verdict::Applied);
                counter.never += u64::from(verdict == Verdict::Never);
            }
            Fate::NotApplied => {}
        }
    }

    fn create(&mut self) {
        let count = self.next_value();
        let value = format!("{}-{count}", self.number);
        let mut request = request(Operation::CreateInOrder, "/chaos/in-order");
        request.set_value(value.as_bytes()).unwrap();
        let fate = self.write(Kind::Create, request);
        self.ledger.created.insert(value, fate);
    }

    fn write(&mut self, kind: Kind, request: Request) -> Fate {
        let call = Call::new(Ask::Keys(request));
        match self.run(kind, &call) {
            Ok(_) => {
                self.pulse.beat();
                Fate::Applied
            }
            Err(error) if error.detail().outcome_unknown => {
                let verdict = self.look_for(&call, &error);
                *self.ledger.verdicts.entry(verdict).or_default() += 1;
                Fate::Unknown(verdict)
            }
            Err(_) => Fate::NotApplied,
        }
    }

    fn look_for(&self, call: &Call, error: &Error) -> Verdict {
        let lookout = Lookout {
            timeout: None,
            settle: Duration::ZERO,
        };
        match self.client.resolve_outcome(call, error, lookout, None) {
            Err(_) => Verdict::Unsure,
            Ok(finding) => match finding.fate {
                client::Fate::Applied => Verdict::Applied,
                client::Fate::NotApplied if finding.is_final => Verdict::Never,
                client::Fate::NotApplied => Verdict::NotYet,
                client::Fate::Unsure => Verdict::Unsure,
            },
        }
    }

    fn call(&mut self, kind: Kind, request: Request) -> std::result::Result<Response, Status> {
        let call = Call::new(Ask::Keys(request));
        self.run(kind, &call).map_err(|error| error.status())
    }

    /// Runs it and writes down how it ended.
    fn run(&mut self, kind: Kind, call: &Call) -> Result<Response> {
        let started = Instant::now();
        let result = match self.number % 2 {
            0 => self.client.execute(call),
            _ => submit(self.client, call),
        };
        let took = started.elapsed();
        self.ledger.late = self.ledger.late.max(took.saturating_sub(DEADLINE));
        let calls = self.ledger.calls.entry(kind).or_default();
        calls.times.push(took.as_micros() as u32);
        let error = match result {
            Ok(response) => {
                calls.answered += 1;
                return Ok(response);
            }
            Err(error) => error,
        };
        let status = error.status();
        match status {
            Status::KEY_NOT_FOUND => calls.answered += 1,
            Status::COMPARE_FAILED => {
                calls.answered += 1;
                calls.lost += 1;
            }
            _ => {
                match error.detail().outcome_unknown {
                    true => calls.unknown += 1,
                    false => calls.failed += 1,
                }
                let name = status.name().trim_start_matches("ETCD_V2_").to_owned();
                *self.ledger.statuses.entry(name).or_default() += 1;
                let reads = matches!(kind, Kind::Read | Kind::QuorumRead);
                if reads && error.detail().outcome_unknown {
                    let wrong = format!("the outcome of a read is unknown: {error:?}");
                    self.ledger.wrong.push(wrong);
                }
            }
        }
        Err(error)
    }
}

fn submit(client: &Client, call: &Call) -> Result<Response> {
    let (tell, told) = mpsc::channel();
    client.submit(call, move |result| {
        let _ = tell.send(result);
    })?;
    told.recv().expect("a completion")
}

fn request(operation: Operation, key: &str) -> Request {
    Request::new(operation, Key::parse("key", key).expect("a key"))
}

fn number_in(response: &Response) -> u64 {
    let node = response.node().expect("a node");
    first_number(node.value().unwrap_or_default())
}
