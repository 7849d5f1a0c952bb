//! Child processes that never outlive the test, and folders that go with it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::FromRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};

type Job = (Command, mpsc::SyncSender<io::Result<Child>>);

/// Starts a child that is killed when this process ends, however it ends. It leads a process group of its own.
pub fn spawn(command: Command) -> io::Result<Child> {
    // The kernel's "parent died" signal is sent when the *thread* that spawned ends: so one thread spawns them all.
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("spawner".into())
            .spawn(move || {
                for (mut command, reply) in inbox {
                    command.process_group(0);
                    // SAFETY: only async-signal-safe calls between fork and exec
                    unsafe { command.pre_exec(die_with_parent) };
                    let _ = reply.send(command.spawn());
                }
            })
            .expect("a thread that spawns");
        Mutex::new(jobs)
    });
    let (reply, child) = mpsc::sync_channel(1);
    spawner
        .lock()
        .unwrap()
        .send((command, reply))
        .expect("the spawner lives as long as the process");
    child.recv().expect("the spawner answers")
}

fn die_with_parent() -> io::Result<()> {
    // SAFETY: prctl with integers only
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sends a signal to one process that we started.
pub fn signal(pid: u32, signal: i32) {
    // SAFETY: kill with integers only
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

/// Sends a signal to the group that a process of [`spawn`] leads.
pub fn signal_group(pid: u32, signal: i32) {
    // SAFETY: kill with integers only
    unsafe { libc::kill(-(pid as libc::pid_t), signal) };
}

/// What must be removed when the process ends although nobody dropped it (servers shared by a whole test file).
static LEFT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Servers that must be gone before their folders are.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Kills this child when the process ends, if nobody did before.
pub fn kill_at_exit(pid: u32) {
    RUNNING.lock().unwrap().insert(pid);
}

/// The child was waited for: its number may be somebody else's soon.
pub fn is_gone(pid: u32) {
    RUNNING
        .lock()
        .unwrap_or_else(|e| e.into_inner())
        .remove(&pid);
}

/// Asks the kernel for one socket. To read the table of all takes so long, when thousands of connections have just
/// ended, that servers give up their dialling meanwhile.
fn inode_asked(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    const BY_FAMILY: u16 = 20;
    let (SocketAddr::V4(local), SocketAddr::V4(remote)) = (local, remote) else {
        return None;
    };
    // nlmsghdr, then inet_diag_req_v2
    let mut request = [0; 72];
    request[0..4].copy_from_slice(&72_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    request[16] = libc::AF_INET as u8;
    request[17] = libc::IPPROTO_TCP as u8;
    request[20..24].fill(0xff); // in any state
    request[24..26].copy_from_slice(&local.port().to_be_bytes());
    request[26..28].copy_from_slice(&remote.port().to_be_bytes());
    request[28..32].copy_from_slice(&local.ip().octets());
    request[44..48].copy_from_slice(&remote.ip().octets());
    request[64..72].fill(0xff); // no cookie
    let (family, kind) = (libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC);
    // SAFETY: a new descriptor, or -1
    let socket = unsafe { libc::socket(family, kind, libc::NETLINK_SOCK_DIAG) };
    if socket < 0 {
        return None;
    }
    // SAFETY: it is open, and nobody else's
    let mut socket = unsafe { File::from_raw_fd(socket) };
    let mut answer = [0; 512];
    socket.write_all(&request).ok()?;
    let length = socket.read(&mut answer).ok()?;
    // nlmsghdr, then inet_diag_msg, which has the inode at 68
    let answered = length >= 88 && answer[4..6] == BY_FAMILY.to_ne_bytes();
    answered.then(|| u32::from_ne_bytes(answer[84..88].try_into().expect("four bytes")))
}

/// The same where the kernel cannot be asked.
fn inode_listed(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let end = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    let ends = format!(" {} {} ", end(local), end(remote));
    let line = table.lines().find(|line| line.contains(&ends))?;
    line.split_whitespace().nth(9)?.parse().ok()
}

/// Which of the servers that run has the end `local` of a connection over loopback.
pub fn owner(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let inode = inode_asked(local, remote).or_else(|| inode_listed(local, remote))?;
    let socket = format!("socket:[{inode}]");
    let running = RUNNING.lock().unwrap().clone();
    running.into_iter().find(|pid| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let mut targets = descriptors
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.any(|target| target.as_os_str() == socket.as_str())
    })
}

extern "C" fn remove_left() {
    for pid in std::mem::take(&mut *RUNNING.lock().unwrap_or_else(|e| e.into_inner())) {
        signal(pid, libc::SIGKILL);
        // SAFETY: waits for a child of ours, no status wanted
        unsafe { libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0) };
    }
    for folder in std::mem::take(&mut *LEFT.lock().unwrap_or_else(|e| e.into_inner())) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

/// A folder that is removed when dropped, at the latest when the process ends.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new empty folder; `name` is for people who look at it.
    pub fn new(name: &str) -> TempDir {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        static ONCE: OnceLock<()> = OnceLock::new();
        let parent = std::env::temp_dir();
        ONCE.get_or_init(|| {
            sweep(&parent);
            // SAFETY: the function is `extern "C"` and never unloaded
            unsafe { libc::atexit(remove_left) };
        });
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // short, since a unix socket's path may have 107 bytes
        let folder = parent.join(format!(
            "etcd_v2-test-{}-{number}-{name}",
            std::process::id()
        ));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        LEFT.lock().unwrap().insert(folder.clone());
        TempDir(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A path inside.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        LEFT.lock()
            .unwrap_or_else(|e| e.into_inner())
            .remove(&self.0);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes what a test process that was killed could not.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|n| n.strip_prefix("etcd_v2-test-"))
            .and_then(|n| n.split('-').next())
            .and_then(|n| n.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
