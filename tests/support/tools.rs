//! Programs that the tests need. A missing one fails the test, unless `ETCD_V2_TEST_WITHOUT` names it.

use super::root;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a program linked with libetcd_v2.a needs besides; compared with what rustc says.
pub const STATIC_LIBS: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// The C compiler: `$CC`, else `cc`.
pub fn cc() -> PathBuf {
    std::env::var_os("CC")
        .filter(|c| !c.is_empty())
        .unwrap_or_else(|| "cc".into())
        .into()
}

/// gcc; its sanitizers are used.
pub fn gcc() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("gcc", FOUND.get_or_init(|| on_path("gcc")))
}

/// g++.
pub fn gxx() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("g++", FOUND.get_or_init(|| script("gxx.sh", &[])))
}

/// clang, which compiles C++ too with `-x c++`.
pub fn clang() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("clang", FOUND.get_or_init(|| script("clang.sh", &[])))
}

/// valgrind.
pub fn valgrind() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("valgrind", FOUND.get_or_init(|| script("valgrind.sh", &[])))
}

/// Debian's etcdctl 3.4.
pub fn etcdctl() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("etcdctl", FOUND.get_or_init(|| script("etcdctl.sh", &[])))
}

/// nginx.
pub fn nginx() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("nginx", FOUND.get_or_init(|| script("nginx.sh", &[])))
}

/// haproxy.
pub fn haproxy() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("haproxy", FOUND.get_or_init(|| script("haproxy.sh", &[])))
}

/// python3, with ctypes.
pub fn python() -> Option<PathBuf> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    wanted("python3", FOUND.get_or_init(|| on_path("python3")))
}

/// `Some(path)`, or `None` with a loud line when the person who runs the tests chose to go without.
fn wanted(name: &str, found: &Result<PathBuf, String>) -> Option<PathBuf> {
    let without = std::env::var("ETCD_V2_TEST_WITHOUT").unwrap_or_default();
    if without.split([',', ' ']).any(|w| w == name) {
        eprintln!("NOT TESTED: ETCD_V2_TEST_WITHOUT names {name}");
        return None;
    }
    match found {
        Ok(path) => Some(path.clone()),
        Err(why) => panic!("{why}"),
    }
}

/// Runs a script of tests/tools that prints a path.
pub fn script(name: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let output = Command::new("sh")
        .arg(root().join("tests/tools").join(name))
        .args(arguments)
        .output()
        .map_err(|e| format!("sh: {e}"))?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !path.is_empty() {
        Ok(path.into())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn on_path(name: &str) -> Result<PathBuf, String> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| {
            format!("no {name} on PATH: install it, or go without with ETCD_V2_TEST_WITHOUT={name}")
        })
}

/// Whether a program is on PATH.
pub fn has(name: &str) -> bool {
    on_path(name).is_ok()
}

/// Runs a command to its end and returns what it printed; panics with everything when it fails.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// Folder where cargo builds: this test's own file is TARGET/PROFILE/deps/NAME.
pub fn target_dir() -> PathBuf {
    let own = std::env::current_exe().expect("the path of the test");
    let target = own.ancestors().nth(3).expect("TARGET/PROFILE/deps/NAME");
    target.to_path_buf()
}

/// cargo, building into the same folder as the one that built this test.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root())
        .env("CARGO_TARGET_DIR", target_dir());
    cargo
}

/// Folder with libetcd_v2.so, libetcd_v2.so.0 and libetcd_v2.a as they are shipped.
pub fn library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(folder) = std::env::var_os("ETCD_V2_TEST_LIBDIR") {
                return folder.into();
            }
            run(cargo().args(["build", "--release", "--locked", "--lib"]));
            let folder = target_dir().join("release");
            link_soname(&folder);
            folder
        })
        .clone()
}

/// Folder with the shared library built with the feature `test-hooks`, not optimised.
pub fn library_with_hooks() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            // beside the tests' own build, with which it has all dependencies in common
            let mut target = target_dir();
            let shipped = library().canonicalize().ok();
            if shipped == target.join("debug").canonicalize().ok() {
                // there it would take the place of the library that everything else links
                target.push("test-hooks/target");
            }
            let hooks = ["--features", "test-hooks"];
            run(cargo()
                .env("CARGO_TARGET_DIR", &target)
                .args(["build", "--locked", "--lib"])
                .args(hooks));
            let folder = target_dir().join("test-hooks");
            std::fs::create_dir_all(&folder).expect("a folder in the target folder");
            let own = folder.join(format!("{}.so", std::process::id()));
            std::fs::copy(target.join("debug/libetcd_v2.so"), &own).expect("a copy");
            std::fs::rename(own, folder.join("libetcd_v2.so")).expect("the copy in its place");
            link_soname(&folder);
            folder
        })
        .clone()
}

/// Folder with the shared library instrumented for ThreadSanitizer.
pub fn library_with_thread_sanitizer() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let target = target_dir().join("tsan");
            let host = run(Command::new("rustc").args(["--print", "host-tuple"]));
            let flags = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer";
            run(cargo()
                .env("CARGO_TARGET_DIR", &target)
                .env("RUSTFLAGS", flags)
                // the sanitizer is there in a stable compiler, only its flag is not
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["build", "--locked", "--lib", "--target", host.trim()]));
            let folder = target.join(host.trim()).join("debug");
            link_soname(&folder);
            folder
        })
        .clone()
}

fn link_soname(folder: &Path) {
    // another test process may be faster
    let _ = std::os::unix::fs::symlink("libetcd_v2.so", folder.join("libetcd_v2.so.0"));
    assert!(
        folder.join("libetcd_v2.so.0").exists(),
        "no library in {folder:?}"
    );
}
