use super::super::go_on::STRIDE;
use super::*;
use crate::error::Error;
use crate::protocol::decode_limits::DecodeLimits;

const LIMITS: DecodeLimits = DecodeLimits {
    depth: 9,
    nodes: u32::MAX,
};
const BYTES: usize = 1 << 20;

/// Whatever can be long in an answer: name, status, body.
fn long() -> Vec<(&'static str, u16, String)> {
    let filled = |before: &str, piece: &str, after: &str| {
        let pieces = piece.repeat(BYTES / piece.len());
        format!("{before}{pieces}{after}")
    };
    let node = |inner: &str| {
        (
            format!(r#"{{"action":"get","node":{{{inner}"#),
            "}}".to_owned(),
        )
    };
    let (value, end) = node(r#""key":"/a","value":""#);
    let (unknown, _) = node(r#""key":"/a","else":"#);
    let (children, _) = node(r#""dir":true,"nodes":["#);
    let child = r#"{"key":"/a/b","value":"c","createdIndex":7,"modifiedIndex":7}"#;
    let one = format!("{child},");
    let last = format!("{child}]{end}");
    let pairs = filled(&format!("{unknown}{{"), r#""n":null,"#, r#""n":1}"#);
    vec![
        ("children", 200, filled(&children, &one, &last)),
        ("a value", 200, filled(&value, "v", &format!("\"{end}"))),
        (
            "two-byte value",
            200,
            filled(&value, "ü", &format!("\"{end}")),
        ),
        ("escapes", 200, filled(&value, "\\n", &format!("\"{end}"))),
        (
            "surrogates",
            200,
            filled(&value, "\\ud83d\\ude00", &format!("\"{end}")),
        ),
        (
            "white space",
            200,
            filled(&unknown, " ", &format!("1{end}")),
        ),
        (
            "unknown list",
            200,
            filled(&format!("{unknown}["), "1,", &format!("1]{end}")),
        ),
        (
            "unknown text",
            200,
            filled(&format!("{unknown}\""), "u", &format!("\"{end}")),
        ),
        ("unknown pairs", 200, format!("{pairs}{end}")),
        (
            "empty lists",
            200,
            filled(&format!("{unknown}["), "[],", &format!("[]]{end}")),
        ),
        ("a message", 400, filled("{\"message\":\"", "m", "\"}")),
        (
            "an unknown reason",
            400,
            filled("{\"message\":\"m\",\"x\":[", "0,", "0]}"),
        ),
    ]
}

fn read(status: u16, text: &str, go_on: GoOn<'_>) -> std::result::Result<Body, Stopped> {
    let mut body = Body::from(text.as_bytes().to_vec());
    body.read(status, (ResponseKind::Keys, LIMITS), go_on)?;
    Ok(body)
}

#[test]
fn reading_asks_whether_to_go_on_wherever_it_is_and_stops_at_the_first_no() {
    for (what, status, text) in long() {
        let asked = Cell::new(0);
        let always = || {
            asked.set(asked.get() + 1);
            true
        };
        let mut body = read(status, &text, &always).unwrap();
        match status {
            200 => assert!(body.tree(&LIMITS).unwrap().node().is_some(), "{what}"),
            _ => assert!(body.refusal().is_some(), "{what}"),
        }
        let all = asked.get();
        assert!(all >= BYTES / (2 * STRIDE), "{what}: asked {all} times");
        for last in [1, all / 2, all] {
            asked.set(0);
            let until = || {
                asked.set(asked.get() + 1);
                asked.get() < last
            };
            assert!(
                read(status, &text, &until).is_err(),
                "{what}, {last} of {all}"
            );
            assert_eq!(asked.get(), last, "{what}: asked again after a no");
        }
    }
}

#[test]
fn nothing_is_asked_about_a_short_answer() {
    let never = || -> bool { unreachable!("asked about a short answer") };
    let text = r#"{"action":"get","node":{"key":"/a","value":"1\n","modifiedIndex":7}}"#;
    read(200, text, &never).unwrap();
    read(400, r#"{"errorCode":100,"message":"m"}"#, &never).unwrap();
}

#[test]
fn a_number_without_end_is_none() {
    for name in ["\"modifiedIndex\":", "\"ttl\":", "\"else\":"] {
        let digits = "1".repeat(BYTES);
        let text = format!(r#"{{"action":"get","node":{{"key":"/a",{name}{digits}}}}}"#);
        let told = read(200, &text, &|| true).unwrap().tree(&LIMITS);
        let text = told
            .as_ref()
            .map_or_else(Error::to_string, |_| String::new());
        assert!(text.contains("number"), "{name} {text}");
    }
}
