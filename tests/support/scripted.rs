//! A server that does exactly what the test says, on TCP or a unix socket.

use super::http::find;
use super::process::TempDir;
use super::wait_for;
use std::any::Any;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a connection does, one after the other; the connection is closed after the last.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads one whole request; ends the connection when the client has closed it.
    Read,
    /// Writes these bytes.
    Write(Vec<u8>),
    /// Writes these bytes, so many at a time, with a pause between.
    WriteSlowly(Vec<u8>, usize, Duration),
    /// Writes `HTTP/1.1 STATUS`, the headers, `Content-Length` and the body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Says nothing until the client closes or the server is dropped.
    Silent,
    /// Says nothing for so long.
    Wait(Duration),
    /// Closes in good order, now.
    Close,
    /// Closes with a reset, now.
    Reset,
    /// From the first step again.
    Again,
}

impl Step {
    /// A 200 with JSON and the headers that etcd sends.
    pub fn json(body: &str) -> Step {
        let headers = [
            ("Content-Type", "application/json"),
            ("X-Etcd-Index", "7"),
            ("X-Raft-Index", "9"),
            ("X-Raft-Term", "2"),
        ];
        Step::Answer(
            200,
            headers.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec(),
            body.as_bytes().to_vec(),
        )
    }
}

/// The server; everything it started has ended when it is dropped.
pub struct Scripted {
    url: String,
    shared: Arc<Shared>,
    listener: RawFd,
    accepting: Option<JoinHandle<()>>,
    _socket_folder: Option<TempDir>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: Mutex<Vec<Vec<u8>>>,
    streams: Mutex<Vec<(usize, Socket)>>,
    workers: Mutex<Vec<JoinHandle<()>>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

type Handler = dyn Fn(&mut Conversation) -> io::Result<()> + Send + Sync;

impl Scripted {
    /// On a free TCP port. The closure is called once for each connection, on a thread of its own.
    pub fn tcp(
        handler: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static,
    ) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Scripted::on(listener, handler)
    }

    /// On this listener.
    pub fn on(
        listener: TcpListener,
        handler: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static,
    ) -> Scripted {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fd = listener.as_raw_fd();
        let accept = move || {
            let (stream, _) = listener.accept()?;
            let _ = stream.set_nodelay(true);
            Ok(Socket::Tcp(stream))
        };
        Scripted::start(url, fd, accept, handler, None)
    }

    /// On a unix socket; the URL is `unix://` and the path.
    pub fn unix(
        handler: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static,
    ) -> Scripted {
        let folder = TempDir::new("sock");
        let path = folder.join("s");
        let listener = UnixListener::bind(&path).expect("a unix socket");
        let fd = listener.as_raw_fd();
        let accept = move || listener.accept().map(|(stream, _)| Socket::Unix(stream));
        Scripted::start(
            format!("unix://{}", path.display()),
            fd,
            accept,
            handler,
            Some(folder),
        )
    }

    /// Every connection follows the same steps.
    pub fn steps(steps: Vec<Step>) -> Scripted {
        Scripted::tcp(move |conversation| conversation.follow(&steps))
    }

    /// Connection 0 follows the first list, 1 the second …, later ones the last.
    pub fn scripts(scripts: Vec<Vec<Step>>) -> Scripted {
        Scripted::tcp(move |conversation| {
            let number = conversation.number().min(scripts.len() - 1);
            conversation.follow(&scripts[number])
        })
    }

    /// Answers every request of every connection with this JSON.
    pub fn json(body: &str) -> Scripted {
        Scripted::steps(vec![Step::Read, Step::json(body), Step::Again])
    }

    fn start(
        url: String,
        listener: RawFd,
        accept: impl Fn() -> io::Result<Socket> + Send + 'static,
        handler: impl Fn(&mut Conversation) -> io::Result<()> + Send + Sync + 'static,
        folder: Option<TempDir>,
    ) -> Scripted {
        let shared = Arc::new(Shared::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let theirs = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            while let Ok(socket) = accept() {
                if theirs.stopping.load(Ordering::SeqCst) {
                    break;
                }
                theirs.serve(socket, Arc::clone(&handler));
            }
        });
        Scripted {
            url,
            shared,
            listener,
            accepting: Some(accepting),
            _socket_folder: folder,
        }
    }

    /// `http://127.0.0.1:PORT` or `unix:///path`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Raw bytes of every whole request read so far, in the order of their ends.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// First line of every request so far.
    pub fn request_lines(&self) -> Vec<String> {
        let line = |r: &Vec<u8>| {
            String::from_utf8_lossy(&r[..find(r, b"\r\n").unwrap_or(r.len())]).into_owned()
        };
        self.requests().iter().map(line).collect()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Connections whose handler still runs.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come.
    #[track_caller]
    pub fn wait_for_requests(&self, n: usize) {
        wait_for(&format!("{n} requests"), Duration::from_secs(10), || {
            (self.requests().len() >= n).then_some(())
        });
    }

    /// Waits until so many connections were accepted.
    #[track_caller]
    pub fn wait_for_connections(&self, n: usize) {
        wait_for(&format!("{n} connections"), Duration::from_secs(10), || {
            (self.connections() >= n).then_some(())
        });
    }

    /// Waits until every connection has ended.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        wait_for("no connection left", Duration::from_secs(10), || {
            (self.open_connections() == 0).then_some(())
        });
    }
}

impl Shared {
    fn serve(self: &Arc<Shared>, socket: Socket, handler: Arc<Handler>) {
        let number = self.connections.fetch_add(1, Ordering::SeqCst);
        self.open.fetch_add(1, Ordering::SeqCst);
        let Ok(second) = socket.try_clone() else {
            self.open.fetch_sub(1, Ordering::SeqCst);
            return;
        };
        self.streams.lock().unwrap().push((number, second));
        let shared = Arc::clone(self);
        let worker = std::thread::spawn(move || {
            let mut conversation = Conversation {
                socket,
                number,
                shared: Arc::clone(&shared),
                buffer: Vec::new(),
                asked: String::new(),
                action: "",
                posted: false,
            };
            // an I/O error ends the connection: the client went away, as tests often want it to
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| handler(&mut conversation))) {
                *shared.panic.lock().unwrap() = Some(panic);
            }
            shared.streams.lock().unwrap().retain(|(n, _)| *n != number);
            drop(conversation);
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
        self.workers.lock().unwrap().push(worker);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // SAFETY: the descriptor is open as long as the accepting thread owns the listener; on Linux this wakes accept()
        unsafe { libc::shutdown(self.listener, libc::SHUT_RDWR) };
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for (_, stream) in self.shared.streams.lock().unwrap().iter() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let workers = std::mem::take(&mut *self.shared.workers.lock().unwrap());
        for worker in workers {
            let _ = worker.join();
        }
        let panic = self.shared.panic.lock().unwrap().take();
        if let Some(panic) = panic.filter(|_| !std::thread::panicking()) {
            std::panic::resume_unwind(panic);
        }
    }
}

/// The server's end of one connection.
pub struct Conversation {
    socket: Socket,
    number: usize,
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    /// the key of the last request
    asked: String,
    /// what etcd calls what it asks for
    action: &'static str,
    /// whether it is a POST
    posted: bool,
}

/// What etcd answers to it in `action`; empty where that is no matter of the request.
fn action_of(request: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(request);
    let (line, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
    let body = rest.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let says = |parameter: &str| {
        let query = line.split(' ').nth(1).and_then(|t| t.split_once('?'));
        let query = query.map_or("", |(_, query)| query);
        query
            .split('&')
            .chain(body.split('&'))
            .any(|one| one.starts_with(parameter))
    };
    let compares = says("prevValue=") || says("prevIndex=");
    match line.split(' ').next() {
        Some("GET") if !says("wait=true") => "get",
        Some("PUT") if says("prevExist=false") => "create",
        Some("PUT") if compares => "compareAndSwap",
        Some("PUT") if says("prevExist=true") => "update",
        Some("PUT") => "set",
        Some("POST") => "create",
        Some("DELETE") if compares => "compareAndDelete",
        Some("DELETE") => "delete",
        _ => "",
    }
}

/// The key that a request is about; empty for other paths.
fn key_of(request: &[u8]) -> String {
    let line = String::from_utf8_lossy(request);
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    path.strip_prefix("/v2/keys").unwrap_or_default().to_owned()
}

impl Conversation {
    /// What is written about `/a` in a script is told about the key that was asked for, and a get or set as what was
    /// asked for: an answer to another request would be none.
    fn about_asked(&self, body: &[u8]) -> Vec<u8> {
        let plain = !self.asked.is_empty() && !self.asked.contains('%');
        match std::str::from_utf8(body) {
            Ok(text) if plain => {
                let posted = if self.posted {
                    "/00000000000000000007"
                } else {
                    ""
                };
                let key = format!("\"key\":\"{}{posted}\"", self.asked);
                let mut text = text.replace("\"key\":\"/a\"", &key);
                if !self.action.is_empty() {
                    let action = format!("{{\"action\":\"{}\"", self.action);
                    for usual in ["{\"action\":\"get\"", "{\"action\":\"set\""] {
                        if text.starts_with(usual) {
                            text = text.replacen(usual, &action, 1);
                            break;
                        }
                    }
                }
                text.into_bytes()
            }
            _ => body.to_vec(),
        }
    }

    /// 0 for the first connection.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Does what the steps say.
    pub fn follow(&mut self, steps: &[Step]) -> io::Result<()> {
        let mut i = 0;
        while let Some(step) = steps.get(i) {
            i += 1;
            match step {
                Step::Read => {
                    if self.read_request()?.is_none() {
                        return Ok(());
                    }
                }
                Step::Write(bytes) => self.write(bytes)?,
                Step::WriteSlowly(bytes, piece, pause) => {
                    self.write_slowly(bytes, *piece, *pause)?
                }
                Step::Answer(status, headers, body) => {
                    let headers: Vec<(&str, &str)> = headers
                        .iter()
                        .map(|(n, v)| (n.as_str(), v.as_str()))
                        .collect();
                    let body = self.about_asked(body);
                    self.answer(*status, &headers, body)?;
                }
                Step::Silent => self.stay_silent(),
                Step::Wait(time) => self.wait(*time),
                Step::Close => return self.close(),
                Step::Reset => return self.reset(),
                Step::Again => i = 0,
            }
        }
        Ok(())
    }

    /// One whole request, head and body (by Content-Length or chunks); `None` when the client closed before one began.
    pub fn read_request(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(length) = request_length(&self.buffer) {
                let request: Vec<u8> = self.buffer.drain(..length).collect();
                self.asked = key_of(&request);
                self.action = action_of(&request);
                self.posted = request.starts_with(b"POST ");
                self.shared.requests.lock().unwrap().push(request.clone());
                return Ok(Some(request));
            }
            let mut piece = [0; 65536];
            match self.read_some(&mut piece)? {
                0 if self.buffer.is_empty() => return Ok(None),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => self.buffer.extend_from_slice(&piece[..n]),
            }
        }
    }

    /// The same, as the head, every line with its end, and the body.
    pub fn request(&mut self) -> io::Result<Option<(String, Vec<u8>)>> {
        Ok(self.read_request()?.map(|mut request| {
            let head = find(&request, b"\r\n\r\n").expect("a whole request") + 2;
            let body = request.split_off(head + 2);
            request.truncate(head);
            (String::from_utf8(request).expect("a head of UTF-8"), body)
        }))
    }

    /// The same connection, for another thread: what it reads this one does not.
    pub(super) fn second_stream(&self) -> io::Result<impl Read + Send + 'static> {
        self.socket.try_clone()
    }

    /// Exactly the next `n` bytes, whatever they are. They are not recorded as a request.
    pub fn read_bytes(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < n {
            let mut piece = [0; 4096];
            match self.read_some(&mut piece)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                got => self.buffer.extend_from_slice(&piece[..got]),
            }
        }
        Ok(self.buffer.drain(..n).collect())
    }

    fn read_some(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(piece) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Writes all of it.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    /// The same; to a read, what is told as a set is told as a get.
    pub fn write_as_asked(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        const SET: &[u8] = b"\"action\":\"set\"";
        let bytes = bytes.as_ref();
        // to a read it is told as one, which is as long
        let begin = &bytes[..bytes.len().min(1024)];
        let at = match self.action {
            "get" => begin.windows(SET.len()).position(|piece| piece == SET),
            _ => None,
        };
        match at.map(|at| bytes.split_at(at)) {
            Some((before, after)) => {
                let read = [before, b"\"action\":\"get\"", &after[SET.len()..]].concat();
                self.socket.write_all(&read)
            }
            None => self.socket.write_all(bytes),
        }
    }

    /// Writes `piece` bytes at a time, with a pause between.
    pub fn write_slowly(
        &mut self,
        bytes: impl AsRef<[u8]>,
        piece: usize,
        pause: Duration,
    ) -> io::Result<()> {
        for part in bytes.as_ref().chunks(piece.max(1)) {
            self.socket.write_all(part)?;
            self.wait(pause);
        }
        Ok(())
    }

    /// Status line, headers, Content-Length, body.
    pub fn answer(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> io::Result<()> {
        let body = body.as_ref();
        let mut message = format!("HTTP/1.1 {status} Scripted\r\n");
        for (name, value) in headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        message.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut message = message.into_bytes();
        message.extend_from_slice(body);
        self.write(message)
    }

    /// 200 and nothing but the body.
    pub fn ok(&mut self, body: impl AsRef<[u8]>) -> io::Result<()> {
        self.answer(200, &[], body)
    }

    /// 200 with JSON and the headers that etcd sends.
    pub fn answer_json(&mut self, body: &str) -> io::Result<()> {
        self.follow(&[Step::json(body)])
    }

    /// Says nothing until the client closes or the server is dropped; what comes is thrown away.
    pub fn stay_silent(&mut self) {
        let mut piece = [0; 4096];
        while matches!(self.read_some(&mut piece), Ok(n) if n > 0) {}
    }

    /// Says nothing for so long, or until the server is dropped.
    pub fn wait(&self, time: Duration) {
        let end = std::time::Instant::now() + time;
        while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
            if self.stopping() || left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }

    /// Whether the server is being dropped.
    pub fn stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::SeqCst)
    }

    /// Closes in good order, both directions.
    pub fn close(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Both)
    }

    /// The client's next read fails with ECONNRESET (on a unix socket: ends). Nothing may be written after it.
    ///
    /// The kernel sends the reset now: one that is left to the last close waits for a child that another test is
    /// just starting and that holds a copy of the descriptor until it executes.
    pub fn reset(&mut self) -> io::Result<()> {
        let Socket::Tcp(stream) = &self.socket else {
            return self.close();
        };
        // SAFETY: all of its fields are numbers
        let mut nowhere: libc::sockaddr = unsafe { std::mem::zeroed() };
        nowhere.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        let size = size_of::<libc::sockaddr>() as libc::socklen_t;
        // SAFETY: the descriptor is ours and open, the pointer is valid for `size` bytes
        match unsafe { libc::connect(stream.as_raw_fd(), &raw const nowhere, size) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // at once, whoever else holds a copy of the descriptor
        let _ = self.socket.shutdown(Shutdown::Write);
        // unread bytes would turn a close in good order into a reset; a test that wants one asks for it
        if let Socket::Tcp(stream) = &self.socket {
            if stream.set_nonblocking(true).is_ok() {
                let mut piece = [0; 4096];
                while matches!((&mut &*stream).read(&mut piece), Ok(n) if n > 0) {}
            }
        }
    }
}

/// Length of the first whole request in `bytes`.
pub(super) fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let header = |name: &str| {
        text.split("\r\n")
            .find_map(|l| l.strip_prefix(name))
            .map(str::trim)
    };
    if header("transfer-encoding:") == Some("chunked") {
        return Some(head + find(&bytes[head..], b"0\r\n\r\n")? + 5);
    }
    let body: usize = header("content-length:").map_or(0, |n| n.parse().expect("a number"));
    (bytes.len() >= head + body).then_some(head + body)
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn try_clone(&self) -> io::Result<Socket> {
        match self {
            Socket::Tcp(s) => s.try_clone().map(Socket::Tcp),
            Socket::Unix(s) => s.try_clone().map(Socket::Unix),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.shutdown(how),
            Socket::Unix(s) => s.shutdown(how),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.read(bytes),
            Socket::Unix(s) => s.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.write(bytes),
            Socket::Unix(s) => s.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
