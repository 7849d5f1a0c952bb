//! What is asked: one operation on one key, with its conditions.
use super::action::Action;
use super::{
    form::Form,
    http_request::{HttpRequest, Idempotency, ResponseKind},
    key::Key,
    method::Method,
    size_limits::MAX_FORM,
};
use crate::{
    error::{Error, Result},
    status::Status,
};

/// What to do with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /** read */
    Get,
    /** write unconditionally */
    Set,
    /** write if absent */
    Create,
    /** write if present */
    Update,
    /** renew the TTL, keep the value, wake nobody */
    Refresh,
    /** remove */
    Delete,
    /** new child with the next index as its name */
    CreateInOrder,
    /** write if value and/or index match */
    CompareAndSwap,
    /** remove if value and/or index match */
    CompareAndDelete,
}

impl Operation {
    /// The `action` of etcd's answer.
    pub(crate) fn action(self) -> Action {
        match self {
            Operation::Get => Action::Get,
            Operation::Set => Action::Set,
            Operation::Create | Operation::CreateInOrder => Action::Create,
            Operation::Update | Operation::Refresh => Action::Update,
            Operation::Delete => Action::Delete,
            Operation::CompareAndSwap => Action::CompareAndSwap,
            Operation::CompareAndDelete => Action::CompareAndDelete,
        }
    }
}

/// When the key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /** never said: permanent */
    None,
    /** after so many seconds, 1 to 2^31 */
    Seconds(u32),
    /** an existing TTL is removed */
    Remove,
}

/// Longest TTL in seconds; far larger ones overflow inside etcd and make a key permanent or end it at once.
pub const MAX_TTL: u32 = 1 << 31;

/// Bits of `flags`.
pub mod flags {
    /// the whole subtree
    pub const RECURSIVE: u32 = 1;
    /// children in order of their keys
    pub const SORTED: u32 = 2;
    /// read through consensus
    pub const QUORUM: u32 = 4;
    /// a directory
    pub const DIR: u32 = 8;
    /// the answer carries no nodes
    pub const NO_VALUE_ON_SUCCESS: u32 = 16;

    /// Every bit with its name.
    pub(crate) const NAMES: [(u32, &str); 5] = [
        (RECURSIVE, "RECURSIVE"),
        (SORTED, "SORTED"),
        (QUORUM, "QUORUM"),
        (DIR, "DIR"),
        (NO_VALUE_ON_SUCCESS, "NO_VALUE_ON_SUCCESS"),
    ];
}
use flags::{DIR, NO_VALUE_ON_SUCCESS, QUORUM, RECURSIVE, SORTED};

impl Operation {
    /// Upper-case name, as in the constants of the header.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Get => "GET",
            Operation::Set => "SET",
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Refresh => "REFRESH",
            Operation::Delete => "DELETE",
            Operation::CreateInOrder => "CREATE_IN_ORDER",
            Operation::CompareAndSwap => "COMPARE_AND_SWAP",
            Operation::CompareAndDelete => "COMPARE_AND_DELETE",
        }
    }

    /// Flags that mean something to it.
    fn flags(self) -> u32 {
        match self {
            Operation::Get => RECURSIVE | SORTED | QUORUM,
            Operation::Set | Operation::Create | Operation::Update | Operation::CreateInOrder => {
                DIR | NO_VALUE_ON_SUCCESS
            }
            Operation::CompareAndSwap | Operation::Refresh => NO_VALUE_ON_SUCCESS,
            Operation::Delete => DIR | RECURSIVE,
            Operation::CompareAndDelete => 0,
        }
    }

    fn takes_value(self) -> bool {
        matches!(
            self,
            Operation::Set
                | Operation::Create
                | Operation::Update
                | Operation::CreateInOrder
                | Operation::CompareAndSwap
        )
    }

    fn takes_ttl(self) -> bool {
        self.takes_value() || self == Operation::Refresh
    }

    fn compares(self) -> bool {
        matches!(
            self,
            Operation::CompareAndSwap | Operation::CompareAndDelete
        )
    }
}

/// One request of the key space.
#[derive(Clone, Debug)]
pub struct Request {
    operation: Operation,
    key: Key,
    value: Option<String>,
    ttl: Ttl,
    flags: u32,
    prev_value: Option<String>,
    prev_index: u64,
}

impl Request {
    /// A request without options.
    pub fn new(operation: Operation, key: Key) -> Request {
        Request {
            operation,
            key,
            value: None,
            ttl: Ttl::None,
            flags: 0,
            prev_value: None,
            prev_index: 0,
        }
    }
    /// The operation.
    pub fn operation(&self) -> Operation {
        self.operation
    }
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }
    /// The flags.
    pub fn flags(&self) -> u32 {
        self.flags
    }
    /// What it writes; `None` for none.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
    /// The value that it is compared with.
    pub fn prev_value(&self) -> Option<&str> {
        self.prev_value.as_deref()
    }
    /// The index that it is compared with; 0 = none.
    pub fn prev_index(&self) -> u64 {
        self.prev_index
    }
    /// The TTL.
    pub fn ttl(&self) -> Ttl {
        self.ttl
    }
    /// Refuses bytes that are not UTF-8, and operations that carry no value.
    pub fn set_value(&mut self, value: &[u8]) -> Result<()> {
        if !self.operation.takes_value() {
            return Err(self.meaningless("value"));
        }
        if self.flags & DIR != 0 {
            return Err(Error::invalid(
                "value",
                "a directory has none; leave out the value or the flag DIR",
            ));
        }
        // before looking at all of it, let alone copying it
        if value.len() > MAX_FORM {
            return Err(Error::new(
                Status::TOO_LARGE,
                format!(
                    "value: {} bytes, etcd reads at most {MAX_FORM}; split it or store less",
                    value.len()
                ),
            ));
        }
        let text = std::str::from_utf8(value).map_err(|e| {
            Error::new(
                Status::NOT_UTF8,
                format!(
                    "value: not UTF-8 at byte {}, which etcd cannot keep; encode binary data, for instance as base64",
                    e.valid_up_to()
                ),
            )
        })?;
        self.value = Some(text.to_owned());
        Ok(())
    }
    /// Seconds, 1 to 2^31.
    pub fn set_ttl(&mut self, seconds: i64) -> Result<()> {
        if !self.operation.takes_ttl() {
            return Err(self.meaningless("ttl"));
        }
        match u32::try_from(seconds) {
            Ok(n @ 1..=MAX_TTL) => {
                self.ttl = Ttl::Seconds(n);
                Ok(())
            }
            Ok(0) => Err(Error::invalid(
                "ttl",
                "0 seconds would end the key at once; remove the TTL or leave it out for a permanent key",
            )),
            _ => Err(Error::invalid(
                "ttl",
                format_args!("{seconds} seconds is outside of 1 to {MAX_TTL}"),
            )),
        }
    }
    /// Makes the key permanent.
    pub fn remove_ttl(&mut self) -> Result<()> {
        match self.operation {
            Operation::Refresh => Err(Error::invalid(
                "ttl",
                "REFRESH renews a TTL and cannot remove it; use UPDATE for that",
            )),
            op if !op.takes_ttl() => Err(self.meaningless("ttl")),
            _ => {
                self.ttl = Ttl::Remove;
                Ok(())
            }
        }
    }
    /// Refuses bits that are unknown or mean nothing to the operation.
    pub fn set_flags(&mut self, flags: u32) -> Result<()> {
        let mut unknown = flags;
        for (bit, name) in flags::NAMES {
            unknown &= !bit;
            if flags & bit & !self.operation.flags() != 0 {
                return Err(Error::invalid(
                    "flags",
                    format_args!(
                        "{name} means nothing to {}; leave it out",
                        self.operation.name()
                    ),
                ));
            }
        }
        if unknown != 0 {
            return Err(Error::invalid(
                "flags",
                format_args!("unknown bits 0x{unknown:x}; use the named flags only"),
            ));
        }
        if flags & DIR != 0 && self.value.is_some() {
            return Err(Error::invalid(
                "flags",
                "DIR contradicts the value that was set; a directory has none",
            ));
        }
        self.flags = flags;
        Ok(())
    }
    /// Only for compare operations: the value is not compared.
    pub fn remove_prev_value(&mut self) -> Result<()> {
        if !self.operation.compares() {
            return Err(self.meaningless("prev_value"));
        }
        self.prev_value = None;
        Ok(())
    }
    /// Only for compare operations; not empty.
    pub fn set_prev_value(&mut self, value: impl AsRef<[u8]>) -> Result<()> {
        if !self.operation.compares() {
            return Err(self.meaningless("prev_value"));
        }
        let value = value.as_ref();
        if value.is_empty() {
            return Err(Error::invalid(
                "prev_value",
                "is empty, and etcd cannot compare with an empty value; use prev_index",
            ));
        }
        if value.len() > MAX_FORM {
            return Err(Error::new(
                Status::TOO_LARGE,
                format!(
                    "prev_value: {} bytes, etcd reads at most {MAX_FORM}; use prev_index",
                    value.len()
                ),
            ));
        }
        let text = std::str::from_utf8(value).map_err(|e| {
            let text = format!("prev_value: not UTF-8 at byte {}", e.valid_up_to());
            Error::new(Status::NOT_UTF8, text)
        })?;
        self.prev_value = Some(text.to_owned());
        Ok(())
    }
    /// Only for compare operations; 0: not compared.
    pub fn set_prev_index(&mut self, index: u64) -> Result<()> {
        if !self.operation.compares() {
            return Err(self.meaningless("prev_index"));
        }
        self.prev_index = index;
        Ok(())
    }
    /// Checks what is missing and writes it down for the wire.
    pub fn http_request(&self) -> Result<HttpRequest> {
        self.check_complete()?;
        let mut form = Form::default();
        let (method, repeat) = match self.operation {
            Operation::Get => (Method::Get, Idempotency::Safe),
            // the second copy of a set of a directory is refused, which would hide that the first one worked
            Operation::Set if self.flags & DIR == 0 => (Method::Put, Idempotency::IfAllowed),
            Operation::Set
            | Operation::Create
            | Operation::Update
            | Operation::Refresh
            | Operation::CompareAndSwap => (Method::Put, Idempotency::Never),
            Operation::CreateInOrder => (Method::Post, Idempotency::Never),
            Operation::Delete => (Method::Delete, Idempotency::IfAllowed),
            Operation::CompareAndDelete => (Method::Delete, Idempotency::Never),
        };
        self.fill(&mut form);
        let in_body = matches!(method, Method::Put | Method::Post);
        let no_query = Form::default();
        Ok(HttpRequest {
            method,
            target: if in_body { &no_query } else { &form }.target(&self.key)?,
            body: if in_body { Some(form.body()?) } else { None },
            content_type: in_body.then(|| "application/x-www-form-urlencoded".to_owned()),
            repeat,
            expect: if self.flags & NO_VALUE_ON_SUCCESS != 0 {
                ResponseKind::Action
            } else {
                ResponseKind::Keys
            },
            action: Some(self.operation.action()),
        })
    }

    fn check_complete(&self) -> Result<()> {
        match self.operation {
            Operation::Refresh if self.ttl == Ttl::None => Err(Error::invalid(
                "ttl",
                "is missing; REFRESH needs the new TTL in seconds",
            )),
            Operation::CompareAndSwap if self.value.is_none() => Err(Error::invalid(
                "value",
                "is missing; COMPARE_AND_SWAP needs the new value",
            )),
            op if op.compares() && self.prev_value.is_none() && self.prev_index == 0 => {
                Err(Error::invalid(
                    "prev_value",
                    format_args!(
                        "is missing, and so is prev_index; {} needs one of them",
                        op.name()
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    fn fill<'a>(&'a self, form: &mut Form<'a>) {
        if self.operation.takes_value() && self.flags & DIR == 0 {
            form.text("value", self.value.as_deref().unwrap_or_default());
        }
        match self.operation {
            Operation::Create => form.word("prevExist", "false"),
            Operation::Update => form.word("prevExist", "true"),
            Operation::Refresh => {
                form.word("refresh", "true");
                // without it a missing key could be created
                form.word("prevExist", "true");
            }
            _ => {}
        }
        match self.ttl {
            Ttl::None => {}
            Ttl::Seconds(n) => form.number("ttl", n.into()),
            Ttl::Remove => form.word("ttl", ""),
        }
        if let Some(value) = &self.prev_value {
            form.text("prevValue", value);
        }
        if self.prev_index != 0 {
            form.number("prevIndex", self.prev_index);
        }
        for (bit, name) in [
            (DIR, "dir"),
            (RECURSIVE, "recursive"),
            (SORTED, "sorted"),
            (QUORUM, "quorum"),
            (NO_VALUE_ON_SUCCESS, "noValueOnSuccess"),
        ] {
            if self.flags & bit != 0 {
                form.word(name, "true");
            }
        }
    }

    fn meaningless(&self, parameter: &str) -> Error {
        Error::invalid(
            parameter,
            format_args!("means nothing to {}; leave it out", self.operation.name()),
        )
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
