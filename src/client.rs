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
pub(crate) use options::FOREVER;
pub use options::{Options, Patience};
pub use resolve::Lookout;
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
use crate::cluster::retry::budget::Budget;
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
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A client of one cluster. Any number of threads may use it at once. It ends with its first handle, and is there as long
/// as there is one.
#[derive(Debug)]
pub struct Client {
    core: Arc<ClientCore>,
    /// instead of that of the options
    timeout: Option<Duration>,
    /// that were given, and end what is made with this handle
    token: Option<Cancel>,
    /// the same, and what ends blocking calls when the first handle ends
    cancel: Option<Cancel>,
    derived: bool,
}

/// What the handles of a client share.
#[derive(Debug)]
pub struct ClientCore {
    /// fired at the end of the first handle, if there ever were others
    ended: OnceLock<Cancel>,
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
        let core = ClientCore {
            ended: OnceLock::new(),
            background: Background::new(options.max_in_flight),
            registry: OnceLock::new(),
            autosave: Autosave::new(&options, &member_set),
            member_set,
            places: Places::default(),
            options,
            birthplace: ForkGuard::new(),
        };
        let client = Client {
            core: Arc::new(core),
            timeout: None,
            token: None,
            cancel: None,
            derived: false,
        };
        if client.options.sync_interval.is_some() {
            // somebody has to look at the clock
            client.member_set.sync_limiter().want();
            client.reactor()?;
        }
        Ok(client)
    }

    /// Another handle of the same client. Its calls have the time and the token that are given here, or else those of
    /// `self`, and end with `CLOSED` when the first handle does.
    pub fn with(&self, timeout: Patience, cancel: Option<&Cancel>) -> Result<Client> {
        self.refuse_elsewhere()?;
        let ended = match self.ended.get() {
            Some(ended) => ended,
            None => {
                let ended = Cancel::new()?;
                self.ended.get_or_init(|| ended)
            }
        };
        let token = Cancel::any_of([self.token.as_ref(), cancel]);
        Ok(Client {
            core: self.core.clone(),
            timeout: timeout.said().or(self.timeout),
            cancel: Cancel::any_of([Some(ended), token.as_ref()]),
            token,
            derived: true,
        })
    }

    /// How long a call may take that does not say so.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(self.options.deadline)
    }

    /// That of the handle and `cancel`.
    fn tokens<'a>(&'a self, cancel: Option<&'a Cancel>) -> Option<Cow<'a, Cancel>> {
        match (&self.cancel, cancel) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(Cow::Borrowed(one)),
            (own, cancel) => Cancel::any_of([own.as_ref(), cancel]).map(Cow::Owned),
        }
    }

    /// A call that was cancelled because the client ended says so.
    fn ended<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|mut error| {
            if error.status() == Status::CANCELLED && self.is_gone() {
                error.detail_mut().status = Status::CLOSED;
            }
            error
        })
    }

    /// Whether the first handle has ended, and this is another one.
    fn is_gone(&self) -> bool {
        self.derived && self.ended.get().is_some_and(Cancel::is_fired)
    }

    /// Whether this is another handle than the first.
    pub(crate) fn is_derived(&self) -> bool {
        self.derived
    }

    /// Runs one request to its end on this thread.
    pub fn execute(&self, call: &Call) -> Result<Response> {
        self.ended(self.execute_here(call))
    }

    fn execute_here(&self, call: &Call) -> Result<Response> {
        self.refuse_elsewhere()?;
        if let Some(delay) = self.hedges(call).filter(|_| !self.is_on_its_thread()) {
            return self.execute_twice(call, delay);
        }
        let now = Instant::now();
        let terms = self.terms(call, now);
        let cancel = self.tokens(call.cancel.as_ref());
        let cancel = cancel.as_deref();
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
        let budget = self.budget(now, call.deadline.unwrap_or_else(|| self.timeout()));
        CallOptions {
            allow_repeat: call.allow_repeat,
            budget: Budget {
                attempt: call.attempt_timeout.or(budget.attempt),
                ..budget
            },
            decode: self.options.decode,
            refresh: false,
            plain_read: false,
            consensus: false,
        }
    }

    /// After a fork the child shares every connection with its parent; each would read the other's answers.
    fn refuse_elsewhere(&self) -> Result<()> {
        if !self.birthplace.is_here() {
            let text = "client: made in another process, make a new one after fork";
            return Err(Error::new(Status::FORKED, text));
        }
        if self.is_gone() {
            return Err(Error::new(Status::CLOSED, "client: was freed"));
        }
        Ok(())
    }
}

impl Deref for Client {
    type Target = ClientCore;

    fn deref(&self) -> &ClientCore {
        &self.core
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !self.derived {
            self.close();
        }
    }
}
