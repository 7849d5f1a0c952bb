//! C and C++ programs, built against the header and the library as it is shipped, run with a time limit.

use super::process::{self, TempDir};
use super::{root, tools};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
enum Library {
    Shared,
    Static,
    WithHooks,
    None,
}

/// How a program is built. Warnings are errors.
#[derive(Clone, Debug)]
pub struct CProgram {
    source: PathBuf,
    compiler: Option<PathBuf>,
    standard: Option<String>,
    flags: Vec<OsString>,
    library: Library,
}

impl CProgram {
    /// `tests/c/NAME.c`.
    pub fn new(name: &str) -> CProgram {
        CProgram::of(root().join("tests/c").join(format!("{name}.c")))
    }

    /// Any source file.
    pub fn of(source: impl Into<PathBuf>) -> CProgram {
        CProgram {
            source: source.into(),
            compiler: None,
            standard: Some("c99".into()),
            flags: Vec::new(),
            library: Library::Shared,
        }
    }

    /// Compiles `source` with more flags: everything in one call.
    pub fn build_with(source: impl Into<PathBuf>, flags: &[&str]) -> Program {
        CProgram::of(source).flags(flags).build()
    }

    /// Another compiler than `cc`.
    pub fn compiler(mut self, compiler: impl Into<PathBuf>) -> CProgram {
        self.compiler = Some(compiler.into());
        self
    }

    /// Instead of `c99`.
    pub fn standard(mut self, standard: &str) -> CProgram {
        self.standard = Some(standard.into());
        self
    }

    /// More flags for the compiler.
    pub fn flags(mut self, flags: &[&str]) -> CProgram {
        self.flags.extend(flags.iter().map(OsString::from));
        self
    }

    /// Linked with libetcd_v2.a.
    pub fn linked_statically(mut self) -> CProgram {
        self.library = Library::Static;
        self
    }

    /// Not linked with the library at all.
    pub fn without_library(mut self) -> CProgram {
        self.library = Library::None;
        self
    }

    /// With gcc's address and undefined-behaviour sanitizers; `None` when the tests run without gcc.
    pub fn sanitized(self) -> Option<CProgram> {
        let gcc = tools::gcc()?;
        Some(self.compiler(gcc).flags(&[
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer",
        ]))
    }

    /// With gcc's thread sanitizer, and a library that rustc has instrumented for it; std is not, see
    /// tests/c/tsan_shim.c. `None` when the tests run without gcc.
    pub fn with_thread_sanitizer(self) -> Option<CProgram> {
        let gcc = tools::gcc()?;
        let folder = tools::library_with_thread_sanitizer();
        let folder = folder.to_str().expect("a path in UTF-8");
        Some(
            self.compiler(gcc)
                .without_library()
                .flags(&["-fsanitize=thread", "tests/c/tsan_shim.c", "-L", folder])
                .flags(&["-Wl,--no-as-needed", "-letcd_v2"])
                .flags(&[&format!("-Wl,--disable-new-dtags,-rpath,{folder}")]),
        )
    }

    /// With the library that has the feature `test-hooks`.
    pub fn with_hooks(mut self) -> CProgram {
        self.library = Library::WithHooks;
        self.flags(&["-DETCD_V2_TEST_HOOKS"])
    }

    /// Compiles and links; panics with the compiler's words when it says anything.
    #[track_caller]
    pub fn build(self) -> Program {
        let folder = TempDir::new("c");
        let program = folder.join("program");
        let mut command = self.command(&program);
        let output = command
            .output()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && words.is_empty(),
            "{command:?}: {}\n{words}",
            output.status
        );
        Program {
            path: program,
            sanitized: self.is_sanitized(),
            under: Vec::new(),
            limit: Duration::from_secs(300),
            environment: Vec::new(),
            _folder: std::sync::Arc::new(folder),
        }
    }

    /// What the compiler says to a program that should not compile.
    #[track_caller]
    pub fn build_fails(self) -> String {
        let folder = TempDir::new("c");
        let mut command = self.command(&folder.join("program"));
        let output = command
            .output()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        assert!(!output.status.success(), "{command:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn is_sanitized(&self) -> bool {
        self.flags
            .iter()
            .any(|f| f.to_string_lossy().starts_with("-fsanitize="))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(self.compiler.clone().unwrap_or_else(tools::cc));
        command.current_dir(root());
        if let Some(standard) = &self.standard {
            command.arg(format!("-std={standard}"));
        }
        command
            .args([
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-g",
                "-pthread",
                "-D_GNU_SOURCE",
                "-Iinclude",
            ])
            .args(&self.flags)
            .arg(&self.source)
            .arg("-o")
            .arg(program);
        match self.library {
            Library::Shared => link(&mut command, &tools::library()),
            Library::WithHooks => link(&mut command, &tools::library_with_hooks()),
            Library::Static => {
                command
                    .arg(tools::library().join("libetcd_v2.a"))
                    .args(tools::STATIC_LIBS.split(' '));
            }
            Library::None => {}
        }
        command.args(["-ldl", "-lm"]);
        command
    }
}

fn link(command: &mut Command, folder: &Path) {
    // the old kind of path wins over LD_LIBRARY_PATH, with which cargo points at a library that is not the one we ship
    let mut rpath = OsString::from("-Wl,--disable-new-dtags,-rpath,");
    rpath.push(folder);
    command.arg("-L").arg(folder).arg("-letcd_v2").arg(rpath);
}

/// A program that was built.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    sanitized: bool,
    under: Vec<OsString>,
    limit: Duration,
    environment: Vec<(String, String)>,
    _folder: std::sync::Arc<TempDir>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit status or signal.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained.
    pub stderr: String,
    /// Whether the time limit ended it.
    pub timed_out: bool,
}

impl Output {
    /// Panics with everything unless it exited with 0.
    #[track_caller]
    pub fn success(self) -> Output {
        let why = if self.timed_out { "time limit: " } else { "" };
        assert!(
            self.status.success(),
            "{why}{}\n{}\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Program {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// 300 s unless said otherwise.
    pub fn limit(mut self, limit: Duration) -> Program {
        self.limit = limit;
        self
    }

    /// One more environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Program {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Runs under valgrind, exit status 99 on any error or definite leak; `None` when the tests run without it.
    pub fn under_valgrind(mut self) -> Option<Program> {
        let valgrind = tools::valgrind()?;
        self.under = vec![valgrind.into()];
        self.under.extend(
            [
                "-q",
                "--error-exitcode=99",
                "--leak-check=full",
                "--errors-for-leak-kinds=definite",
                "--show-leak-kinds=definite",
            ]
            .map(OsString::from),
        );
        // everything is some 30 times slower
        self.limit *= 5;
        Some(self)
    }

    /// Whether gcc's address sanitizer is really in it.
    pub fn has_sanitizer(&self) -> bool {
        tools::run(Command::new("nm").arg("-D").arg(&self.path)).contains("__asan_init")
    }

    /// Runs it to its end or the time limit.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut words = self.under.clone();
        words.push(self.path.clone().into());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(arguments)
            .envs(self.environment.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = process::spawn(command).unwrap_or_else(|e| panic!("{:?}: {e}", self.path));
        let pid = child.id();
        let (done, ended) = mpsc::sync_channel(1);
        let waiter = std::thread::spawn(move || {
            let _ = done.send(child.wait_with_output());
        });
        let (result, timed_out) = match ended.recv_timeout(self.limit) {
            Ok(result) => (result, false),
            Err(_) => {
                process::signal_group(pid, libc::SIGKILL);
                (ended.recv().expect("a killed program ends"), true)
            }
        };
        let _ = waiter.join();
        let output = result.expect("the output of a program");
        Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            timed_out,
        }
    }
}
