//! What a caller can ask for, in Rust terms.
#![forbid(unsafe_code)]

pub mod admin;
mod background;
mod call;
mod completion_queue;
pub mod config;
pub(crate) mod counters;
mod endpoints;
mod hedge;
mod options;
mod permit;
mod ready;
mod resolve;
mod sync;
mod watch_once;
mod watcher;

pub use call::{Ask, Call};
pub use completion_queue::{Completed, CompletionQueue};
pub use counters::{ClientCounters, Row};
pub use endpoints::KnownMember;
pub use options::Options;
pub use resolve::Lookout;
pub use watch_once::Patience;
pub use watcher::Watcher;

pub use crate::cluster::evidence::{Fate, Finding};
pub use crate::cluster::members::balancer::Selection;
pub use crate::cluster::members::staleness::StalenessPolicy;
pub use crate::reactor::mailbox::{Listener, OnEvent, OnState};

use self::background::Background;
use self::config::autosave::Autosave;
use crate::cluster::failover::blocking;
use crate::cluster::failover::machine::CallOptions;
use crate::cluster::failover::request_sequence::{self, RequestSequence};
use crate::cluster::members::balancer::Balancer;
use crate::cluster::members::member_set::MemberSet;
use crate::cluster::members::staleness::StalenessTracker;
use crate::error::{Error, Result};
use crate::protocol::http_request::HttpRequest;
use crate::protocol::request::{Operation, Request, flags};
use crate::protocol::response::Response;
use crate::reactor::watch_registry::WatchRegistry;
use crate::status::Status;
use crate::sys::fork_guard::ForkGuard;
use crate::telemetry::Telemetry;
use crate::telemetry::hooks::Level;
use crate::transport::cancel::Cancel;
use crate::transport::credentials::Authorization;
use crate::watch::places::Places;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// A client of one cluster. Any number of threads may use it at once.
#[derive(Debug)]
pub struct Client {
    /// before everything that it needs, which it ends with
    background: Background,
    registry: OnceLock<Arc<WatchRegistry>>,
    member_set: Arc<MemberSet>,
    /// where earlier calls of `watch_once` stopped
    places: Places,
    options: Options,
    autosave: Arc<Autosave>,
    birthplace: ForkGuard,
}

impl Client {
    /// No I/O happens here, unless members are to be looked for from time to time.
    pub fn new(options: &Options) -> Result<Client> {
        let mut options = options.clone();
        options.fill_in()?;
        let telemetry = Arc::new(Telemetry::new(options.listeners.clone()));
        if options.tls.is_insecure() {
            let text = "TLS: whoever answers is believed to be the server";
            telemetry.log(Level::Warn, format_args!("{text}"));
        }
        let member_set = MemberSet::new(&options.endpoints, &options.settings)
            .with_telemetry(telemetry)
            .with_staleness(StalenessTracker::new(options.stale))
            .with_balancer(Balancer::new(options.selection, options.random_start))
            .with_directory(options.directory());
        let member_set = Arc::new(member_set);
        let client = Client {
            background: Background::new(options.max_in_flight),
            registry: OnceLock::new(),
            autosave: Autosave::new(&options, &member_set),
            member_set,
            places: Places::default(),
            options,
            birthplace: ForkGuard::new(),
        };
        if client.options.sync_interval.is_some() {
            // somebody has to look at the clock
            client.member_set.sync_limiter().want();
            client.reactor()?;
        }
        Ok(client)
    }

    /// Runs one request to its end on this thread.
    pub fn execute(&self, call: &Call) -> Result<Response> {
        self.refuse_elsewhere()?;
        if let Some(delay) = self.hedges(call).filter(|_| !self.is_on_its_thread()) {
            return self.execute_twice(call, delay);
        }
        let now = Instant::now();
        let terms = self.terms(call, now);
        let cancel = call.cancel.as_ref();
        match &call.ask {
            Ask::Raw(http_request) => {
                self.run(RequestSequence::plain(http_request, terms, now), cancel)
            }
            Ask::Keys(request) => {
                let http_request = self.http_request(request)?;
                self.run(
                    RequestSequence::of(request, &http_request, terms, now)?,
                    cancel,
                )
            }
        }
    }

    /// From the next request on this is who asks, also for watchers at their next poll.
    pub fn set_authorization(&self, authorization: Option<Authorization>) -> Result<()> {
        self.refuse_elsewhere()?;
        self.options.settings.credentials.set(authorization);
        let telemetry = self.member_set.telemetry();
        telemetry.log(Level::Info, format_args!("the credentials have changed"));
        telemetry.changed();
        Ok(())
    }

    /// Reads certificates and keys again. What is wrong with them changes nothing; otherwise new connections use them,
    /// and those that are there are closed once nothing is under way on them.
    pub fn reload_tls(&self) -> Result<()> {
        self.refuse_elsewhere()?;
        self.options.settings.tls.reload()?;
        for member in self.member_set.members().iter() {
            member.channel().forget_idle();
        }
        self.sweep();
        Ok(())
    }

    /// Whether anybody who answers at an `https://` endpoint is believed.
    pub fn is_insecure(&self) -> bool {
        self.options.settings.tls.is_insecure()
    }

    fn run(
        &self,
        sequence: RequestSequence<&HttpRequest>,
        cancel: Option<&Cancel>,
    ) -> Result<Response> {
        request_sequence::result(blocking::run(&self.member_set, sequence, cancel))
    }

    /// As the request asks, or as the client always does.
    fn http_request(&self, request: &Request) -> Result<HttpRequest> {
        if !self.options.quorum_reads || request.operation() != Operation::Get {
            return request.http_request();
        }
        let mut strict = request.clone();
        strict.set_flags(request.flags() | flags::QUORUM)?;
        strict.http_request()
    }

    fn terms(&self, call: &Call, now: Instant) -> CallOptions {
        CallOptions {
            allow_repeat: call.allow_repeat,
            budget: self.budget(now, call.deadline.unwrap_or(self.options.deadline)),
            decode: self.options.decode,
            refresh: false,
            plain_read: false,
            consensus: false,
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
