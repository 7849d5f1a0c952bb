//! What the shared library shows to the dynamic linker.

use crate::support;

use std::collections::BTreeSet;
use std::process::Command;
use support::{CProgram, TempDir, header, root, tools};

fn dynamic_section() -> String {
    let library = tools::library().join("libetcd_v2.so");
    tools::run(
        Command::new("readelf")
            .args(["-d", "-W"])
            .arg(library)
            .env("LC_ALL", "C"),
    )
}

/// What stands in brackets on the lines of one kind.
fn entries(kind: &str) -> Vec<String> {
    dynamic_section()
        .lines()
        .filter(|line| line.contains(&format!("({kind})")))
        .filter_map(|line| {
            line.split_once('[')?
                .1
                .split_once(']')
                .map(|(name, _)| name.to_owned())
        })
        .collect()
}

#[test]
fn exports_are_the_functions_of_the_header_and_the_checked_in_list() {
    let library = tools::library().join("libetcd_v2.so");
    let symbols = tools::run(
        Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(&library),
    );
    let exported: BTreeSet<&str> = symbols
        .lines()
        .filter_map(|l| l.split(' ').nth(2))
        .collect();
    let functions = header::functions();
    let declared: BTreeSet<&str> = functions.iter().map(|f| f.name.as_str()).collect();
    let list = std::fs::read_to_string(root().join("tests/exports.txt")).unwrap();
    let listed: BTreeSet<&str> = list.lines().collect();

    let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| {
        a.difference(b).map(ToString::to_string).collect::<Vec<_>>()
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(
        only(&exported, &declared),
        none,
        "exported, but not in the header"
    );
    assert_eq!(
        only(&declared, &exported),
        none,
        "in the header, but not exported"
    );
    assert_eq!(
        only(&exported, &listed),
        none,
        "exported, but not in tests/exports.txt: add it"
    );
    assert_eq!(
        only(&listed, &exported),
        none,
        "in tests/exports.txt, but no longer exported: the ABI is broken"
    );
    assert!(
        list.lines().is_sorted() && list.lines().count() == listed.len(),
        "tests/exports.txt is not sorted"
    );
}

#[test]
fn the_soname_is_that_of_the_abi() {
    assert_eq!(entries("SONAME"), ["libetcd_v2.so.0"]);
}

#[test]
fn nothing_but_the_c_library_is_needed() {
    let allowed = ["libc.so.6", "libm.so.6", "libgcc_s.so.1"];
    for needed in entries("NEEDED") {
        assert!(
            allowed.contains(&needed.as_str()) || needed.starts_with("ld-linux"),
            "{needed}"
        );
    }
    assert!(entries("RPATH").is_empty() && entries("RUNPATH").is_empty());
}

#[test]
fn it_is_never_unloaded() {
    let section = dynamic_section();
    let flags = section
        .lines()
        .find(|l| l.contains("(FLAGS_1)"))
        .unwrap_or_default();
    assert!(flags.contains("NODELETE"), "{section}");
}

/// In both forms of the library, with every function's address taken.
#[test]
fn a_program_links_with_every_function() {
    let names: Vec<String> = header::functions().into_iter().map(|f| f.name).collect();
    let table: String = names
        .iter()
        .map(|name| format!("    (function){name},\n"))
        .collect();
    let source = format!(
        "#include \"etcd_v2.h\"\ntypedef void (*function)(void);\n\
         static const function all[] = {{\n{table}}};\n\
         int main(void) {{\n    size_t i;\n\
         \x20   for (i = 0; i < sizeof all / sizeof *all; i++)\n        if (!all[i]) return 1;\n\
         \x20   return sizeof all / sizeof *all == {} ? 0 : 2;\n}}\n",
        names.len()
    );
    let folder = TempDir::new("every");
    let file = folder.join("every.c");
    std::fs::write(&file, source).unwrap();
    CProgram::of(&file).build().run(&[]).success();
    CProgram::of(&file)
        .linked_statically()
        .build()
        .run(&[])
        .success();
}
