//! One machine and a server that keeps to a script.

use super::said::{always, fault, head, verdict, wait_index};
use crate::cluster::members::continuity::Standing;
use crate::error::Phase;
use crate::protocol::key::Key;
use crate::status::Status;
use crate::transport::fault::FaultKind;
use crate::watch::driver::{HeaderDecision, MemberVerdict, Output, PollAction, PollRequest};
use crate::watch::event::Event;
use crate::watch::event_queue::EventQueue;
use crate::watch::machine::Machine;
use crate::watch::options::WatchOptions;
use crate::watch::state::State;
use std::time::{Duration, Instant};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct Script {
    pub(super) machine: Machine,
    pub(super) now: Instant,
    pub(super) exchange: Box<PollRequest>,
    pub(super) states: Vec<State>,
    pub(super) queue: EventQueue,
    pub(super) starts: u32,
    pub(super) standing: Option<Standing>,
}

impl Script {
    pub(super) fn new(set: impl FnOnce(&mut WatchOptions)) -> Script {
        let mut options = WatchOptions::default();
        options.set_recursive(true);
        set(&mut options);
        let key = Key::parse("key", "/w").unwrap();
        let mut machine = Machine::new(&key, &options, MINUTE, 7).unwrap();
        let now = Instant::now();
        let PollAction::Start(exchange) = machine.poll(now) else {
            panic!("nothing to start")
        };
        Script {
            machine,
            now,
            exchange,
            states: Vec::new(),
            queue: EventQueue::new(1000, options.on_full),
            starts: 1,
            standing: always(now),
        }
    }

    pub(super) fn collect(&mut self) {
        self.machine.vouch(self.now, self.standing);
        while let Some(output) = self.machine.output() {
            match output {
                Output::State(state) => self.states.push(state),
                other => {
                    self.queue.push(other);
                }
            }
        }
    }

    /// Waits as the machine wants and takes the next exchange; how long it waited.
    pub(super) fn next(&mut self) -> Duration {
        self.collect();
        let since = self.now;
        loop {
            match self.machine.poll(self.now) {
                PollAction::Start(exchange) => {
                    self.exchange = exchange;
                    self.starts += 1;
                    return self.now - since;
                }
                PollAction::Wait(Some(until)) => self.now = until,
                PollAction::Prove(_) => panic!("it wants a proof"),
                PollAction::Wait(None) => panic!("it waits for ever"),
                PollAction::Closed => panic!("closed: {:?}", self.machine.state()),
            }
        }
    }

    pub(super) fn asked(&self) -> u64 {
        wait_index(&self.exchange.http_request.target)
    }

    pub(super) fn head(&mut self, index: u64) -> HeaderDecision {
        self.machine.on_head(self.now, &head(200, index, 1))
    }

    pub(super) fn answer(&mut self, status: u16, index: u64, body: &str) -> MemberVerdict {
        let head = head(status, index, 1);
        self.machine.on_head(self.now, &head);
        let verdict = verdict(head, body, self.exchange.purpose);
        self.machine.on_answer(self.now, verdict)
    }

    pub(super) fn event(&mut self, index: u64) -> MemberVerdict {
        self.answer(200, index - 1, &set("/w/a", index))
    }

    pub(super) fn fail(&mut self, kind: FaultKind, phase: Phase) -> MemberVerdict {
        self.machine.on_fault(self.now, &fault(kind, phase, false))
    }

    /// The running poll is ended in order.
    pub(super) fn finish(&mut self, index: u64) -> MemberVerdict {
        self.machine.on_finish(self.now);
        self.now += Duration::from_micros(400);
        let verdict = verdict(head(200, index, 1), "", self.exchange.purpose);
        self.machine.on_answer(self.now, verdict)
    }

    pub(super) fn told(&mut self) -> Vec<Event> {
        self.collect();
        std::iter::from_fn(|| self.queue.pop()).collect()
    }

    pub(super) fn closed(&mut self) -> Status {
        self.collect();
        match self.machine.state() {
            State::Closed(Some(error)) => error.status(),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn set(key: &str, index: u64) -> String {
    format!(
        r#"{{"action":"set","node":{{"key":"{key}","value":"v","modifiedIndex":{index},"createdIndex":{index}}}}}"#
    )
}

pub(super) fn outdated(index: u64) -> String {
    format!(r#"{{"errorCode":401,"message":"outdated","cause":"[x/y]","index":{index}}}"#)
}
