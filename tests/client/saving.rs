//! Saving settings: what stands in the way of the draft gets none of the secrets, and what is locked is not waited for
//! without an end, nor by the thread of a client at all.

use crate::api;
use crate::support;

use api::{options, value};
use etcd_v2::client::{Client, Options};
use etcd_v2::status::Status;
use etcd_v2::telemetry::hooks::Level;
use etcd_v2::transport::credentials::Authorization;
use rustix::fs::{CWD, FileType, FlockOperation, Mode, OFlags, flock, mknodat};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Cluster, TempDir, Version, wait_for};

/// A call that hangs takes longer, on any machine.
const LONG: Duration = Duration::from_secs(60);
const NAME: &str = "config.json";
const SECRET: &str = "canary";

fn settings() -> Options {
    let mut options = options("http://127.0.0.1:1", 500);
    options.set_authorization(Some(Authorization::basic("me", SECRET).unwrap()));
    options
}

fn draft(folder: &Path) -> PathBuf {
    folder.join(format!(".{NAME}.etcd_v2-new"))
}

/// On a thread of its own, so that one that hangs is told as such.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(work()));
    let outcome = told.recv_timeout(LONG);
    outcome.unwrap_or_else(|_| panic!("{what} hangs"))
}

fn save(what: &str, folder: &Path) -> etcd_v2::error::Result<()> {
    let path = folder.join(NAME);
    in_time(what, move || {
        Client::new(&settings()).unwrap().save(&path, true)
    })
}

fn has_secret(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(SECRET))
}

fn make(path: &Path, mode: u32) -> File {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    file.unwrap()
}

/// What may stand there, made by the function; it says what must not get the secrets.
type Row = (&'static str, fn(&Path, &Path) -> Vec<PathBuf>);

const ROWS: &[Row] = &[
    ("nothing", |_, _| Vec::new()),
    ("an old draft", |draft, _| {
        make(draft, 0o600);
        fs::write(draft, "x".repeat(100_000)).unwrap();
        Vec::new()
    }),
    ("a file for all", |draft, _| {
        make(draft, 0o666);
        Vec::new()
    }),
    ("a file for nobody", |draft, _| {
        make(draft, 0o000);
        Vec::new()
    }),
    ("a hard link", |draft, other| {
        make(other, 0o600);
        fs::hard_link(other, draft).unwrap();
        vec![other.to_owned()]
    }),
    ("a link to a file", |draft, other| {
        make(other, 0o600);
        symlink(other, draft).unwrap();
        vec![other.to_owned()]
    }),
    ("a link to nothing", |draft, other| {
        symlink(other, draft).unwrap();
        vec![other.to_owned()]
    }),
    ("a link to a folder", |draft, other| {
        fs::create_dir(other).unwrap();
        symlink(other, draft).unwrap();
        Vec::new()
    }),
    ("an empty folder", |draft, _| {
        fs::create_dir(draft).unwrap();
        Vec::new()
    }),
    ("a pipe", |draft, _| {
        mknodat(CWD, draft, FileType::Fifo, Mode::RWXU, 0).unwrap();
        Vec::new()
    }),
    ("a socket", |draft, _| {
        drop(UnixListener::bind(draft).unwrap());
        Vec::new()
    }),
    ("a locked file of another kind", |draft, _| {
        let file = make(draft, 0o644);
        flock(&file, FlockOperation::LockExclusive).unwrap();
        // for as long as the test runs
        std::mem::forget(file);
        Vec::new()
    }),
];

#[test]
fn what_stands_in_the_way_of_the_draft_gets_no_secret() {
    let check = |what: &str, folder: &TempDir, others: &[PathBuf]| {
        save(what, folder.path()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let file = folder.join(NAME);
        let kept = fs::symlink_metadata(&file).unwrap();
        assert!(kept.is_file() && kept.nlink() == 1, "{what}");
        assert_eq!(kept.mode() & 0o777, 0o600, "{what}");
        assert_eq!(kept.uid(), rustix::process::geteuid().as_raw(), "{what}");
        assert!(has_secret(&file), "{what}");
        Options::default().load_file("path", &file).unwrap();
        assert!(!draft(folder.path()).exists(), "{what}");
        for other in others {
            assert!(!has_secret(other), "{what}");
        }
    };
    for (what, prepare) in ROWS {
        let folder = TempDir::new("saving");
        let others = prepare(&draft(folder.path()), &folder.join("other"));
        check(what, &folder, &others);
    }
    // whoever had it open before
    let folder = TempDir::new("saving");
    let path = draft(folder.path());
    let mut early = OpenOptions::new();
    let early = early
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut early = early.open(&path).unwrap();
    check("a file that somebody has open", &folder, &[]);
    let mut text = String::new();
    early.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
    // a pipe with a reader
    let folder = TempDir::new("saving");
    mknodat(CWD, draft(folder.path()), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let mut reader = OpenOptions::new();
    let reader = reader
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32);
    let mut reader = reader.open(draft(folder.path())).unwrap();
    check("a pipe with a reader", &folder, &[]);
    let mut text = Vec::new();
    assert!(reader.read_to_end(&mut text).is_err() || text.is_empty());
    // what only root can prepare
    if rustix::process::geteuid().is_root() {
        let folder = TempDir::new("saving");
        let path = draft(folder.path());
        make(&path, 0o600);
        chown(&path, Some(4711), Some(4711)).unwrap();
        check("a file of another user", &folder, &[]);
        let folder = TempDir::new("saving");
        mknodat(
            CWD,
            draft(folder.path()),
            FileType::CharacterDevice,
            Mode::RWXU,
            rustix::fs::makedev(1, 3),
        )
        .unwrap();
        check("a device", &folder, &[]);
        assert!(
            !fs::metadata(folder.join(NAME))
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }
    // a folder with something in it is nobody's to remove
    let folder = TempDir::new("saving");
    fs::create_dir_all(draft(folder.path()).join("x")).unwrap();
    let error = save("a folder", folder.path()).unwrap_err();
    assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{error}");
    assert!(
        error
            .to_string()
            .contains("a folder has the name of the draft"),
        "{error}"
    );
    assert!(!folder.join(NAME).exists());
}

/// As a saver in another process has it.
fn locked(folder: &Path) -> File {
    let file = make(&draft(folder), 0o600);
    flock(&file, FlockOperation::LockExclusive).unwrap();
    file
}

#[test]
fn another_saver_that_does_not_end_is_waited_for_until_the_deadline() {
    let folder = TempDir::new("saving");
    let held = locked(folder.path());
    let error = save("save", folder.path()).unwrap_err();
    assert_eq!(error.status(), Status::TIMEOUT, "{error}");
    assert!(
        error.to_string().contains("another process is saving"),
        "{error}"
    );
    assert!(error.detail().retriable);

    let mut options = settings();
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = said.clone();
    options.set_log(
        Level::Error,
        Arc::new(move |_, line| log.lock().unwrap().push(line.to_owned())),
    );
    options.set_config_file(&folder.join(NAME), true).unwrap();
    let client = Arc::new(Client::new(&options).unwrap());
    let changed = client.clone();
    in_time("set_credentials", move || {
        let who = Authorization::basic("you", "canary-2").unwrap();
        changed.set_authorization(Some(who)).unwrap();
    });
    let lines = said.lock().unwrap().join("\n");
    assert!(
        lines.contains("another process is saving") && !lines.contains(SECRET),
        "{lines}"
    );
    assert!(!folder.join(NAME).exists());
    // it is tried again, also when nothing changes any more
    drop(held);
    wait_for("the file", LONG, || {
        has_secret(&folder.join(NAME)).then_some(())
    });
    let held = locked(folder.path());
    let changed = client.clone();
    in_time("set_endpoints", move || {
        changed.set_endpoints("urls", "b:1").unwrap()
    });
    let began = Instant::now();
    in_time("the end of a client", move || drop(client));
    assert!(began.elapsed() < LONG / 2);
    drop(held);
}

/// What is found from time to time is saved, and nobody waits for that.
#[test]
fn the_thread_of_a_client_waits_for_no_lock() {
    let cluster = Cluster::start(Version::V3_5, 3);
    let folder = TempDir::new("saving");
    let held = locked(folder.path());
    let mut options = options(cluster.member(0).url(), 10_000);
    options.set_sync_interval_ms(100).unwrap();
    options.set_config_file(&folder.join(NAME), false).unwrap();
    let client = Arc::new(api::Client::new(&options).unwrap());
    wait_for("all members", LONG, || {
        (client.endpoints().unwrap().len() == 3).then_some(())
    });
    for round in 0..20 {
        let (asks, round) = (client.clone(), round.to_string());
        let (tell, told) = channel();
        let mut set = api::request(etcd_v2::protocol::request::Operation::Set, "/a");
        set.set_value(round.as_bytes()).unwrap();
        let call = etcd_v2::client::Call::new(etcd_v2::client::Ask::Keys(set));
        asks.submit(&call, move |result| tell.send(result).unwrap())
            .unwrap();
        let answer = told.recv_timeout(LONG).expect("a submitted call hangs");
        assert_eq!(value(answer), round);
    }
    assert!(!folder.join(NAME).exists());
    drop(held);
    wait_for("the file with all members", LONG, || {
        let mut saved = Options::default();
        let read = saved.load_file("path", &folder.join(NAME));
        (read.is_ok() && saved.endpoints().len() == 3).then_some(())
    });
    // another member may be behind
    assert_eq!(value(client.execute(&api::quorum_get("/a"))), "19");
    in_time("the end of a client", move || drop(client));
}
