//! Real gateways in front of real servers: what they answer in the place of a member proves nothing about a write.

use crate::api;
use crate::support;

use api::{Verbs, client, refused};
use etcd_v2::protocol::request::Operation;
use etcd_v2::status::Status;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;
use support::{Etcd, Mode, Proxy, TempDir, Version, process, tools, wait_for};

/// A gateway that listens on a socket in a folder of its own.
struct Running {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Running {
    /// `configuration` gets the folder; the gateway listens there on `socket`.
    fn start(
        name: &str,
        configuration: impl FnOnce(&Path) -> String,
        command: impl FnOnce(&Path, &Path) -> Command,
    ) -> Running {
        let folder = TempDir::new(name);
        let file = folder.join("conf");
        std::fs::write(&file, configuration(folder.path())).unwrap();
        let mut command = command(folder.path(), &file);
        let log = std::fs::File::create(folder.join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let child = process::spawn(command).unwrap();
        let socket = folder.join("socket");
        wait_for("a gateway that listens", Duration::from_secs(60), || {
            UnixStream::connect(&socket).ok()
        });
        Running {
            child,
            url: format!("unix://{}", socket.display()),
            _folder: folder,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// nginx with its defaults, but for files that would lie elsewhere.
fn nginx(program: &Path, upstreams: &[&str], more: &str) -> Running {
    let servers: String = upstreams
        .iter()
        .map(|url| format!("server {};", host(url)))
        .collect();
    let configuration = |folder: &Path| {
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {at}/{kind};\n"))
            .collect();
        format!(
            "pid {at}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n{temporary}\
             upstream etcd {{ {servers} }}\nserver {{ listen unix:{at}/socket;\n{more}\n\
             location / {{ proxy_pass http://etcd; }} }} }}\n"
        )
    };
    Running::start("nginx", configuration, |folder, file| {
        let mut command = Command::new(program);
        command.arg("-p").arg(folder).arg("-c").arg(file);
        command.args(["-g", "daemon off; master_process off;"]);
        command
    })
}

fn haproxy(program: &Path, upstreams: &[&str]) -> Running {
    let servers: String = upstreams
        .iter()
        .enumerate()
        .map(|(n, url)| format!("  server s{n} {}\n", host(url)))
        .collect();
    let configuration = |folder: &Path| {
        format!(
            "defaults\n  mode http\n  timeout connect 20s\n  timeout client 60s\n  timeout server 60s\n\
             frontend f\n  bind unix@{}/socket\n  default_backend b\nbackend b\n{servers}",
            folder.display()
        )
    };
    Running::start("haproxy", configuration, |_, file| {
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(file);
        command
    })
}

/// A member that applies what it is sent, and whose answers are lost.
fn mute(etcd: &Etcd) -> Proxy {
    let proxy = Proxy::to(etcd.url());
    proxy.set(Mode::CutAnswer(1));
    proxy
}

fn children(etcd: &Etcd, folder: &str) -> usize {
    let direct = client(etcd.url(), 20_000);
    let answer = direct.get(folder).unwrap();
    answer.node().unwrap().child_count()
}

/// Each with a server of its own, so that what is there was made here.
fn each(test: impl Fn(&Etcd)) {
    for version in Version::ALL {
        test(&Etcd::start(version));
    }
}

#[test]
fn nginx_repeats_a_put_and_the_refusal_is_about_our_own_value() {
    let Some(program) = tools::nginx() else {
        return;
    };
    each(|etcd| {
        let first = mute(etcd);
        let gateway = nginx(&program, &[first.url(), etcd.url()], "");
        let through = client(&gateway.url, 20_000);
        let error = refused(through.run(Operation::Create, "/a"), Status::ALREADY_EXISTS);
        assert!(error.detail().outcome_unknown, "{error:?}");
        assert_eq!(first.requests(), 1);
        assert!(etcd.value("/a").is_some(), "it was applied");
    });
}

#[test]
fn pages_of_nginx_in_the_place_of_an_answer() {
    let Some(program) = tools::nginx() else {
        return;
    };
    each(|etcd| {
        let proxies = [mute(etcd), mute(etcd)];
        let pages = [
            ("", 502),
            (
                "error_page 502 504 =404 /sorry;\nlocation = /sorry { return 404; }",
                404,
            ),
            ("error_page 502 =302 https://login.example/;", 302),
            (
                "error_page 502 =403 /sorry;\nlocation = /sorry { default_type application/json; return 403 '{\"message\":\"sorry\"}'; }",
                403,
            ),
        ];
        for (n, (page, status)) in pages.into_iter().enumerate() {
            let gateways =
                [&proxies[0], &proxies[1]].map(|proxy| nginx(&program, &[proxy.url()], page));
            let both = format!("{},{}", gateways[0].url, gateways[1].url);
            let through = client(&both, 20_000);
            let folder = format!("/queue{n}");
            let answer = through.run(Operation::CreateInOrder, &folder);
            let error = refused(answer, Status::OUTCOME_UNKNOWN);
            assert!(error.detail().outcome_unknown, "{status}: {error:?}");
            assert_eq!(error.detail().http_status, status, "{error:?}");
            assert_eq!(children(etcd, &folder), 1, "{status}");
        }
    });
}

#[test]
fn pages_of_haproxy_in_the_place_of_an_answer() {
    let Some(program) = tools::haproxy() else {
        return;
    };
    each(|etcd| {
        let proxies = [mute(etcd), mute(etcd)];
        let gateway = haproxy(&program, &[proxies[0].url(), proxies[1].url()]);
        let through = client(&gateway.url, 20_000);
        let answer = through.run(Operation::CreateInOrder, "/queue");
        let error = refused(answer, Status::OUTCOME_UNKNOWN);
        assert!(error.detail().outcome_unknown, "{error:?}");
        assert_eq!(error.detail().http_status, 502, "{error:?}");
        assert_eq!(children(etcd, "/queue"), 1);
        // what etcd itself says still comes through
        let alive = haproxy(&program, &[etcd.url()]);
        let through = client(&alive.url, 20_000);
        through.run(Operation::Create, "/a").unwrap();
        refused(through.run(Operation::Create, "/a"), Status::ALREADY_EXISTS);
    });
}
