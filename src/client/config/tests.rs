use super::*;
use crate::transport::credentials::Authorization;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// A folder of its own, gone in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("etcd_v2-config-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn names(&self) -> Vec<String> {
        let all = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = all
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn loaded(text: &str) -> Result<Options> {
    let mut options = Options::default();
    options.load_json("json", text.as_bytes())?;
    Ok(options)
}

/// Other values than the defaults, for every setting.
fn changed() -> Options {
    let mut options = Options::default();
    options.add_endpoints("url", "a:1,unix:///b").unwrap();
    options.set_deadline_ms(1).unwrap();
    options.set_attempt_timeout_ms(11).unwrap();
    options.set_connect_timeout_ms(2).unwrap();
    options.set_max_poll_ms(101).unwrap();
    options.set_max_response_bytes(1025).unwrap();
    options.set_max_nodes(3).unwrap();
    options.set_max_depth(4).unwrap();
    options.set_max_idle_connections(0).unwrap();
    options.set_max_connections(5).unwrap();
    options.set_max_in_flight(6).unwrap();
    options.set_idle_timeout_ms(7).unwrap();
    options.set_max_connection_age_ms(70).unwrap();
    options.set_keepalive(8, 9, 10).unwrap();
    options.set_user_timeout_ms(-1).unwrap();
    options.set_quorum_reads(true);
    options.set_stale(crate::cluster::members::staleness::StalenessPolicy::Refuse);
    options.set_sync_interval_ms(1001).unwrap();
    options.set_selection(crate::cluster::members::balancer::Selection::RoundRobin);
    options.set_random_start(true);
    options.set_hedge_ms(12).unwrap();
    options.set_dns_server("[::1]:53").unwrap();
    if cfg!(feature = "srv") {
        options.set_discovery_srv("a.b", Some("c-d")).unwrap();
    }
    let tls = options.tls_mut();
    tls.set_system(true).unwrap();
    tls.set_server_name("other").unwrap();
    tls.add_pin(&"0f".repeat(32)).unwrap();
    tls.set_insecure(true).unwrap();
    let authorization = Authorization::basic("me", "can\"a:ry").unwrap();
    options.set_authorization(Some(authorization));
    options
}

#[test]
fn every_setting_survives_being_written_and_read() {
    for options in [Options::default(), changed()] {
        let text = table::write(&options, true);
        let again = loaded(&text).unwrap();
        assert_eq!(table::write(&again, true), text);
        assert_eq!(again.authorization, options.authorization);
    }
    // and each of them has another value than before, so that none is overlooked
    let lines = |options: &Options| {
        let text = table::write(options, true);
        text.lines()
            .map(|l| l.trim_end_matches(',').to_owned())
            .collect::<Vec<_>>()
    };
    let (before, after) = (lines(&Options::default()), lines(&changed()));
    // these need files, or the text of certificates
    let mut others = vec!["ca_file", "ca_pem", "client_cert_files", "client_cert_pem"];
    if !cfg!(feature = "srv") {
        others.push("discovery_srv");
    }
    for name in NAMES.iter().filter(|name| !others.contains(name)) {
        let quoted = format!("  \"{name}\": ");
        let line = after.iter().find(|line| line.starts_with(&quoted));
        let line = line.unwrap_or_else(|| panic!("{name} is not written"));
        assert!(!before.contains(line), "{name}: the test has to change it");
    }
    let public = table::write(&changed(), false);
    assert!(
        !public.contains("can") && !public.contains("password"),
        "{public}"
    );
}

#[test]
fn what_is_not_said_stays_and_what_is_wrong_changes_nothing() {
    let mut options = changed();
    options
        .load_json("json", br#"{"etcd_v2": 1, "timeout_ms": 77}"#)
        .unwrap();
    let all = table::write(&options, true);
    assert!(all.contains("\"timeout_ms\": 77") && all.contains("\"max_nodes\": 3"));
    options.load_json("json", br#" {"etcd_v2":1} "#).unwrap();
    for (text, said) in [
        ("", "line 1: it ends too early"),
        (
            "{\"etcd_v2\": 1,\n\"timeout_ms\": 5",
            "line 2: it ends too early",
        ),
        ("{\"etcd_v2\": 1} x", "line 1: something follows the end"),
        (
            "{\"etcd_v2\": 1}{\"etcd_v2\": 1}",
            "line 1: something follows the end",
        ),
        ("[]", "line 1: an object was expected"),
        ("\0", "line 1: a value was expected"),
        (
            "{\"etcd_v2\": 1,\n\n\"deadline\": 5}",
            "line 3: deadline: unknown key",
        ),
        (
            "{\"etcd_v2\": 1, \"Deadline_ms\": 5}",
            "Deadline_ms: unknown key",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": 5,\n\"timeout_ms\": 5}",
            "line 2: timeout_ms: named twice",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": \"5\"}",
            "timeout_ms: a whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": 5.5}",
            "timeout_ms: a whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": 1e99}",
            "timeout_ms: a whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": null}",
            "timeout_ms: a whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"timeout_ms\": 0}",
            "timeout_ms: 0 is not within 1 to",
        ),
        (
            "{\"etcd_v2\": 1, \"max_nodes\": -1}",
            "max_nodes: an unsigned whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"quorum_reads\": 1}",
            "quorum_reads: true or false was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"endpoints\": \"a:1\"}",
            "endpoints: a list of strings was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"endpoints\": [1]}",
            "endpoints: a string was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"endpoints\": [\"x:1\", \"ftp://me:canary@a\"]}",
            "endpoints: scheme is none of",
        ),
        (
            "{\"etcd_v2\": 1, \"tcp_keepalive\": 5}",
            "keepalive: an object was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"tcp_keepalive\": {\"idle\": 5}}",
            "idle: unknown key in tcp_keepalive",
        ),
        (
            "{\"etcd_v2\": 1, \"tcp_keepalive\": {\"idle_s\": -5}}",
            "idle_s: -5 is not within",
        ),
        (
            "{\"etcd_v2\": 1, \"credentials\": {\"user\": \"canary\", \"password\": 7}}",
            "password: a string was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"credentials\": \"canary\"}",
            "credentials: an object was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"credentials\": {\"password\": \"canary\"}}",
            "user: must not be empty",
        ),
        ("{\"etcd_v2\": 0}", "etcd_v2: there is no version 0"),
        (
            "{\"etcd_v2\": \"1\"}",
            "etcd_v2: an unsigned whole number was expected",
        ),
        (
            "{\"etcd_v2\": 1, \"a\": [[[[[[[[[]]]]]]]]]}",
            "nested too deep",
        ),
        ("{\"confg\": {}}", "confg: unknown key"),
        (
            "{\"etcd_v2\": 1, \"stale_policy\": \"maybe\"}",
            "stale_policy: none of ignore, report, reject",
        ),
        (
            "{\"etcd_v2\": 1, \"pinned_sha256\": [\"0\"]}",
            "sha256: not the SHA-256",
        ),
        (
            "{\"etcd_v2\": 1, \"ca_pem\": \"x\", \"ca_file\": \"x\"}",
            "ca_pem: ca_file is there, too",
        ),
    ] {
        let before = table::write(&options, true);
        let error = options.load_json("json", text.as_bytes()).expect_err(text);
        let message = error.to_string();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT, "{message}");
        assert!(message.starts_with("json: line "), "{message}");
        assert!(message.contains(said), "{message} for {text}");
        assert!(!message.contains("canary"), "{message}");
        assert_eq!(table::write(&options, true), before, "{text}");
    }
    let newer = loaded("{\"etcd_v2\": 2, \"what_it_may_have\": {}}").unwrap_err();
    assert_eq!(newer.status(), Status::UNSUPPORTED);
    assert!(
        newer.to_string().contains("version 2 is newer than 1"),
        "{newer}"
    );
    let mut options = Options::default();
    let long = vec![b' '; document::LONGEST + 1];
    assert_eq!(
        options.load_json("json", &long).unwrap_err().status(),
        Status::TOO_LARGE
    );
    assert_eq!(
        options.load_json("json", b"{\xff}").unwrap_err().status(),
        Status::NOT_UTF8
    );
}

#[test]
fn every_cut_of_a_document_is_refused() {
    let text = table::write(&changed(), true);
    let whole = text.trim_end().len();
    for cut in 0..whole {
        let cut = text.get(..cut).unwrap();
        assert!(loaded(cut).is_err(), "{cut}");
    }
}

#[test]
fn go_etcds_format_is_read_as_its_clients_write_it() {
    // as json.Marshal of go-etcd 003851b writes it
    let one = r#"{"config":{"certFile":"","keyFile":"","caCertFiles":null,"timeout":1500000001,"consistency":"WEAK"},"cluster":{"leader":"","machines":["http://127.0.0.1:4001"]}}"#;
    let urls = |options: &Options| {
        let urls = options.endpoints().iter().map(|e| e.url().to_string());
        urls.collect::<Vec<_>>()
    };
    let options = loaded(one).unwrap();
    assert_eq!(urls(&options), ["http://127.0.0.1:4001"]);
    assert_eq!(options.connect_timeout.as_millis(), 1501);
    // it appends: the last one is what was saved last
    let two = r#"{"config":{"certFile":"","keyFile":"","caCertFiles":[],"timeout":0,"consistency":"STRONG"},"cluster":{"leader":"http://b:1","machines":["http://a:1/","http://b:1"]}}"#;
    let options = loaded(&format!("{one}{two}")).unwrap();
    assert_eq!(urls(&options), ["http://b:1", "http://a:1"]);
    assert!(options.quorum_reads);
    assert_eq!(options.connect_timeout, Options::default().connect_timeout);
    assert!(loaded(&format!("{one}{}", two.get(..40).unwrap())).is_err());
    // Go does not care about case, and a hand may have written only a part
    let options = loaded(r#"{"Cluster":{"Machines":["a:1"]}}"#).unwrap();
    assert_eq!(urls(&options), ["http://a:1"]);
    assert_eq!(
        urls(&loaded(r#"{"cluster":null,"config":null}"#).unwrap()).len(),
        0
    );
    for (text, said) in [
        (
            r#"{"config":{"timeout":"1s"}}"#,
            "timeout: a whole number was expected",
        ),
        (r#"{"config":{"timeout":-1}}"#, "connect_timeout_ms: "),
        (
            r#"{"config":{"consistency":"FIRM"}}"#,
            "consistency: neither STRONG nor WEAK",
        ),
        (
            r#"{"config":{"retries":1}}"#,
            "retries: unknown key in config",
        ),
        (
            r#"{"cluster":{"machines":["ftp://a"]}}"#,
            "machines: scheme is none of",
        ),
        (
            r#"{"cluster":{"machines":{}}}"#,
            "machines: a list of strings was expected",
        ),
        (
            r#"{"cluster":{"peers":[]}}"#,
            "peers: unknown key in cluster",
        ),
    ] {
        let message = loaded(text).expect_err(text).to_string();
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn files_are_replaced_as_a_whole_and_only_for_their_owner() {
    let folder = Folder::new();
    let client = Client::new(&changed()).unwrap();
    let (path, link) = (folder.0.join("c.json"), folder.0.join("link"));
    fs::write(&path, "{\"cut").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    symlink("c.json", &link).unwrap();
    // what somebody left who was killed while writing
    fs::write(folder.0.join(".c.json.etcd_v2-new"), "x".repeat(9999)).unwrap();
    client.save(&link, false).unwrap();
    assert_eq!(folder.names(), ["c.json", "link"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("can"), "{text}");
    let mut options = Options::default();
    options.load_file("path", &link).unwrap();
    assert_eq!(options.endpoints(), changed().endpoints());
    client.save(&path, true).unwrap();
    options.load_file("path", &path).unwrap();
    assert_eq!(options.authorization, changed().authorization);
    // a new one
    client.save(&folder.0.join("new"), false).unwrap();
    assert_eq!(folder.names(), ["c.json", "link", "new"]);
}

#[test]
fn what_cannot_be_read_or_written_says_so_and_changes_nothing() {
    let folder = Folder::new();
    let client = Client::new(&Options::default()).unwrap();
    let missing = folder.0.join("missing");
    let pipe = folder.0.join("pipe");
    let loops = folder.0.join("loop");
    symlink("loop", &loops).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let mut options = Options::default();
    for (path, why) in [
        (&missing, "no such file"),
        (&folder.0, "not a file"),
        (&pipe, "not a file"),
    ] {
        let error = options.load_file("path", path).unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT);
        let text = error.to_string();
        assert!(text.starts_with("path: ") && text.contains(why), "{text}");
    }
    for (path, why) in [
        (&missing.join("file"), "no such file or folder"),
        (&folder.0, "not a file"),
        (&pipe, "not a file"),
        (&loops, "too many links"),
        (&PathBuf::from("/"), ""),
        (&PathBuf::from(""), ""),
    ] {
        let error = client.save(path, false).unwrap_err();
        assert_eq!(error.status(), Status::INVALID_ARGUMENT);
        let text = error.to_string();
        assert!(text.starts_with("path: ") && text.contains(why), "{text}");
    }
    assert_eq!(folder.names(), ["loop", "pipe"]);
    // a disk that is full
    let full = Path::new("/dev/full");
    if full.exists() {
        assert_eq!(
            client.save(full, false).unwrap_err().status(),
            Status::INVALID_ARGUMENT
        );
    }
}

#[test]
fn every_change_is_saved_and_told_and_the_last_is_the_newest() {
    let folder = Folder::new();
    let path = folder.0.join("kept");
    let told = Arc::new(Mutex::new(Vec::new()));
    let itself: Arc<OnceLock<Weak<Client>>> = Arc::default();
    let mut options = changed();
    options.set_config_file(&path, false).unwrap();
    let (heard, again) = (told.clone(), itself.clone());
    options.set_config_callback(
        Arc::new(move |text| {
            let mut heard = heard.lock().unwrap();
            heard.push(text.to_owned());
            let first = heard.len() == 1;
            drop(heard);
            // who is told may change something
            let client = again.get().and_then(Weak::upgrade);
            if let Some(client) = client.filter(|_| first) {
                client.set_endpoints("urls", "d:1").unwrap();
            }
        }),
        true,
    );
    let client = Arc::new(Client::new(&options).unwrap());
    itself.set(Arc::downgrade(&client)).unwrap();
    assert!(!path.exists() && told.lock().unwrap().is_empty());
    client.set_endpoints("urls", "c:1").unwrap();
    // no change
    client.set_endpoints("urls", "d:1").unwrap();
    client
        .set_authorization(Some(Authorization::basic("you", "canary").unwrap()))
        .unwrap();
    assert!(client.set_endpoints("urls", "ftp://e").is_err());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    for (text, url) in told.iter().zip(["c", "d", "d"]) {
        assert!(text.contains(&format!("[\"http://{url}:1\"]")), "{text}");
    }
    assert!(told[2].contains("canary"));
    let kept = fs::read_to_string(&path).unwrap();
    assert!(
        kept.contains("[\"http://d:1\"]") && !kept.contains("canary"),
        "{kept}"
    );
    loaded(&kept).unwrap();
}

#[test]
fn savers_do_not_get_in_each_others_way() {
    let folder = Folder::new();
    let path = folder.0.join("shared");
    let clients = ["a:1", "b:1,b:2,b:3,b:4"].map(|urls| {
        let mut options = Options::default();
        options.add_endpoints("urls", urls).unwrap();
        Client::new(&options).unwrap()
    });
    std::thread::scope(|scope| {
        for client in clients.iter().chain(&clients) {
            scope.spawn(|| {
                for _ in 0..50 {
                    client.save(&path, false).unwrap();
                    let mut options = Options::default();
                    options.load_file("path", &path).unwrap();
                    assert!(matches!(options.endpoints().len(), 1 | 4));
                }
            });
        }
    });
    assert_eq!(folder.names(), ["shared"]);
}
