//! Writes `include/etcd_v2.h` and names the shared object.
//!
//! cbindgen sorts what it writes by kind, but a manual is read chapter by chapter: so it is run once per file of
//! `src/ffi`, and the chapters are joined in the order of [`CHAPTERS`] after `src/ffi/preamble.h`.
// cargo is told what to do on standard output
#![allow(clippy::print_stdout)]

use cbindgen::{Builder, Config, DocumentationStyle, ItemType, Language, Style};
use std::{
    collections::HashMap,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Files of `src/ffi`, in the order of the header.
const CHAPTERS: &[&str] = &[
    "version",
    "status",
    "error",
    "cancel",
    "options",
    "client",
    "tls_options",
    "credentials",
    "endpoints",
    "selection",
    "keys",
    "request",
    "response",
    "node",
    "consistency",
    "outcome",
    "watch",
    "watch_options",
    "watcher",
    "event",
    "submit",
    "queue",
    "completion",
    "members",
    "stats",
    "health",
    "auth",
    "users",
    "roles",
    "config",
    "diagnostics",
    "trace",
    "retry",
    "counters",
];

/// Columns of the header.
const WIDTH: usize = 100;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    for watched in ["build.rs", "src/ffi", "include/etcd_v2.h"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    name_the_library()?;
    let header = header(&root.join("src/ffi"))?;
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("etcd_v2.h"),
        &header,
    )?;
    check_in(&root, &header);
    Ok(())
}

/// SONAME and install name; never unloaded, since threads of the host keep destructors of ours.
fn name_the_library() -> Result<()> {
    let soname = "libetcd_v2.so.0";
    match env::var("CARGO_CFG_TARGET_OS")?.as_str() {
        "macos" | "ios" => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libetcd_v2.0.dylib");
        }
        "windows" => {}
        _ => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{soname}");
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
    }
    Ok(())
}

/// The whole text of the header.
fn header(ffi: &Path) -> Result<String> {
    let mut nouns = String::new();
    let mut chapters = String::new();
    for name in CHAPTERS {
        let file = ffi.join(format!("{name}.rs"));
        nouns += &generate(&file, &[ItemType::OpaqueItems])?;
        chapters += &title(&fs::read_to_string(&file)?);
        chapters += &generate(
            &file,
            &[ItemType::Constants, ItemType::Typedefs, ItemType::Functions],
        )?;
    }
    let mut text = fill_in_version(&fs::read_to_string(ffi.join("preamble.h"))?)?;
    text += &banner("The nouns", "");
    text += &nouns;
    text += &chapters;
    text += "#ifdef __cplusplus\n}\n#endif\n\n#endif /* ETCD_V2_H */\n";
    Ok(text)
}

fn fill_in_version(preamble: &str) -> Result<String> {
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"]
        .map(|part| env::var(format!("CARGO_PKG_VERSION_{part}")).unwrap_or_default());
    let number =
        major.parse::<u32>()? * 1_000_000 + minor.parse::<u32>()? * 1_000 + patch.parse::<u32>()?;
    Ok(preamble
        .replace("@MAJOR@", &major)
        .replace("@MINOR@", &minor)
        .replace("@PATCH@", &patch)
        .replace("@NUMBER@", &number.to_string()))
}

/// One run of cbindgen over one file, reduced to what a reader needs.
fn generate(file: &Path, items: &[ItemType]) -> Result<String> {
    let mut config = Config {
        language: Language::C,
        style: Style::Type,
        documentation_style: DocumentationStyle::Doxy,
        usize_is_size_t: true,
        no_includes: true,
        ..Config::default()
    };
    config.export.item_types = items.to_vec();
    config.function.prefix = Some("ETCD_V2_API".into());
    config.function.must_use = Some("ETCD_V2_NODISCARD".into());
    config.function.deprecated = Some("ETCD_V2_DEPRECATED".into());
    let enums = Enums::of(&fs::read_to_string(file)?);
    // one file alone: needs neither the network nor a lock file
    let bindings = Builder::new()
        .with_config(config)
        .with_src(file)
        .generate()?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    tidy(&String::from_utf8(text)?, &enums)
}

/// The enums of a file: constants in Rust, grouped by lines such as `// enum etcd_v2_phase: What it is.`
#[derive(Default)]
struct Enums {
    /// tag and comment
    heads: Vec<[String; 2]>,
    /// the place of its enum, by the name of a constant
    members: HashMap<String, usize>,
}

impl Enums {
    fn of(source: &str) -> Enums {
        let mut enums = Enums::default();
        let mut inside = false;
        for line in source.lines() {
            if let Some((tag, text)) = line
                .strip_prefix("// enum ")
                .and_then(|head| head.split_once(": "))
            {
                enums.heads.push([tag.into(), text.into()]);
                inside = true;
            } else if let Some((name, _)) = line
                .strip_prefix("pub const ")
                .and_then(|constant| constant.split_once(':'))
                .filter(|_| inside)
            {
                enums.members.insert(name.into(), enums.heads.len() - 1);
            } else if !line.starts_with("///") {
                inside = false;
            }
        }
        enums
    }

    /// Writes the constants that have gathered, a row of name, value and comment each.
    fn flush(&self, table: &mut Vec<[String; 3]>, out: &mut String) -> Result<()> {
        let place = |row: &[String; 3]| self.members.get(&row[0]).copied();
        while let Some(first) = table.first() {
            let place = place(first).ok_or_else(|| format!("{} is of no enum", first[0]))?;
            let of_it = |row: &&[String; 3]| self.members.get(&row[0]) == Some(&place);
            let count = table.iter().take_while(of_it).count();
            let rows: Vec<[String; 3]> = table.drain(..count).collect();
            let [tag, text] = &self.heads[place];
            let _ = writeln!(out, "/** {text} */\nenum {tag} {{");
            let name = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
            let value = rows.iter().map(|row| row[1].len() + 1).max().unwrap_or(0);
            for (i, [n, v, text]) in rows.iter().enumerate() {
                let v = format!("{v}{}", if i + 1 < count { "," } else { "" });
                let _ = writeln!(out, "    {n:name$} = {v:<value$} /**<{text} */");
            }
            out.push_str("};\n\n");
        }
        Ok(())
    }
}

/// Short comments on one line, constants as enums, one empty line between everything else.
fn tidy(text: &str, enums: &Enums) -> Result<String> {
    let mut out = String::new();
    let mut table: Vec<[String; 3]> = Vec::new();
    let mut lines = text.lines().filter(|line| !line.is_empty()).peekable();
    while lines.peek().is_some() {
        let mut comment = Vec::new();
        while let Some(line) =
            lines.next_if(|line| line.starts_with("/**") || line.starts_with(" *"))
        {
            match line {
                "/**" | " */" => {}
                line => comment.push(line.trim_start_matches(" *")),
            }
        }
        let Some(declaration) = lines.next() else {
            break;
        };
        if let Some((name, value)) = declaration
            .strip_prefix("#define ")
            .and_then(|d| d.split_once(' '))
        {
            table.push([name.into(), value.into(), comment.concat()]);
            continue;
        }
        enums.flush(&mut table, &mut out)?;
        match &comment[..] {
            [line] => _ = writeln!(out, "/**{line} */"),
            more => _ = writeln!(out, "/**\n *{}\n */", more.join("\n *")),
        }
        let mut whole = declaration.to_owned();
        while !whole.ends_with(';') {
            let Some(line) = lines.next() else { break };
            let glue = if whole.ends_with('(') { "" } else { " " };
            let _ = write!(whole, "{glue}{}", line.trim());
        }
        out += &wrap(&whole);
        out += "\n\n";
    }
    enums.flush(&mut table, &mut out)?;
    Ok(out)
}

/// A declaration on one line, or its parameters on as few lines below as hold them.
fn wrap(declaration: &str) -> String {
    let Some(open) = declaration.find('(').filter(|_| declaration.len() > WIDTH) else {
        return declaration.to_owned();
    };
    let (head, parameters) = declaration.split_at(open + 1);
    let mut out = head.to_owned();
    let mut column = WIDTH;
    for parameter in parameters.split_inclusive(", ") {
        if column + parameter.trim_end().len() > WIDTH {
            out.truncate(out.trim_end().len());
            out += "\n    ";
            column = 4;
        }
        out += parameter;
        column += parameter.len();
    }
    out
}

/// The `//!` lines of a file as the opening of its chapter.
fn title(source: &str) -> String {
    let mut lines = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    let title = lines.next().unwrap_or_default();
    let body = lines.collect::<Vec<_>>().join("\n");
    banner(title, body.trim())
}

fn banner(title: &str, body: &str) -> String {
    let mut out = format!(
        "/*\n * == {title} {}\n",
        "=".repeat(WIDTH.saturating_sub(title.len() + 7))
    );
    if !body.is_empty() {
        out += " *\n";
    }
    for line in body.lines() {
        let _ = writeln!(out, "{}", format!(" * {line}").trim_end());
    }
    out + " */\n\n"
}

/// Brings the checked-in header up to date, where that is ours to do.
fn check_in(root: &Path, header: &str) {
    let path = root.join("include/etcd_v2.h");
    if fs::read_to_string(&path).is_ok_and(|old| old == header) {
        return;
    }
    let unpacked = [
        ".cargo_vcs_info.json",
        ".cargo-checksum.json",
        "Cargo.toml.orig",
    ];
    if unpacked.iter().any(|mark| root.join(mark).exists()) {
        println!(
            "cargo::warning=include/etcd_v2.h is not current, and an unpacked package is not changed"
        );
    } else if let Err(e) =
        fs::create_dir_all(root.join("include")).and_then(|()| fs::write(&path, header))
    {
        println!("cargo::warning=include/etcd_v2.h not written: {e}");
    }
}
