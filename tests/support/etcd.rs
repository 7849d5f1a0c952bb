//! Real etcd servers on free loopback ports, with data folders that go with them.

use super::authority::{Authority, Pair};
use super::cluster::{self, Cluster};
use super::process::{self, TempDir};
use super::proxy::Proxy;
use super::{http, tools, wait_for};
use std::fmt;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// A version of etcd that speaks v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.4
    V3_4,
    /// 3.5, an early one
    V3_5,
    /// 3.5, the newest that Debian has: made with a newer Go, and it speaks TLS 1.3
    V3_5Newest,
}

impl Version {
    /// What the tables of behaviour are tested with.
    pub const ALL: [Version; 3] = [Version::V3_4, Version::V3_5, Version::V3_5Newest];

    /// As a server and the programs of tests/c name it.
    pub fn minor(self) -> &'static str {
        match self {
            Version::V3_4 => "3.4",
            Version::V3_5 | Version::V3_5Newest => "3.5",
        }
    }

    /// Path of the server.
    pub fn binary(self) -> PathBuf {
        static PATHS: [OnceLock<PathBuf>; 3] = [const { OnceLock::new() }; 3];
        let (path, variable, version) = match self {
            Version::V3_4 => (&PATHS[0], "ETCD_V2_TEST_ETCD_34", "3.4"),
            Version::V3_5 => (&PATHS[1], "ETCD_V2_TEST_ETCD_35", "3.5"),
            Version::V3_5Newest => (&PATHS[2], "ETCD_V2_TEST_ETCD_35_NEWEST", "newest-3.5"),
        };
        path.get_or_init(
            || match std::env::var_os(variable).filter(|p| !p.is_empty()) {
                Some(path) => path.into(),
                None => tools::script("etcd.sh", &[version]).unwrap_or_else(|why| panic!("{why}")),
            },
        )
        .clone()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V3_4 => "3.4",
            Version::V3_5 => "3.5",
            Version::V3_5Newest => "newest 3.5",
        })
    }
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which binary.
    pub version: Version,
    /// `--heartbeat-interval`.
    pub heartbeat_ms: u32,
    /// `--election-timeout`; the 7 s that a write without quorum waits are 5 s plus twice this.
    pub election_ms: u32,
    /// More arguments; a flag given again wins.
    pub arguments: Vec<String>,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Whether members reach each other through proxies.
    pub isolatable: bool,
    /// Numbers of members without the v2 API, from 1.
    pub without_v2: Vec<usize>,
    /// The files of certificate and key for `https://`, and of the authority that clients have to be signed by.
    pub secure: Option<(Pair, Option<String>)>,
}

impl Setup {
    /// One member elects itself at once; clusters get more time, since the tests' machine is busy.
    pub fn new(version: Version) -> Setup {
        Setup {
            version,
            heartbeat_ms: 20,
            election_ms: 200,
            arguments: Vec::new(),
            environment: Vec::new(),
            isolatable: false,
            without_v2: Vec::new(),
            secure: None,
        }
    }

    /// Other raft timings.
    pub fn timing(mut self, heartbeat_ms: u32, election_ms: u32) -> Setup {
        self.heartbeat_ms = heartbeat_ms;
        self.election_ms = election_ms;
        self
    }

    /// One more argument; in it `@URL@` is the URL for clients.
    pub fn argument(mut self, argument: impl Into<String>) -> Setup {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of its environment: `GODEBUG`, `httpmuxgo121=0` is how newer builds treat paths.
    pub fn environment(mut self, name: &str, value: &str) -> Setup {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// These members, of which the first is 1, do not have the v2 API.
    pub fn without_v2(mut self, numbers: &[usize]) -> Setup {
        self.without_v2 = numbers.to_vec();
        self
    }

    /// Members reach each other through proxies, so that one can be cut off: [`Cluster::isolate`].
    pub fn isolatable(mut self) -> Setup {
        self.isolatable = true;
        self
    }

    /// Members serve `https://` too: [`Etcd::secure_url`]. The other URL stays, for a look from behind.
    pub fn secure(mut self, pair: &Pair) -> Setup {
        self.secure = Some((pair.clone(), None));
        self
    }

    /// And only to clients with a certificate of this authority.
    pub fn client_authority(mut self, authority: &Authority) -> Setup {
        let secure = self.secure.as_mut().expect("a secure server");
        secure.1 = Some(authority.file());
        self
    }

    /// A server with one member.
    pub fn start(self) -> Etcd {
        let mut members = self.members(1);
        members.remove(0)
    }

    /// A cluster of `n` members.
    pub fn cluster(self, n: usize) -> Cluster {
        let members = self.members(n);
        Cluster::of(self, members)
    }

    fn members(&self, n: usize) -> Vec<Etcd> {
        for _ in 0..10 {
            let members = self.try_members(n);
            let end = Instant::now() + START_LIMIT;
            if members.iter().all(|m| m.until_healthy(end)) {
                return members;
            }
            let logs: String = members.iter().map(Etcd::log).collect();
            // somebody took the port between our look and the server's: again with others
            assert!(
                logs.contains("address already in use"),
                "etcd did not start:\n{logs}"
            );
        }
        panic!("no free ports");
    }

    fn try_members(&self, n: usize) -> Vec<Etcd> {
        let mut members: Vec<Etcd> = (1..=n).map(|number| self.member(number)).collect();
        let all: Vec<String> = members.iter().map(Etcd::introduction).collect();
        let token = format!("t{}", members[0].port());
        for member in &mut members {
            member
                .arguments
                .push(format!("--initial-cluster-token={token}"));
            member.found(&all, "new");
        }
        members
    }

    /// Member `n1`, `n2`, … as it is before it knows the others.
    pub(super) fn member(&self, number: usize) -> Etcd {
        let ports = free_ports(3);
        let [url, listen] = [0, 1].map(|i| format!("http://127.0.0.1:{}", ports[i]));
        let secure_url = self
            .secure
            .as_ref()
            .map(|_| format!("https://127.0.0.1:{}", ports[2]));
        let urls = match &secure_url {
            Some(secure_url) => format!("{url},{secure_url}"),
            None => url.clone(),
        };
        let proxy = self
            .isolatable
            .then(|| Proxy::sorting(&listen, cluster::line_of));
        let peer_url = proxy
            .as_ref()
            .map_or(listen.as_str(), Proxy::url)
            .to_owned();
        let name = format!("n{number}");
        let dir = TempDir::new("etcd");
        let mut arguments: Vec<String> = [
            ("--name", name.as_str()),
            ("--data-dir", &dir.join("data").display().to_string()),
            ("--listen-client-urls", &urls),
            (
                "--advertise-client-urls",
                secure_url.as_ref().unwrap_or(&url),
            ),
            ("--listen-peer-urls", &listen),
            ("--initial-advertise-peer-urls", &peer_url),
            ("--heartbeat-interval", &self.heartbeat_ms.to_string()),
            ("--election-timeout", &self.election_ms.to_string()),
            ("--log-level", "error"),
        ]
        .iter()
        .map(|(flag, value)| format!("{flag}={value}"))
        .collect();
        let has_v2 = !self.without_v2.contains(&number);
        arguments.push(format!("--enable-v2={has_v2}"));
        if let Some((pair, authority)) = &self.secure {
            arguments.push(format!("--cert-file={}", pair.cert_file));
            arguments.push(format!("--key-file={}", pair.key_file));
            if let Some(authority) = authority {
                arguments.push("--client-cert-auth=true".into());
                arguments.push(format!("--trusted-ca-file={authority}"));
            }
        }
        let own = |a: &String| a.replace("@URL@", &url);
        arguments.extend(self.arguments.iter().map(own));
        Etcd {
            name,
            url,
            secure_url,
            peer_url,
            proxy,
            binary: self.version.binary(),
            version: self.version,
            arguments,
            environment: self.environment.clone(),
            dir,
            child: Mutex::new(None),
        }
    }
}

pub(super) const START_LIMIT: Duration = Duration::from_secs(120);

/// One server; stopped and removed when dropped.
#[derive(Debug)]
pub struct Etcd {
    name: String,
    url: String,
    secure_url: Option<String>,
    peer_url: String,
    /// in front of its peer port
    proxy: Option<Proxy>,
    version: Version,
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Mutex<Option<Child>>,
    dir: TempDir,
}

impl Etcd {
    /// A server of its own, ready to answer.
    pub fn start(version: Version) -> Etcd {
        Setup::new(version).start()
    }

    /// One server per version for all tests of this file that only need some server: use keys of your own.
    pub fn shared(version: Version) -> &'static Etcd {
        static SERVERS: [OnceLock<Etcd>; 3] = [const { OnceLock::new() }; 3];
        SERVERS[version as usize].get_or_init(|| Etcd::start(version))
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `https://127.0.0.1:PORT`, of a server that is set up for it.
    #[track_caller]
    pub fn secure_url(&self) -> &str {
        self.secure_url.as_deref().expect("a secure server")
    }

    /// `PORT`.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Member name, `n1`…
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it advertises to its peers.
    pub fn peer_url(&self) -> &str {
        &self.peer_url
    }

    /// The proxy in front of its peer port, in a cluster that is isolatable.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Which etcd it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.lock().unwrap().as_ref().map(Child::id)
    }

    /// Folder with `data` and `log`.
    pub fn dir(&self) -> &TempDir {
        &self.dir
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.dir.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// URL of a key, `key` being as on the wire.
    pub fn key_url(&self, key: &str) -> String {
        format!("{}/v2/keys{key}", self.url)
    }

    /// Value of a key as the server has it now.
    pub fn value(&self, key: &str) -> Option<String> {
        let reply = http::get(&self.key_url(key)).expect("an answer");
        (reply.status == 200).then(|| {
            reply.json()["node"]["value"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
    }

    /// Sets a key behind the library's back; returns its modifiedIndex.
    #[track_caller]
    pub fn set(&self, key: &str, form: &str) -> u64 {
        let reply = http::put(&self.key_url(key), form).expect("an answer");
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        reply.json()["node"]["modifiedIndex"].as_u64().unwrap()
    }

    /// So many changes of a key: the history forgets what is a thousand changes old.
    #[track_caller]
    pub fn change(&self, key: &str, times: usize) {
        for number in 0..times {
            self.set(key, &format!("value={number}"));
        }
    }

    /// Whether it has restored its store from a snapshot of another member since it was started.
    pub fn has_taken_a_snapshot(&self) -> bool {
        let metrics = http::get(&format!("{}/metrics", self.url));
        let counter = "etcd_network_snapshot_receive_success{";
        metrics.is_ok_and(|m| m.text().lines().any(|line| line.starts_with(counter)))
    }

    /// `X-Raft-Index` now.
    pub fn raft_index(&self) -> u64 {
        let reply = http::get(&self.key_url("/")).expect("an answer");
        let header = reply.header("X-Raft-Index").expect("X-Raft-Index");
        header.parse().expect("a number")
    }

    /// Up to this index the entries of its raft log are dropped; 0 if none is. Only with `--log-level=info`.
    pub fn compacted(&self) -> u64 {
        let log = self.log().to_ascii_lowercase();
        let lines = log
            .lines()
            .filter(|line| line.contains("compacted raft log"));
        let indices = lines.filter_map(|line| {
            let (_, after) = line
                .rsplit_once("compact-index\":")
                .or(line.rsplit_once("log at "))?;
            let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        });
        indices.max().unwrap_or(0)
    }

    /// The same around an election, which refuses writes: again until it succeeds. A member of a cluster may be in one at
    /// any time, when the machine has stalled.
    #[track_caller]
    pub fn set_in_the_end(&self, key: &str, form: &str) -> u64 {
        wait_for("a write", Duration::from_secs(60), || {
            let reply = http::put(&self.key_url(key), form).ok()?;
            let done = matches!(reply.status, 200 | 201);
            done.then(|| reply.json()["node"]["modifiedIndex"].as_u64())?
        })
    }

    /// `X-Etcd-Index` now.
    pub fn index(&self) -> u64 {
        http::get(&self.key_url("/"))
            .expect("an answer")
            .etcd_index()
    }

    /// Makes the root user and turns authentication on; guests may do nothing from then on.
    #[track_caller]
    pub fn enable_auth(&self, root: &str, password: &str) {
        let json = [("Content-Type", "application/json")];
        let user = format!(r#"{{"user":"{root}","password":"{password}"}}"#);
        let users = format!("{}/v2/auth/users/{root}", self.url);
        let reply = http::request("PUT", &users, &json, user.as_bytes()).expect("an answer");
        assert_eq!(reply.status, 201, "{}", reply.text());
        let enable = format!("{}/v2/auth/enable", self.url);
        let reply = http::request("PUT", &enable, &json, b"").expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let own = http::basic(root, password);
        let guest = format!("{}/v2/auth/roles/guest", self.url);
        let headers = [("Authorization", own.as_str())];
        let reply = http::request("DELETE", &guest, &headers, b"").expect("an answer");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
            process::is_gone(child.id());
        }
    }

    /// SIGSTOP: connections stay open and mute. Returns when it has stopped.
    pub fn pause(&self) {
        let pid = self.pid().expect("it runs");
        process::signal(pid, libc::SIGSTOP);
        wait_for("etcd stops", Duration::from_secs(5), || {
            stopped(pid).then_some(())
        });
    }

    /// SIGCONT.
    pub fn resume(&self) {
        process::signal(self.pid().expect("it runs"), libc::SIGCONT);
    }

    /// Starts it again on the same data and ports, killing it first if it runs; returns when it answers.
    pub fn restart(&self) {
        self.restart_unready();
        assert!(
            self.until_healthy(Instant::now() + START_LIMIT),
            "etcd did not start again:\n{}",
            self.log()
        );
    }

    /// Like [`Etcd::restart`], without waiting: for members that have no quorum.
    pub fn restart_unready(&self) {
        self.kill();
        self.launch();
    }

    /// `NAME=PEER-URL`.
    pub(super) fn introduction(&self) -> String {
        format!("{}={}", self.name, self.peer_url)
    }

    /// Starts it for the first time, as one of `all`.
    pub(super) fn found(&mut self, all: &[String], state: &str) {
        // what a test said for itself wins
        let ours = [
            format!("--initial-cluster={}", all.join(",")),
            format!("--initial-cluster-state={state}"),
        ];
        self.arguments.splice(0..0, ours);
        self.launch();
    }

    fn launch(&self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))
            .expect("a log file");
        let mut command = Command::new(&self.binary);
        // flags win over ETCD_… variables, but a stray one could still add something
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD_") {
                command.env_remove(name);
            }
        }
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = process::spawn(command).unwrap_or_else(|e| panic!("{:?}: {e}", self.binary));
        process::kill_at_exit(child.id());
        *self.child.lock().unwrap() = Some(child);
    }

    /// False when the process ended or the time is over.
    pub(super) fn until_healthy(&self, end: Instant) -> bool {
        while Instant::now() < end {
            if let Some(child) = self.child.lock().unwrap().as_mut() {
                if !matches!(child.try_wait(), Ok(None)) {
                    return false;
                }
            }
            // another process may sit on the port: only a healthy member that has our name counts
            let healthy = http::get(&format!("{}/health", self.url)).is_ok_and(|r| r.status == 200);
            let ours = || {
                http::get(&format!("{}/v2/stats/self", self.url))
                    .is_ok_and(|r| r.text().contains(&format!("\"name\":\"{}\"", self.name)))
            };
            // the version of the cluster is a write of etcd's own: afterwards every index is up to the test
            let settled = || {
                http::get(&format!("{}/version", self.url))
                    .is_ok_and(|r| !r.text().contains("not_decided"))
            };
            // whoever has no v2 API does not tell its name
            let nameless = self.arguments.iter().any(|a| a == "--enable-v2=false");
            if healthy && (nameless || ours()) && settled() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Whether it is stopped by [`Etcd::pause`].
    pub fn is_paused(&self) -> bool {
        self.pid().is_some_and(stopped)
    }

    /// Whether it says that it leads.
    pub fn is_leader(&self) -> bool {
        http::get(&format!("{}/v2/stats/self", self.url))
            .is_ok_and(|r| r.text().contains("\"StateLeader\""))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether every thread of it has stopped: the last one does a moment after the signal was sent.
fn stopped(pid: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return false;
    };
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // the name in parentheses may hold anything; the state follows it
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('T'))
    })
}

/// Ports that nobody listens on now, below those that the system gives to outgoing connections, and that no other test
/// process gets, so that a member that is down keeps its port.
pub fn free_ports(n: usize) -> Vec<u16> {
    let mut held = Vec::new();
    while held.len() < n {
        let port = Block::next_port();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
    }
    held.iter().map(|(port, _)| *port).collect()
}

/// A hundred ports of this process; a name that only one process can have is held as long as it lives.
struct Block {
    next: u16,
    end: u16,
    _name: UnixDatagram,
}

impl Block {
    const SIZE: u16 = 100;
    const COUNT: u16 = 200;

    fn next_port() -> u16 {
        static BLOCKS: Mutex<Vec<Block>> = Mutex::new(Vec::new());
        let mut blocks = BLOCKS.lock().unwrap();
        if blocks.last().is_none_or(|block| block.next == block.end) {
            blocks.push(Block::take());
        }
        let block = blocks.last_mut().expect("a block");
        block.next += 1;
        block.next - 1
    }

    fn take() -> Block {
        let first = (std::process::id() % u32::from(Block::COUNT)) as u16;
        let numbers = (0..Block::COUNT).map(|i| (first + i) % Block::COUNT);
        let block = |number: u16| {
            let name = format!("etcd_v2-test-ports-{number}");
            let name = SocketAddr::from_abstract_name(name).ok()?;
            let begin = 10_000 + number * Block::SIZE;
            Some(Block {
                next: begin,
                end: begin + Block::SIZE,
                _name: UnixDatagram::bind_addr(&name).ok()?,
            })
        };
        numbers.into_iter().find_map(block).expect("free ports")
    }
}
