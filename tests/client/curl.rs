//! The command for a shell that a client tells of each request: a real shell with a real curl does with it what the
//! call did.

use crate::api;
use crate::support;

use api::{Client, key, options};
use etcd_v2::client::{Ask, Call, Options};
use etcd_v2::protocol::http_request::HttpRequest;
use etcd_v2::protocol::request::{Operation, Request, flags};
use etcd_v2::protocol::response::Response;
use etcd_v2::protocol::tree::NodeRef;
use etcd_v2::transport::credentials::Authorization;
use etcd_v2::transport::tls::settings::{PemSource, TlsSettings};
use etcd_v2::watch::options::WatchOptions;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::etcd::Setup;
use support::{Authority, Etcd, Scripted, Step, TempDir, Version, Wish};

/// Everything that means something to a shell, to printf, to curl or to a URL.
const NASTY: &str =
    "it's \"$HOME\" `id` $(id) \\n \\047 %s%% %41 !! *?[a-z]{1,2} #&;|<>+=~@^ \u{e4}\u{1f600}";

#[derive(Clone, Default)]
struct Commands(Arc<Mutex<Vec<String>>>);

impl Commands {
    fn client(&self, endpoints: &str) -> Client {
        Client::new(&self.options(endpoints)).unwrap()
    }

    fn options(&self, endpoints: &str) -> Options {
        let commands = self.0.clone();
        let mut options = options(endpoints, 10_000);
        options.set_curl(Arc::new(move |command| {
            commands.lock().unwrap().push(command.to_owned());
        }));
        options
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    #[track_caller]
    fn only(&self) -> String {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

/// Runs it, as the line of a script: an argument could not be so long.
#[track_caller]
fn shell(command: &str) -> String {
    assert!(!command.contains('\n'), "{command}");
    let folder = TempDir::new("curl");
    let script = folder.join("script");
    std::fs::write(&script, format!("{command}\n")).unwrap();
    // an environment that would lead curl astray
    let output = Command::new("sh")
        .arg(&script)
        .env("http_proxy", "http://127.0.0.1:1")
        .env("HOME", "/nowhere")
        .output()
        .expect("a shell");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "is curl there?\n{words}{command}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is below a directory: path from there, value or nothing for a directory, whether it has a TTL.
type State = BTreeMap<String, (Option<String>, bool)>;

fn state(client: &Client, directory: &str) -> State {
    let mut request = Request::new(Operation::Get, key(directory));
    request.set_flags(flags::RECURSIVE | flags::QUORUM).unwrap();
    let response = client.execute(&Call::new(Ask::Keys(request))).unwrap();
    let mut state = State::new();
    collect(response.node().unwrap(), directory, &mut state);
    state
}

fn collect(node: NodeRef<'_>, directory: &str, state: &mut State) {
    let path = node.key().strip_prefix(directory).unwrap().to_owned();
    let value = node.value().map(str::to_owned);
    state.insert(path, (value, node.ttl().is_some()));
    for child in (0..node.child_count()).filter_map(|i| node.child(i)) {
        collect(child, directory, state);
    }
}

/// A row of the table: what is there before, and what is asked.
struct Row {
    operation: Operation,
    before: Option<&'static str>,
    change: fn(&mut Request, u64),
}

fn row(operation: Operation, before: Option<&'static str>, change: fn(&mut Request, u64)) -> Row {
    Row {
        operation,
        before,
        change,
    }
}

fn rows() -> Vec<Row> {
    let value = |request: &mut Request, _: u64| {
        request
            .set_value(format!("{NASTY}\n\ttwo lines\0and a NUL").as_bytes())
            .unwrap();
    };
    vec![
        row(Operation::Get, Some("old"), |_, _| ()),
        row(Operation::Get, Some("old"), |request, _| {
            request
                .set_flags(flags::RECURSIVE | flags::SORTED | flags::QUORUM)
                .unwrap();
        }),
        row(Operation::Get, None, |_, _| ()),
        row(Operation::Set, None, value),
        row(Operation::Set, Some("old"), |request, _| {
            request.set_value(b"@file").unwrap();
            request.set_ttl(100).unwrap();
        }),
        row(Operation::Set, None, |request, _| {
            // longer than a shell lets an argument be
            request.set_value(&vec![b'%'; 200_000]).unwrap();
        }),
        row(Operation::Set, None, |request, _| {
            request.set_flags(flags::DIR).unwrap();
        }),
        row(Operation::Create, None, value),
        row(Operation::Create, Some("old"), value),
        row(Operation::Update, Some("old"), value),
        row(Operation::Update, None, value),
        row(Operation::Refresh, Some("old"), |request, _| {
            request.set_ttl(100).unwrap();
        }),
        row(Operation::CreateInOrder, None, value),
        row(Operation::CompareAndSwap, Some(NASTY), |request, _| {
            request.set_value(b"new").unwrap();
            request.set_prev_value(NASTY).unwrap();
        }),
        row(Operation::CompareAndSwap, Some("old"), |request, index| {
            request.set_value(b"new").unwrap();
            request.set_prev_index(index).unwrap();
        }),
        row(Operation::CompareAndSwap, Some("old"), |request, _| {
            request.set_value(b"new").unwrap();
            request.set_prev_value("other").unwrap();
        }),
        row(Operation::CompareAndDelete, Some(NASTY), |request, _| {
            request.set_prev_value(NASTY).unwrap();
        }),
        row(Operation::Delete, Some("old"), |_, _| ()),
        row(Operation::Delete, None, |request, _| {
            request.set_flags(flags::RECURSIVE).unwrap();
        }),
    ]
}

/// Prepares one folder for the call and another for the command; says what both came to.
#[track_caller]
fn same_effect(row: &Row, client: &Client, commands: &Commands, number: usize) {
    let [one, two] = ["by-call", "by-command"].map(|by| format!("/curl/{number}/{by}"));
    let prepare = |folder: &str| {
        let mut other = Request::new(Operation::Set, key(&format!("{folder}/other")));
        other.set_value(b"there").unwrap();
        client.execute(&Call::new(Ask::Keys(other))).unwrap();
        let Some(value) = row.before else {
            return 0;
        };
        let mut before = Request::new(Operation::Set, key(&format!("{folder}/{NASTY}")));
        before.set_value(value.as_bytes()).unwrap();
        let response = client.execute(&Call::new(Ask::Keys(before))).unwrap();
        response.node().unwrap().modified_index()
    };
    let (first, second) = (prepare(&one), prepare(&two));
    commands.take();
    let mut request = Request::new(row.operation, key(&format!("{one}/{NASTY}")));
    (row.change)(&mut request, first);
    let told = client.execute(&Call::new(Ask::Keys(request)));
    // what comes before the request is a request of its own: the last one is it
    let command = commands.take().pop().expect("a command");
    let said = shell(&command.replace("by-call", "by-command").replace(
        &format!("prevIndex={first}"),
        &format!("prevIndex={second}"),
    ));
    let said: serde_json::Value =
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
    match told {
        Ok(response) => {
            assert_eq!(said["action"], response.action_text(), "{command}");
            let (node, shown) = (response.node().unwrap(), &said["node"]);
            assert_eq!(shown["value"].as_str(), node.value(), "{command}");
            assert_eq!(shown["ttl"].is_number(), node.ttl().is_some(), "{command}");
        }
        Err(error) => assert_eq!(said["errorCode"], error.detail().etcd_code, "{command}"),
    }
    let [mut one, mut two] = [&one, &two].map(|folder| state(client, folder));
    if row.operation == Operation::CreateInOrder {
        for state in [&mut one, &mut two] {
            let values = std::mem::take(state).into_values();
            *state = values
                .enumerate()
                .map(|(i, v)| (i.to_string(), v))
                .collect();
        }
    }
    assert_eq!(one, two, "{command}");
}

fn every_row(version: Version) {
    let etcd = Etcd::start(version);
    let commands = Commands::default();
    let client = commands.client(etcd.url());
    for (number, row) in rows().iter().enumerate() {
        same_effect(row, &client, &commands, number);
    }
}

#[test]
fn every_operation_has_the_same_effect_3_4() {
    every_row(Version::V3_4);
}

#[test]
fn every_operation_has_the_same_effect_3_5() {
    every_row(Version::V3_5);
}

#[test]
fn every_operation_has_the_same_effect_newest_3_5() {
    every_row(Version::V3_5Newest);
}

#[test]
fn polls_are_repeated_too() {
    let etcd = Etcd::shared(Version::V3_4);
    let index = etcd.set("/polls/k", "value=it's");
    let commands = Commands::default();
    let client = commands.client(etcd.url());
    let event = client
        .watch_once(
            &key("/polls"),
            true,
            index,
            etcd_v2::client::Patience::Default,
            None,
        )
        .unwrap();
    // a member that nothing was known of is asked again once it has said who it is
    let mut lines = commands.take();
    assert!(lines.len() <= 2, "{lines:?}");
    lines.dedup();
    let [line] = &*lines else {
        panic!("{lines:?}");
    };
    let said: serde_json::Value = serde_json::from_str(&shell(line)).unwrap();
    assert_eq!(said["node"]["modifiedIndex"], index);
    assert_eq!(
        said["node"]["value"].as_str(),
        event.node().unwrap().value()
    );

    let mut options = WatchOptions::default();
    options.set_recursive(true);
    options.set_start_index(index).unwrap();
    let watcher = client
        .watch(&key("/polls"), &options, Default::default())
        .unwrap();
    let end = Some(Instant::now() + Duration::from_secs(20));
    assert_eq!(watcher.next(end).unwrap().unwrap().index(), index);
    let command = commands.take().remove(0);
    let said: serde_json::Value = serde_json::from_str(&shell(&command)).unwrap();
    assert_eq!(said["node"]["modifiedIndex"], index, "{command}");
}

#[test]
fn submitted_calls_are_told_as_executed_ones() {
    let etcd = Etcd::shared(Version::V3_4);
    let commands = Commands::default();
    let client = commands.client(etcd.url());
    let mut request = Request::new(Operation::Set, key("/submitted/k"));
    request.set_value(NASTY.as_bytes()).unwrap();
    let call = Call::new(Ask::Keys(request));
    client.execute(&call).unwrap();
    let executed = commands.only();
    let (tell, told) = std::sync::mpsc::channel();
    let submitted = client.submit(&call, move |result: Result<Response, _>| {
        tell.send(result).unwrap()
    });
    submitted.unwrap();
    told.recv().unwrap().unwrap();
    assert_eq!(commands.only(), executed);
}

/// Head and body as the server gets them, without what curl says of itself.
fn seen(request: &[u8]) -> (Vec<String>, Vec<u8>) {
    let at = request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let (head, body) = request.split_at(at);
    let head = String::from_utf8_lossy(head).to_lowercase();
    let mut lines: Vec<String> = head.trim().lines().map(str::to_owned).collect();
    let curls = ["user-agent:", "accept:", "connection:", "expect:"];
    lines.retain(|line| !curls.iter().any(|name| line.starts_with(name)));
    lines.sort();
    (lines, body.to_vec())
}

#[test]
fn raw_requests_arrive_byte_for_byte() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let text = NASTY.as_bytes();
    let (json, odd) = (Some("application/json"), Some("a/b; c='d'"));
    let raw_requests = [
        HttpRequest::raw("GET", "/v2/stats/self", None, None),
        HttpRequest::raw("HEAD", "/v2/keys/x", None, None),
        HttpRequest::raw(
            "DELETE",
            "/v2/members/1?a=it's&b=[1-3]&c={x,y}&d=$e",
            None,
            None,
        ),
        HttpRequest::raw("PUT", "/v2/x%2Fy/..z/%252e/", None, None),
        HttpRequest::raw("POST", "/v2/x", Some(b""), odd),
        HttpRequest::raw("POST", "/v2/x", Some(&every_byte), None),
        HttpRequest::raw("PUT", "/v2/x", Some(text), odd),
        HttpRequest::raw("PUT", "/v2/x", Some(b"@/etc/passwd"), json),
        HttpRequest::raw("PUT", "/v2/x", Some(b"-n a"), json),
        HttpRequest::raw("PUT", "/v2/x", Some(b"a\r\n\tb\n"), json),
    ];
    let unix = Scripted::unix(|conversation| {
        while conversation.read_request()?.is_some() {
            conversation.ok("{}")?;
        }
        Ok(())
    });
    let tcp = Scripted::json("{}");
    for server in [tcp, unix] {
        let commands = Commands::default();
        let client = commands.client(server.url());
        client
            .set_authorization(Some(Authorization::basic("it's $me", "canary'\"").unwrap()))
            .unwrap();
        for (i, http_request) in raw_requests.iter().enumerate() {
            let http_request = http_request.clone().unwrap();
            // the answer may be none of etcd's
            let _ = client.execute(&Call::new(Ask::Raw(http_request)));
            let command = commands.only();
            assert!(!command.contains("canary"), "{command}");
            shell(&command.replace(":***'", ":canary'\\''\"'"));
            let requests = server.requests();
            assert_eq!(requests.len(), 2 * (i + 1), "{command}");
            assert_eq!(
                seen(&requests[2 * i + 1]),
                seen(&requests[2 * i]),
                "{command}"
            );
        }
    }
}

#[test]
fn every_attempt_has_a_command_of_its_own() {
    let good = Scripted::json(r#"{"action":"get","node":{"key":"/k","value":"v"}}"#);
    let bad = Scripted::steps(vec![Step::Read, Step::Close]);
    let commands = Commands::default();
    let client = commands.client(&format!("{},{}", bad.url(), good.url()));
    client
        .execute(&Call::new(Ask::Keys(Request::new(
            Operation::Get,
            key("/k"),
        ))))
        .unwrap();
    let said = commands.take();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains(bad.url()) && said[1].contains(good.url()),
        "{said:?}"
    );
}

/// Trust, identity and another name, all from files; and the switch that believes everybody.
#[test]
fn tls_is_repeated_with_its_files() {
    let authority = Authority::new("ours");
    let server = authority.issue(&Wish::server().names(&["other.name"]));
    let identity = authority.issue(&Wish::client("root"));
    let etcd = Setup::new(Version::V3_4)
        .secure(&server)
        .client_authority(&authority)
        .start();
    let url = etcd.secure_url();
    let identify = |tls: &mut TlsSettings| {
        let cert = PemSource::file("cert_file", &identity.cert_file);
        let key = PemSource::file("key_file", &identity.key_file);
        tls.set_identity(cert, key).unwrap();
    };
    let strict = |tls: &mut TlsSettings| {
        identify(tls);
        tls.set_authorities(PemSource::file("ca_file", authority.file()))
            .unwrap();
        tls.set_server_name("other.name").unwrap();
    };
    let lax = |tls: &mut TlsSettings| {
        identify(tls);
        tls.set_insecure(true).unwrap();
    };
    for (i, set) in [&strict as &dyn Fn(&mut TlsSettings), &lax]
        .into_iter()
        .enumerate()
    {
        let commands = Commands::default();
        let mut options = commands.options(url);
        set(options.tls_mut());
        let client = Client::new(&options).unwrap();
        let path = format!("/tls/{i}");
        client.execute(&api::call(Operation::Set, &path)).unwrap();
        let command = commands.only();
        assert_eq!(command.contains(" -k "), i == 1, "{command}");
        let said: serde_json::Value = serde_json::from_str(&shell(&command)).unwrap();
        assert_eq!(said["prevNode"]["key"], path.as_str(), "{command}");
    }
}

/// A shell that has `curl` only as a program that tells what it was given.
fn told_to_curl(shell: &str, folder: &TempDir, command: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
    let script = folder.join("script");
    std::fs::write(&script, format!("{command}\n")).unwrap();
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new(shell)
        .arg(&script)
        .env("PATH", path)
        .env("OUT", folder.path())
        .output()
        .expect("a shell");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && words.is_empty(),
        "{shell}: {words}{command}"
    );
    let given = std::fs::read(folder.join("arguments")).unwrap();
    let given = given.strip_suffix(b"\0").unwrap_or(&given);
    let arguments = given.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    (arguments, std::fs::read(folder.join("input")).unwrap())
}

/// Whatever is in a body or a target, the shells that people have hand it to curl as it is.
#[test]
fn shells_hand_over_every_byte() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new("curl");
    let curl = folder.join("curl");
    let text = "#!/bin/sh\nprintf '%s\\0' \"$@\" > \"$OUT/arguments\"\ncase \"$*\" in *'--data-binary @-'*) cat;; esac > \"$OUT/input\"\n";
    std::fs::write(&curl, text).unwrap();
    std::fs::set_permissions(&curl, std::fs::Permissions::from_mode(0o755)).unwrap();
    let shells: Vec<&str> = ["bash", "dash", "sh"]
        .into_iter()
        .filter(|shell| Command::new(shell).args(["-c", "exit 0"]).status().is_ok())
        .collect();
    assert!(shells.contains(&"sh"));
    let random = std::hash::RandomState::new();
    let dice = |round: u64, what: u64, below: u64| {
        use std::hash::BuildHasher;
        random.hash_one((round, what)) % below
    };
    let special: &[&[u8]] = &[
        b"-",
        b"--",
        b"-v",
        b"%",
        b"%s",
        b"%%",
        b"\\",
        b"\\n",
        b"\\047",
        b"'",
        b"\"",
        b"$HOME",
        b"`id`",
        b"\n",
        b"\r",
        b"\0",
        b"\x01",
        b"\x7f",
        b"\xc2\x85",
        b"\xff",
        b"0",
        b"7",
        b"@",
        b"!",
        b"*",
        b" ",
        b"{}",
        b"&x=",
        "\u{e4}".as_bytes(),
    ];
    let endpoint = etcd_v2::protocol::endpoint::Endpoint::parse("url", "a:1").unwrap();
    for round in 0..100u64 {
        let mut body = Vec::new();
        for place in 0..dice(round, 0, 12) {
            let pick = dice(round, 1 + place, special.len() as u64) as usize;
            body.extend_from_slice(special[pick]);
        }
        let form = Some("application/x-www-form-urlencoded");
        let http_request =
            HttpRequest::raw("PUT", "/v2/keys/a'b?x=$(id)&y=%41!", Some(&body), form);
        let http_request = http_request.unwrap_or_else(|_| {
            HttpRequest::raw("PUT", "/v2/keys/ab?x=1&y=%41!", Some(&body), form).unwrap()
        });
        let command = etcd_v2::telemetry::curl::command(
            &endpoint,
            &http_request,
            None,
            &TlsSettings::default(),
        );
        assert!(!command.contains('\n'), "{command}");
        for shell in &shells {
            let (arguments, input) = told_to_curl(shell, &folder, &command);
            let place = arguments
                .iter()
                .position(|a| a == b"--data-binary")
                .unwrap();
            let sent = match arguments[place + 1].as_slice() {
                b"@-" => &input,
                given => given,
            };
            assert_eq!(sent, body, "{shell}: {command}");
            let url = format!("http://a:1{}", http_request.target);
            assert_eq!(arguments.last().unwrap(), url.as_bytes(), "{command}");
        }
    }
}

/// etcd reads names of members without regard to case; whatever it may take for a password is not told.
#[test]
fn no_spelling_of_a_password_is_told() {
    let commands = Commands::default();
    let server = Scripted::json("{}");
    let client = commands.client(server.url());
    for body in [
        r#"{"user":"me","Password":"canary"}"#,
        r#"{"PASSWORD":"canary","password":"x"}"#,
        r#"{"pass\u0077ord":"canary"}"#,
        r#"[{"deep":{"er":[{"pAssword":["canary"]}]}}]"#,
        r#"{"password":"canary"} {"#,
        r#"{"password":"canary"#,
        "{\"pa\u{17f}sword\":\"canary\"}",
        "-\n{\"Password\":\"canary\"}",
    ] {
        for target in ["/v2/auth/users/me", "/v2/other"] {
            let json = Some("application/json");
            let http_request =
                HttpRequest::raw("PUT", target, Some(body.as_bytes()), json).unwrap();
            let _ = client.execute(&Call::new(Ask::Raw(http_request)));
            for command in commands.take() {
                assert!(!command.contains("canary"), "{command}");
                assert!(command.contains("***"), "{command}");
            }
        }
    }
}
