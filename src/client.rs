//! What a caller can ask for, in Rust terms.
#![forbid(unsafe_code)]

mod call;
mod options;
mod watch_once;

pub use call::{Ask, Call};
pub use options::Options;
pub use watch_once::Patience;

use crate::cluster::budget::Budget;
use crate::cluster::failover;
use crate::cluster::pursuit::Terms;
use crate::cluster::roster::Roster;
use crate::echo::one_line;
use crate::error::{Error, Result};
use crate::protocol::key::Key;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::protocol::wire::Wire;
use crate::status::Status;
use crate::transport::process::Birthplace;
use std::time::Instant;

/// A client of one cluster. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Client {
    roster: Roster,
    options: Options,
    birthplace: Birthplace,
}

impl Client {
    /// No I/O happens here.
    pub fn new(options: &Options) -> Result<Client> {
        let mut options = options.clone();
        options.fill_in()?;
        let roster = Roster::new(&options.endpoints, &options.settings);
        Ok(Client {
            roster,
            options,
            birthplace: Birthplace::new(),
        })
    }

    /// Runs one request to its end on this thread.
    pub fn execute(&self, call: &Call) -> Result<Response> {
        self.refuse_elsewhere()?;
        let deadline = Instant::now() + call.deadline.unwrap_or(self.options.deadline);
        match &call.ask {
            Ask::Raw(wire) => self.run(call, wire, deadline, false),
            Ask::Keys(request) => {
                let wire = request.wire()?;
                if request.operation() == Operation::Update && request.flags() & flags::DIR != 0 {
                    self.check_directory(call, request.key(), deadline)?;
                }
                self.run(
                    call,
                    &wire,
                    deadline,
                    request.operation() == Operation::Refresh,
                )
            }
        }
    }

    fn run(&self, call: &Call, wire: &Wire, deadline: Instant, refresh: bool) -> Result<Response> {
        let terms = Terms {
            allow_repeat: call.allow_repeat,
            budget: self.budget(deadline),
            decode: self.options.decode,
            refresh,
        };
        failover::run(
            &self.roster,
            &self.options.settings,
            wire,
            terms,
            call.cancel.as_ref(),
        )
    }

    fn budget(&self, deadline: Instant) -> Budget {
        Budget {
            deadline,
            connect: self.options.connect_timeout,
            max_body: self.options.max_response_bytes,
        }
    }

    /// The update of a directory blanks the value of a file, so the kind of node is looked at first. A child that nobody
    /// makes is asked for, since the directory itself may be a long listing: etcd's refusal tells what its parent is.
    fn check_directory(&self, call: &Call, key: &Key, deadline: Instant) -> Result<()> {
        let parent = key.text().trim_end_matches('/');
        let quorum_get = |key: &Key| {
            let mut request = Request::new(Operation::Get, key.clone());
            request.set_flags(flags::QUORUM)?;
            request.wire()
        };
        let child = Key::parse("key", &format!("{parent}/_etcd_v2_no_such_child"));
        match child.and_then(|child| Ok((quorum_get(&child)?, child))) {
            Ok((wire, child)) => match self.run(call, &wire, deadline, false) {
                Ok(_) => return Ok(()),
                Err(error) => match error.status() {
                    Status::KEY_NOT_FOUND if error.detail().cause == child.text() => return Ok(()),
                    // permission for the key alone does not cover its children
                    Status::UNAUTHORIZED => {}
                    _ => return Err(error),
                },
            },
            // the name of the child is what does not fit
            Err(error) if error.status() == Status::TOO_LARGE => {}
            Err(error) => return Err(error),
        }
        match self.run(call, &quorum_get(key)?, deadline, false)?.node() {
            Some(node) if node.is_dir() => Ok(()),
            _ => {
                let text = format!("key: {} is a file", one_line(parent));
                let mut error = Error::new(Status::NOT_A_DIRECTORY, text);
                error.detail_mut().cause = parent.to_owned();
                Err(error)
            }
        }
    }

    /// After a fork the child shares every connection with its parent; each would read the other's answers.
    fn refuse_elsewhere(&self) -> Result<()> {
        if self.birthplace.is_here() {
            return Ok(());
        }
        Err(Error::new(
            Status::FORKED,
            "client: made in another process, make a new one after fork",
        ))
    }
}
