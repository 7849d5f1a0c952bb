//! Blocking reads of the control plane (members, statistics, health, lists of users and roles): ureq makes the request and
//! reads the answer, on a connection of its own that is closed afterwards. The same bytes go to our own reader, and what the
//! two do not read alike is believed by neither.
use super::{
    cancel::Cancel,
    connect::Dialer,
    credentials::Authorization,
    exchange_context::ExchangeContext,
    exchange_state::{ExchangeControl, ExchangeState, Fed},
    fault::{Fault, FaultKind},
    maybe_tls_stream::MaybeTlsStream,
    metrics::Lease,
    wait, warmup,
};
use crate::{
    display::one_line,
    error::Phase,
    protocol::{
        http::request,
        http_request::{HttpRequest, ResponseKind},
        method::Method,
    },
};
use http::{Request, Uri};
use rustix::{event::PollFlags, fd::AsFd};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use ureq::unversioned::{
    resolver::{ResolvedSocketAddrs, Resolver},
    transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport},
};

/// Longest head of an answer, and what is read at once.
const BUFFER: usize = 64 * 1024;

/// Whether it is a read of the control plane, and its line not so long that it needs a connection of its own making.
pub(super) fn is_read(http_request: &HttpRequest) -> bool {
    let reads = http_request.method == Method::Get;
    reads && matches!(http_request.expect, ResponseKind::Page(_)) && !warmup::is_long(http_request)
}

/// Sends one request to a member, and reads the answer into the state of `context`.
pub(super) fn exchange(
    dialer: &Dialer,
    (http_request, authorization): (&HttpRequest, Option<&Authorization>),
    context: &mut ExchangeContext<'_>,
) -> Result<(), Box<Fault>> {
    let request = request(dialer.host(), http_request, authorization)?;
    let (stream, peer) = dialer.dial(context, false)?;
    context.state.record.peer = peer;
    let mut lease = Lease::new(dialer.metrics()).made();
    lease.set_busy(true);
    let now = Instant::now();
    context.state.begin(false, now);
    let fresh = ExchangeState::new(http_request.method, &context.state.limits, now);
    let line = Arc::new(Mutex::new(Line {
        stream,
        state: std::mem::replace(&mut context.state, fresh),
        cancel: context.cancel.cloned(),
        offered: 0,
        complete: false,
        fault: None,
    }));
    let outcome = run(&line, request);
    drop(lease);
    let mut line = lock(&line);
    std::mem::swap(&mut context.state, &mut line.state);
    match (line.fault.take(), outcome) {
        (Some(fault), _) => Err(fault),
        (None, Ok(())) if line.complete => Ok(()),
        (None, outcome) => {
            let why = outcome.map_or_else(|error| one_line(&error.to_string()), |()| "cut".into());
            let text = format!("the answer can be read in two ways: {why}");
            Err(Fault::new(Phase::Body, FaultKind::Protocol, text))
        }
    }
}

fn request(
    host: &str,
    http_request: &HttpRequest,
    authorization: Option<&Authorization>,
) -> Result<Request<()>, Box<Fault>> {
    let refused = |why: &str| Fault::new(Phase::Connect, FaultKind::Local, why);
    let more = authorization.map(|one| ("Authorization", one.header()));
    request::check(http_request, host, more.as_slice()).map_err(refused)?;
    let mut request = Request::get(format!("http://{host}{}", http_request.target));
    if let Some((name, value)) = more {
        request = request.header(name, value);
    }
    request
        .body(())
        .map_err(|_| refused("the request is no URI"))
}

fn run(line: &Arc<Mutex<Line>>, request: Request<()>) -> Result<(), ureq::Error> {
    let config = ureq::Agent::config_builder()
        // nothing from the environment
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .max_response_header_size(BUFFER)
        .max_idle_connections(0)
        .build();
    let agent = ureq::Agent::with_parts(config, ReadyConnection(Arc::clone(line)), Nowhere);
    let (_, mut body) = agent.run(request)?.into_parts();
    io::copy(&mut body.as_reader(), &mut io::sink())?;
    Ok(())
}

/// A connection in use, and the exchange over it.
#[derive(Debug)]
struct Line {
    stream: MaybeTlsStream,
    state: ExchangeState,
    cancel: Option<Cancel>,
    /// bytes of the request that ureq has brought
    offered: u64,
    /// all of the answer came
    complete: bool,
    fault: Option<Box<Fault>>,
}

impl Line {
    fn send(&mut self, mut part: &[u8]) -> Result<(), Box<Fault>> {
        self.offered += part.len() as u64;
        while !part.is_empty() && !self.state.is_listening() {
            let (gone, outcome) = self.stream.push(part, &[], 0);
            let now = Instant::now();
            part = part.get(gone as usize..).unwrap_or_default();
            self.state.sent(gone, (self.offered, 0), now);
            match outcome {
                Ok(()) if part.is_empty() => return Ok(()),
                Ok(()) => self.wait(PollFlags::OUT)?,
                Err(trouble) => self.state.refused(trouble, now)?,
            }
        }
        Ok(())
    }

    /// Reads into `room`; 0 at the end.
    fn receive(&mut self, room: &mut [u8]) -> Result<usize, Box<Fault>> {
        loop {
            if !self.stream.has_more() {
                self.wait(PollFlags::IN)?;
            }
            let n = match self.stream.read(room) {
                Ok(n) => n,
                Err(trouble) if trouble.is_again() || trouble.is_busy() => {
                    let checked = wait::check(self.cancel.as_ref(), self.state.end());
                    checked.map_err(|stop| self.state.stopped(stop))?;
                    continue;
                }
                Err(trouble) => return Err(self.state.cut(trouble)),
            };
            let input = room.get(..n).unwrap_or_default();
            match self
                .state
                .feed(input, Instant::now(), |_| ExchangeControl::<()>::Stay)
            {
                Fed::Done(_) => self.complete = true,
                Fed::Bad(fault) => return Err(fault),
                Fed::More | Fed::Leave(()) => {}
            }
            return Ok(n);
        }
    }

    fn wait(&self, interest: PollFlags) -> Result<(), Box<Fault>> {
        let stopped = |stop: FaultKind| self.state.stopped(stop);
        let cancel = self.cancel.as_ref();
        wait::one(self.stream.as_fd(), interest, cancel, self.state.end()).map_err(stopped)?;
        wait::check(cancel, self.state.limits.deadline).map_err(stopped)
    }
}

/// Hands the connection out that was made.
#[derive(Debug)]
struct ReadyConnection(Arc<Mutex<Line>>);

impl Connector for ReadyConnection {
    type Out = Carrier;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Carrier>, ureq::Error> {
        Ok(Some(Carrier {
            line: Arc::clone(&self.0),
            buffers: LazyBuffers::new(BUFFER, BUFFER),
        }))
    }
}

/// Moves bytes between ureq and the connection.
#[derive(Debug)]
struct Carrier {
    line: Arc<Mutex<Line>>,
    buffers: LazyBuffers,
}

impl Transport for Carrier {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let part = self.buffers.output().get(..amount).unwrap_or_default();
        let mut line = lock(&self.line);
        let outcome = line.send(part);
        settle(&mut line, outcome)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let mut line = lock(&self.line);
        let outcome = line.receive(self.buffers.input_append_buf());
        let n = settle(&mut line, outcome)?;
        self.buffers.input_appended(n);
        Ok(n > 0)
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

/// ureq is told to give up, and why is kept.
fn settle<T>(line: &mut Line, outcome: Result<T, Box<Fault>>) -> Result<T, ureq::Error> {
    outcome.map_err(|fault| {
        line.fault.get_or_insert(fault);
        // "other" on purpose: ureq takes some kinds for the end of a body and repeats after others
        io::Error::other("ended by the transport").into()
    })
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection is made already.
#[derive(Debug)]
struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(
        &self,
        _: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut some = self.empty();
        some.push(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)));
        Ok(some)
    }
}
