//! README and guides are true: their C is compiled, whole programs are run, their commands exist.
//!
//! Convention: a ```` ```c ```` block that has `#include <etcd_v2.h>` is a whole program and is run against a real
//! etcd; any other is a fragment, put into a function that has `client` (a `const etcd_v2_client *`) and `error` (an
//! `etcd_v2_error *`, NULL), and compiled.

use crate::support;

use std::collections::BTreeSet;
use support::{CProgram, Etcd, TempDir, Version, header, root};

/// A page: where it is, relative to the project, and its text.
struct Page {
    path: String,
    text: String,
}

/// The README and every guide.
fn pages() -> Vec<Page> {
    let mut paths = vec!["README.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            paths.push(format!("docs/{name}"));
        }
    }
    paths.sort();
    assert!(paths.len() > 10, "{paths:?}");
    let read = |path: String| Page {
        text: std::fs::read_to_string(root().join(&path)).unwrap(),
        path,
    };
    paths.into_iter().map(read).collect()
}

/// A fenced block: its page, the number of its first line, its text.
fn blocks(language: &str) -> Vec<(String, usize, String)> {
    let pages = pages();
    let of = |page: &Page| {
        let found = blocks_of(page, language).into_iter();
        let path = page.path.clone();
        found.map(move |(line, block)| (path.clone(), line, block))
    };
    pages.iter().flat_map(of).collect()
}

fn blocks_of(page: &Page, language: &str) -> Vec<(usize, String)> {
    let text = &page.text;
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
    assert!(open.is_none(), "a block of {} does not end", page.path);
    found
}

#[test]
fn c_blocks_compile_and_programs_run() {
    let folder = TempDir::new("readme");
    let etcd = Etcd::shared(Version::V3_5);
    let mut programs = 0;
    let mut fragments = 0;
    for (page, line, block) in blocks("c") {
        let name = page.replace(['/', '.'], "-");
        let file = folder.join(format!("{name}-line-{line}.c"));
        if block.contains("#include <etcd_v2.h>") {
            programs += 1;
            std::fs::write(&file, block).unwrap();
            let output = CProgram::of(&file).build().run(&[etcd.url()]).success();
            assert!(
                !output.stdout.is_empty() && output.stderr.is_empty(),
                "{page}, line {line}: {output:?}"
            );
        } else {
            fragments += 1;
            let text = format!(
                "#include <etcd_v2.h>\n#include <inttypes.h>\n#include <stdio.h>\n#include <string.h>\n\
                 int fragment(const etcd_v2_client *client, etcd_v2_error *error);\n\
                 int fragment(const etcd_v2_client *client, etcd_v2_error *error) {{\n\
                 (void)client; (void)error;\n#line {line} \"{page}\"\n{block}return 0;\n}}\n\
                 int main(void) {{ return 0; }}\n"
            );
            std::fs::write(&file, text).unwrap();
            CProgram::of(&file).flags(&["-Wno-unused-variable"]).build();
        }
    }
    assert!(programs >= 1 && fragments >= 15, "{programs} {fragments}");
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
    for (page, line, block) in blocks("sh") {
        for command in block.lines().flat_map(|l| l.split("&&")) {
            let command = command.split('#').next().unwrap_or_default();
            // what a variable holds may have blanks, in quotes
            let command: String = command.split('"').step_by(2).collect();
            let words: Vec<&str> = command.split_whitespace().collect();
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
                    "{page}, block at line {line}: no target {target}"
                );
            }
            seen += 1;
        }
    }
    assert!(seen >= 3);
}

#[test]
fn what_they_name_exists() {
    let functions: BTreeSet<String> = header::functions().into_iter().map(|f| f.name).collect();
    let header = header::text();
    for Page { path, text } in pages() {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            // a name that ends in _ stands for a family
            if let Some(name) = word
                .strip_prefix("etcd_v2_")
                .filter(|n| !n.is_empty() && !n.ends_with('_'))
            {
                let known = functions.contains(word)
                    || header.contains(&format!("typedef struct {word} "))
                    || header.contains(&format!(" {word};"));
                assert!(known, "{path} names {word} ({name}), the header does not");
            }
            if word.starts_with("ETCD_V2_") && !word.ends_with('_') {
                let known = header::constants().iter().any(|name| name == word)
                    || word == "ETCD_V2_CACHE"
                    || word.starts_with("ETCD_V2_TEST_");
                assert!(known, "{path} names {word}, the header does not");
            }
        }
    }
}

#[test]
fn their_links_lead_somewhere() {
    let pages = pages();
    let mut seen = 0;
    for Page { path, text } in &pages {
        let folder = root().join(path);
        let folder = folder.parent().unwrap();
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().unwrap_or_default();
            if link.starts_with("http") {
                continue;
            }
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => root().join(path),
                _ => folder.join(file),
            };
            assert!(target.exists(), "{path} links to {link}");
            let known = anchor.is_empty() || anchors(&target).contains(anchor);
            assert!(known, "{path} links to {link}: no such heading");
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The names that headings of a page get.
fn anchors(page: &std::path::Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let name = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_ascii_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(name).collect()
}
