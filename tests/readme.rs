//! The README is true: its C is compiled, whole programs are run, its commands exist.
//!
//! Convention: a ```` ```c ```` block that has `#include <etcd_v2.h>` is a whole program and is run against a real
//! etcd; any other is a fragment, put into a function that has `client` (a `const etcd_v2_client *`) and `error` (an
//! `etcd_v2_error *`, NULL), and compiled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use support::{CProgram, Etcd, TempDir, Version, header, root};

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// Blocks of one language, with the number of their first line.
fn blocks(language: &str) -> Vec<(usize, String)> {
    let text = readme();
    let mut found = Vec::new();
    let mut open: Option<(usize, String, bool)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(word)) => open = Some((number + 2, String::new(), word.trim() == language)),
            (Some(_), Some(_)) => {
                if let Some((first, block, true)) = open.take() {
                    found.push((first, block));
                }
            }
            (Some((_, block, _)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of the README does not end");
    found
}

#[test]
fn c_blocks_compile_and_programs_run() {
    let folder = TempDir::new("readme");
    let etcd = Etcd::shared(Version::V3_5);
    let mut programs = 0;
    for (line, block) in blocks("c") {
        let file = folder.join(format!("README-line-{line}.c"));
        if block.contains("#include <etcd_v2.h>") {
            programs += 1;
            std::fs::write(&file, block).unwrap();
            let output = CProgram::of(&file).build().run(&[etcd.url()]).success();
            assert!(
                !output.stdout.is_empty() && output.stderr.is_empty(),
                "line {line}: {output:?}"
            );
        } else {
            let text = format!(
                "#include <etcd_v2.h>\n#include <inttypes.h>\n#include <stdio.h>\n#include <string.h>\n\
                 int fragment(const etcd_v2_client *client, etcd_v2_error *error);\n\
                 int fragment(const etcd_v2_client *client, etcd_v2_error *error) {{\n\
                 (void)client; (void)error;\n#line {line} \"README.md\"\n{block}return 0;\n}}\n\
                 int main(void) {{ return 0; }}\n"
            );
            std::fs::write(&file, text).unwrap();
            CProgram::of(&file).flags(&["-Wno-unused-variable"]).build();
        }
    }
    assert!(programs >= 1);
}

#[test]
fn its_make_targets_exist() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let phony: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|l| l.strip_prefix(".PHONY:"))
        .flat_map(str::split_whitespace)
        .collect();
    let mut seen = 0;
    for (line, block) in blocks("sh") {
        for command in block.lines().flat_map(|l| l.split("&&")) {
            let words: Vec<&str> = command
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            let words = words.strip_prefix(&["sudo"]).unwrap_or(&words);
            let Some((&"make", arguments)) = words.split_first() else {
                continue;
            };
            for target in arguments
                .iter()
                .filter(|a| !a.contains('=') && !a.starts_with('-'))
            {
                assert!(
                    phony.contains(target),
                    "README, block at line {line}: no target {target}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 3);
}

#[test]
fn what_it_names_exists() {
    let text = readme();
    let functions: BTreeSet<String> = header::functions().into_iter().map(|f| f.name).collect();
    let header = header::text();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        // a name that ends in _ stands for a family
        if let Some(name) = word
            .strip_prefix("etcd_v2_")
            .filter(|n| !n.is_empty() && !n.ends_with('_'))
        {
            let known = functions.contains(word)
                || header.contains(&format!("typedef struct {word} "))
                || header.contains(&format!(" {word};"));
            assert!(
                known,
                "the README names {word} ({name}), the header does not"
            );
        }
        if word.starts_with("ETCD_V2_") && !word.ends_with('_') {
            let known = header.contains(&format!("#define {word} "))
                || word == "ETCD_V2_CACHE"
                || word.starts_with("ETCD_V2_TEST_");
            assert!(known, "the README names {word}, the header does not");
        }
    }
    for (at, _) in text.match_indices("](") {
        let target = text[at + 2..].split(')').next().unwrap_or_default();
        if !target.starts_with("http") && !target.starts_with('#') {
            assert!(root().join(target).exists(), "the README links to {target}");
        }
    }
}
