//! What messages are made of: foreign text on one line, not too long, without passwords; lengths of time.

use std::path::Path;
use std::time::Duration;

/// Longest piece of it.
const SHOWN: usize = 200;

/// Control characters become spaces, and what is long ends in an ellipsis.
pub fn one_line(text: &str) -> String {
    let mut chars = text.trim().chars();
    let mut out: String = chars.by_ref().take(SHOWN).map(plain).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

/// A character as a message of one line may have it.
pub(crate) fn plain(c: char) -> char {
    match c {
        '\u{2028}' | '\u{2029}' => ' ',
        c if c.is_control() => ' ',
        c => c,
    }
}

/// A URL, or what was meant to be one, in quotes; what may be a password is masked.
pub fn url(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    // a path has no user information, unless it is a URL without its scheme
    let path = url.starts_with('/') && !url.starts_with("//");
    // the last `@`, since a password may hold anything
    match url.rfind('@') {
        Some(at) if at >= start && !path => {
            let scheme = url.get(..start).unwrap_or_default();
            let rest = url.get(at..).unwrap_or_default();
            format!("`{}`", one_line(&format!("{scheme}***{rest}")))
        }
        _ => format!("`{}`", one_line(url)),
    }
}

/// A path; the text of a file that was given instead of its path may be secret, and is not shown.
pub fn path(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains(['\n', '{']) || text.contains("-----BEGIN") {
        return "(the text of a file, not its path)".to_owned();
    }
    one_line(&text)
}

/// `1.5 s`, `80 ms`.
pub fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_and_not_too_long() {
        assert_eq!(one_line(" a\r\nb\u{2028}c\u{1b}[31m "), "a  b c [31m");
        let full = "é".repeat(SHOWN);
        assert_eq!(one_line(&full), full);
        assert_eq!(one_line(&format!("{full}é")), format!("{full}…"));
    }

    #[test]
    fn what_is_no_path_is_not_shown() {
        assert_eq!(path(Path::new("/a b/c.json")), "/a b/c.json");
        for text in ["-----BEGIN PRIVATE KEY-----", "{\"password\":1}", "a\nb"] {
            assert!(path(Path::new(text)).starts_with("(the text of"), "{text}");
        }
    }

    #[test]
    fn passwords_are_masked_wherever_they_may_stand() {
        for (given, shown) in [
            ("http://a:1/x", "`http://a:1/x`"),
            ("http://me:secret@a:1/x", "`http://***@a:1/x`"),
            ("http://me:sec/secret@a", "`http://***@a`"),
            ("me:secret@a", "`***@a`"),
            ("//me:secret@a/x", "`***@a/x`"),
            ("/v2/keys/me@home", "`/v2/keys/me@home`"),
            ("a\nb", "`a b`"),
        ] {
            assert_eq!(url(given), shown);
        }
        let long = url(&format!("http://me:secret@{}", "a".repeat(999)));
        assert!(long.len() < 220 && !long.contains("secret"), "{long}");
    }
}
