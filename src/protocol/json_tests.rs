use super::*;

/// Whether all of `text` is one value.
fn accepts(text: &str) -> bool {
    let mut json = Json::new(text);
    json.skip().and_then(|()| json.end()).is_ok()
}

/// `None`: the oracle cannot say.
fn oracle(text: &str) -> Option<bool> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Some(true),
        // a matter of f64, not of grammar
        Err(e) if e.to_string().starts_with("number out of range") => None,
        Err(_) => Some(false),
    }
}

fn agree(text: &str) {
    if let Some(expected) = oracle(text) {
        assert_eq!(accepts(text), expected, "{text:?}");
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn value(&mut self, depth: usize, out: &mut String) {
        const SCALARS: &[&str] = &[
            "null",
            "true",
            "false",
            "0",
            "-0",
            "-1.5e+3",
            "18446744073709551616",
            "1E5",
            "0.25",
            "\"\"",
            "\"plain text of some length\"",
            "\"\\u0000\\ud83d\\ude00\\n\"",
            "\"ü€😀\"",
            "\"\\\"\\\\\\/\"",
        ];
        let space = ["", "", " ", "\n\t\r "][self.below(4)];
        out.push_str(space);
        match self.below(if depth == 0 { 3 } else { 6 }) {
            0..=2 => out.push_str(SCALARS[self.below(SCALARS.len())]),
            3 | 4 => {
                out.push('{');
                for i in 0..self.below(4) {
                    out.push_str(if i > 0 { "," } else { "" });
                    out.push_str(["\"key\"", "\"\\u006bey\"", " \"\" "][self.below(3)]);
                    out.push(':');
                    self.value(depth - 1, out);
                }
                out.push('}');
            }
            _ => {
                out.push('[');
                for i in 0..self.below(4) {
                    out.push_str(if i > 0 { "," } else { "" });
                    self.value(depth - 1, out);
                }
                out.push(']');
            }
        }
        out.push_str(space);
    }
}

const EVENT: &str = r#"{"action":"set","node":{"key":"/w\u003c\ud83d\ude00","value":"a \"b\" \u0000 ü","nodes":[{"dir":true},{"ttl":-5}],"modifiedIndex":18446744073709551615,"x":[1.5e-3,null,false]}}"#;

#[test]
fn every_prefix_and_every_changed_byte_as_serde_json_says() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut documents = vec![EVENT.to_owned()];
    for _ in 0..60 {
        let mut text = String::new();
        random.value(4, &mut text);
        documents.push(text);
    }
    const BYTES: &[u8] = b"\"\\{}[]:,0123.eE+-utfnd \n\t\x00\x1f\x7f/dD8c";
    for text in &documents {
        assert!(accepts(text), "{text}");
        for cut in (0..text.len()).filter(|&n| text.is_char_boundary(n)) {
            agree(&text[..cut]);
            agree(&text[cut..]);
        }
        for at in 0..text.len().min(400) {
            for round in 0..12 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = BYTES[random.below(BYTES.len())];
                if round % 4 == 0 {
                    bytes.remove(at);
                } else if round % 4 == 1 {
                    bytes.insert(at, BYTES[random.below(BYTES.len())]);
                }
                if let Ok(text) = String::from_utf8(bytes) {
                    agree(&text);
                }
            }
        }
    }
}

#[test]
fn strings_stand_for_what_serde_json_reads() {
    for raw in [
        r#""""#,
        r#""a""#,
        r#""\u0000\u001f\u007f\u0080\uffff\ud800\udc00\udbff\udfff""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""ü\u003cx\u003e€😀\n""#,
        r#""{\"a\":\"b\",\"c\":[\"d\\n\"]}""#,
    ] {
        let mut json = Json::new(raw);
        let text = json.string().unwrap();
        json.end().unwrap();
        assert_eq!(text.to_text(), serde_json::from_str::<String>(raw).unwrap());
        assert_eq!(text.escaped, raw.contains('\\'));
    }
}

#[test]
fn refused_strings() {
    for raw in [
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\u+123""#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#""\ud800x\udc00""#,
        r#""\ud800\n""#,
        "\"\n\"",
        "\"\0\"",
        "\"12345678\t\"",
    ] {
        assert!(Json::new(raw).string().is_err(), "{raw}");
        assert_eq!(oracle(raw), Some(false), "{raw}");
    }
}

#[test]
fn every_position_of_the_eight_byte_scan() {
    for len in 0..40 {
        for byte in ["\"", "\\", "\0", "\x1f"] {
            let text = format!(
                "{}{byte}{}",
                "é".repeat(len / 2) + &"z"[..len % 2],
                "\"\\\x01~~~~~~~~"
            );
            assert_eq!(plain_run(text.as_bytes(), 0, usize::MAX), len, "{text:?}");
        }
        assert_eq!(plain_run("\x7f".repeat(len).as_bytes(), 0, usize::MAX), len);
    }
}

#[test]
fn whole_numbers() {
    for (text, expected) in [
        ("0", Some(0)),
        (" 7,", Some(7)),
        ("9999999999999999999", Some(9_999_999_999_999_999_999)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("99999999999999999999999999", None),
        ("01", None),
        ("00000000000000000000001", None),
        ("-1", None),
        ("-0", None),
        ("1.0", None),
        ("1e3", None),
        ("+5", None),
        ("\"5\"", None),
        ("", None),
        ("null", None),
    ] {
        assert_eq!(Json::new(text).u64().ok(), expected, "{text}");
    }
    for (text, expected) in [
        ("0", Some(0)),
        ("-83", Some(-83)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775807", Some(i64::MAX)),
        ("9223372036854775808", None),
        ("1.5", None),
        ("1e1", None),
        ("-", None),
        ("01", None),
        ("true", None),
    ] {
        assert_eq!(Json::new(text).i64().ok(), expected, "{text}");
    }
}

#[test]
fn numbers_with_fractions() {
    for (text, expected) in [
        ("0", Some(0.0)),
        (" -4.82,", Some(-4.82)),
        ("1.5e3]", Some(1500.0)),
        ("18446744073709551615", Some(18_446_744_073_709_551_615.0)),
        ("1e999", None),
        ("NaN", None),
        ("01", None),
        (".5", None),
        ("", None),
    ] {
        assert_eq!(Json::new(text).f64().ok(), expected, "{text}");
    }
}

#[test]
fn numbers_of_every_length_before_every_byte() {
    for length in 1..=19 {
        let digits = &"9876543210123456789"[..length];
        for after in [
            "",
            ",",
            "}        ",
            "/:/:/:/:",
            "\n\u{80}~~~~~~~~",
            " 12345678",
        ] {
            let mut json = Json::new(digits);
            assert_eq!(json.u64(), Ok(digits.parse().unwrap()));
            let text = format!("{digits}{after}");
            let mut json = Json::new(&text);
            assert_eq!(json.u64(), Ok(digits.parse().unwrap()), "{text}");
            assert_eq!(json.position(), length);
        }
    }
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |n: usize| format!("{}1{}", "[{\"a\":".repeat(n), "}]".repeat(n));
    assert!(accepts(&nested(SKIP_DEPTH / 2)));
    assert!(!accepts(&nested(SKIP_DEPTH / 2 + 1)));
    assert!(!accepts(&"[".repeat(1_000_000)));
    // a closed level is free again, whatever kind it had
    assert!(accepts(&format!("[{}[]]", "[{}],{\"a\":[]},".repeat(2000))));
}
