//! The header says what the code does.
use super::version::etcd_v2_version_number;
use crate::status::TABLE;
use std::{collections::BTreeMap, fs, path::Path};

const HEADER: &str = include_str!(concat!(env!("OUT_DIR"), "/etcd_v2.h"));

/// Macros and members of enums: value, and what the comment says.
fn constants() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let mut all = BTreeMap::new();
    for line in HEADER.lines() {
        let found = match line.strip_prefix("#define ") {
            Some(define) => define.split_once(' '),
            None => line
                .strip_prefix("    ETCD_V2_")
                .and_then(|_| line.trim().split_once('=')),
        };
        if let Some((name, rest)) = found {
            let (value, comment) = rest.split_once("/**<").unwrap_or((rest, ""));
            let value = value.trim().trim_end_matches(',');
            let twice = all.insert(name.trim(), (value, comment.trim_end_matches("*/").trim()));
            assert_eq!(twice, None, "{name}");
        }
    }
    all
}

#[test]
fn the_checked_in_header_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/etcd_v2.h");
    let checked_in = fs::read_to_string(path).unwrap();
    assert!(
        checked_in == HEADER,
        "build once and commit include/etcd_v2.h"
    );
}

#[test]
fn every_status_is_in_the_header_and_no_other() {
    let chapter = HEADER.split("== Status ==").nth(1).unwrap();
    let chapter = chapter.split("ETCD_V2_API").next().unwrap();
    let listed = chapter.matches("\n    ETCD_V2_").count();
    assert_eq!(listed, TABLE.len());
    let constants = constants();
    for entry in TABLE {
        let (value, text) = constants[entry.name];
        assert_eq!(value, entry.status.0.to_string(), "{}", entry.name);
        assert_eq!(text, entry.text, "{}", entry.name);
    }
}

#[test]
fn the_version_is_that_of_the_library() {
    let constants = constants();
    let value = |name| constants[name].0;
    let text = format!("\"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(value("ETCD_V2_VERSION_STRING"), text);
    assert_eq!(
        value("ETCD_V2_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MAJOR")
    );
    assert_eq!(
        value("ETCD_V2_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_MINOR")
    );
    assert_eq!(
        value("ETCD_V2_VERSION_PATCH"),
        env!("CARGO_PKG_VERSION_PATCH")
    );
    let number = value("ETCD_V2_VERSION_NUMBER").split(' ').next().unwrap();
    assert_eq!(number, etcd_v2_version_number().to_string());
}

#[test]
fn every_exported_function_is_declared_once_and_told() {
    let mut exported = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi")).unwrap() {
        let file = file.unwrap().path();
        if file.ends_with("test_hooks.rs") {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        for function in source.split("#[unsafe(no_mangle)]\npub ").skip(1) {
            let name = function.split("extern \"C\" fn ").nth(1).unwrap();
            let name = name.split('(').next().unwrap();
            let call = format!("{name}(");
            let declared = HEADER
                .lines()
                .filter(|line| line.starts_with("ETCD_V2_API ") && line.contains(&call));
            assert_eq!(declared.count(), 1, "{name} of {}", file.display());
            exported += 1;
        }
    }
    let documented = HEADER.matches(" */\nETCD_V2_API ").count();
    assert_eq!(
        (exported, HEADER.matches("\nETCD_V2_API ").count()),
        (documented, documented)
    );
    assert!(exported > 80, "only {exported} were found");
}

#[test]
fn nothing_of_rust_shows_through() {
    for word in [
        "# Safety", "[`", "Option<", "Result<", "unsafe", "&str", "panic",
    ] {
        assert!(!HEADER.contains(word), "{word}");
    }
    for line in HEADER.lines() {
        assert!(line.chars().count() <= 108, "too long: {line}");
    }
}
