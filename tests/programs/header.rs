//! The header alone: every standard that is promised, two compilers, and nothing undocumented.

use crate::support;

use std::path::Path;
use std::process::Command;
use support::{TempDir, header, root, tools};

const C: [&str; 4] = ["c99", "c11", "c17", "c2x"];
const CXX: [&str; 3] = ["c++11", "c++17", "c++20"];
const WARNINGS: [&str; 8] = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-Wundef",
    "-Wshadow",
    "-Wconversion",
    "-Wdouble-promotion",
];

/// The header twice in one file, so that its guard is seen to work, and a function that calls the library.
fn unit(name: &str) -> String {
    format!(
        "#include \"etcd_v2.h\"\n#include \"etcd_v2.h\"\n\
         #ifdef __cplusplus\nextern \"C\"\n#endif\nint {name}(void);\n\
         int {name}(void) {{ return etcd_v2_version_number() == ETCD_V2_VERSION_NUMBER ? 0 : 1; }}\n"
    )
}

#[test]
fn gcc_takes_it_as_c() {
    if let Some(gcc) = tools::gcc() {
        for standard in C {
            alone_and_linked(&gcc, "c", standard);
        }
    }
}

#[test]
fn gcc_takes_it_as_cxx() {
    if let Some(gxx) = tools::gxx() {
        for standard in CXX {
            alone_and_linked(&gxx, "c++", standard);
        }
    }
}

#[test]
fn clang_takes_it_as_c() {
    if let Some(clang) = tools::clang() {
        for standard in C {
            alone_and_linked(&clang, "c", standard);
        }
    }
}

#[test]
fn clang_takes_it_as_cxx() {
    if let Some(clang) = tools::clang() {
        for standard in CXX {
            alone_and_linked(&clang, "c++", standard);
        }
    }
}

#[track_caller]
fn alone_and_linked(compiler: &Path, language: &str, standard: &str) {
    let folder = TempDir::new("header");
    let main = "int a(void);\nint b(void);\nint main(void) { return a() + b(); }\n";
    let main = if language == "c" {
        main.to_owned()
    } else {
        main.replacen("int a", "extern \"C\" int a", 1)
            .replacen("int b", "extern \"C\" int b", 1)
    };
    for (file, text) in [("a", unit("a")), ("b", unit("b")), ("main", main)] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    // nothing of its own, and no device, which a compiler may treat otherwise
    std::fs::write(folder.join("empty"), "").unwrap();
    let standard = format!("-std={standard}");
    // as the only input: nothing that another header brings can help it
    tools::run(
        Command::new(compiler)
            .args([&standard, "-x", language, "-fsyntax-only"])
            .args(WARNINGS)
            .args(if language == "c" {
                &["-Wstrict-prototypes", "-Wmissing-prototypes"][..]
            } else {
                &[]
            })
            .args(["-include", "etcd_v2.h", "-I"])
            .arg(root().join("include"))
            .arg(folder.join("empty")),
    );
    let library = tools::library();
    let program = folder.join("program");
    tools::run(
        Command::new(compiler)
            .args([&standard, "-x", language])
            .args(WARNINGS)
            .arg("-I")
            .arg(root().join("include"))
            .args(["a", "b", "main"].map(|f| folder.join(f)))
            .args(["-x", "none", "-o"])
            .arg(&program)
            .arg("-L")
            .arg(&library)
            .arg(format!("-Wl,-rpath,{}", library.display()))
            .arg("-letcd_v2"),
    );
    tools::run(&mut Command::new(&program));
}

#[test]
fn the_checked_in_copy_is_what_the_build_generates() {
    let generated = std::fs::read_to_string(Path::new(env!("OUT_DIR")).join("etcd_v2.h")).unwrap();
    assert!(
        generated == header::text(),
        "include/etcd_v2.h is not current: build, then commit it"
    );
}

#[test]
fn every_function_is_documented() {
    let functions = header::functions();
    assert!(functions.len() > 50, "{functions:?}");
    for function in &functions {
        assert!(function.name.starts_with("etcd_v2_"), "{function:?}");
        assert!(function.doc.len() > 20, "{} has no comment", function.name);
    }
}

#[test]
fn names_that_the_header_mentions_exist() {
    let text = header::text();
    let functions: Vec<String> = header::functions().into_iter().map(|f| f.name).collect();
    for mention in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(') {
        // `etcd_v2_x()` in a comment
        let Some(name) = mention
            .strip_suffix('(')
            .or_else(|| mention.split_once('(').map(|(n, _)| n))
        else {
            continue;
        };
        if name.starts_with("etcd_v2_") {
            assert!(
                functions.iter().any(|f| f == name),
                "{name} is mentioned, but does not exist"
            );
        }
    }
    let constants = header::constants();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        // ETCD_V2_OP_... stands for a family; UNKNOWN is what etcd_v2_status_name() calls a number without a name
        if word.starts_with("ETCD_V2_") && !word.ends_with('_') && word != "ETCD_V2_UNKNOWN" {
            assert!(
                constants.iter().any(|name| name == word),
                "{word} is mentioned, but not defined"
            );
        }
    }
}

#[test]
fn only_three_headers_are_included() {
    let text = header::text();
    let included: Vec<&str> = text.lines().filter(|l| l.starts_with("#include")).collect();
    assert_eq!(
        included,
        [
            "#include <stdbool.h>",
            "#include <stddef.h>",
            "#include <stdint.h>"
        ]
    );
}
