//! Bodies of answers that are not a success: etcd's errors, messages of its other parts, and what is none of both.
use super::go_on::GoOn;
use super::json::{Broken, Json};
use super::quoted::Text;
use crate::display::one_line;

/// Bytes of a long text that are kept when memory has run out.
const KEPT: usize = 1024;

/// What the body of a failure says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// `errorCode`; 0 = there is only a message
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) cause: String,
    pub(crate) index: u64,
}

/// `{"errorCode":…}` or `{"message":…}`; `None` for anything else.
pub(crate) fn read(body: &[u8]) -> Option<Refusal> {
    read_while(body, None)
}

/// The same as long as `go_on` says so; a result of what was stopped means nothing.
pub(crate) fn read_while(body: &[u8], go_on: Option<GoOn<'_>>) -> Option<Refusal> {
    let text = std::str::from_utf8(body).ok()?;
    let (refusal, has_message) = fields(Json::asking(text, go_on)).ok()?;
    (refusal.code != 0 || has_message).then_some(refusal)
}

fn fields(mut json: Json<'_>) -> Result<(Refusal, bool), Broken> {
    let mut refusal = Refusal::default();
    let mut has_message = false;
    let mut first = true;
    json.object()?;
    while let Some(name) = json.member(std::mem::take(&mut first))? {
        let field = name.with(|name| match name {
            "errorCode" => 1,
            "message" => 2,
            "cause" => 3,
            "index" => 4,
            _ => 0,
        });
        if field == 0 {
            json.skip()?;
            continue;
        }
        if json.null()? {
            continue;
        }
        match field {
            1 => {
                let at = json.position();
                refusal.code = u32::try_from(json.u64()?)
                    .map_err(|_| Broken::new(at, "an error code was expected"))?;
            }
            2 => {
                refusal.message = kept(json.string()?);
                has_message = true;
            }
            3 => refusal.cause = kept(json.string()?),
            _ => refusal.index = json.u64()?,
        }
    }
    json.end()?;
    Ok((refusal, has_message))
}

/// Text that a caller gets; without memory for all of it, its beginning.
fn kept(text: Text<'_>) -> String {
    text.try_to_text().unwrap_or_else(|_| {
        let mut end = text.raw.len().min(KEPT);
        while !text.raw.is_char_boundary(end) {
            end -= 1;
        }
        text.raw.get(..end).unwrap_or_default().to_owned()
    })
}

impl Refusal {
    /// `key not found: /foo`
    pub(crate) fn text(&self) -> String {
        let mut out = one_line(&self.message);
        let mut bytes = out.bytes();
        // "Key not found" but not "TTL is missing"
        let capital = bytes.next().is_some_and(|b| b.is_ascii_uppercase());
        if capital && bytes.next().is_some_and(|b| !b.is_ascii_uppercase()) {
            out.get_mut(..1).map(str::make_ascii_lowercase);
        }
        if out.is_empty() {
            out = if self.code == 0 {
                "the server gave no reason".to_owned()
            } else {
                format!("etcd error {}", self.code)
            };
        }
        if !self.cause.trim().is_empty() {
            out.push_str(": ");
            out.push_str(&one_line(&self.cause));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let refusal = read(
            b"{\"errorCode\":100,\"message\":\"Key not found\",\"cause\":\"/foo\",\"index\":7}\n",
        )
        .unwrap();
        assert_eq!((refusal.code, refusal.index), (100, 7));
        assert_eq!(refusal.text(), "key not found: /foo");
        let refusal = read(br#"{"message":"Internal Server Error"}"#).unwrap();
        assert_eq!(
            (refusal.code, refusal.text().as_str()),
            (0, "internal Server Error")
        );
        assert!(read(br#"{"message":"","x":[{"y":1}],"cause":null}"#).is_some());
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"{}",
            b"\"message\"",
            b"5",
            b"404 page not found\n",
            b"<html>",
            br#"{"health":"false"}"#,
            br#"{"message":null}"#,
            br#"{"message":5}"#,
            br#"{"errorCode":0}"#,
            br#"{"errorCode":"100"}"#,
            br#"{"errorCode":4294967296}"#,
            br#"{"errorCode":-1}"#,
            br#"{"errorCode":100,"index":-1}"#,
            br#"{"errorCode":100}x"#,
            b"{\"message\":\"\xff\"}",
        ] {
            assert_eq!(read(body), None, "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn foreign_text_stays_on_one_line() {
        let refusal = Refusal {
            message: format!("A\r\nb\0{}", "x".repeat(500)),
            cause: "\u{2028}c\td".to_owned(),
            ..Refusal::default()
        };
        let text = refusal.text();
        assert!(
            text.starts_with("a  b xxx") && text.ends_with("x…: c d"),
            "{text}"
        );
        assert!(text.chars().count() < 220);
        for (message, code, expected) in [
            ("TTL gone", 5, "TTL gone"),
            ("", 5, "etcd error 5"),
            (" \n", 0, "the server gave no reason"),
            ("É", 0, "É"),
            ("A", 0, "A"),
        ] {
            let refusal = Refusal {
                message: message.into(),
                code,
                ..Refusal::default()
            };
            assert_eq!(refusal.text(), expected);
        }
    }
}
