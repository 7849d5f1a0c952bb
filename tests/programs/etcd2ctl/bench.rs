//! The two tools, each with a server of its own.

use crate::support::{
    CProgram, Etcd, Program, TempDir, Version, http, process, root, tools, wait_for,
};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

/// However busy the machine is.
const LIMIT: Duration = Duration::from_secs(60);

/// The tools' own are 2 and 5 seconds, which a busy machine may take; what a line says itself comes later and wins.
const PATIENCE: [&str; 4] = ["--timeout", "60s", "--total-timeout", "120s"];

/// All files of etcd2ctl.
pub fn source() -> CProgram {
    let mut files: Vec<String> = std::fs::read_dir(root().join("examples-c/etcd2ctl"))
        .unwrap()
        .map(|entry| entry.unwrap().path().display().to_string())
        .filter(|path| path.ends_with(".c"))
        .collect();
    files.sort();
    let main = files
        .iter()
        .position(|path| path.ends_with("/main.c"))
        .expect("main.c");
    let main = files.remove(main);
    let rest: Vec<&str> = files.iter().map(String::as_str).collect();
    CProgram::of(main).flags(&rest)
}

/// etcd2ctl, built once.
pub fn etcd2ctl() -> &'static Program {
    static BUILT: OnceLock<Program> = OnceLock::new();
    BUILT.get_or_init(|| source().build())
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
}

/// One of the tools and the server that it talks to.
#[derive(Debug)]
pub struct Side {
    words: Vec<PathBuf>,
    endpoints: String,
    etcd: Option<Etcd>,
    /// What is replaced in what it prints, so that it can be compared.
    names: Vec<(String, &'static str)>,
}

/// A run that goes on.
#[derive(Debug)]
pub struct Running {
    child: Child,
    folder: TempDir,
    names: Vec<(String, &'static str)>,
}

/// etcdctl and etcd2ctl; `None` when the tests run without the former.
pub fn sides(version: Version) -> Option<[Side; 2]> {
    sides_of(|| Etcd::start(version))
}

/// Each with a server that is started so.
pub fn sides_of(start: impl Fn() -> Etcd) -> Option<[Side; 2]> {
    Some([
        Side::new(vec![tools::etcdctl()?], start()),
        Side::new(vec![etcd2ctl().path().to_owned()], start()),
    ])
}

/// Both, asking the same servers.
pub fn sides_at(endpoints: &str) -> Option<[Side; 2]> {
    Some([
        Side::at(vec![tools::etcdctl()?], endpoints),
        Side::at(vec![etcd2ctl().path().to_owned()], endpoints),
    ])
}

/// etcd2ctl alone.
pub fn ours(version: Version) -> Side {
    Side::new(vec![etcd2ctl().path().to_owned()], Etcd::start(version))
}

impl Side {
    /// A tool, with what it runs under before it.
    pub fn new(words: Vec<PathBuf>, etcd: Etcd) -> Side {
        let reply = http::get(&format!("{}/v2/members", etcd.url())).unwrap();
        let member = reply.json()["members"][0].clone();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let names = vec![
            (etcd.url().to_owned(), "URL"),
            (format!("127.0.0.1:{}", etcd.port()), "HOST"),
            (text(&member["peerURLs"][0]), "PEER"),
            (text(&member["id"]), "ID"),
            ("etcd2ctl".to_owned(), "etcdctl"),
        ];
        Side {
            words,
            endpoints: etcd.url().to_owned(),
            etcd: Some(etcd),
            names,
        }
    }

    /// A tool that asks somebody else's servers.
    pub fn at(words: Vec<PathBuf>, endpoints: &str) -> Side {
        Side {
            words,
            endpoints: endpoints.to_owned(),
            etcd: None,
            names: vec![("etcd2ctl".to_owned(), "etcdctl")],
        }
    }

    /// Its server.
    pub fn etcd(&self) -> &Etcd {
        self.etcd.as_ref().expect("a server of its own")
    }

    /// Starts it with a line of the table.
    pub fn start(&self, line: &str) -> Running {
        let folder = TempDir::new("ctl");
        let file = |name: &str| {
            let path = folder.join(name);
            std::fs::File::options()
                .create(true)
                .append(true)
                .read(true)
                .open(path)
                .unwrap()
        };
        let (words, input) = words(line);
        std::fs::write(folder.join("stdin"), input).unwrap();
        let mut command = Command::new(&self.words[0]);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("ETCD") {
                command.env_remove(name);
            }
        }
        command
            .args(&self.words[1..])
            .args(PATIENCE)
            .env("ETCDCTL_API", "2")
            .env("ETCDCTL_ENDPOINTS", &self.endpoints)
            .stdin(file("stdin"))
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        let mut variables = true;
        for word in words {
            let word = self.placed(&word);
            match word.split_once('=') {
                Some((name, value)) if variables && name.starts_with("ETCDCTL_") => {
                    command.env(name, value);
                }
                _ => {
                    variables = false;
                    command.arg(word);
                }
            }
        }
        Running {
            child: process::spawn(command).unwrap_or_else(|e| panic!("{:?}: {e}", self.words)),
            folder,
            names: self.names.clone(),
        }
    }

    /// Runs a line to its end.
    #[track_caller]
    pub fn run(&self, line: &str) -> Ended {
        self.start(line).end(line)
    }

    /// The same for a line that asks for health, until it is good: a server whose disk takes a second is not well.
    #[track_caller]
    pub fn run_until_healthy(&self, line: &str) -> Ended {
        wait_for(line, LIMIT, || {
            Some(self.run(line)).filter(|ended| ended.code == Some(0))
        })
    }

    /// Waits until what was changed is applied: a change of members that meets another on its way is lost.
    pub fn settle(&self) {
        if let Some(etcd) = &self.etcd {
            let _ = http::get(&etcd.key_url("/?quorum=true"));
        }
    }

    /// Puts the server's own names where the line has words for them.
    fn placed(&self, word: &str) -> String {
        self.names
            .iter()
            .fold(word.to_owned(), |word, (own, shared)| {
                word.replace(&format!("@{shared}@"), own)
            })
    }
}

impl Running {
    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// Waits until it has printed as many lines.
    #[track_caller]
    pub fn until_lines(&self, count: usize) {
        wait_for(&format!("{count} lines of {self:?}"), LIMIT, || {
            (self.stdout().lines().count() >= count).then_some(())
        });
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        process::signal(self.child.id(), libc::SIGINT);
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self, line: &str) -> Ended {
        let status = wait_for(line, LIMIT, || self.child.try_wait().unwrap());
        Ended {
            code: status.code(),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
        }
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.folder.join(name)).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.names
            .iter()
            .fold(text, |text, (own, shared)| text.replace(own, shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The words of a line, 'quoted' ones whole, and what stands after `<`: its standard input.
pub fn words(line: &str) -> (Vec<String>, String) {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let input = words.iter().position(|word| word == "<").map(|at| {
        let input = words.get(at + 1).cloned();
        words.truncate(at);
        input.unwrap_or_default()
    });
    (words, input.unwrap_or_default())
}
