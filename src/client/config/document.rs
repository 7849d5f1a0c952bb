//! JSON as values that know where they stand, so that whatever is wrong is told with its line and its name.

use crate::display::one_line;
use crate::error::{Error, Result};
use crate::protocol::json::{Broken, Json};
use crate::status::Status;
use std::collections::HashSet;

/// Longest document; a configuration is a few hundred bytes.
pub(super) const LONGEST: usize = 1 << 20;
/// Containers inside each other.
const DEEPEST: usize = 8;

/// A text, and what messages call it.
pub(super) struct Document<'a> {
    name: &'a str,
    text: &'a str,
}

/// Anything that JSON has.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) at: usize,
    pub(super) kind: ValueKind,
}

#[derive(Debug)]
pub(super) enum ValueKind {
    Null,
    Flag(bool),
    /// as it is written
    Number(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The member of this name, if it is an object that has it.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        match &self.kind {
            ValueKind::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, ValueKind::Null)
    }
}

impl<'a> Document<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Result<Document<'a>> {
        if text.len() > LONGEST {
            let why = format!("{name}: longer than {LONGEST} bytes");
            return Err(Error::new(Status::TOO_LARGE, why));
        }
        Ok(Document { name, text })
    }

    /// The first value in it.
    pub(super) fn parse(&self) -> Result<Value> {
        self.parse_from(&mut Json::new(self.text))
    }

    /// All values in it, one after the other.
    pub(super) fn parse_all(&self) -> Result<Vec<Value>> {
        let mut json = Json::new(self.text);
        let mut values = vec![self.parse_from(&mut json)?];
        while json.end().is_err() {
            values.push(self.parse_from(&mut json)?);
        }
        Ok(values)
    }

    /// Nothing follows the first value.
    pub(super) fn only(&self, _: &Value) -> Result<()> {
        let mut json = Json::new(self.text);
        let all = json.skip().and_then(|()| json.end());
        all.map_err(|broken| self.broken(&broken))
    }

    fn parse_from(&self, json: &mut Json<'_>) -> Result<Value> {
        self.value(json, DEEPEST)
    }

    fn value(&self, json: &mut Json<'_>, depth: usize) -> Result<Value> {
        let broken = |broken: Broken| self.broken(&broken);
        let token = json.token().map_err(broken)?;
        let at = json.position();
        let kind = match token {
            b'{' | b'[' if depth == 0 => return Err(self.wrong(at, "nested too deep")),
            b'{' => {
                json.object().map_err(broken)?;
                let mut members: Vec<(String, Value)> = Vec::new();
                // a document may have as many names as it has room for
                let mut names = HashSet::new();
                while let Some(name) = json.member(members.is_empty()).map_err(broken)? {
                    let name = name.to_text();
                    let at = json.position();
                    if !names.insert(name.clone()) {
                        return Err(self.wrong(at, &format!("{}: named twice", one_line(&name))));
                    }
                    members.push((name, self.value(json, depth - 1)?));
                }
                ValueKind::Object(members)
            }
            b'[' => {
                json.array().map_err(broken)?;
                let mut list = Vec::new();
                while json.element(list.is_empty()).map_err(broken)? {
                    list.push(self.value(json, depth - 1)?);
                }
                ValueKind::List(list)
            }
            b'"' => ValueKind::Text(json.string().map_err(broken)?.to_text()),
            b't' | b'f' => ValueKind::Flag(json.bool().map_err(broken)?),
            b'n' => {
                json.null().map_err(broken)?;
                ValueKind::Null
            }
            _ => {
                json.skip().map_err(broken)?;
                let number = self.text.get(at..json.position()).unwrap_or_default();
                ValueKind::Number(number.to_owned())
            }
        };
        Ok(Value { at, kind })
    }

    fn broken(&self, broken: &Broken) -> Error {
        self.wrong(broken.0.at, broken.0.why)
    }

    /// Something is wrong at this byte.
    pub(super) fn wrong(&self, at: usize, why: &str) -> Error {
        let before = self.text.as_bytes().get(..at).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let text = format!("{}: line {line}: {why}", self.name);
        Error::new(Status::INVALID_ARGUMENT, text)
    }

    /// A value under its name.
    pub(super) fn at<'v>(&'v self, value: &'v Value, name: &'v str) -> Named<'v> {
        Named {
            document: self,
            value,
            name,
        }
    }
}

/// A value, and what it is called.
#[derive(Clone, Copy)]
pub(super) struct Named<'v> {
    document: &'v Document<'v>,
    value: &'v Value,
    name: &'v str,
}

impl<'v> Named<'v> {
    fn expected<T>(&self, what: &str) -> Result<T> {
        // not what it is: it may be a password that was put into the wrong place
        let why = match self.name {
            "" => format!("{what} was expected"),
            name => format!("{}: {what} was expected", one_line(name)),
        };
        Err(self.document.wrong(self.value.at, &why))
    }

    pub(super) fn signed(&self) -> Result<i64> {
        match &self.value.kind {
            ValueKind::Number(digits) => match digits.parse() {
                Ok(number) => Ok(number),
                Err(_) => self.expected("a whole number"),
            },
            _ => self.expected("a whole number"),
        }
    }

    pub(super) fn unsigned(&self) -> Result<u64> {
        match &self.value.kind {
            ValueKind::Number(digits) => match digits.parse() {
                Ok(number) => Ok(number),
                Err(_) => self.expected("an unsigned whole number"),
            },
            _ => self.expected("an unsigned whole number"),
        }
    }

    pub(super) fn flag(&self) -> Result<bool> {
        match self.value.kind {
            ValueKind::Flag(flag) => Ok(flag),
            _ => self.expected("true or false"),
        }
    }

    pub(super) fn text(&self) -> Result<&'v str> {
        match &self.value.kind {
            ValueKind::Text(text) => Ok(text),
            _ => self.expected("a string"),
        }
    }

    pub(super) fn texts(&self) -> Result<Vec<&'v str>> {
        let ValueKind::List(list) = &self.value.kind else {
            return self.expected("a list of strings");
        };
        list.iter()
            .map(|value| Named { value, ..*self }.text())
            .collect()
    }

    /// Its members, whatever they are.
    pub(super) fn all_members(&self) -> Result<Vec<Named<'v>>> {
        let ValueKind::Object(members) = &self.value.kind else {
            return self.expected("an object");
        };
        let named = members.iter().map(|(name, value)| Named {
            document: self.document,
            value,
            name,
        });
        Ok(named.collect())
    }

    /// Its members, which have to be some of these few.
    pub(super) fn members(&self, known: &[&str]) -> Result<Vec<Named<'v>>> {
        let all = self.all_members()?;
        match all.iter().find(|one| !known.contains(&one.name)) {
            Some(stranger) => Err(stranger.unknown(self.name)),
            None => Ok(all),
        }
    }

    /// The error for a name that nobody knows.
    pub(super) fn unknown(&self, within: &str) -> Error {
        let place = match within {
            "" => String::new(),
            within => format!(" in {within}"),
        };
        let why = format!("{}: unknown key{place}", one_line(self.name));
        self.document.wrong(self.value.at, &why)
    }

    pub(super) fn name(&self) -> &'v str {
        self.name
    }

    pub(super) fn value(&self) -> &'v Value {
        self.value
    }

    /// What a setter says to it, with its place.
    pub(super) fn set(&self, said: Result<()>) -> Result<()> {
        said.map_err(|error| {
            let message = error.detail().message.clone();
            let mut placed = self.document.wrong(self.value.at, &message);
            placed.detail_mut().status = error.status();
            placed
        })
    }
}
