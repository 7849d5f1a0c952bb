//! The way to one member: its pool of connections and the HTTP engine over it.
use super::{
    cancel::Cancel,
    config::TransportConfig,
    connect::{Dialer, UreqConnector},
    credentials::Authorization,
    exchange_context::{self, ExchangeContext, Installed},
    exchange_limits::ExchangeLimits,
    failure::Failure,
    fault::{Fault, FaultKind},
    metrics::ConnectionMetrics,
    record::Record,
    resolve::Later,
    timings::Timings,
    tls::settings::TlsSettings,
    wait::{self, Stop},
    warmup,
};
use crate::protocol::decode_limits::DecodeLimits;
use crate::{
    display::{one_line, seconds},
    error::Phase,
    outcome::{proof::NotApplied, transmission::Sent},
    protocol::{
        body::{Body, Content, LARGE, Stopped},
        endpoint::Endpoint,
        http_request::{HttpRequest, ResponseKind},
        method::Method,
        response_head::Head,
    },
};
use http::{
    HeaderMap, Request, Uri,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING},
    uri::{self, Authority, PathAndQuery},
};
use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};
use std::time::{Duration, Instant};

/// Longest head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;
/// How much room a server's word is believed at once; what is really longer grows.
const BELIEVED: u64 = 1 << 20;
/// How much of a body a fault keeps.
pub(crate) const KEPT: usize = 1024;
/// Room for the request line without its target, and for headers of known length.
const HEAD_ROOM: usize = 1024;

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    /// status and headers
    pub head: Head,
    /// body; capacity for one more byte is kept
    pub body: Vec<u8>,
    /// what was read in it already
    pub content: Content,
    /// the proof that not all of the request had left when it came
    pub partial: Option<NotApplied>,
    /// how it went
    pub timings: Timings,
}

impl Answer {
    /// Reads a large body, a small one is read where it is judged: until the deadline of `limits`, or until `cancel` is
    /// fired. No proof is lost.
    pub(crate) fn read(
        mut self,
        how: (ResponseKind, DecodeLimits),
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
    ) -> Result<Answer, Box<Fault>> {
        if self.body.len() <= LARGE {
            return Ok(self);
        }
        let began = Instant::now();
        let stop = || wait::check(cancel, limits.deadline).err();
        let mut body = Body::of(std::mem::take(&mut self.body), self.content);
        let read = body.read(self.head.status, how, &|| stop().is_none());
        (self.body, self.content) = body.into_parts();
        match (read, stop()) {
            (Ok(()), _) => Ok(self),
            (Err(Stopped), why) => Err(Box::new(self.unread(why.unwrap_or(Stop::TimedOut), began))),
        }
    }

    fn unread(mut self, stop: Stop, began: Instant) -> Fault {
        let (kind, text) = match stop {
            Stop::Cancelled => (FaultKind::Cancelled, "cancelled".to_owned()),
            _ => {
                let spent = seconds(began.elapsed());
                let text = format!(
                    "answer of {} bytes not decoded within {spent}",
                    self.body.len()
                );
                (FaultKind::Timeout, text)
            }
        };
        self.body.truncate(KEPT);
        self.body.shrink_to_fit();
        Fault {
            phase: Phase::Body,
            kind,
            text,
            sent: self.partial.map_or(Sent::Fully, |_| Sent::Partly),
            not_applied: self.partial,
            received: self.timings.received,
            reused: self.timings.reused,
            head: Some(Box::new(self.head)),
            body_began: true,
            body: self.body,
            timings: self.timings,
        }
    }
}

/// What to do once the head of an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeControl {
    /// go on
    Stay,
    /// go on; timeout until the first byte of the body, and then, after our sending side is closed, until its end (zero: the
    /// exchange times out instead)
    Silence(Duration, Duration),
    /// drop the connection; the exchange is over
    Leave,
}

/// The end of [`Channel::exchange_heeding`].
#[derive(Debug)]
pub struct Heeded {
    /// `None`: it was aborted by [`ExchangeControl::Leave`]
    pub outcome: Option<Result<Answer, Box<Fault>>>,
    /// when our sending side was closed, because no data followed the head
    pub finished: Option<Instant>,
    /// the remote address
    pub peer: Option<SocketAddr>,
}

/// The way to one member. Any number of threads may exchange at once.
pub struct Channel {
    endpoint: Endpoint,
    settings: TransportConfig,
    /// outlives the agents, so that a name look-up that hangs is never started again beside itself
    dialer: Arc<Dialer>,
    /// `None` only if the endpoint's own authority were no authority for `http`
    authority: Option<Authority>,
    agent: RwLock<ureq::Agent>,
    /// how often idle connections were forgotten
    forgotten: AtomicU64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.endpoint).finish()
    }
}

impl Channel {
    /// Opens nothing yet.
    pub fn new(endpoint: Endpoint, settings: &TransportConfig) -> Channel {
        let dialer = Arc::new(Dialer::new(&endpoint, settings));
        Channel {
            authority: endpoint.authority().parse().ok(),
            agent: RwLock::new(agent(&dialer, settings)),
            dialer,
            forgotten: AtomicU64::new(0),
            settings: settings.clone(),
            endpoint,
        }
    }

    /// Where it leads.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How connections to it are made.
    pub(crate) fn dialer(&self) -> &Arc<Dialer> {
        &self.dialer
    }

    /// Whether it may have several addresses.
    pub(crate) fn has_ways(&self) -> bool {
        self.dialer.has_ways()
    }

    /// What requests to it carry.
    pub(crate) fn authorization(&self) -> Option<Authorization> {
        self.settings.credentials.get()
    }

    /// How it is told from others.
    pub(crate) fn tls(&self) -> &TlsSettings {
        self.settings.tls.settings()
    }

    /// What it has moved.
    pub fn metrics(&self) -> &Arc<ConnectionMetrics> {
        self.dialer.metrics()
    }

    /// Changes whenever idle connections are to be closed, wherever they are kept.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Sends one request, reads one answer.
    pub fn exchange(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
    ) -> Result<Answer, Box<Fault>> {
        let outcome = self.carry(
            http_request,
            limits,
            cancel,
            &mut |_, _| ExchangeControl::Stay,
            &mut (None, None),
        )?;
        // only `ExchangeControl::Leave` ends it without an outcome
        outcome.ok_or_else(|| Box::new(unattended(local("the exchange was left"))))
    }

    /// The same; `heed` gets the head, and when its connection was made, before the body is read.
    pub fn exchange_heeding(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
        heed: &mut dyn FnMut(&Head, Instant) -> ExchangeControl,
    ) -> Heeded {
        let mut seen = (None, None);
        let outcome = self.carry(http_request, limits, cancel, heed, &mut seen);
        let (finished, peer) = seen;
        Heeded {
            outcome: outcome.transpose(),
            finished,
            peer,
        }
    }

    fn carry(
        &self,
        http_request: &HttpRequest,
        limits: &ExchangeLimits,
        cancel: Option<&Cancel>,
        heed: &mut dyn FnMut(&Head, Instant) -> ExchangeControl,
        seen: &mut (Option<Instant>, Option<SocketAddr>),
    ) -> Result<Option<Answer>, Box<Fault>> {
        let mut context = ExchangeContext::new(limits, cancel);
        let began = Instant::now();
        if let Err(stop) = context.check() {
            let failure = context.record.stopped(Phase::Connect, stop, began);
            return Err(Box::new(context.record.fault(failure)));
        }
        let authorization = self.authorization();
        let request = match self.request(http_request, authorization.as_ref()) {
            Ok(request) => request,
            Err(text) => return Err(Box::new(context.record.fault(local(text)))),
        };
        let line = http_request.method.name().len()
            + http_request.target.len()
            + " ".len()
            + " HTTP/1.1".len();
        context.warm_up = line > warmup::LONG_LINE;
        let listed = http_request.content_type.as_ref().map_or(0, String::len)
            + authorization.as_ref().map_or(0, |a| a.header().len());
        context.head_room = HEAD_ROOM + line + 512 + listed;
        context.record.request.body = http_request
            .body
            .as_ref()
            .map_or(0, |body| body.len() as u64);
        let Some(_installed) = Installed::new(context) else {
            let context = ExchangeContext::new(limits, cancel);
            return Err(Box::new(
                context.record.fault(local("the thread is ending")),
            ));
        };
        self.metrics().begin();
        let outcome = self.run(request, http_request.method, limits, heed);
        let left = exchange_context::with(|context| {
            *seen = (context.finished, context.record.peer);
            context.record.timings(Instant::now())
        });
        let left = left.unwrap_or_default();
        self.metrics().end(match &outcome {
            Ok(Some(answer)) => &answer.timings,
            Ok(None) => &left,
            Err(fault) => {
                self.dialer.judge(fault);
                &fault.timings
            }
        });
        outcome
    }

    /// Closes idle connections, for instance because the member failed.
    pub fn forget_idle(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        let fresh = agent(&self.dialer, &self.settings);
        let mut current = self.agent.write().unwrap_or_else(PoisonError::into_inner);
        // connections in use stay with the exchanges that hold the old agent, and end with them
        let old = std::mem::replace(&mut *current, fresh);
        drop(current);
        drop(old);
    }

    fn request<'a>(
        &self,
        http_request: &'a HttpRequest,
        authorization: Option<&Authorization>,
    ) -> Result<Request<&'a [u8]>, &'static str> {
        if !http_request.target.starts_with('/') {
            return Err("request target does not begin with a slash");
        }
        let target: PathAndQuery = http_request
            .target
            .parse()
            .map_err(|_| "request target is too long or not percent-encoded")?;
        // http takes a fragment and drops it: half a key would be sent
        if target.as_str() != http_request.target {
            return Err("request target is not percent-encoded");
        }
        let mut parts = uri::Parts::default();
        parts.scheme = Some(uri::Scheme::HTTP);
        parts.authority = self.authority.clone();
        parts.path_and_query = Some(target);
        let uri = Uri::from_parts(parts).map_err(|_| "endpoint is not a URI")?;
        let mut request = Request::new(http_request.body.as_deref().unwrap_or_default());
        *request.method_mut() = method(http_request.method);
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        // the length of every header belongs into `head_room`
        if let Some(authorization) = authorization {
            let value = HeaderValue::from_str(authorization.header());
            headers.insert(
                AUTHORIZATION,
                value.map_err(|_| "credentials are no header value")?,
            );
        }
        if let (Some(_), Some(of)) = (&http_request.body, &http_request.content_type) {
            let of = HeaderValue::from_str(of).map_err(|_| "content type is not a header value")?;
            headers.insert(CONTENT_TYPE, of);
        }
        Ok(request)
    }

    fn run(
        &self,
        request: Request<&[u8]>,
        method: Method,
        limits: &ExchangeLimits,
        heed: &mut dyn FnMut(&Head, Instant) -> ExchangeControl,
    ) -> Result<Option<Answer>, Box<Fault>> {
        let agent = {
            let current = self.agent.read().unwrap_or_else(PoisonError::into_inner);
            current.clone()
        };
        let has_body = !request.body().is_empty() || matches!(method, Method::Put | Method::Post);
        let outcome = if has_body {
            agent.run(request)
        } else {
            agent.run(request.map(drop))
        };
        let (parts, mut body) = match outcome {
            Ok(response) => response.into_parts(),
            Err(error) => return Err(Box::new(fault(&error, "head"))),
        };
        let sifted = exchange_context::with(|context| {
            context.record.enter(Phase::Body, Instant::now());
            std::mem::take(&mut context.answer)
        });
        let head = read_head(sifted.unwrap_or_default(), &parts);
        let connected = exchange_context::with(|context| context.connected).flatten();
        match heed(&head, connected.unwrap_or_else(Instant::now)) {
            ExchangeControl::Stay => {}
            ExchangeControl::Silence(patience, finish) => {
                exchange_context::with(|context| {
                    (context.patience, context.finish) = (Some(patience), finish)
                });
            }
            // a connection whose answer was not read is closed
            ExchangeControl::Leave => return Ok(None),
        }
        let mut bytes = Vec::new();
        let failed = |mut fault: Fault, head: Head, mut bytes: Vec<u8>| {
            bytes.truncate(KEPT);
            // what was reserved for all of it is let go
            bytes.shrink_to_fit();
            fault.head = Some(Box::new(head));
            fault.body = bytes;
            Err(Box::new(fault))
        };

        let told = match (method, parts.status.as_u16()) {
            (Method::Head, _) | (_, 204 | 304) => Some(0),
            _ => content_length(&parts.headers),
        };
        if told.is_some_and(|length| length > limits.max_body) {
            return failed(too_large(limits.max_body), head, bytes);
        }
        let full = || {
            exchange_context::with(|context| context.record.fault(out_of_memory()))
                .unwrap_or_else(|| unattended(out_of_memory()))
        };
        if bytes.try_reserve_exact(room_for(told)).is_err() {
            return failed(full(), head, Vec::new());
        }
        let mut limited = HandedOn(body.as_reader()).take(limits.max_body.saturating_add(1));
        if let Err(error) = limited.read_to_end(&mut bytes) {
            if error.kind() == io::ErrorKind::OutOfMemory {
                return failed(full(), head, Vec::new());
            }
            return failed(fault(&error.into(), "body"), head, bytes);
        }
        if bytes.len() as u64 > limits.max_body {
            return failed(too_large(limits.max_body), head, bytes);
        }
        // ureq forgives an end just before the empty line after the last chunk; only a body without framing ends so
        let framed = told.is_some() || parts.headers.contains_key(TRANSFER_ENCODING);
        if framed && parts.version == http::Version::HTTP_11 {
            let ended = exchange_context::with(|context| {
                context.ended.then(|| context.record.fault(cut()))
            });
            if let Some(fault) = ended.flatten() {
                return failed(fault, head, bytes);
            }
        }
        if bytes.try_reserve_exact(1).is_err() {
            return failed(full(), head, Vec::new());
        }
        let ended = exchange_context::with(|context| {
            let record = &context.record;
            (
                NotApplied::left(&record.request),
                record.timings(Instant::now()),
            )
        });
        let (partial, timings) = ended.unwrap_or((None, Timings::default()));
        Ok(Some(Answer {
            head,
            body: bytes,
            content: Content::default(),
            partial,
            timings,
        }))
    }
}

/// Tells the attempt of this thread that the answer gets on.
struct HandedOn<R>(R);

impl<R: Read> Read for HandedOn<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(room)?;
        if n > 0 {
            exchange_context::with(|context| context.void = 0);
        }
        Ok(n)
    }
}

fn agent(dialer: &Arc<Dialer>, settings: &TransportConfig) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        // nothing from the environment
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .max_response_header_size(LONGEST_HEAD)
        .max_idle_connections(settings.max_idle)
        .max_idle_connections_per_host(settings.max_idle)
        .max_idle_age(settings.idle_age)
        .build();
    // no time limits here: each would cost system calls, ours are in the stream
    ureq::Agent::with_parts(config, UreqConnector(Arc::clone(dialer)), Later)
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Put => http::Method::PUT,
        Method::Post => http::Method::POST,
        Method::Delete => http::Method::DELETE,
    }
}

/// What the stream sifted out, and what it left to the engine.
fn read_head(mut head: Head, parts: &http::response::Parts) -> Head {
    head.status = parts.status.as_u16();
    head.relay |= parts.version != http::Version::HTTP_11;
    for (name, value) in &parts.headers {
        head.set(name.as_str().as_bytes(), value.as_bytes());
    }
    head
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn local(text: impl Into<String>) -> Failure {
    Failure::new(Phase::Connect, FaultKind::Local, text)
}

/// What became of the attempt of this thread, given what ureq makes of it.
fn fault(error: &ureq::Error, part: &str) -> Fault {
    exchange_context::with(|context| {
        let failure = match context.failure.take() {
            Some(failure) => failure,
            None => judge(error, context, part),
        };
        context.record.fault(failure)
    })
    .unwrap_or_else(|| unattended(local("the thread lost its exchange")))
}

/// The transport found nothing wrong: ureq did, or the connection ended in the middle.
fn judge(error: &ureq::Error, context: &ExchangeContext, part: &str) -> Failure {
    let phase = context.record.phase;
    match error {
        _ if context.ended && phase == Phase::Body => cut(),
        _ if context.ended && context.record.received > 0 => {
            let text = "connection closed inside the head of the answer";
            Failure::new(phase, FaultKind::Connection, text)
        }
        _ if context.ended => context.record.unanswered(),
        _ if context.record.received > 0 => {
            let text = format!("{part} of the answer is not HTTP: {error}");
            Failure::new(phase, FaultKind::Protocol, one_line(&text))
        }
        _ => Failure::new(phase, FaultKind::Local, one_line(&error.to_string())),
    }
}

fn cut() -> Failure {
    let text = "the body was cut: connection closed before its end";
    Failure::new(Phase::Body, FaultKind::Protocol, text)
}

fn too_large(max_body: u64) -> Fault {
    let text = format!("body of the answer is larger than {max_body} bytes");
    let failure = Failure::new(Phase::Body, FaultKind::TooLarge, text);
    exchange_context::with(|context| context.record.fault(failure.clone()))
        .unwrap_or_else(|| unattended(failure))
}

fn unattended(failure: Failure) -> Fault {
    Record::new().fault(failure)
}

/// There is no room for what a server has sent.
pub(crate) fn out_of_memory() -> Failure {
    let text = "out of memory for the body of the answer";
    Failure::new(Phase::Body, FaultKind::Local, text)
}

/// Room for a body whose length is told.
pub(crate) fn room_for(told: Option<u64>) -> usize {
    // one byte more, for the NUL of C
    let room = told.unwrap_or(0).min(BELIEVED) + 1;
    usize::try_from(room).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(url: &str) -> Channel {
        let settings = TransportConfig {
            max_idle: 1,
            idle_age: Duration::from_secs(1),
            ..TransportConfig::default()
        };
        Channel::new(Endpoint::parse("url", url).unwrap(), &settings)
    }

    #[test]
    fn a_name_look_up_that_hangs_is_shared_by_the_calls_after_it() {
        let channel = channel("http://nobody.asks.for.this:1");
        channel.dialer.hang();
        let limits = ExchangeLimits {
            deadline: Instant::now() + Duration::from_secs(20),
            connect: Duration::from_millis(20),
            send: Duration::ZERO,
            head: Duration::ZERO,
            body: Duration::ZERO,
            max_body: 0,
        };
        // a look-up of its own would find no such name
        for _ in 0..3 {
            let fault = channel
                .exchange(&HttpRequest::get("/"), &limits, None)
                .unwrap_err();
            assert_eq!(
                (fault.phase, fault.kind),
                (Phase::Resolve, FaultKind::Timeout),
                "{}",
                fault.text
            );
            channel.forget_idle();
        }
    }

    #[test]
    fn the_engine_takes_every_target_that_the_protocol_lets_pass() {
        let channel = channel("127.0.0.1:1");
        for byte in 0..=0x7f_u8 {
            let c = char::from(byte);
            for target in [format!("/a{c}b"), format!("/?a{c}b")] {
                if let Ok(http_request) = HttpRequest::raw("GET", &target, None, None) {
                    let request = channel.request(&http_request, None);
                    let taken = request.as_ref().map(|r| r.uri().path_and_query());
                    assert_eq!(
                        taken.map(|t| t.map(PathAndQuery::as_str)).ok().flatten(),
                        Some(target.as_str())
                    );
                }
            }
        }
    }
}
