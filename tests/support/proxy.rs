//! A wire to a server that can be cut, slowed or muted while connections live.

use super::http::find;
use super::scripted::request_length;
use super::wait_for;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What the wire does. It may be changed at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Passes every piece on so much later.
    Delay(Duration),
    /// Passes so many bytes on, then pauses; in both directions.
    Drip(usize, Duration),
    /// Takes everything in and passes nothing on. Nobody is told.
    BlackHole,
    /// Nobody listens; live connections are closed.
    Refuse,
    /// Connections are reset, live ones now, new ones as soon as they are made.
    Reset,
    /// The server's side is closed, the client's stays open and mute.
    HalfOpen,
    /// Passes so many bytes from the client on, counted from now or from the connection's begin, then closes it.
    CutRequest(u64),
    /// The same for bytes from the server.
    CutAnswer(u64),
}

impl Mode {
    fn is_mute(self) -> bool {
        matches!(self, Mode::BlackHole | Mode::HalfOpen)
    }
}

/// The proxy, on a free loopback port. A server that refuses shows as a reset: the proxy has accepted by then.
pub struct Proxy {
    address: SocketAddr,
    url: String,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

/// Tells a connection's line by where it comes from and where it ended.
type Sort = dyn Fn(SocketAddr, SocketAddr) -> usize + Send + Sync;

struct Shared {
    upstream: SocketAddr,
    sort: Box<Sort>,
    state: Mutex<State>,
    changed: Condvar,
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
    /// pieces taken in and not passed on
    swallowed: AtomicUsize,
}

struct State {
    mode: Mode,
    /// what is different for some lines
    lines: BTreeMap<usize, Mode>,
    /// counts the changes
    turn: u64,
    /// while somebody listens
    listener: Option<RawFd>,
    stopping: bool,
    live: Vec<Arc<Live>>,
    pumps: Vec<JoinHandle<()>>,
}

struct Live {
    line: usize,
    client: TcpStream,
    server: Option<TcpStream>,
    pumps: AtomicUsize,
    /// bytes from the client and from the server since the begin or the last change
    passed: [AtomicU64; 2],
    /// it has lost something and must not go on
    lossy: AtomicBool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({} to {})", self.address, self.shared.upstream)
    }
}

impl Proxy {
    /// In front of `http://ADDRESS:PORT`, passing everything.
    pub fn to(url: &str) -> Proxy {
        Proxy::sorting(url, |_, _| 0)
    }

    /// The same; `sort` tells lines apart, so that [`Proxy::set_line`] can treat them differently.
    pub fn sorting(
        url: &str,
        sort: impl Fn(SocketAddr, SocketAddr) -> usize + Send + Sync + 'static,
    ) -> Proxy {
        let upstream = url.strip_prefix("http://").unwrap_or(url);
        // not from the ports of outgoing connections: it must be had again after Refuse
        let port = super::etcd::free_ports(1)[0];
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: upstream.parse().expect("IP address and port"),
            sort: Box::new(sort),
            state: Mutex::new(State {
                mode: Mode::Pass,
                lines: BTreeMap::new(),
                turn: 0,
                listener: Some(listener.as_raw_fd()),
                stopping: false,
                live: Vec::new(),
                pumps: Vec::new(),
            }),
            changed: Condvar::new(),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            swallowed: AtomicUsize::new(0),
        });
        let theirs = Arc::clone(&shared);
        Proxy {
            address,
            url: format!("http://{address}"),
            shared,
            accepting: Some(std::thread::spawn(move || theirs.accept(listener, address))),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on, for live connections too. When it returns the change has been made.
    pub fn set(&self, mode: Mode) {
        self.change(|state| state.mode = mode);
    }

    /// The same for one line only, until [`Proxy::free_line`].
    pub fn set_line(&self, line: usize, mode: Mode) {
        self.change(|state| {
            state.lines.insert(line, mode);
        });
    }

    /// The line does what all do.
    pub fn free_line(&self, line: usize) {
        self.change(|state| {
            state.lines.remove(&line);
        });
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.state.lock().unwrap().live.len()
    }

    /// First lines of all whole requests that have come, passed on or not.
    pub fn request_lines(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many whole requests have come.
    pub fn requests(&self) -> usize {
        self.shared.requests.lock().unwrap().len()
    }

    /// Waits until so many whole requests have come.
    #[track_caller]
    pub fn wait_for_requests(&self, n: usize) {
        wait_for(&format!("{n} requests"), Duration::from_secs(20), || {
            (self.requests() >= n).then_some(())
        });
    }

    /// How many pieces were taken in and not passed on.
    pub fn swallowed(&self) -> usize {
        self.shared.swallowed.load(Ordering::SeqCst)
    }

    /// Waits until so many were: what a client has given up may still lie in a socket, and would be passed on later.
    pub fn wait_for_swallowed(&self, n: usize) {
        wait_for(&format!("{n} lost pieces"), Duration::from_secs(20), || {
            (self.swallowed() >= n).then_some(())
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.state.lock().unwrap();
        let before: Vec<Mode> = state.live.iter().map(|l| state.mode_of(l.line)).collect();
        change(&mut state);
        state.turn += 1;
        for (live, before) in state.live.iter().zip(before) {
            let mode = state.mode_of(live.line);
            // a cut begins to count anew
            if mode != before || matches!(mode, Mode::CutRequest(_) | Mode::CutAnswer(_)) {
                live.obey(mode);
            }
        }
        if state.mode == Mode::Refuse {
            if let Some(listener) = state.listener.take() {
                // SAFETY: the accepting thread owns the listener until it has seen that it is taken; on Linux this ends
                // listening and wakes accept()
                unsafe { libc::shutdown(listener, libc::SHUT_RDWR) };
            }
        }
        self.shared.changed.notify_all();
        let end = Instant::now() + Duration::from_secs(20);
        while state.mode != Mode::Refuse && state.listener.is_none() {
            assert!(Instant::now() < end, "{self:?} cannot listen again");
            let wait = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_secs(1));
            state = wait.unwrap().0;
        }
    }
}

impl State {
    fn mode_of(&self, line: usize) -> Mode {
        self.lines.get(&line).copied().unwrap_or(self.mode)
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
        let mut listener = Some(listener);
        loop {
            if let Some((client, peer)) = listener.as_ref().and_then(|l| l.accept().ok()) {
                if self.state.lock().unwrap().stopping {
                    return;
                }
                self.serve(client, peer);
                continue;
            }
            let mut state = self.state.lock().unwrap();
            if state.listener.is_none() {
                listener = None;
                while state.mode == Mode::Refuse && !state.stopping {
                    state = self.changed.wait(state).unwrap();
                }
            }
            if state.stopping {
                return;
            }
            if listener.is_none() {
                listener = TcpListener::bind(address).ok();
                state.listener = listener.as_ref().map(AsRawFd::as_raw_fd);
                self.changed.notify_all();
            }
            drop(state);
            if listener.is_none() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn serve(self: &Arc<Shared>, client: TcpStream, peer: SocketAddr) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let Ok(own) = client.local_addr() else {
            return;
        };
        let line = (self.sort)(peer, own);
        let mode = self.state.lock().unwrap().mode_of(line);
        let server = match mode {
            Mode::Refuse => return,
            Mode::Reset => return reset(&client),
            Mode::BlackHole | Mode::HalfOpen => None,
            _ => match TcpStream::connect_timeout(&self.upstream, Duration::from_secs(5)) {
                Ok(server) => Some(server),
                Err(_) => return reset(&client),
            },
        };
        let _ = client.set_nodelay(true);
        let _ = server.as_ref().map(|s| s.set_nodelay(true));
        let live = Arc::new(Live {
            line,
            client,
            pumps: AtomicUsize::new(1 + usize::from(server.is_some())),
            lossy: AtomicBool::new(server.is_none()),
            server,
            passed: Default::default(),
        });
        let mut state = self.state.lock().unwrap();
        let now = state.mode_of(line);
        if now != mode {
            live.obey(now);
        }
        state.pumps.retain(|pump| !pump.is_finished());
        for direction in 0..live.pumps.load(Ordering::SeqCst) {
            let (shared, live) = (Arc::clone(self), Arc::clone(&live));
            let pump = std::thread::spawn(move || {
                shared.pump(&live, direction);
                if live.pumps.fetch_sub(1, Ordering::SeqCst) == 1 {
                    let mut state = shared.state.lock().unwrap();
                    state.live.retain(|other| !Arc::ptr_eq(other, &live));
                }
            });
            state.pumps.push(pump);
        }
        state.live.push(live);
    }

    /// Direction 0 is from the client, 1 from the server.
    fn pump(&self, live: &Live, direction: usize) {
        let (from, to) = match (direction, &live.server) {
            (0, server) => (&live.client, server.as_ref()),
            (_, Some(server)) => (server, Some(&live.client)),
            _ => return,
        };
        let mut buffer = [0; 65536];
        let mut requests = Vec::new();
        loop {
            let Some(n) = (&mut &*from).read(&mut buffer).ok().filter(|n| *n > 0) else {
                let mute = self.state.lock().unwrap().mode_of(live.line).is_mute();
                if mute || live.lossy.load(Ordering::SeqCst) {
                    live.lossy.store(true, Ordering::SeqCst);
                } else if let Some(to) = to {
                    let _ = to.shutdown(Shutdown::Write);
                }
                return;
            };
            if direction == 0 {
                self.record(&mut requests, &buffer[..n]);
            }
            if !self.pass(&buffer[..n], live, direction, to) {
                return live.close();
            }
        }
    }

    /// False when the connection is at its end.
    fn pass(
        &self,
        mut piece: &[u8],
        live: &Live,
        direction: usize,
        to: Option<&TcpStream>,
    ) -> bool {
        while !piece.is_empty() {
            let (mode, turn) = {
                let state = self.state.lock().unwrap();
                if state.stopping {
                    return false;
                }
                (state.mode_of(live.line), state.turn)
            };
            let passed = &live.passed[direction];
            let mut n = piece.len();
            let mut ends = false;
            let mut pause = Duration::ZERO;
            match (mode, direction) {
                (Mode::Refuse | Mode::Reset, _) => return true,
                _ if mode.is_mute() || to.is_none() => {
                    live.lossy.store(true, Ordering::SeqCst);
                    self.swallowed.fetch_add(1, Ordering::SeqCst);
                    return true;
                }
                (Mode::Delay(time), _) if !self.rest(time, turn) => continue,
                (Mode::Drip(bytes, time), _) => {
                    n = n.min(bytes.max(1));
                    pause = time;
                }
                (Mode::CutRequest(limit), 0) | (Mode::CutAnswer(limit), 1) => {
                    let left = limit.saturating_sub(passed.load(Ordering::SeqCst));
                    ends = n as u64 >= left;
                    n = n.min(left as usize);
                }
                _ => {}
            }
            // before it is seen, or who sees it and sets a cut has it counted as after that
            passed.fetch_add(n as u64, Ordering::SeqCst);
            let written = to.is_some_and(|mut to| to.write_all(&piece[..n]).is_ok());
            if !written || ends {
                return false;
            }
            piece = &piece[n..];
            if !pause.is_zero() {
                self.rest(pause, turn);
            }
        }
        true
    }

    /// Lets time pass; false when the mode changed meanwhile.
    fn rest(&self, time: Duration, turn: u64) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state.lock().unwrap();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if state.turn != turn || state.stopping {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn record(&self, buffer: &mut Vec<u8>, piece: &[u8]) {
        // what is no HTTP never has an end
        if buffer.len() > 1 << 20 {
            return;
        }
        buffer.extend_from_slice(piece);
        while let Some(length) = request_length(buffer) {
            let request: Vec<u8> = buffer.drain(..length).collect();
            let line = &request[..find(&request, b"\r\n").unwrap_or(length)];
            let line = String::from_utf8_lossy(line).into_owned();
            self.requests.lock().unwrap().push(line);
        }
    }
}

impl Live {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.as_ref().map(|s| s.shutdown(Shutdown::Both));
    }

    fn obey(&self, mode: Mode) {
        for passed in &self.passed {
            passed.store(0, Ordering::SeqCst);
        }
        match mode {
            Mode::BlackHole => {}
            Mode::HalfOpen => {
                self.lossy.store(true, Ordering::SeqCst);
                let _ = self.server.as_ref().map(|s| s.shutdown(Shutdown::Both));
            }
            Mode::Reset => {
                reset(&self.client);
                let _ = self.server.as_ref().map(|s| s.shutdown(Shutdown::Both));
            }
            Mode::Refuse => self.close(),
            _ if self.lossy.load(Ordering::SeqCst) => self.close(),
            _ => {}
        }
    }
}

/// Sends a reset now, whoever else holds the socket.
fn reset(stream: &TcpStream) {
    let nowhere = libc::sockaddr {
        sa_family: libc::AF_UNSPEC as libc::sa_family_t,
        sa_data: [0; 14],
    };
    let size = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the descriptor is open, the pointer is valid for `size` bytes; on Linux this breaks the connection
    unsafe { libc::connect(stream.as_raw_fd(), &raw const nowhere, size) };
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let lock = || self.shared.state.lock().unwrap_or_else(|e| e.into_inner());
        let mut state = lock();
        state.stopping = true;
        if let Some(listener) = state.listener {
            // SAFETY: the accepting thread, which owns the listener, has not been waited for
            unsafe { libc::shutdown(listener, libc::SHUT_RDWR) };
        }
        drop(state);
        self.shared.changed.notify_all();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let mut state = lock();
        state.live.iter().for_each(|live| live.close());
        let pumps = std::mem::take(&mut state.pumps);
        drop(state);
        for pump in pumps {
            let _ = pump.join();
        }
    }
}
