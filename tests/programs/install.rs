//! `make install` and what is installed: a packager's and a user's view.

use crate::support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{TempDir, root, tools};

const PROGRAM: &str = "#include <etcd_v2.h>\n#include <stdio.h>\n\
    int main(void) {\n\
    \x20   etcd_v2_client *client = NULL;\n\
    \x20   if (etcd_v2_client_open(NULL, &client, NULL) != ETCD_V2_OK) return 1;\n\
    \x20   etcd_v2_client_free(client);\n\
    \x20   puts(etcd_v2_version());\n    return 0;\n}\n";

fn make(target: &str, stage: &Path, settings: &[&str]) {
    tools::run(
        Command::new("make")
            .current_dir(root())
            // set for the make that runs the tests, not for this one
            .env_remove("MAKEFLAGS")
            .env_remove("MAKELEVEL")
            .args([
                target,
                &format!("OUT={}", tools::library().display()),
                &format!("DESTDIR={}", stage.display()),
            ])
            .args(settings),
    );
}

/// Every file and link, with what a link points to.
fn files(folder: &Path) -> BTreeMap<PathBuf, Option<PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(path, std::fs::read_link(entry.path()).ok());
            }
        }
    }
    found
}

/// The variables and fields of a .pc file, with variables put in as pkg-config does.
fn parse_pc(file: &Path) -> BTreeMap<String, String> {
    let mut values = BTreeMap::from([(
        "pcfiledir".to_owned(),
        file.parent().unwrap().display().to_string(),
    )]);
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let Some(at) = line.find(['=', ':']) else {
            continue;
        };
        let mut value = line[at + 1..].trim().to_owned();
        for (name, text) in &values {
            value = value.replace(&format!("${{{name}}}"), text);
        }
        values.insert(line[..at].to_owned(), value);
    }
    values
}

#[test]
fn it_installs_builds_against_it_and_uninstalls() {
    for (prefix, libdir) in [("/usr/local", "lib"), ("/opt/e v2", "lib/x86_64-linux-gnu")] {
        let stage = TempDir::new("stage");
        let settings = [
            format!("PREFIX={prefix}"),
            format!("LIBDIR={prefix}/{libdir}"),
        ];
        let settings = settings.each_ref().map(String::as_str);
        make("install", stage.path(), &settings);
        let tree = stage.join(prefix.trim_start_matches('/'));
        let link = |to: &str| Some(PathBuf::from(to));
        let expected = [
            ("include/etcd_v2.h".to_owned(), None),
            (format!("{libdir}/libetcd_v2.a"), None),
            (format!("{libdir}/libetcd_v2.so"), link("libetcd_v2.so.0")),
            (
                format!("{libdir}/libetcd_v2.so.0"),
                link("libetcd_v2.so.0.1.0"),
            ),
            (format!("{libdir}/libetcd_v2.so.0.1.0"), None),
            (format!("{libdir}/pkgconfig/etcd_v2.pc"), None),
            ("share/etcd_v2/tsan.supp".to_owned(), None),
            ("share/etcd_v2/valgrind.supp".to_owned(), None),
        ];
        assert_eq!(
            files(&tree),
            expected.map(|(path, to)| (PathBuf::from(path), to)).into()
        );
        assert_eq!(
            files(stage.path()).len(),
            8,
            "something lies outside of PREFIX"
        );

        // moved as a whole, since the .pc finds its tree from where it is
        let moved = stage.join("moved");
        std::fs::rename(&tree, &moved).unwrap();
        builds_and_runs(&moved, libdir);
        std::fs::rename(&moved, &tree).unwrap();

        make("uninstall", stage.path(), &settings);
        assert_eq!(files(stage.path()), BTreeMap::new());
    }
}

fn builds_and_runs(tree: &Path, libdir: &str) {
    let folder = TempDir::new("user");
    let source = folder.join("user.c");
    std::fs::write(&source, PROGRAM).unwrap();
    let pc = parse_pc(&tree.join(libdir).join("pkgconfig/etcd_v2.pc"));
    assert_eq!(pc["Version"], env!("CARGO_PKG_VERSION"));
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };

    let shared = folder.join("shared");
    tools::run(
        Command::new(tools::cc())
            .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
            .args(words(&pc["Cflags"]))
            .arg(&source)
            .arg("-o")
            .arg(&shared)
            .args(words(&pc["Libs"])),
    );
    // the program finds it by the SONAME, as the loader does after ldconfig
    let version = tools::run(Command::new(&shared).env("LD_LIBRARY_PATH", tree.join(libdir)));
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));

    // against the static library in a program that is otherwise dynamic, and in one that is static altogether
    for (name, flag) in [("static", "-O0"), ("static-altogether", "-static")] {
        let fixed = folder.join(name);
        tools::run(
            Command::new(tools::cc())
                .arg(flag)
                .args(words(&pc["Cflags"]))
                .arg(&source)
                .arg("-o")
                .arg(&fixed)
                .arg(tree.join(libdir).join("libetcd_v2.a"))
                .args(words(&pc["Libs.private"])),
        );
        assert_eq!(
            tools::run(&mut Command::new(&fixed)).trim(),
            env!("CARGO_PKG_VERSION")
        );
        let needed = tools::run(Command::new("readelf").arg("-d").arg(&fixed));
        assert!(!needed.contains("libetcd_v2"), "{needed}");
    }

    if tools::has("pkg-config") {
        let ask = |what: &[&str]| {
            let path = tree.join(libdir).join("pkgconfig");
            tools::run(
                Command::new("pkg-config")
                    .args(what)
                    .arg("etcd_v2")
                    .env("PKG_CONFIG_PATH", path),
            )
        };
        assert_eq!(ask(&["--modversion"]).trim(), env!("CARGO_PKG_VERSION"));
        let libs = words(&ask(&["--libs", "--static"]));
        for word in words(&pc["Libs.private"]) {
            assert!(libs.contains(&word), "{word} not in {libs:?}");
        }
        let built = folder.join("pkg-config");
        tools::run(
            Command::new(tools::cc())
                .args(words(&ask(&["--cflags"])))
                .arg(&source)
                .arg("-o")
                .arg(&built)
                .args(words(&ask(&["--libs"]))),
        );
    }
}

#[test]
fn folders_outside_of_the_prefix_are_absolute() {
    let stage = TempDir::new("stage");
    make(
        "install",
        stage.path(),
        &[
            "PREFIX=/usr",
            "LIBDIR=/lib64",
            "INCLUDEDIR=/headers",
            "DATADIR=/data",
        ],
    );
    let pc = parse_pc(&stage.join("lib64/pkgconfig/etcd_v2.pc"));
    assert_eq!(
        (pc["Cflags"].as_str(), pc["Libs"].as_str()),
        ("-I/headers", "-L/lib64 -letcd_v2")
    );
    make(
        "uninstall",
        stage.path(),
        &[
            "PREFIX=/usr",
            "LIBDIR=/lib64",
            "INCLUDEDIR=/headers",
            "DATADIR=/data",
        ],
    );
    assert_eq!(files(stage.path()), BTreeMap::new());
}

/// One line, told in four places.
#[test]
fn the_static_link_line_is_what_rustc_says() {
    let output = tools::cargo()
        .args([
            "rustc",
            "--locked",
            "--lib",
            "--crate-type",
            "staticlib",
            "--",
            "--print",
            "native-static-libs",
        ])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}");
    let line = words
        .lines()
        .find_map(|l| l.split_once("native-static-libs: "))
        .map(|(_, line)| line.trim())
        .unwrap_or_else(|| panic!("rustc does not say it:\n{words}"));
    // rustc repeats a library for each crate that asks for it
    let mut once: Vec<&str> = Vec::new();
    for library in line.split_whitespace() {
        if !once.contains(&library) {
            once.push(library);
        }
    }
    let line = once.join(" ");
    assert_eq!(tools::STATIC_LIBS, line);
    for file in ["README.md", "Makefile"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&line), "{file} does not say: {line}");
    }
}
