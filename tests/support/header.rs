//! What `include/etcd_v2.h` declares.

use super::root;

/// A function of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// `etcd_v2_…`.
    pub name: String,
    /// The comment right before it.
    pub doc: String,
    /// All of it, on one line.
    pub declaration: String,
}

/// The text.
pub fn text() -> String {
    std::fs::read_to_string(root().join("include/etcd_v2.h")).expect("include/etcd_v2.h")
}

/// Every function, in the order of the header.
pub fn functions() -> Vec<Function> {
    let text = text();
    let mut functions = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("\nETCD_V2_API ") {
        let before = rest[..at].trim_end();
        let declaration = &rest[at + 1..];
        let end = declaration.find(';').expect("a declaration ends");
        let head = &declaration[..declaration.find('(').expect("a function has parameters")];
        let name = head
            .rsplit([' ', '*'])
            .next()
            .unwrap_or_default()
            .to_owned();
        let doc = match before.rfind("/**") {
            Some(start) if before.ends_with("*/") => before[start..].to_owned(),
            _ => String::new(),
        };
        let words: Vec<&str> = declaration[..end].split_whitespace().collect();
        functions.push(Function {
            name,
            doc,
            declaration: words.join(" "),
        });
        rest = &declaration[end..];
    }
    functions
}

/// Every macro and every member of an enum, in the order of the header.
pub fn constants() -> Vec<String> {
    text()
        .lines()
        .filter_map(|line| {
            line.strip_prefix("#define ")
                .or_else(|| line.strip_prefix("    "))
        })
        .filter(|line| line.starts_with("ETCD_V2_"))
        .filter_map(|line| line.split([' ', ',']).next())
        .map(str::to_owned)
        .collect()
}
