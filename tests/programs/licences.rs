//! The licences of everything that is linked into the library: only those that `deny.toml` allows, and the notice that is
//! shipped with the static library names each crate.
//!
//! `UPDATE_NOTICES=1 cargo test --test programs licences` writes the notice anew.

use crate::support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use support::{root, tools};

const NOTICES: &str = "packaging/THIRD-PARTY-NOTICES";

/// A crate that is part of the shipped library.
struct Crate {
    name: String,
    version: String,
    licence: String,
    /// the texts that its authors ship with it
    texts: Vec<String>,
}

fn metadata() -> Value {
    let output = tools::cargo()
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .arg("--filter-platform=x86_64-unknown-linux-gnu")
        .output()
        .expect("cargo metadata");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Everything that normal dependencies lead to from the library; procedural macros and build scripts are not linked.
fn linked() -> Vec<Crate> {
    let metadata = metadata();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package["id"]), package))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node["id"]), node))
        .collect();
    let is_macro = |id: &str| {
        list(&packages[id]["targets"])
            .iter()
            .any(|target| list(&target["kind"]).contains(&Value::from("proc-macro")))
    };
    let this = text(&metadata["resolve"]["root"]);
    let (mut seen, mut next) = (BTreeSet::new(), vec![this.clone()]);
    while let Some(id) = next.pop() {
        for dependency in list(&nodes[&id]["deps"]) {
            let normal = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            let id = text(&dependency["pkg"]);
            if normal && !is_macro(&id) && seen.insert(id.clone()) {
                next.push(id);
            }
        }
    }
    let mut crates: Vec<Crate> = seen
        .iter()
        .map(|id| {
            let package = &packages[id];
            Crate {
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence: text(&package["license"]).replace('/', " OR "),
                texts: texts(Path::new(&text(&package["manifest_path"]))),
            }
        })
        .collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name).then(a.version.cmp(&b.version)));
    crates
}

fn texts(manifest: &Path) -> Vec<String> {
    let folder = manifest.parent().expect("a folder");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("the sources of a crate")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.to_ascii_uppercase();
            path.is_file()
                && ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
                    .iter()
                    .any(|known| name.starts_with(known))
        })
        .collect();
    names.sort();
    names
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a licence text");
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            format!("{}\n", lines.join("\n").trim_matches('\n'))
        })
        .collect()
}

fn heading(one: &Crate) -> String {
    format!("{} {} ({})", one.name, one.version, one.licence)
}

/// The list of crates, then every text once, with those that ship it.
fn notices(crates: &[Crate]) -> String {
    let mut out = String::from(
        "libetcd_v2 contains these third-party libraries. The list is followed by the licence texts that their authors\n\
         ship; a text that several of them ship stands here once.\n\n",
    );
    let mut owners: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in crates {
        out.push_str(&format!("  {}\n", heading(one)));
        for text in &one.texts {
            match owners.iter_mut().find(|(known, _)| known == text) {
                Some((_, names)) => names.push(&one.name),
                None => owners.push((text, vec![&one.name])),
            }
        }
    }
    for (text, names) in owners {
        out.push_str(&format!(
            "\n{}\n{}\n\n{text}",
            "=".repeat(80),
            names.join(", ")
        ));
    }
    out
}

/// The licences that `deny.toml` allows.
fn allowed() -> BTreeSet<String> {
    let rules = std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let begin = rules.find("allow = [").expect("a list of licences");
    let list = &rules[begin..];
    let list = &list[..list.find(']').expect("the end of the list")];
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// One alternative of `a OR b`, all parts of `a AND b`.
fn fits(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let plain = licence.replace(['(', ')'], "");
    plain
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|one| allowed.contains(one.trim())))
}

#[test]
fn only_licences_that_are_allowed_are_linked() {
    let (crates, allowed) = (linked(), allowed());
    assert!(crates.len() > 10 && allowed.len() > 2, "{allowed:?}");
    let refused: Vec<String> = crates
        .iter()
        .filter(|one| !fits(&one.licence, &allowed))
        .map(heading)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(!fits("GPL-3.0-only", &allowed) && !fits("MIT AND GPL-3.0-only", &allowed));
    for one in &crates {
        assert!(
            !one.texts.is_empty(),
            "{} ships no licence text",
            heading(one)
        );
    }
}

#[test]
fn the_notice_names_everything_that_is_linked() {
    let (notices, path) = (notices(&linked()), root().join(NOTICES));
    if std::env::var_os("UPDATE_NOTICES").is_some() {
        std::fs::write(&path, &notices).expect("the notice");
    }
    let shipped = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shipped == notices,
        "{NOTICES} is not up to date: UPDATE_NOTICES=1 cargo test --test programs licences writes it"
    );
}
